"""What a program may be called for by an MQTT client."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modemqtt._strict import Strict
from modemqtt._strict import callback as checked

if TYPE_CHECKING:
    from collections.abc import Callable

    from modemqtt._core import Engine
    from modemqtt._delivery import Delivery
    from modemqtt._modem import Modem
    from modemqtt._reconnect import Reconnected
    from modemqtt._record import ClientRecord
    from modemqtt._values import Message
    from modemqtt.exceptions import ConnectionLost, PortError


class Callbacks(Strict):
    """The callbacks of a client. All are called in the one thread that its modem has for them."""

    def __init__(self, modem: Modem, record: ClientRecord) -> None:
        """Not for programs."""
        self._modem = modem
        self._index = record.index
        self._own = record

    @property
    def on_message(self) -> Callable[[Message], object] | None:
        """Called with each message."""
        return self._own.on_message

    @on_message.setter
    def on_message(self, callback: Callable[[Message], object] | None) -> None:
        self._modem._check_process()  # noqa: SLF001 - our own
        self._own.on_message = checked("on_message", callback)
        self._watch()
        self._modem._listen()  # noqa: SLF001 - our own

    @property
    def on_connection_lost(self) -> Callable[[ConnectionLost], object] | None:
        """Called with a :class:`ConnectionLost` when the connection ends without :meth:`disconnect`.

        A restart of the module and the loss of its port are told by :attr:`Modem.on_restart` and
        :attr:`Modem.on_port_lost`.
        """
        return self._own.on_connection_lost

    @on_connection_lost.setter
    def on_connection_lost(self, callback: Callable[[ConnectionLost], object] | None) -> None:
        self._modem._check_process()  # noqa: SLF001 - our own
        self._own.on_connection_lost = checked("on_connection_lost", callback)
        self._modem._listen()  # noqa: SLF001 - our own

    @property
    def on_delivery(self) -> Callable[[Delivery], object] | None:
        """Called with each :class:`Delivery` that has come to its end, whichever it is."""
        return self._own.on_delivery

    @on_delivery.setter
    def on_delivery(self, callback: Callable[[Delivery], object] | None) -> None:
        self._modem._check_process()  # noqa: SLF001 - our own
        self._own.on_delivery = checked("on_delivery", callback)
        self._modem._listen()  # noqa: SLF001 - our own

    @property
    def on_reconnected(self) -> Callable[[Reconnected], object] | None:
        """Called with a :class:`Reconnected` when a session has its connection back (``session(reconnect=…)``)."""
        return self._own.on_reconnected

    @on_reconnected.setter
    def on_reconnected(self, callback: Callable[[Reconnected], object] | None) -> None:
        self._modem._check_process()  # noqa: SLF001 - our own
        self._own.on_reconnected = checked("on_reconnected", callback)
        self._modem._listen()  # noqa: SLF001 - our own

    @property
    def on_reconnect_failed(self) -> Callable[[Exception], object] | None:
        """Called with the last error when a session gives up connecting again: it stays without a connection."""
        return self._own.on_reconnect_failed

    @on_reconnect_failed.setter
    def on_reconnect_failed(self, callback: Callable[[Exception], object] | None) -> None:
        self._modem._check_process()  # noqa: SLF001 - our own
        self._own.on_reconnect_failed = checked("on_reconnect_failed", callback)
        self._modem._listen()  # noqa: SLF001 - our own

    def _watch(self) -> None:
        engine = self._modem._engine  # noqa: SLF001 - our own
        if engine is not None:
            self._own.watch(engine)


class ModemCallbacks(Strict):
    """The callbacks of a :class:`Modem`."""

    _engine: Engine | None

    def __init__(self) -> None:
        """Have none."""
        self._on_urc: Callable[[str], object] | None = None
        self._on_restart: Callable[[], object] | None = None
        self._on_port_lost: Callable[[PortError], object] | None = None

    def _check_process(self) -> None:
        raise NotImplementedError

    def _listen(self) -> None:
        raise NotImplementedError

    @property
    def on_urc(self) -> Callable[[str], object] | None:
        """Called with each line that no one waited for."""
        return self._on_urc

    @on_urc.setter
    def on_urc(self, callback: Callable[[str], object] | None) -> None:
        self._check_process()
        self._on_urc = checked("on_urc", callback)
        if self._engine is not None:
            self._engine.watch_urcs(callback is not None)
        self._listen()

    @property
    def on_restart(self) -> Callable[[], object] | None:
        """Called when the module has restarted or powered down by itself. Its connections and settings are gone."""
        return self._on_restart

    @on_restart.setter
    def on_restart(self, callback: Callable[[], object] | None) -> None:
        self._check_process()
        self._on_restart = checked("on_restart", callback)
        self._listen()

    @property
    def on_port_lost(self) -> Callable[[PortError], object] | None:
        """Called with the :class:`PortError` when the port is lost. Here is where to call :meth:`reopen`."""
        return self._on_port_lost

    @on_port_lost.setter
    def on_port_lost(self, callback: Callable[[PortError], object] | None) -> None:
        self._check_process()
        self._on_port_lost = checked("on_port_lost", callback)
        self._listen()

    def _has_own_callbacks(self) -> bool:
        return any(callback is not None for callback in (self._on_urc, self._on_restart, self._on_port_lost))
