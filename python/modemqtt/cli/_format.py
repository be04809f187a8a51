"""What ``sub`` prints of a message: the formats of ``mosquitto_sub``."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from modemqtt.cli import _json

if TYPE_CHECKING:
    from modemqtt import Message

Piece = Callable[["Message"], bytes]


class FormatError(ValueError):
    """The format is wrong."""


class NotJson(ValueError):  # noqa: N818 - what a payload is
    """A payload is not JSON, and ``%J`` asks for it."""


class _Field(NamedTuple):
    """How one field of a format is laid out: ``%-010p``."""

    align: str
    pad: bytes
    width: int

    def text(self, text: bytes) -> bytes:
        """Lay out a text, which is never cut."""
        if self.align:
            return text.ljust(self.width)
        return text.rjust(self.width)

    def number(self, number: int) -> bytes:
        """Lay out a number."""
        text = b"%d" % number
        return text.ljust(self.width) if self.align else text.rjust(self.width, self.pad)

    def payload(self, payload: bytes, unit: int = 1) -> bytes:
        """Lay out a payload, cut to the width if there is one; `unit` is the number of characters of a byte."""
        if not self.width:
            return payload
        whole = payload[: self.width // unit * unit]
        return whole.ljust(self.width) if self.align else whole.rjust(self.width, self.pad)


_SPECIFIER = re.compile(r"(?P<align>-?)(?P<zero>0?)(?P<width>\d*)(?:\.\d*)?(?P<letter>.?)", re.DOTALL)
_ESCAPES = {"\\": b"\\", "0": b"\0", "a": b"\a", "e": b"\x1b", "n": b"\n", "r": b"\r", "t": b"\t", "v": b"\v"}
_OF_VERSION_5 = "ACDEFPRS"


def default(*, verbose: bool, end: bytes) -> Piece:
    """Return the printer of messages without a format: an empty one prints nothing, unless `verbose`."""
    if not verbose:
        return lambda message: message.payload + end if message.payload else b""

    def with_topic(message: Message) -> bytes:
        topic = encoded(message.topic)
        if message.payload:
            return topic + b" " + message.payload + end
        return topic + b" (null)" + end if end else b""

    return with_topic


def compiled(written: str, *, pretty: bool, end: bytes) -> Piece:
    """Return the printer of messages with a format.

    Raises:
        FormatError: the format is wrong.

    """
    pieces: list[bytes | Piece] = []
    at = 0
    while at < len(written):
        mark, at = written[at], at + 1
        if mark == "%":
            found = _SPECIFIER.match(written, at)
            assert found is not None  # noqa: S101 - it matches everything
            at = found.end()
            pieces.append(_specified(found, pretty=pretty))
        elif mark == "@":
            pieces.append(_moment(written[at : at + 1]))
            at += 1
        elif mark == "\\":
            pieces.append(_escaped(written[at : at + 1]))
            at += 1
        else:
            pieces.append(encoded(mark))
    pieces.append(end)
    return lambda message: b"".join(piece if isinstance(piece, bytes) else piece(message) for piece in pieces)


def encoded(text: str) -> bytes:
    """Return the original bytes of a text that came as bytes."""
    return text.encode("utf-8", "surrogateescape")


def _specified(found: re.Match[str], *, pretty: bool) -> bytes | Piece:
    letter = found["letter"]
    if not letter:
        raise FormatError("the format ends in the middle of %")
    if letter == "%":
        return b"%"
    field = _Field(found["align"], b"0" if found["zero"] else b" ", int(found["width"] or 0))
    pieces: dict[str, Piece] = {
        "t": lambda message: field.text(encoded(message.topic)),
        "p": lambda message: field.payload(message.payload),
        "x": lambda message: field.payload(message.payload.hex().encode(), 2),
        "X": lambda message: field.payload(message.payload.hex().upper().encode(), 2),
        "l": lambda message: field.number(len(message.payload)),
        "m": lambda message: field.number(message.message_id),
        # A module reports neither QoS nor whether it was retained.
        "q": lambda _: b"",
        "r": lambda _: b"",
        "I": lambda message: time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(message.timestamp)).encode(),
        "U": lambda message: b"%.9f" % message.timestamp,
        "j": lambda message: _object(message, _json.payload_or_null(message.payload), pretty=pretty),
        "J": lambda message: _object(message, _parsed(message.payload), pretty=pretty),
    }
    if letter in pieces:
        return pieces[letter]
    if letter in _OF_VERSION_5:
        raise FormatError(f"%{letter} is a property of MQTT 5, and modules speak 3.1 and 3.1.1")
    raise FormatError(f"%{letter} is not a format; use one of {' '.join('%' + known for known in (*pieces, '%'))}")


def _moment(letter: str) -> bytes | Piece:
    """Return the printer of a part of the time: a letter of strftime, or N for nanoseconds."""
    if not letter:
        raise FormatError("the format ends in the middle of @")
    if letter == "@":
        return b"@"
    if letter == "N":
        return lambda message: (b"%.9f" % message.timestamp).partition(b".")[2]
    return lambda message: time.strftime(f"%{letter}", time.localtime(message.timestamp)).encode()


def _escaped(letter: str) -> bytes:
    if letter not in _ESCAPES:
        raise FormatError(f"\\{letter} is not an escape; use one of {' '.join(chr(92) + known for known in _ESCAPES)}")
    return _ESCAPES[letter]


def _parsed(payload: bytes) -> _json.Value:
    if not payload:
        return None
    try:
        return _json.parse(payload)
    except ValueError:
        raise NotJson from None


def _object(message: Message, payload: _json.Value, *, pretty: bool) -> bytes:
    seconds, micro = divmod(round(message.timestamp * 1_000_000), 1_000_000)
    moment = time.localtime(seconds)
    pairs: list[tuple[str | bytes, _json.Value]] = [
        ("tst", f"{time.strftime('%Y-%m-%dT%H:%M:%S', moment)}.{micro:06}Z{time.strftime('%z', moment)}"),
        ("topic", encoded(message.topic)),
        ("qos", None),
        ("retain", None),
        ("payloadlen", len(message.payload)),
    ]
    if message.message_id:
        pairs.append(("mid", message.message_id))
    if not message.complete:
        pairs.append(("complete", False))
    pairs.append(("payload", payload))
    return _json.dump(_json.Object(pairs), pretty=pretty)
