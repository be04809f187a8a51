"""What every client has, whether its calls block or are awaited."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from modemqtt._callbacks import ClientCallbacks
from modemqtt._core import KeptSession
from modemqtt._strict import Single
from modemqtt._usage import arguments
from modemqtt.exceptions import PortError, ResponseTimeout

if TYPE_CHECKING:
    from typing import Any, TypeAlias

    from modemqtt._core import Engine, Pending
    from modemqtt._line import Line
    from modemqtt._reconnect import Reconnect
    from modemqtt._record import ClientRecord

    # Host, port, client id, user name, password and options of a session.
    _Login: TypeAlias = tuple[str, int, str, str | None, str | None, dict[str, Any]]

# The most seconds that leaving a session in a hurry may take.
HURRY = 0.8


class BaseClient(ClientCallbacks, Single):
    """What :class:`modemqtt.MqttClient` and :class:`modemqtt.aio.AsyncMqttClient` have in common."""

    def __init__(self, line: Line, record: ClientRecord, modem: object) -> None:
        """Not for programs, which call :meth:`Modem.mqtt`."""
        self._line = line
        self._own = record
        # A program that keeps only the client must not lose the modem, which closes the port when it is freed.
        self._modem = modem

    @property
    def index(self) -> int:
        """The client index."""
        return self._own.index

    @property
    def state(self) -> str:
        """``closed``, ``opening``, ``open``, ``connecting``, ``connected``, ``disconnecting`` or ``closing``."""
        return self._line.client_state(self.index)

    @property
    def server(self) -> tuple[str, int] | None:
        """Host and port of the network connection, or ``None`` without one."""
        return self._line.server(self.index)

    def __repr__(self) -> str:
        """Index and state."""
        return f"<{type(self).__name__} {self.index} {self.state}>"

    def _repr_html_(self) -> str:
        from modemqtt import _html  # noqa: PLC0415 - only in a notebook

        line, kept = self._line, self._own.kept is not None
        return _html.client(
            f"{type(self).__name__} {self.index}",
            f"{line.port} {line.known[0] if line.known else 'closed'}",
            self.state,
            self.server,
            reconnects=kept,
            callbacks=[name for name in dir(self) if name.startswith("on_") and getattr(self, name) is not None],
        )

    def _engine(self) -> Engine:
        return self._line.running()

    def _submit(self, method: str, *values: object, timeout: float | None) -> Pending:
        """Hand a call over to the core, which checks it."""
        submit = getattr(self._engine(), method)
        with arguments():
            pending: Pending = submit(self._own.index, *values, timeout=timeout)
        return pending

    def _keep(self, login: _Login, plan: Reconnect | None, timeout: float | None) -> KeptSession | None:
        """Return what will connect again as `plan` says; ``None`` without a plan."""
        if plan is None:
            return None
        engine = self._engine()
        with arguments():
            return KeptSession(engine, self.index, *login, **asdict(plan), timeout=timeout)

    def _enter(self, login: _Login, kept: KeptSession | None, timeout: float | None) -> Pending:
        """Have the core configure, open and connect. One session at a time is kept."""
        entering = self._submit("enter", *login, timeout=timeout)
        self._own.end_keeping()
        self._own.kept = kept
        return entering

    def _not_connected(self, timeout: float | None) -> ResponseTimeout:
        return ResponseTimeout(f"client {self.index} was not connected within {timeout:g} s; it is {self.state}")

    def _no_message(self, timeout: float | None) -> ResponseTimeout:
        state = self.state
        unconnected = "" if state == "connected" else f"; the client is not connected, it is {state}"
        return ResponseTimeout(f"no message for client {self.index} within {timeout:g} s{unconnected}")


def in_a_hurry(error: BaseException) -> bool:
    """Whether to leave a session in a hurry, by the exception that ends it.

    Ctrl-C, sys.exit(), a cancelled task and a lost port do not wait for a module that may be silent.
    """
    return not isinstance(error, Exception) or isinstance(error, PortError)


def time_to_leave(timeout: float | None, *, hurried: bool) -> tuple[float | None, float | None]:
    """Return the seconds for each step of leaving a session, and the seconds to wait for it."""
    if not hurried:
        return timeout, timeout and 2 * timeout
    return HURRY if timeout is None else min(timeout, HURRY), HURRY
