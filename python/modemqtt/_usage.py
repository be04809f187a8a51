"""Arguments: how they are read, and how wrong ones are told apart from mistakes of this package."""

from __future__ import annotations

import contextlib
import logging
import re
import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from modemqtt.exceptions import ModemError, UsageError, UsageTypeError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modemqtt._core import Pending

logger = logging.getLogger("modemqtt")

T = TypeVar("T")


@contextlib.contextmanager
def arguments() -> Iterator[None]:
    """Raise :class:`UsageError` for an argument that is of the wrong type, too large for any machine, or not Unicode.

    For a wrong type it is a :class:`UsageTypeError`.

    Put it around the call that passes arguments to the core, and around nothing else.
    """
    try:
        yield
    except (TypeError, OverflowError, UnicodeError) as error:
        message = _told(error)
        kind = UsageTypeError if isinstance(error, TypeError) else UsageError
    else:
        return
    # Outside the handler: a UnicodeError holds the text, which may be a password.
    raise kind(message)


# How the core words a wrong type, and how an argument's name follows in a note.
_WRONG_TYPE = re.compile(
    r"'(?P<other>\w+)'(?: object)? is not an instance of '(?P<wanted>\w+)'"
    r"|'(?P<whole>\w+)' object cannot be interpreted as an integer"
    r"|must be real number, not (?P<number>\w+)"
    r"|expected str, bytes or os\.PathLike object, not (?P<path>\w+)"
)
_KINDS = {"other": "", "whole": "a whole number", "number": "a number", "path": "the path of a file"}
_NAMED = re.compile(r"while processing '(\w+)'")


def _told(error: Exception) -> str:
    """Say what an argument must be."""
    said, notes = str(error), " ".join(getattr(error, "__notes__", ()))
    named = _NAMED.search(notes)
    name = named.group(1) if named else "an argument"
    name = "topic" if name == "topics" else name
    if isinstance(error, OverflowError):
        return f"{name} must be 0 or more" if "negative" in said else f"{name} must be a smaller number"
    if isinstance(error, UnicodeError):
        return f"{name} must be a text that can be encoded in UTF-8"
    found = _WRONG_TYPE.search(said)
    if found is None:
        return f"{said} {notes}".rstrip()
    [(kind, given)] = [(kind, given) for kind, given in found.groupdict().items() if given and kind in _KINDS]
    wanted = _KINDS[kind] or ("True or False" if found["wanted"] == "bool" else f"a {found['wanted']}")
    if name == "timeout":
        wanted = "0 s or more, or None"
    return f"{name} must be {wanted}, not {given.removesuffix('Type')}"


def whole(name: str, value: object, least: int, most: int) -> int:
    """Check a whole number."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise UsageTypeError(f"{name} must be a whole number, {least} to {most}, not {value!r}")
    if not least <= value <= most:
        raise UsageError(f"{name} must be {least} to {most}, not {value}")
    return value


def finished(pending: Pending, timeout: float | None = None) -> Any:
    """Wait for the end of a call. An interrupt withdraws the call; if it goes on, the log says so."""
    try:
        return pending.wait(timeout)
    except ModemError:
        raise
    except BaseException:
        if not pending.take_back() and not pending.done:
            logger.warning("the wait for %s was interrupted, but the call goes on", pending.subject)
        raise


def seconds(timeout: float | None, *, otherwise: float) -> float:
    """Check a time in seconds."""
    if timeout is None:
        return otherwise
    wrong = f"timeout must be 0 s or more, or None, not {timeout!r}"
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)):
        raise UsageTypeError(wrong)
    try:
        checked = float(timeout)
    except OverflowError:
        checked = float("nan")
    if not checked >= 0:
        raise UsageError(wrong)
    return checked


def flag(name: str, value: object) -> None:
    """Check a choice between two."""
    if not isinstance(value, bool):
        raise UsageTypeError(f"{name} must be True or False, not {value!r}")


def text(name: str, value: object, example: str) -> None:
    """Check that a value is a text."""
    if not isinstance(value, str):
        raise UsageTypeError(f"{name} must be a text such as {example}, not {value!r}")


class Deadline:
    """The time at which a call must end; without a timeout it never must."""

    __slots__ = ("_at",)

    def __init__(self, timeout: float | None) -> None:
        """Begin to count.

        Raises:
            UsageError: the timeout is not a time in seconds.

        """
        self._at = None if timeout is None else time.monotonic() + seconds(timeout, otherwise=0.0)

    @property
    def left(self) -> float | None:
        """Seconds that are left, 0 when none are; ``None`` without a timeout."""
        return None if self._at is None else max(0.0, self._at - time.monotonic())

    def at_most(self, timeout: float | None) -> float | None:
        """Return the timeout of a step: `timeout`, or what is left where that is less."""
        return min((time for time in (timeout, self.left) if time is not None), default=None)


def subscriptions(topic: str | Iterable[tuple[str, int]], qos: int) -> list[tuple[str, int]]:
    """Give each topic with its QoS."""
    wrong = 'topic must be a str, or pairs of topic and QoS as in [("a/#", 1)]'
    return [_topic_and_qos(pair, wrong) for pair in ([(topic, qos)] if isinstance(topic, str) else _each(topic, wrong))]


def topics(topic: str | Iterable[str]) -> list[str]:
    """Give each topic."""
    wrong = 'topic must be a str, or several as in ["a/#", "b"]'
    return [topic] if isinstance(topic, str) else [_topic(one, wrong) for one in _each(topic, wrong)]


def _each(given: Iterable[T], wrong: str) -> Iterator[T]:
    # Bytes would give numbers, and a mapping its keys alone.
    if isinstance(given, (bytes, bytearray, memoryview, Mapping)) or not isinstance(given, Iterable):
        raise UsageTypeError(f"{wrong}, not {given!r}")
    return iter(given)


def _topic(one: object, wrong: str) -> str:
    if not isinstance(one, str):
        raise UsageTypeError(f"{wrong}, not {one!r}")
    return one


def _topic_and_qos(pair: Any, wrong: str) -> tuple[str, int]:
    match pair:
        case (topic, qos):
            return _topic(topic, wrong), qos
    raise UsageTypeError(f"{wrong}, not {pair!r}")


def payload_bytes(payload: object) -> bytes:
    """Give the bytes that paho-mqtt would send for it."""
    match payload:
        case None:
            return b""
        case str():
            try:
                return payload.encode()
            except UnicodeEncodeError as error:
                raise UsageError(f"payload must be a text that can be encoded in UTF-8: {error.reason}") from None
        case bool():
            pass
        case bytes() | bytearray() | memoryview():
            return bytes(payload)
        case int() | float():
            return str(payload).encode()
    raise UsageTypeError(f"payload must be bytes, str, a number or None, not {type(payload).__name__}")
