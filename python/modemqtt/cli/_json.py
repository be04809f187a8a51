"""JSON as ``mosquitto_sub`` prints it: the same spaces, and bytes that are not UTF-8 unchanged."""

from __future__ import annotations

import json
import re
from typing import Any, TypeAlias, Union


class Object:
    """The pairs of an object, in order; a name may come twice."""

    def __init__(self, pairs: list[tuple[str | bytes, Value]]) -> None:
        """Take the pairs."""
        self.pairs = pairs


class Real(float):
    """A number that was written with a point or an exponent."""


Value: TypeAlias = Union[str, bytes, int, Real, bool, Object, "list[Any]", None]
_CONSTANTS = {None: b"null", True: b"true", False: b"false"}

_SHORT = {b'"': b'\\"', b"\\": b"\\\\", b"\b": b"\\b", b"\f": b"\\f", b"\n": b"\\n", b"\r": b"\\r", b"\t": b"\\t"}
_SPECIAL = re.compile(rb'[\x00-\x1f"\\]')


def payload_or_null(payload: bytes) -> bytes | None:
    """Return a payload as the string that stands for it; an empty one is null."""
    return payload or None


def parse(payload: bytes) -> Value:
    """Parse a text.

    Raises:
        ValueError: it is not JSON.

    """
    parsed: Value = json.loads(
        payload.decode("utf-8"), object_pairs_hook=Object, parse_float=Real, parse_constant=_no_constant
    )
    return parsed


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def dump(value: Value, *, pretty: bool, depth: int = 0) -> bytes:
    """Write a value."""
    match value:
        case Object():
            return _dump_object(value, pretty=pretty, depth=depth + 1)
        case list():
            inner = (b", " if pretty else b",").join(dump(each, pretty=pretty, depth=depth + 1) for each in value)
            return b"[" + inner + b"]"
        case str() | bytes():
            return _string(value)
        case None | bool():
            return _CONSTANTS[value]
        case Real():
            # As few digits as tell it apart.
            short = f"{value:.15g}"
            return (short if float(short) == value else f"{value:.17g}").encode()
    return b"%d" % value


def _dump_object(pairs: Object, *, pretty: bool, depth: int) -> bytes:
    if not pretty:
        return b"{" + b",".join(_string(name) + b":" + dump(each, pretty=False) for name, each in pairs.pairs) + b"}"
    lines = [
        b"\t" * depth + _string(name) + b":\t" + dump(each, pretty=True, depth=depth) for name, each in pairs.pairs
    ]
    body = b",\n".join(lines) + b"\n" if lines else b""
    return b"{\n" + body + b"\t" * (depth - 1) + b"}"


def _string(value: str | bytes) -> bytes:
    raw = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
    return b'"' + _SPECIAL.sub(_escape, raw) + b'"'


def _escape(found: re.Match[bytes]) -> bytes:
    return _SHORT.get(found[0]) or b"\\u%04x" % found[0][0]
