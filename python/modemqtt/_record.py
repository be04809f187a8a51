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
    from modemqtt.exceptions import ConnectionLost

logger = logging.getLogger("modemqtt")


class ClientRecord:
    """Callbacks and session of one client."""

    def __init__(self, index: int) -> None:
        """Have none."""
        self.index = index
        self.on_message: Callable[[Message], object] | None = None
        self.on_connection_lost: Callable[[ConnectionLost], object] | None = None
        self.on_delivery: Callable[[Delivery], object] | None = None
        self.on_reconnected: Callable[[Reconnected], object] | None = None
        self.on_reconnect_failed: Callable[[Exception], object] | None = None
        # The session that connects again, and what was published in it by the number of its call.
        self.kept: KeptSession | None = None
        self.deliveries: WeakValueDictionary[int, Delivery] = WeakValueDictionary()
        # How a delivery is made: those of an event loop are awaited.
        self.delivery: Callable[[Pending, int], Delivery] = Delivery
        # Messages that were taken from the core together, until they are handed out.
        self.taken: deque[Message] = deque()
        self._pacer = Pacer()

    def has_callbacks(self) -> bool:
        """Whether there is anything to call."""
        callbacks = (
            self.on_message,
            self.on_connection_lost,
            self.on_delivery,
            self.on_reconnected,
            self.on_reconnect_failed,
        )
        return any(callback is not None for callback in callbacks)

    def watch(self, engine: Engine) -> None:
        """Messages that a callback sees are not lost when ``receive()`` is never called."""
        engine.watch(self.index, self.on_message is not None)

    def modem_opened(self, engine: Engine) -> None:
        """Go on where the modem has been opened (again)."""
        self.watch(engine)
        if self.kept is not None:
            self.kept.take_over(engine)

    def end_keeping(self) -> None:
        """Connect no more by itself: the program wants no connection."""
        if self.kept is not None:
            self.kept.end()

    def tell_dropped(self, engine: Engine) -> None:
        """Warn of messages that had to go, once a second at most while the modem is open."""
        if engine.is_open and not self._pacer.ready():
            return
        if dropped := engine.take_dropped(self.index):
            self._pacer.passed()
            logger.warning("client %d: %d messages were dropped, no one took them", self.index, dropped)

    def message(self, message: Message) -> object:
        """Call the callback, and return what it returns."""
        return None if self.on_message is None else self.on_message(message)

    def handle(self, event: tuple[Any, ...]) -> object:
        """Call the callback for an event that is no message, and return what it returns."""
        match event:
            case ("lost", _, error) if self.on_connection_lost is not None:
                return self.on_connection_lost(error)
            case ("delivery", _, pending) if self.on_delivery is not None:
                return self.on_delivery(self.delivery(pending, self.index))
            case ("reconnected", _, attempts, seconds, granted, unknown) if self.on_reconnected is not None:
                # Those that the program has are the very same objects.
                lost = (self.deliveries.get(one.number) or self.delivery(one, self.index) for one in unknown)
                return self.on_reconnected(Reconnected(self.index, attempts, seconds, tuple(granted), tuple(lost)))
            case ("reconnect failed", _, error) if self.on_reconnect_failed is not None:
                return self.on_reconnect_failed(error)
        return None
