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
    """Anything that this package raises.

    Example:
        >>> try:
        ...     modem.command("AT+NOPE")
        ... except ModemError as error:
        ...     print(error.wire[-1])
        < ERROR

    """

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
        """Support pickling: test runners send failures to another process."""
        return _rebuilt, (type(self), self.args, self.__dict__)


def _rebuilt(kind: type[ModemError], arguments: tuple[Any, ...], attributes: dict[str, Any]) -> ModemError:
    error = kind.__new__(kind, *arguments)
    error.args = arguments
    for name, value in attributes.items():
        setattr(error, name, value)
    return error


class ScriptError(ModemError, AssertionError):
    """The host of a virtual module or of a replay did not send what was expected; the message has both.

    Example:
        >>> expected = modem.virtual.expect("AT+CGATT?").respond("+CGATT: 1")
        >>> modem.virtual.check()
        Traceback (most recent call last):
        modemqtt.exceptions.ScriptError: ...

    """


class UsageError(ModemError, ValueError):
    """The call itself was wrong. Nothing was sent.

    Example:
        >>> mqtt.publish("bench/t", b"1", qos=3)
        Traceback (most recent call last):
        modemqtt.exceptions.UsageError: qos must be 0, 1 or 2, not 3

    """


class UsageTypeError(UsageError, TypeError):
    """An argument was of the wrong type. Nothing was sent.

    Example:
        >>> mqtt.publish(3)
        Traceback (most recent call last):
        modemqtt.exceptions.UsageTypeError: topic must be a str, not int

    """


class PortError(ModemError, OSError):
    """The port is missing, busy, forbidden, closed or lost.

    ``errno`` tells which: ``ENOENT`` missing, ``EBUSY`` held by another program, ``EACCES`` forbidden, ``EIO`` lost,
    ``EINVAL`` not the name of a port, ``ETIMEDOUT`` not open in time; ``None`` for any other reason.

    Example:
        >>> try:
        ...     Modem("/dev/ttyUSB99").open()
        ... except PortError as error:
        ...     print(error.errno == errno.ENOENT)
        True

    """

    def __init__(self, message: str, *, errno: int | None = None, wire: tuple[str, ...] = ()) -> None:
        """Take the sentence and the number of the system's error."""
        super().__init__(message, wire=wire)
        self.errno = errno

    def __reduce__(self) -> tuple[Any, ...]:
        """Keep the number as well."""
        return _rebuilt, (type(self), self.args, {**self.__dict__, "errno": self.errno})


class ResponseTimeout(ModemError, TimeoutError):  # noqa: N818 - the contract's name
    """The module did not answer within the dialect's maximum response time, or within the shorter time given.

    Example:
        >>> mqtt.receive(timeout=0.1)
        Traceback (most recent call last):
        modemqtt.exceptions.ResponseTimeout: no message for client 0 within 0.1 s

    """


class CommandError(ModemError):
    """The module refused a command with a final result code (V.250, 5.7; 3GPP TS 27.007, 9.2).

    Example:
        >>> try:
        ...     modem.command("AT+NOPE")
        ... except CommandError as error:
        ...     print(error.command, error.code)
        AT+NOPE None

    """

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
    """The module carried a command out and reported failure in its result URC.

    Example:
        >>> broker.stop()
        >>> try:
        ...     modem.mqtt(1).open(broker.host, broker.port)
        ... except OperationError as error:
        ...     print(error.operation, error.result)
        open 5

    """

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
    """``+QMTOPEN`` reported that the network connection could not be opened.

    Example:
        >>> broker.stop()
        >>> try:
        ...     modem.mqtt(1).open(broker.host, broker.port)
        ... except OpenError as error:
        ...     print(error.name)
        network error

    """


