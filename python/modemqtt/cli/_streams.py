"""Standard input a line at a time, and standard output the same way: data and nothing else."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING

from modemqtt.cli._exit import Failure

if TYPE_CHECKING:
    from collections.abc import Iterator


def write(data: bytes) -> None:
    """Write to standard output, without delay.

    Raises:
        BrokenPipeError: the reader has left.
        Failure: it cannot be written, for example on a full disk.

    """
    if sys.stdout is None:
        raise Failure("standard output is closed")
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        abandon()
        raise Failure(f"standard output cannot be written: {error.strerror}") from None


def say(text: str) -> None:
    """Write a line of text."""
    write(text.encode(errors="backslashreplace") + b"\n")


def flush() -> None:
    """Write what Python still holds; raises as `write` does."""
    if sys.stdout is not None:
        sys.stdout.flush()
        write(b"")


def settle() -> None:
    """Write what Python still holds, if possible."""
    try:
        flush()
    except (OSError, Failure):
        abandon()


def abandon() -> None:
    """Discard what Python still holds, so that it does not fail once more at the end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def remark(text: str) -> None:
    """Write a line to standard error, in one piece, since other threads write there too."""
    if sys.stderr is not None:
        with contextlib.suppress(OSError):
            sys.stderr.write(f"{text}\n")
            sys.stderr.flush()


def lines() -> Iterator[bytes]:
    """Yield the lines of standard input as they come, each without its LF."""
    if sys.stdin is None:
        raise Failure("standard input is closed")
    for line in sys.stdin.buffer:
        yield line.removesuffix(b"\n")


def everything() -> bytes:
    """Return all of standard input."""
    if sys.stdin is None:
        raise Failure("standard input is closed")
    return sys.stdin.buffer.read()


def printable(text: str) -> str:
    """Escape what would act on the terminal that shows it, or change the direction of its text."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
