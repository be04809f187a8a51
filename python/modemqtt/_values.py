"""The values that a program passes and receives. All are frozen."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any


@dataclass(frozen=True, slots=True)
class Message:
    """A received message (``+QMTRECV``).

    Example:
        >>> mqtt.subscribe("bench/#")
        [0]
        >>> broker.publish("bench/7", '{"temp": 21.5}')
        >>> message = mqtt.receive(timeout=5)
        >>> message.topic, message.payload, message.json()["temp"]
        ('bench/7', b'{"temp": 21.5}', 21.5)

    """

    topic: str
    """The topic name."""
    payload: bytes
    """The payload, bit for bit."""
    message_id: int
    """The message id, 1 to 65535; 0 with QoS 0."""
    client: int
    """The client index."""
    timestamp: float
    """When its last byte was read, in seconds since 1970."""
    complete: bool
    """False where the dialect's framing left in doubt where the payload ends."""

    def text(self) -> str:
        """Return the payload as text in UTF-8.

        Raises:
            ValueError: it is not UTF-8; :attr:`payload` has the bytes.

        """
        try:
            return self.payload.decode()
        except UnicodeDecodeError as error:
            byte, place = self.payload[error.start], error.start
            doubt = self._doubt()
        raise ValueError(
            f"the payload on {self.topic!r} is not UTF-8 text: byte {place + 1} of {len(self.payload)} is"
            f" 0x{byte:02X}; message.payload has the bytes{doubt}"
        )

    def json(self) -> Any:
        """Return what the payload holds as JSON: numbers, texts, lists, dictionaries.

        Raises:
            ValueError: it is not JSON in UTF-8; :attr:`payload` has the bytes.

        """
        import json  # noqa: PLC0415 - few programs need it

        text = self.text()
        try:
            return json.loads(text)
        except ValueError as error:
            told, doubt = str(error), self._doubt()
        except RecursionError:
            told, doubt = "it is nested too deeply", ""
        raise ValueError(f"the payload on {self.topic!r} is not JSON: {told}; message.text() has the text{doubt}")

    def _doubt(self) -> str:
        return "" if self.complete else "; it may not be complete"

    def _repr_html_(self) -> str:
        from modemqtt import _html  # noqa: PLC0415 - only in a notebook

        return _html.message(
            self.topic, self.payload, self.message_id, self.client, self.timestamp, complete=self.complete
        )


@dataclass(frozen=True, slots=True)
class Response:
    """The answer to a command line.

    Example:
        >>> modem.command("AT+CSQ")
        Response(lines=('+CSQ: 20,0',), final='OK')

    """

    lines: tuple[str, ...]
    """The information responses, in order."""
    final: str
    """The final result code, ``OK``."""

    def _repr_html_(self) -> str:
        from modemqtt import _html  # noqa: PLC0415 - only in a notebook

        return _html.response(self.lines, self.final)


@dataclass(frozen=True, slots=True)
class Will:
    """The message that the server publishes when the client vanishes (``AT+QMTCFG="will"``).

    Topic and payload are part of a command line, so neither may hold a double quote, CR, LF, Ctrl-Z, ESC or NUL;
    BC660K-GL takes 1 to 256 bytes of each (BC660K-GL MQTT Application Note V1.1, 3.3.1).

    Example:
        >>> modem.mqtt(1).configure(will=Will("bench/7", b"gone", qos=1))

    """

    topic: str
    """The topic name."""
    payload: bytes
    """The payload."""
    qos: int = 0
    """The quality of service, 0 to 2."""
    retain: bool = False
    """Whether the server keeps it for later subscribers."""


@dataclass(frozen=True, slots=True)
class Alibaba:
    """Device credentials for Alibaba Cloud (``AT+QMTCFG="aliauth"``); ``connect()`` then takes no user and no password.

    At most 64 bytes each on BC660K-GL.

    Example:
        >>> device = Alibaba("a1b2c3", "bench-7", "correct-horse")
        >>> device
        Alibaba(product_key='a1b2c3', device_name='bench-7')
        >>> with Modem("virtual://BC660K-GL") as modem:
        ...     modem.mqtt().configure(alibaba=device)

    """

    product_key: str
    """The product key."""
    device_name: str
    """The device name."""
    device_secret: str = field(repr=False)
    """The device secret. It shows in no output."""


@dataclass(frozen=True, slots=True)
class OneNet:
    """Device credentials for China Mobile OneNET (``AT+QMTCFG="onenet"``).

    ``connect()`` then takes no user and no password.

    Example:
        >>> with Modem("virtual://EG915Q") as modem:
        ...     modem.mqtt().configure(onenet=OneNet("a1b2c3", "correct-horse"))

    """

    product_id: str
    """The product id."""
    access_key: str = field(repr=False)
    """The access key. It shows in no output."""


@dataclass(frozen=True, slots=True)
class Tencent:
    """Device credentials for a token of Tencent Cloud (``AT+QMTENAUTH``; BC35-G&BC28 note V1.0, 3.2.2).

    Example:
        >>> device = Tencent("a1b2c3", "bench-7", "a1b2c3@bench-7", "correct-horse")
        >>> with Modem("virtual://BC28") as modem:
        ...     token = modem.mqtt().authenticate(device)

    """

    product_id: str
    """The product id."""
    device_name: str
    """The device name."""
    client_id: str
    """The client id; the note says ``<product_id>@<device_name>``."""
    device_secret: str = field(repr=False)
    """The device secret. It shows in no output."""
    expire: int | None = None
    """When the token expires, as the service takes it."""
    url: str | None = None
    """Where to get the token; only with `expire`."""


@dataclass(frozen=True, slots=True)
class WireLine:
    """One line of the wire log. Secrets are masked; a payload is shown by its head and its length.

    Example:
        >>> modem.command("AT+CSQ").final
        'OK'
        >>> line = modem.wire[-2]
        >>> str(line), line.sent
        ('< +CSQ: 20,0', False)

    """

    timestamp: float
    """When, in seconds since 1970."""
    sent: bool
    """Whether the host sent it."""
    text: str
    """The line, without its end."""

    def __str__(self) -> str:
        """``> AT+CSQ`` or ``< +CSQ: 20,0``."""
        return f"{'>' if self.sent else '<'} {self.text}"


@dataclass(frozen=True, slots=True)
class Stats:
    """Counters since the port was opened.

    Example:
        >>> modem.stats.messages_dropped
        0

    """

    bytes_received: int
    """Bytes read from the port."""
    bytes_sent: int
    """Bytes written to the port."""
    messages: int
    """Messages received."""
    messages_dropped: int
    """Messages dropped because no one took them from ``receive()`` and there was no more room."""
    overruns: int
    """Times that the module's buffer was full (``receive="buffer"``): messages may have been lost."""
    restarts: int
    """Times that the module has restarted."""
    urcs: int
    """Lines that no one waited for."""
    urcs_dropped: int
    """Those of them dropped because no one took them from ``urcs()`` and there was no more room."""
    events_dropped: int
    """Callbacks that were never called, because others took too long and there was no more room."""
    wakeups: int
    """Times that the I/O thread has woken; an idle modem adds none."""
    callback_errors: int
    """Callbacks that raised."""

    def _repr_html_(self) -> str:
        from modemqtt import _html  # noqa: PLC0415 - only in a notebook

        return _html.stats(asdict(self))
