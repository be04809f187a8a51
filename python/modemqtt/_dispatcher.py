"""The thread that calls callbacks.

It pulls: the I/O thread never calls into Python, so a slow callback cannot hold up the serial line, and an interpreter
that ends does not meet a thread of ours on its way in.
"""

from __future__ import annotations

import itertools
import logging
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from modemqtt._core import Engine

logger = logging.getLogger("modemqtt")


class Dispatcher:
    """Takes events from an engine and calls what is registered for them, one after the other."""

    def __init__(self, engine: Engine, name: str, handle: Callable[[tuple[Any, ...]], None]) -> None:
        """Start the thread. `handle` is called in it with each event."""
        self._engine = engine
        self._handle = handle
        self.errors = 0
        # What is to be called among the events, by the number under which the core puts it there.
        self._posts: dict[int, Callable[[], None]] = {}
        self._numbers = itertools.count()
        engine.listen()
        self._thread = threading.Thread(target=self._run, name=f"modemqtt-{name}", daemon=True)
        self._thread.start()

    def post(self, call: Callable[[], None]) -> None:
        """Have it called behind what has happened before. Not for several threads at once."""
        number = next(self._numbers)
        self._posts[number] = call
        if not self._engine.post(number):
            del self._posts[number]

    def join(self) -> None:
        """Wait until every event was handled. From inside a callback this returns at once."""
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _run(self) -> None:
        while (events := self._engine.next_events()) is not None:
            for event in events:
                try:
                    if event[0] == "posted":
                        self._posted(event[1])
                    else:
                        self._handle(event)
                # pytest.fail() and sys.exit() raise no Exception, and must not end the callbacks either.
                except BaseException:
                    self.errors += 1
                    logger.exception("a callback for %r raised", event[0])

    def _posted(self, number: int) -> None:
        # The numbers come in order: what is missing was dropped with other events.
        for dropped in [other for other in list(self._posts) if other < number]:
            del self._posts[dropped]
        self._posts.pop(number)()
