"""The callbacks that a program sets: those of a modem, and those of a client."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from modemqtt._delivery import Delivery
from modemqtt._strict import Strict
from modemqtt._strict import callback as checked

if TYPE_CHECKING:
    from collections.abc import Callable

    from modemqtt._core import Pending
    from modemqtt._line import Line
    from modemqtt._reconnect import Reconnected
    from modemqtt._record import ClientRecord
    from modemqtt._values import Message
    from modemqtt.exceptions import ConnectionLost, PortError


class ClientCallbacks(Strict):
    """The callbacks of an :class:`MqttClient`. All are called in the one thread that its modem has for them."""

    _awaited: ClassVar[bool] = False
    _line: Line
    _own: ClientRecord

    def _deliveries(self) -> Callable[[Pending, int], Delivery]:
        """Return what makes the deliveries that callbacks are given."""
        return Delivery

    @property
    def on_message(self) -> Callable[[Message], object] | None:
        """Called with each message."""
        return self._own.on_message

    @on_message.setter
    def on_message(self, callback: Callable[[Message], object] | None) -> None:
        self._line.check_process()
        self._own.on_message = checked("on_message", callback)
        if self._line.engine is not None:
            self._own.watch(self._line.engine)
        self._line.listen(in_loop=self._awaited)

    @property
    def on_connection_lost(self) -> Callable[[ConnectionLost], object] | None:
        """Called with a :class:`ConnectionLost` when the connection ends without :meth:`disconnect`.

        A restart of the module and the loss of its port are told by :attr:`Modem.on_restart` and
        :attr:`Modem.on_port_lost`.
        """
        return self._own.on_connection_lost

    @on_connection_lost.setter
    def on_connection_lost(self, callback: Callable[[ConnectionLost], object] | None) -> None:
        self._line.check_process()
        self._own.on_connection_lost = checked("on_connection_lost", callback)
        self._line.listen(in_loop=self._awaited)

    @property
    def on_delivery(self) -> Callable[[Delivery], object] | None:
        """Called with each :class:`Delivery` that has come to its end, whichever it is."""
        return self._own.on_delivery

    @on_delivery.setter
    def on_delivery(self, callback: Callable[[Delivery], object] | None) -> None:
        self._line.check_process()
        self._own.on_delivery = checked("on_delivery", callback)
        self._own.delivery = self._deliveries()
        self._line.listen(in_loop=self._awaited)

    @property
    def on_reconnected(self) -> Callable[[Reconnected], object] | None:
        """Called with a :class:`Reconnected` when a session has its connection back (``session(reconnect=…)``)."""
        return self._own.on_reconnected

    @on_reconnected.setter
    def on_reconnected(self, callback: Callable[[Reconnected], object] | None) -> None:
        self._line.check_process()
        self._own.on_reconnected = checked("on_reconnected", callback)
        self._own.delivery = self._deliveries()
        self._line.listen(in_loop=self._awaited)

    @property
    def on_reconnect_failed(self) -> Callable[[Exception], object] | None:
        """Called with the last error when a session gives up connecting again: it stays without a connection."""
        return self._own.on_reconnect_failed

    @on_reconnect_failed.setter
    def on_reconnect_failed(self, callback: Callable[[Exception], object] | None) -> None:
        self._line.check_process()
        self._own.on_reconnect_failed = checked("on_reconnect_failed", callback)
        self._line.listen(in_loop=self._awaited)


class ModemCallbacks(Strict):
    """The callbacks of a :class:`Modem`."""

    _awaited: ClassVar[bool] = False
    _line: Line

    @property
    def on_urc(self) -> Callable[[str], object] | None:
        """Called with each line that no one waited for."""
        return self._line.listeners.on_urc

    @on_urc.setter
    def on_urc(self, callback: Callable[[str], object] | None) -> None:
        self._line.check_process()
        self._line.listeners.on_urc = checked("on_urc", callback)
        if self._line.engine is not None:
            self._line.engine.watch_urcs(callback is not None)
        self._line.listen(in_loop=self._awaited)

    @property
    def on_restart(self) -> Callable[[], object] | None:
        """Called when the module has restarted or powered down by itself. Its connections and settings are gone."""
        return self._line.listeners.on_restart

    @on_restart.setter
    def on_restart(self, callback: Callable[[], object] | None) -> None:
        self._line.check_process()
        self._line.listeners.on_restart = checked("on_restart", callback)
        self._line.listen(in_loop=self._awaited)

    @property
    def on_port_lost(self) -> Callable[[PortError], object] | None:
        """Called with the :class:`PortError` when the port is lost. Here is where to call :meth:`reopen`."""
        return self._line.listeners.on_port_lost

    @on_port_lost.setter
    def on_port_lost(self, callback: Callable[[PortError], object] | None) -> None:
        self._line.check_process()
        self._line.listeners.on_port_lost = checked("on_port_lost", callback)
        self._line.listen(in_loop=self._awaited)
