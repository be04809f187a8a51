"""What a modem keeps of each of its clients.

It refers to neither: a :class:`MqttClient` holds its :class:`Modem`, which holds the records. So the reference count
frees a modem that the program has forgotten, and what was set on a client outlives the object.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from modemqtt._journal import Pacer

if TYPE_CHECKING:
    from collections.abc import Callable

    from modemqtt._core import Engine, Pending
    from modemqtt._delivery import Delivery
    from modemqtt._reconnect import Keeper, Reconnected
    from modemqtt._values import Message
    from modemqtt.exceptions import ConnectionLost

logger = logging.getLogger("modemqtt")


class ClientRecord:
    """Callbacks, session and opening of one client."""

    def __init__(self, index: int) -> None:
        """Have none."""
        self.index = index
        self.on_message: Callable[[Message], object] | None = None
        self.on_connection_lost: Callable[[ConnectionLost], object] | None = None
        self.on_delivery: Callable[[Delivery], object] | None = None
        self.on_reconnected: Callable[[Reconnected], object] | None = None
        self.on_reconnect_failed: Callable[[Exception], object] | None = None
        self.keeper: Keeper | None = None
        # The last opening. Whoever closes behind one takes care not to close what was opened afterwards.
        self.opening: Pending | None = None
        self.opening_lock = threading.Lock()
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
        if self.keeper is not None:
            self.keeper.modem_opened()

    def end_keeping(self) -> None:
        """Connect no more by itself: the program wants no connection."""
        if self.keeper is not None:
            self.keeper.end()

    def tell_dropped(self, engine: Engine) -> None:
        """Warn of messages that had to go, once a second at most while the modem is open."""
        if engine.is_open and not self._pacer.ready():
            return
        if dropped := engine.take_dropped(self.index):
            self._pacer.passed()
            logger.warning("client %d: %d messages were dropped, no one took them", self.index, dropped)

    def message(self, message: Message) -> None:
        """Call the callback."""
        if self.on_message is not None:
            self.on_message(message)

    def lost(self, error: ConnectionLost) -> None:
        """Call the callback."""
        if self.on_connection_lost is not None:
            self.on_connection_lost(error)

    def delivery(self, delivery: Delivery) -> None:
        """Call the callback."""
        if self.on_delivery is not None:
            self.on_delivery(delivery)

    def reconnected(self, event: Reconnected) -> None:
        """Call the callback."""
        if self.on_reconnected is not None:
            self.on_reconnected(event)

    def reconnect_failed(self, error: Exception) -> None:
        """Call the callback."""
        if self.on_reconnect_failed is not None:
            self.on_reconnect_failed(error)
