"""The thread that calls callbacks.

It pulls: the I/O thread never calls into Python, so a slow callback cannot hold up the serial line, and an interpreter
that ends does not meet one of our threads on its way in.
"""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from modemqtt._core import Engine


class Dispatcher:
    """Takes events from an engine and calls what is registered for them, one after the other."""

    def __init__(
        self,
        engine: Engine,
        name: str,
        handle: Callable[[list[tuple[Any, ...]]], object],
        *,
        after: Dispatcher | None = None,
    ) -> None:
        """Take events. `handle` is called with those that come together, once `after` has handled all of its events."""
        self._engine = engine
        # A forgotten modem is not kept alive by the thread that calls its callbacks.
        self._handle = weakref.WeakMethod(handle)
        # One of the same modem that may be in the very callback that has opened it again.
        self._earlier = after
        self._thread = threading.Thread(target=self._run, name=f"modemqtt-{name}", daemon=True)

    def start(self) -> None:
        """Begin, unless it has begun."""
        self._engine.listen(self._start)

    def _start(self) -> None:
        try:
            self._thread.start()
        except BaseException:
            # The system has no thread left, so nothing will be called, and nobody must wait for it.
            self._engine.told()
            raise

    @property
    def threads(self) -> tuple[threading.Thread, ...]:
        """Its thread, after those for which it waits."""
        earlier = self._earlier
        return (*(() if earlier is None else earlier.threads), self._thread)

    def join(self) -> None:
        """Wait until every event was handled. From inside a callback this returns at once."""
        if threading.current_thread() in self.threads:
            return
        self._engine.wait_told()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        try:
            # Callbacks are called one after the other.
            if self._earlier is not None:
                self._earlier.join()
                self._earlier = None
            while (events := self._engine.next_events()) is not None:
                self._call(events)
                # What a callback has forgotten is not kept until the next events come.
                events.clear()
            if (error := self._engine.lost) is not None:
                self._call([("port lost", None, error)])
        finally:
            self._engine.told()

    def _call(self, events: list[tuple[Any, ...]]) -> None:
        if (handle := self._handle()) is not None:
            handle(events)
