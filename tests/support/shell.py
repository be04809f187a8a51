"""The command line in a separate process, as a shell runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import IO

PATIENCE = 15.0
_OURS = "MODEMQTT_"


def environment(**more: str) -> dict[str, str]:
    """Return the environment without the variables that name a module, a password or a log."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    return ours | {"PYTHONWARNINGS": "error"} | more


def command(*arguments: str) -> list[str]:
    """Return the command line."""
    return [sys.executable, "-m", "modemqtt", *arguments]


def run(
    *arguments: str,
    given: bytes | None = None,
    stdout: int | IO[bytes] = subprocess.PIPE,
    **more: str,
) -> subprocess.CompletedProcess[bytes]:
    """Run a command to its end, with these bytes on standard input."""
    return subprocess.run(  # noqa: S603 - our own
        command(*arguments),
        input=given,
        stdin=subprocess.DEVNULL if given is None else None,
        stdout=stdout,
        stderr=subprocess.PIPE,
        timeout=PATIENCE,
        env=environment(**more),
        check=False,
    )


def start(*arguments: str, **more: str) -> subprocess.Popen[bytes]:
    """Start a command with pipes for its three streams."""
    return subprocess.Popen(  # noqa: S603 - our own
        command(*arguments),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(**more),
    )


def refusal(done: subprocess.CompletedProcess[bytes], status: int) -> str:
    """Return the one line of a failure."""
    told = done.stderr.decode()
    assert done.returncode == status, told
    assert told.count("\n") == 1, told
    return told
