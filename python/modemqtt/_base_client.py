"""What every client has, whether its calls block or are awaited."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modemqtt._callbacks import ClientCallbacks
from modemqtt._strict import Single
from modemqtt._usage import arguments

if TYPE_CHECKING:
    from modemqtt._core import Engine, Pending
    from modemqtt._line import Line
    from modemqtt._record import ClientRecord

# Seconds that leaving a session takes at most when it is left in a hurry.
HURRY = 0.8


class BaseClient(ClientCallbacks, Single):
    """What :class:`modemqtt.MqttClient` and :class:`modemqtt.aio.AsyncMqttClient` have in common."""

    def __init__(self, line: Line, record: ClientRecord, modem: object) -> None:
        """Not for programs: it is :meth:`Modem.mqtt`."""
        self._line = line
        self._own = record
        # A program that has a client needs no modem of its own, which would close the port as it goes.
        self._modem = modem

    @property
    def index(self) -> int:
        """The client index."""
        return self._own.index

    @property
    def state(self) -> str:
        """``closed``, ``opening``, ``open``, ``connecting``, ``connected``, ``disconnecting`` or ``closing``."""
        engine = self._line.engine
        return engine.client_state(self.index) if engine is not None and engine.is_open else "closed"

    @property
    def server(self) -> tuple[str, int] | None:
        """Host and port of the network connection; ``None`` while there is none."""
        engine = self._line.engine
        return engine.server(self.index) if engine is not None and engine.is_open else None

    def __repr__(self) -> str:
        """Index and state."""
        return f"<MqttClient {self.index} {self.state}>"

    def _engine(self) -> Engine:
        return self._line.running()

    def _submit(self, method: str, *values: object, timeout: float | None) -> Pending:
        """Hand a call over to the core, which checks it."""
        submit = getattr(self._engine(), method)
        with arguments():
            pending: Pending = submit(self._own.index, *values, timeout=timeout)
        return pending


def time_to_leave(timeout: float | None, *, hurried: bool) -> tuple[float | None, float | None]:
    """Return the seconds for each step of leaving a session, and those that it is waited for."""
    if not hurried:
        return timeout, timeout and 2 * timeout
    return HURRY if timeout is None else min(timeout, HURRY), HURRY
