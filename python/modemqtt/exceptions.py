"""What can go wrong, grouped by who broke which rule.

What a module, a port or an argument does wrong is a :class:`ModemError`. Its message is one sentence that names the
command and the meaning of the code; the last lines of the wire are in :attr:`ModemError.wire` and in the notes of the
traceback. Python's own remain: ``AttributeError`` for a misspelt name, ``TypeError`` for a missing argument,
``KeyboardInterrupt``.
"""

from __future__ import annotations

from typing import Any

__all__ = [
    "CloseError",
    "CommandError",
    "ConnectError",
    "ConnectionLost",
    "DisconnectError",
    "ModemError",
    "ModuleRestarted",
    "OpenError",
    "OperationError",
    "PortError",
    "ProtocolError",
    "PublishError",
    "RegistrationError",
    "ResponseTimeout",
    "ScriptError",
    "SubscribeError",
    "TokenError",
    "UnsubscribeError",
    "UsageError",
    "UsageTypeError",
]


class ModemError(Exception):
    """Anything that this package raises."""

    wire: tuple[str, ...]
    """The last lines of the wire, oldest first, ``>`` from the host and ``<`` from the module. Secrets are masked."""

    def __init__(self, message: str, *, wire: tuple[str, ...] = ()) -> None:
        """Take the sentence and the lines of the wire."""
        super().__init__(message)
        self.wire = wire
        # Notes came with Python 3.11.
        if wire and hasattr(self, "add_note"):
            self.add_note("the last lines of the wire:\n  " + "\n  ".join(wire))

    def __reduce__(self) -> tuple[Any, ...]:
        """Survive the way to another process, as test runners send failures."""
        return _rebuilt, (type(self), self.args, self.__dict__)


def _rebuilt(kind: type[ModemError], arguments: tuple[Any, ...], attributes: dict[str, Any]) -> ModemError:
    error = kind.__new__(kind, *arguments)
    error.args = arguments
    for name, value in attributes.items():
        setattr(error, name, value)
    return error


class ScriptError(ModemError, AssertionError):
    """What was expected of a virtual module's host did not come; the message lists what was expected and what came."""


class UsageError(ModemError, ValueError):
    """The call itself was wrong. Nothing was sent."""


class UsageTypeError(UsageError, TypeError):
    """An argument was of the wrong type. Nothing was sent."""


class PortError(ModemError, OSError):
    """The port is missing, busy, forbidden, closed or lost.

    ``errno`` tells which: ``ENOENT`` missing, ``EBUSY`` held by another program, ``EACCES`` forbidden, ``EIO`` lost,
    ``EINVAL`` no name of a port, ``ETIMEDOUT`` not open in time; ``None`` for any other reason.
    """

    def __init__(self, message: str, *, errno: int | None = None, wire: tuple[str, ...] = ()) -> None:
        """Take the sentence and the number of the system's error."""
        super().__init__(message, wire=wire)
        self.errno = errno

    def __reduce__(self) -> tuple[Any, ...]:
        """Keep the number as well."""
        return _rebuilt, (type(self), self.args, {**self.__dict__, "errno": self.errno})


class ResponseTimeout(ModemError, TimeoutError):  # noqa: N818 - the contract's name
    """The module did not answer within the dialect's maximum response time, or within the shorter time given."""


class CommandError(ModemError):
    """The module refused a command with a final result code (V.250, 5.7; 3GPP TS 27.007, 9.2)."""

    command: str
    """The command line, secrets masked."""
    code: int | None
    """The number of ``+CME ERROR`` or ``+CMS ERROR``; ``None`` with a bare ``ERROR`` or with a text."""
    name: str | None
    """The name of the code; ``None`` where no table names it."""

    def __init__(
        self, message: str, *, command: str, code: int | None, name: str | None, wire: tuple[str, ...] = ()
    ) -> None:
        """Take the sentence and what it is about."""
        super().__init__(message, wire=wire)
        self.command = command
        self.code = code
        self.name = name


