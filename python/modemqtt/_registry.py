"""The serial lines of the process: they end before the interpreter does, and get fresh locks in a forked child."""

from __future__ import annotations

import atexit
import contextlib
import os
import weakref
from typing import Protocol, TypeVar

from modemqtt import _journal

T = TypeVar("T")


class Held(Protocol):
    """What may have a port open: a :class:`modemqtt._line.Line`."""

    @property
    def device(self) -> str:
        """What is opened."""

    @property
    def is_open(self) -> bool:
        """Whether the port is open."""

    def close(self) -> None:
        """Close the port."""

    def finish(self) -> None:
        """End the threads, before the interpreter ends."""

    def renew_turns(self) -> None:
        """Replace the turns, in a forked child."""


_every: weakref.WeakSet[Held] = weakref.WeakSet()


def add(line: Held) -> None:
    """Have it end with the process."""
    _every.add(line)


def members(weak: weakref.WeakSet[T]) -> list[T]:
    """Return what is left of a set, to which other threads may add."""
    while True:
        with contextlib.suppress(RuntimeError):
            return list(weak)


def holding(device: str, *, besides: Held) -> list[Held]:
    """Return the other lines that have this device open."""
    wanted = _canonical(device)
    return [
        line for line in members(_every) if line is not besides and line.is_open and _canonical(line.device) == wanted
    ]


def _canonical(device: str) -> str:
    return device if "://" in device else os.path.realpath(device)


@atexit.register
def _finish() -> None:
    """End the threads before the interpreter does."""
    for line in members(_every):
        line.finish()
    _journal.finish()


def _renew_turns() -> None:
    """Replace what another thread of the parent may have held: it is never released in the child."""
    _journal.renew()
    for line in members(_every):
        line.renew_turns()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_turns)
