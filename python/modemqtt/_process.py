"""What open modems need of the process: an end before its own, and locks of their own in a forked child."""

from __future__ import annotations

import atexit
import os
import threading
import weakref
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modemqtt._modem import Modem

every_modem: weakref.WeakSet[Modem] = weakref.WeakSet()
"""Those that exist; one that is being opened holds a lock as well."""
open_modems: weakref.WeakSet[Modem] = weakref.WeakSet()
"""Those that were opened and not closed."""


@atexit.register
def _close_all() -> None:
    """End the threads before the interpreter does."""
    for modem in list(open_modems):
        modem._end_keeping()  # noqa: SLF001 - our own
        engine = modem._engine  # noqa: SLF001 - our own
        if engine is not None:
            engine.close()


def _renew_locks() -> None:
    """Replace what another thread of the parent may have held: it is never released in the child."""
    for modem in list(every_modem):
        modem._lock = threading.RLock()  # noqa: SLF001 - our own
        modem._open_lock = threading.Lock()  # noqa: SLF001 - our own


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_locks)
