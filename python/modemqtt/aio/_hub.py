"""The waits of one event loop on one modem.

The core rings a bell, a descriptor that the loop reads, once for everything that has come since it was silenced. All
waiters wake and look. A hub refers to its line and its loop weakly, so it keeps neither alive.
"""

from __future__ import annotations

import asyncio
import inspect
import weakref
from typing import TYPE_CHECKING, Any

from modemqtt._core import Bell
from modemqtt._opening import in_ipython
from modemqtt._usage import Deadline

if TYPE_CHECKING:
    from collections.abc import Callable

    from modemqtt._core import Engine, Pending
    from modemqtt._line import Line

# Seconds between two checks of the loop whether to interrupt a cell of a notebook.
_LOOK = 0.03
# How many events are handled before other tasks get their turn.
_BATCH = 256

_hubs: weakref.WeakKeyDictionary[Line, weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Hub]] = (
    weakref.WeakKeyDictionary()
)
# The hub in whose loop the callbacks of a line are called.
_tellers: weakref.WeakKeyDictionary[Line, weakref.ref[Hub]] = weakref.WeakKeyDictionary()


def hub_of(line: Line) -> Hub:
    """Return the hub of the running loop. It follows the engine of the line."""
    loop = asyncio.get_running_loop()
    hubs = _hubs.setdefault(line, weakref.WeakKeyDictionary())
    hub = hubs.get(loop)
    if hub is None:
        hub = hubs[loop] = Hub(line, loop)
    hub.follow(line)
    return hub


class Hub:
    """The waits of one loop for one modem."""

    def __init__(self, line: Line, loop: asyncio.AbstractEventLoop) -> None:
        """Listen to the bell."""
        self._line = weakref.ref(line)
        self._loop = weakref.ref(loop)
        self.bell = Bell()
        self._engine: Engine | None = None
        self._calls: dict[int, set[asyncio.Future[bool]]] = {}
        self._news: set[asyncio.Future[bool]] = set()
        # Tasks of callbacks that are coroutines: the loop keeps none alive.
        self._tasks: set[asyncio.Task[Any]] = set()
        self._reported: Engine | None = None
        loop.add_reader(self.bell.fileno(), self._rung)

    def follow(self, line: Line) -> None:
        """Listen to the line's present engine, and make sure that some loop calls the callbacks."""
        engine = line.engine
        if engine is not None and engine is not self._engine:
            self._engine = engine
            engine.attend(self.bell)
        teller = _tellers.get(line)
        hub = None if teller is None else teller()
        if hub is None or hub.is_over:
            _tellers[line] = weakref.ref(self)
            # What came while no loop ran has rung no bell of this one.
            asyncio.get_running_loop().call_soon(self._rung)

    @property
    def is_over(self) -> bool:
        """Whether its loop is closed, or gone."""
        loop = self._loop()
        return loop is None or loop.is_closed()

    def close(self) -> None:
        """Stop listening."""
        loop, line = self._loop(), self._line()
        if loop is None:
            return
        if not loop.is_closed():
            loop.remove_reader(self.bell.fileno())
        if line is not None:
            _hubs[line].pop(loop, None)

    def end(self) -> None:
        """Handle the last events, wake every waiter, and stop listening."""
        self._rung()
        self.close()

    async def until_rung(self, timeout: float | None = None) -> bool:
        """Wait for anything new; return whether it came in time."""
        return await self._woken(self._news, timeout)

    async def until_call(self, pending: Pending, is_reached: Callable[[], bool], timeout: float | None = None) -> None:
        """Wait until a call has come this far, or its time is up."""
        deadline = Deadline(timeout)
        pending.attend(self.bell)
        while not is_reached() and await self._woken(self._calls.setdefault(pending.number, set()), deadline.left):
            pass

    async def _woken(self, waiting: set[asyncio.Future[bool]], timeout: float | None) -> bool:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[bool] = loop.create_future()
        waiting.add(future)
        if in_ipython():
            _look(loop, future)
        timer = None if timeout is None else loop.call_later(timeout, _wake, future, False)  # noqa: FBT003 - the result
        try:
            return await future
        finally:
            waiting.discard(future)
            if timer is not None:
                timer.cancel()

    def _rung(self) -> None:
        for call in self.bell.take():
            _wake_all(self._calls.pop(call, set()))
        news, self._news = self._news, set()
        _wake_all(news)
        line, engine = self._line(), self._engine
        if engine is not None and not engine.is_open:
            # No call of it comes further.
            calls, self._calls = self._calls, {}
            for waiting in calls.values():
                _wake_all(waiting)
        if line is None:
            self.close()
        elif engine is not None and line.in_loop and self._tells(line):
            self._tell(line, engine)

    def _tells(self, line: Line) -> bool:
        teller = _tellers.get(line)
        return teller is not None and teller() is self

    def _tell(self, line: Line, engine: Engine) -> None:
        """Call the callbacks for what has happened."""
        events = engine.take_events()
        for event in events:
            self._call(line, event)
        loop = self._loop()
        if len(events) >= _BATCH and loop is not None:
            loop.call_soon(self._rung)
        elif not engine.is_open and self._reported is not engine:
            self._reported = engine
            if (error := engine.lost) is not None:
                self._call(line, ("port lost", None, error))

    def _call(self, line: Line, event: tuple[Any, ...]) -> None:
        result = line.listeners.call(event)
        if inspect.isawaitable(result):
            task = asyncio.ensure_future(_awaited(line, event[0], result))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)


async def _awaited(line: Line, name: str, result: Any) -> None:
    """Await what a callback returned. One that raises is logged like any other."""
    try:
        await result
    except Exception as error:  # noqa: BLE001 - it is logged
        line.listeners.failed(name, error)


def _look(loop: asyncio.AbstractEventLoop, future: asyncio.Future[bool]) -> None:
    """Make a waiting loop wake from time to time.

    ipykernel interrupts an awaiting cell with a callback that does not wake an idle loop.
    """
    if not future.done():
        loop.call_later(_LOOK, _look, loop, future)


def _wake(future: asyncio.Future[bool], result: bool) -> None:  # noqa: FBT001 - of the future
    if not future.done():
        future.set_result(result)


def _wake_all(futures: set[asyncio.Future[bool]]) -> None:
    for future in futures:
        _wake(future, result=True)


async def until_finished(line: Line, pending: Pending, timeout: float | None = None) -> Any:
    """Wait for the end of a call. One whose wait is cancelled is withdrawn if nothing of it was sent."""
    try:
        # Even for a call that is already over: the loop that uses the modem calls the callbacks.
        hub = hub_of(line)
        if not pending.done:
            await hub.until_call(pending, lambda: pending.done, timeout)
    except BaseException:
        pending.take_back_later()
        raise
    return pending.outcome(timeout or 0.0)
