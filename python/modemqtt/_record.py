"""What a modem keeps of each of its clients.

It refers to neither: a :class:`MqttClient` holds its :class:`Modem`, which holds the records. So the reference count
frees a modem that the program has forgotten, and what was set on a client outlives the object.
"""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from modemqtt._delivery import Delivery
from modemqtt._journal import Pacer
from modemqtt._reconnect import Reconnected

if TYPE_CHECKING:
    from collections.abc import Callable

    from modemqtt._core import Engine, KeptSession, Pending
    from modemqtt._values import Message

logger = logging.getLogger("modemqtt")


class ClientRecord:
    """Callbacks and session of one client."""

    def __init__(self, index: int) -> None:
        """Have none."""
        self.index = index
        # The callbacks, by the core's names of the events.
        self.callbacks: dict[str, Callable[..., object]] = {}
        # The session that reconnects, and its publishes by the number of the call.
        self.kept: KeptSession | None = None
        self.deliveries: WeakValueDictionary[int, Delivery] = WeakValueDictionary()
        # The class of the deliveries: those of an event loop are awaited.
        self.delivery: Callable[[Pending, int], Delivery] = Delivery
        # Messages that were taken from the core together, until they are handed out.
        self.taken: deque[Message] = deque()
        self._pacer = Pacer()

    def watch(self, engine: Engine) -> None:
        """Messages that a callback sees are not lost even if ``receive()`` is never called."""
        engine.watch(self.index, "message" in self.callbacks)

    def modem_opened(self, engine: Engine) -> None:
        """Go on after the modem was opened or reopened."""
        self.taken.clear()
        self.watch(engine)
        if self.kept is not None:
            self.kept.take_over(engine)

    def end_keeping(self) -> None:
        """Stop reconnecting: the program wants no connection."""
        if self.kept is not None:
            self.kept.end()

    def tell_dropped(self, engine: Engine) -> None:
        """Warn of dropped messages, once a second at most while the modem is open."""
        if engine.is_open and not self._pacer.ready():
            return
        if dropped := engine.take_dropped(self.index):
            self._pacer.passed()
            logger.warning("client %d: %d messages were dropped, no one took them", self.index, dropped)

    def next(self, engine: Engine, timeout: float | None) -> Message | None:
        """Return the next message, or ``None`` if none came in time. Those that came with it are kept."""
        try:
            return self.taken.popleft()
        except IndexError:
            return engine.next_message(self.index, timeout, self.taken)

    def published(self, pending: Pending, delivery: Delivery) -> None:
        """Keep a publish of a session that reconnects: it may become unknown."""
        if self.kept is not None:
            self.deliveries[pending.number] = delivery

    def values(self, name: str, values: tuple[Any, ...]) -> tuple[Any, ...]:
        """Turn the core's report of an event into the arguments of its callback."""
        match name, values:
            case "message", _:
                return values
            case "delivery", (pending,):
                return (self.delivery(pending, self.index),)
            case "reconnected", (attempts, seconds, granted, unknown):
                # The same objects that the program has.
                lost = (self.deliveries.get(one.number) or self.delivery(one, self.index) for one in unknown)
                return (Reconnected(self.index, attempts, seconds, tuple(granted), tuple(lost)),)
            case _:
                return values
