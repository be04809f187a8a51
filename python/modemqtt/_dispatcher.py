"""The thread that calls callbacks.

It pulls: the I/O thread never calls into Python, so a slow callback cannot hold up the serial line, and an interpreter
that ends does not meet a thread of ours on its way in.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from modemqtt._core import Engine

logger = logging.getLogger("modemqtt")


class Dispatcher:
    """Takes events from an engine and calls what is registered for them, one after the other."""

    def __init__(
        self,
        engine: Engine,
        name: str,
        handle: Callable[[tuple[Any, ...]], None],
        *,
        after: Dispatcher | None = None,
    ) -> None:
        """Start the thread. `handle` is called in it with each event, once the thread of `after` has ended."""
        self._engine = engine
        self._handle = handle
        self.errors = 0
        engine.listen()
        before = None if after is None else after._thread  # noqa: SLF001 - our own
        self._thread = threading.Thread(target=self._run, name=f"modemqtt-{name}", args=(before,), daemon=True)
        self._thread.start()

    def join(self) -> None:
        """Wait until every event was handled. From inside a callback this returns at once."""
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _run(self, after: threading.Thread | None) -> None:
        if after is not None:
            # It may be in the very callback that has opened the modem again: callbacks are called one after the other.
            after.join()
        while (events := self._engine.next_events()) is not None:
            for event in events:
                try:
                    self._handle(event)
                # pytest.fail() and sys.exit() raise no Exception, and must not end the callbacks either.
                except BaseException:
                    self.errors += 1
                    logger.exception("a callback for %r raised", event[0])
