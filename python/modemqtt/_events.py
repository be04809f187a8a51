"""What happens on a modem without being asked for, and the thread in which the program is told of it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from modemqtt._callbacks import ModemCallbacks
from modemqtt._dispatcher import Dispatcher
from modemqtt._journal import Pacer

if TYPE_CHECKING:
    import threading

    from modemqtt._core import Engine
    from modemqtt._record import ClientRecord

logger = logging.getLogger("modemqtt")


class Events(ModemCallbacks):
    """The part of :class:`Modem` that hands events to callbacks, and warns of what was dropped."""

    _port: str
    _lock: threading.RLock

    def __init__(self) -> None:
        """Hand on nothing yet."""
        ModemCallbacks.__init__(self)
        self._records: dict[int, ClientRecord] = {}
        self._dispatcher: Dispatcher | None = None
        # The one before, which may be in a callback still.
        self._last_dispatcher: Dispatcher | None = None
        # Events that were dropped and not told of, and when it may be told.
        self._overflow = 0
        self._overflow_pacer, self._pacer = Pacer(), Pacer()

    def _tell_dropped(self, engine: Engine) -> None:
        """Warn of what had to go, at the latest when the modem is closed."""
        open_still = engine.is_open
        if (self._pacer.ready() or not open_still) and (dropped := engine.take_dropped()):
            self._pacer.passed()
            logger.warning("%s: %d lines were dropped, no one took them", self._port, dropped)
        self._tell_overflow(at_once=not open_still)
        if not open_still:
            for record in list(self._records.values()):
                record.tell_dropped(engine)

    def _tell_overflow(self, *, at_once: bool) -> None:
        if self._overflow and (at_once or self._overflow_pacer.ready()):
            count, self._overflow = self._overflow, 0
            self._overflow_pacer.passed()
            logger.warning("%s: %d events were dropped, the callbacks are too slow", self._port, count)

    def _has_callbacks(self) -> bool:
        return self._has_own_callbacks() or any(record.has_callbacks() for record in self._records.values())

    def _listen(self) -> None:
        """Start the thread that calls callbacks, with the first of them."""
        with self._lock:
            if self._engine is not None and self._dispatcher is None and self._has_callbacks():
                name = self._port.rsplit("/", 1)[-1]
                self._dispatcher = Dispatcher(self._engine, name, self._handle, after=self._last_dispatcher)
                self._last_dispatcher = None

    def _handle(self, event: tuple[Any, ...]) -> None:
        match event:
            case ("message", message) if message.client in self._records:
                self._records[message.client].message(message)
            case ("lost" | "delivery" | "reconnected" | "reconnect failed", index, *_) if index in self._records:
                self._records[index].handle(event)
            case ("urc", line) if self._on_urc is not None:
                self._on_urc(line)
            case ("restarted",) if self._on_restart is not None:
                self._on_restart()
            case ("port lost", error) if self._on_port_lost is not None:
                self._on_port_lost(error)
            case ("overflow", count):
                self._overflow += count
                self._tell_overflow(at_once=False)
            case ("overrun", index):
                logger.warning("%s: the buffer of client %d was full; messages may have been lost", self._port, index)
            case ("reopening", index, reason):
                logger.info(
                    "%s: client %d could not be opened (%s); cured, and tried once more", self._port, index, reason
                )
            case _:
                pass
