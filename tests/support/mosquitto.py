"""A real broker as oracle: mosquitto, on its own port, with nothing dropped."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_CONFIGURATION = """\
listener {port} 127.0.0.1
{access}
max_inflight_messages 0
max_queued_messages 0
set_tcp_nodelay true
persistence false
"""
_PATIENCE = 10.0


@dataclass(frozen=True)
class Address:
    """Where a broker listens."""

    host: str
    port: int


def find() -> str | None:
    """Return the program; distributions put it into a folder that only administrators have on the PATH."""
    return shutil.which("mosquitto", path=os.environ.get("PATH", "") + os.pathsep + "/usr/sbin")


@contextlib.contextmanager
def run(program: str, folder: Path, more: str = "") -> Iterator[Address]:
    """Run it until the end of the block, with more lines in its configuration."""
    process, address = start(program, folder, more=more)
    try:
        yield address
    finally:
        process.terminate()
        process.wait()


def start(
    program: str,
    folder: Path,
    *,
    users: Mapping[str, str] | None = None,
    port: int | None = None,
    more: str = "",
) -> tuple[subprocess.Popen[bytes], Address]:
    """Start it, with these users and passwords or open to everybody, on that port or on a free one."""
    access = "allow_anonymous true"
    if users is not None:
        # Started by root it becomes another user, who cannot read the folder.
        access = f"allow_anonymous false\npassword_file {_password_file(folder, users)}\nuser root"
    # The port is free when it is chosen, and probably still free when mosquitto takes it.
    for attempt in range(5):
        address = Address("127.0.0.1", port or _free_port())
        configuration = folder / f"mosquitto-{attempt}.conf"
        configuration.write_text(_CONFIGURATION.format(port=address.port, access=access) + more)
        with (folder / f"mosquitto-{attempt}.log").open("wb") as log:
            process = subprocess.Popen([program, "-c", str(configuration)], stdout=log, stderr=log)  # noqa: S603
        if _listens(process, address):
            return process, address
        process.kill()
        process.wait()
    raise RuntimeError(f"mosquitto does not start; its logs are in {folder}")


def _password_file(folder: Path, users: Mapping[str, str]) -> Path:
    path = folder / "passwords"
    path.touch(mode=0o600)
    for name, password in users.items():
        command = ["mosquitto_passwd", "-b", str(path), name, password]
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - comes with the broker
    return path


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _listens(process: subprocess.Popen[bytes], address: Address) -> bool:
    deadline = time.monotonic() + _PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection((address.host, address.port), timeout=1):
            return True
        time.sleep(0.01)
    return False