class ConnectError(OperationError):
    """``+QMTCONN`` reported that the server refused, or that the packet could not be sent.

    Example:
        >>> broker.refuse(5)
        >>> modem.mqtt(1).open(broker.host, broker.port)
        >>> try:
        ...     modem.mqtt(1).connect("bench-8", "lab", "correct-horse")
        ... except ConnectError as error:
        ...     print(error.return_code)
        5

    """

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
    """``+QMTSUB`` reported failure, the server refused every topic (result 128), or too few were granted.

    Example:
        >>> broker.deny("secret/#")
        >>> try:
        ...     mqtt.subscribe("secret/#")
        ... except SubscribeError as error:
        ...     print(error.granted)
        (128,)

    """

    granted: tuple[int, ...]
    """The QoS granted for the first topics, in order: 0 to 2, or 128 if the server refused. Empty if the module gave up
    before it reported any."""

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
    """``+QMTUNS`` reported failure.

    Example:
        >>> expected = modem.virtual.expect("AT+QMTUNS=*").respond().urc("+QMTUNS: 0,1,2")
        >>> try:
        ...     mqtt.unsubscribe("bench/#")
        ... except UnsubscribeError as error:
        ...     print(error.result)
        2

    """


class PublishError(OperationError):
    """``+QMTPUB`` reported that the message could not be delivered.

    Example:
        >>> expected = modem.virtual.expect("AT+QMTPUB=*").prompt().respond().urc("+QMTPUB: 0,1,2")
        >>> try:
        ...     mqtt.publish("bench/t", b"1", qos=1)
        ... except PublishError as error:
        ...     print(error.result, error.name)
        2 failed to send the packet

    """


class DisconnectError(OperationError):
    """``+QMTDISC`` reported failure.

    Example:
        >>> expected = modem.virtual.expect("AT+QMTDISC=0").respond().urc("+QMTDISC: 0,-1")
        >>> try:
        ...     mqtt.disconnect()
        ... except DisconnectError as error:
        ...     print(error.result)
        -1

    """


class CloseError(OperationError):
    """``+QMTCLOSE`` reported failure.

    Example:
        >>> expected = modem.virtual.expect("AT+QMTCLOSE=0").respond().urc("+QMTCLOSE: 0,-1")
        >>> try:
        ...     mqtt.close()
        ... except CloseError as error:
        ...     print(error.result)
        -1

    """


class TokenError(OperationError):
    """``+QMTENAUTH`` reported that no token was issued.

    Example:
        >>> with Modem("virtual://BC28") as modem:
        ...     expected = modem.virtual.expect("AT+QMTENAUTH=*").respond().urc("+QMTENAUTH: 5")
        ...     try:
        ...         modem.mqtt().authenticate(Tencent("a1b2c3", "bench-7", "a1b2c3@bench-7", "correct-horse"))
        ...     except TokenError as error:
        ...         print(error.result)
        5

    """


class ConnectionLost(ModemError):  # noqa: N818 - the contract's name
    """The client has lost its connection (``+QMTSTAT``).

    Example:
        >>> broker.drop_clients()
        >>> try:
        ...     mqtt.receive()
        ... except ConnectionLost as error:
        ...     print(error.code, error.name)
        1 connection closed or reset by the peer

    """

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
    """The module has restarted, or has powered down: its connections and settings are gone.

    Example:
        >>> modem.virtual.restart()
        >>> try:
        ...     mqtt.receive()
        ... except ModuleRestarted:
        ...     print("connect again, or have session(reconnect=True) do it")
        connect again, or have session(reconnect=True) do it

    """


class RegistrationError(ModemError):
    """The module will not be registered with a network: denied, or the SIM card is missing, locked or defective.

    The refusal of ``AT+CPIN?``, where there was one, is its ``__cause__``.

    Example:
        >>> modem.virtual.set_registration(3)
        >>> try:
        ...     modem.wait_registered(timeout=5)
        ... except RegistrationError as error:
        ...     print(error.stat)
        3

    """

    stat: int | None
    """``<stat>`` of the registration, 3 when it is denied; ``None`` if the SIM card is the reason."""

    def __init__(self, message: str, *, stat: int | None = None, wire: tuple[str, ...] = ()) -> None:
        """Take the sentence and what it is about."""
        super().__init__(message, wire=wire)
        self.stat = stat


class ProtocolError(ModemError):
    """The module did what its dialect does not allow.

    Example:
        >>> expected = modem.virtual.expect("AT+CCID").respond("nothing")
        >>> try:
        ...     modem.iccid
        ... except ProtocolError as error:
        ...     print(error.line)
        nothing

    """

    expected: str
    """What was expected."""
    line: str
    """What came."""

    def __init__(self, message: str, *, expected: str, line: str, wire: tuple[str, ...] = ()) -> None:
        """Take the sentence and what it is about."""
        super().__init__(message, wire=wire)
        self.expected = expected
        self.line = line
