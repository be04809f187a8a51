"""The callbacks of a modem and of its clients, and what calls them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from modemqtt._journal import Pacer
from modemqtt._record import ClientRecord

if TYPE_CHECKING:
    from collections.abc import Callable

    from modemqtt._core import Engine

logger = logging.getLogger("modemqtt")


class Listeners:
    """The callbacks of one modem and its clients. It refers to neither."""

    def __init__(self, port: str) -> None:
        """Begin without callbacks."""
        self.port = port
        # The callbacks, by the core's names of the events.
        self.callbacks: dict[str, Callable[..., object]] = {}
        self.errors = 0
        """How many callbacks have raised."""
        self._records: dict[int, ClientRecord] = {}
        # Dropped events that no warning has reported yet, and when the next warning may come.
        self._overflow = 0
        self._overflow_pacer, self._pacer = Pacer(), Pacer()

    def record(self, index: int) -> ClientRecord:
        """Return what is kept of the client with that index."""
        return self._records.setdefault(index, ClientRecord(index))

    def indices(self) -> list[int]:
        """Return the indices of the clients that the program has asked for."""
        return sorted(self._records)

    def wanted(self) -> bool:
        """Whether there is anything to call."""
        return bool(self.callbacks) or any(record.callbacks for record in list(self._records.values()))

    def watch(self, engine: Engine) -> None:
        """Lines that a callback sees are not lost even if ``urcs()`` is never called."""
        engine.watch_urcs("urc" in self.callbacks)

    def opened(self, engine: Engine) -> None:
        """Go on after the modem was opened or reopened."""
        self.errors = 0
        self.watch(engine)
        for record in list(self._records.values()):
            record.modem_opened(engine)

    def end_keeping(self) -> None:
        """Stop every session from reconnecting."""
        for record in list(self._records.values()):
            record.end_keeping()

    def tell_dropped(self, engine: Engine) -> None:
        """Warn of what was dropped, at the latest when the modem is closed."""
        open_still = engine.is_open
        if (self._pacer.ready() or not open_still) and (dropped := engine.take_dropped()):
            self._pacer.passed()
            logger.warning("%s: %d lines were dropped, no one took them", self.port, dropped)
        self._tell_overflow(at_once=not open_still)
        if not open_still:
            for record in list(self._records.values()):
                record.tell_dropped(engine)

    def _tell_overflow(self, *, at_once: bool) -> None:
        if self._overflow and (at_once or self._overflow_pacer.ready()):
            count, self._overflow = self._overflow, 0
            self._overflow_pacer.passed()
            logger.warning("%s: %d events were dropped, the callbacks are too slow", self.port, count)

    def handle(self, event: tuple[Any, ...]) -> object:
        """Call the callback for an event, and return what it returns."""
        name, index = event[0], event[1]
        if index is None:
            if (callback := self.callbacks.get(name)) is not None:
                return callback(*event[2:])
        elif (record := self._records.get(index)) is not None and (callback := record.callbacks.get(name)) is not None:
            return callback(*record.values(name, event[2:]))
        self._note(event)
        return None

    def _note(self, event: tuple[Any, ...]) -> None:
        """Log an event that has no callback."""
        match event:
            case ("overflow", None, count):
                self._overflow += count
                self._tell_overflow(at_once=False)
            case ("overrun", index):
                logger.warning("%s: the buffer of client %d was full; messages may have been lost", self.port, index)
            case ("reopening", index, reason):
                logger.info(
                    "%s: client %d could not be opened (%s); cured, and tried once more", self.port, index, reason
                )
            case _:
                pass

    def call(self, event: tuple[Any, ...]) -> object:
        """Call the callback for an event. One that raises is logged and counted, and the next event is delivered."""
        try:
            return self.handle(event)
        # What pytest.fail() and sys.exit() raise is no Exception, and must not end the callbacks either.
        except BaseException as error:  # noqa: BLE001 - it is logged
            self.failed(event[0], error)
            return None

    def call_all(self, events: list[tuple[Any, ...]]) -> None:
        """Call the callbacks for some events, as :meth:`call` does. Messages, which are many, go straight to theirs."""
        records, handle = self._records, self.handle
        for event in events:
            try:
                if (
                    event[0] == "message"
                    and (record := records.get(event[1])) is not None
                    and (callback := record.callbacks.get("message")) is not None
                ):
                    callback(event[2])
                else:
                    handle(event)
            except BaseException as error:  # noqa: BLE001 - it is logged
                self.failed(event[0], error)

    def failed(self, name: str, error: BaseException) -> None:
        """Log and count an exception from a callback."""
        self.errors += 1
        logger.error("a callback for %r raised", name, exc_info=error)