class OperationError(ModemError):
    """The module carried a command out and reported failure in its result URC."""

    operation: str
    """``open``, ``connect``, ``subscribe``, ``unsubscribe``, ``publish``, ``disconnect``, ``close`` or ``token``."""
    result: int
    """``<result>`` of the result URC."""
    name: str | None
    """The name of the result; ``None`` where no table names it."""

    def __init__(
        self, message: str, *, operation: str, result: int, name: str | None, wire: tuple[str, ...] = ()
    ) -> None:
        """Take the sentence and what it is about."""
        super().__init__(message, wire=wire)
        self.operation = operation
        self.result = result
        self.name = name


class OpenError(OperationError):
    """``+QMTOPEN`` reported that the network connection could not be opened."""


class ConnectError(OperationError):
    """``+QMTCONN`` reported that the server refused, or that the packet could not be sent."""

    return_code: int | None
    """The return code of the CONNACK packet (MQTT 3.1.1, 3.2.2.3); ``None`` where there was none."""

    def __init__(
        self,
        message: str,
        *,
        operation: str,
        result: int,
        name: str | None,
        return_code: int | None,
        wire: tuple[str, ...] = (),
    ) -> None:
        """Take the sentence and what it is about."""
        super().__init__(message, operation=operation, result=result, name=name, wire=wire)
        self.return_code = return_code


class SubscribeError(OperationError):
    """``+QMTSUB`` reported failure, the server refused every topic (result 128), or too few were granted."""

    granted: tuple[int, ...]
    """What was granted of the first topics, in order: 0 to 2, 128 where the server refused. Empty where the module gave
    up before it said."""

    def __init__(
        self,
        message: str,
        *,
        operation: str,
        result: int,
        name: str | None,
        granted: tuple[int, ...] = (),
        wire: tuple[str, ...] = (),
    ) -> None:
        """Take the sentence and what it is about."""
        super().__init__(message, operation=operation, result=result, name=name, wire=wire)
        self.granted = granted


class UnsubscribeError(OperationError):
    """``+QMTUNS`` reported failure."""


class PublishError(OperationError):
    """``+QMTPUB`` reported that the message could not be delivered."""


class DisconnectError(OperationError):
    """``+QMTDISC`` reported failure."""


class CloseError(OperationError):
    """``+QMTCLOSE`` reported failure."""


class TokenError(OperationError):
    """``+QMTENAUTH`` reported that no token could be had."""


class ConnectionLost(ModemError):  # noqa: N818 - the contract's name
    """The client has lost its connection (``+QMTSTAT``)."""

    code: int
    """``<err_code>`` of ``+QMTSTAT``."""
    name: str | None
    """Its name; ``None`` where no table names it."""

    def __init__(self, message: str, *, code: int, name: str | None, wire: tuple[str, ...] = ()) -> None:
        """Take the sentence and what it is about."""
        super().__init__(message, wire=wire)
        self.code = code
        self.name = name


class ModuleRestarted(ModemError):  # noqa: N818 - the contract's name
    """The module has restarted, or has powered down: its connections and settings are gone."""


class RegistrationError(ModemError):
    """The module will not be registered with a network: denied, or the SIM card is missing, locked or defective.

    The refusal of ``AT+CPIN?``, where there was one, is its ``__cause__``.
    """

    stat: int | None
    """``<stat>`` of the registration, 3 when it is denied; ``None`` where it is for the SIM card."""

    def __init__(self, message: str, *, stat: int | None = None, wire: tuple[str, ...] = ()) -> None:
        """Take the sentence and what it is about."""
        super().__init__(message, wire=wire)
        self.stat = stat


class ProtocolError(ModemError):
    """The module did what its dialect does not allow."""

    expected: str
    """What was due."""
    line: str
    """What came."""

    def __init__(self, message: str, *, expected: str, line: str, wire: tuple[str, ...] = ()) -> None:
        """Take the sentence and what it is about."""
        super().__init__(message, wire=wire)
        self.expected = expected
        self.line = line
