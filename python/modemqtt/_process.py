"""What open modems need of the process: an end before its own, and locks of their own in a forked child."""

from __future__ import annotations

import atexit
import contextlib
import os
import threading
import weakref
from typing import TYPE_CHECKING

from modemqtt import _journal

if TYPE_CHECKING:
    from modemqtt._modem import Modem

every_modem: weakref.WeakSet[Modem] = weakref.WeakSet()
"""Those that exist; one that is being opened holds a lock as well."""
opened: weakref.WeakSet[Modem] = weakref.WeakSet()
"""Those that were opened and not closed."""


def open_modems() -> list[Modem]:
    """Return the open modems of this process, by port."""
    return sorted((modem for modem in _all(opened) if modem.is_open), key=lambda modem: modem.port)


def _all(modems: weakref.WeakSet[Modem]) -> list[Modem]:
    while True:
        with contextlib.suppress(RuntimeError):  # another thread has added one meanwhile
            return list(modems)


@atexit.register
def _close_all() -> None:
    """End the threads before the interpreter does."""
    for modem in _all(opened):
        modem._end_keeping()  # noqa: SLF001 - our own
        engine = modem._engine  # noqa: SLF001 - our own
        if engine is not None:
            engine.close()
    _journal.finish()


def _renew_locks() -> None:
    """Replace what another thread of the parent may have held: it is never released in the child."""
    _journal.renew_lock()
    for modem in _all(every_modem):
        modem._lock = threading.RLock()  # noqa: SLF001 - our own
        modem._open_lock = threading.Lock()  # noqa: SLF001 - our own


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_locks)
