"""The callbacks that a program sets: those of a modem, and those of a client.

Each callback is one function here, with the parameters that it is called with.
"""

# ruff: noqa: D401 - to programs they are attributes, and are described as such

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Concatenate, Generic, ParamSpec, overload

from modemqtt._delivery import Delivery
from modemqtt._strict import Strict
from modemqtt._strict import callback as checked

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Self

    from modemqtt._core import Pending
    from modemqtt._line import Line
    from modemqtt._listeners import Listeners
    from modemqtt._reconnect import Reconnected
    from modemqtt._record import ClientRecord
    from modemqtt._values import Message
    from modemqtt.exceptions import ConnectionLost, PortError

P = ParamSpec("P")

# The events whose callbacks get deliveries.
_WITH_DELIVERIES = ("delivery", "reconnected")


class Callback(Generic[P]):
    """An attribute: the callable for an event, or ``None``."""

    def __init__(self, event: str, described: Callable[..., object]) -> None:
        """Belong to the event that has this name in the core; `described` has the parameters and the docstring."""
        self._event = event
        self._name = described.__name__
        self.__doc__ = described.__doc__

    @overload
    def __get__(self, owner: None, kind: type) -> Self: ...
    @overload
    def __get__(self, owner: Called, kind: type) -> Callable[P, object] | None: ...

    def __get__(self, owner: Called | None, kind: type) -> Callback[P] | Callable[P, object] | None:
        """Return the callback."""
        return self if owner is None else owner._kept().callbacks.get(self._event)  # noqa: SLF001 - our own

    def __set__(self, owner: Called, callback: Callable[P, object] | None) -> None:
        """Set the callback. It is called from now on, in the modem's one thread for callbacks."""
        checked(self._name, callback)
        owner._call_for(self._event, callback)  # noqa: SLF001 - our own


def called_for(event: str) -> Callable[[Callable[Concatenate[Any, P], object]], Callback[P]]:
    """Make a function the callback for an event."""
    return lambda described: Callback(event, described)


def callbacks_of(kind: type) -> tuple[str, ...]:
    """Return the names of the callbacks of a class."""
    return tuple(name for name in dir(kind) if isinstance(getattr(kind, name), Callback))


class Called(Strict):
    """An object with callbacks."""

    _awaited: ClassVar[bool] = False
    _line: Line

    def _kept(self) -> ClientRecord | Listeners:
        """Return the object that keeps them."""
        raise NotImplementedError

    def _call_for(self, event: str, callback: Callable[..., object] | None) -> None:
        self._line.check_process()
        kept = self._kept()
        if callback is None:
            kept.callbacks.pop(event, None)
        else:
            kept.callbacks[event] = callback
        if self._line.engine is not None:
            kept.watch(self._line.engine)
        self._line.listen(in_loop=self._awaited)


class ClientCallbacks(Called):
    """The callbacks of an :class:`MqttClient`. All are called in its modem's one thread for callbacks."""

    _own: ClientRecord

    def _kept(self) -> ClientRecord:
        return self._own

    def _deliveries(self) -> Callable[[Pending, int], Delivery]:
        """Return what makes the deliveries that callbacks are given."""
        return Delivery

    def _call_for(self, event: str, callback: Callable[..., object] | None) -> None:
        if event in _WITH_DELIVERIES:
            self._own.delivery = self._deliveries()
        super()._call_for(event, callback)

    @called_for("message")
    def on_message(self, message: Message, /) -> object:
        """Called with each message."""

    @called_for("lost")
    def on_connection_lost(self, error: ConnectionLost, /) -> object:
        """Called with a :class:`ConnectionLost` when the connection ends without :meth:`disconnect`.

        :attr:`Modem.on_restart` and :attr:`Modem.on_port_lost` report a restart of the module and the loss of its port.
        """

    @called_for("delivery")
    def on_delivery(self, delivery: Delivery, /) -> object:
        """Called with each :class:`Delivery` that has ended, whatever the outcome."""

    @called_for("reconnected")
    def on_reconnected(self, reconnected: Reconnected, /) -> object:
        """Called with a :class:`Reconnected` when a session has its connection back (``session(reconnect=…)``)."""

    @called_for("reconnect failed")
    def on_reconnect_failed(self, error: Exception, /) -> object:
        """Called with the last error when a session gives up reconnecting and stays without a connection."""


class ModemCallbacks(Called):
    """The callbacks of a :class:`Modem`."""

    def _kept(self) -> Listeners:
        return self._line.listeners

    @called_for("urc")
    def on_urc(self, line: str, /) -> object:
        """Called with each line that no one waited for."""

    @called_for("restarted")
    def on_restart(self) -> object:
        """Called when the module has restarted or powered down by itself. Its connections and settings are gone."""

    @called_for("port lost")
    def on_port_lost(self, error: PortError, /) -> object:
        """Called with the :class:`PortError` when the port is lost. This is the place to call :meth:`reopen`."""
