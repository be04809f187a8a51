"""What a reader sees in the lines of the wire: commands, data, answers, results and unsolicited lines.

Only form and place tell them apart. Nothing in a program depends on it.
"""

from __future__ import annotations

import enum
import re
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class LoggedLine(Protocol):
    """A line of the wire, as :class:`modemqtt.WireLine` has it."""

    @property
    def timestamp(self) -> float:
        """When, in seconds since 1970."""

    @property
    def sent(self) -> bool:
        """Whether the host sent it."""

    @property
    def text(self) -> str:
        """The line, without its end."""


class Kind(enum.Enum):
    """What a line is, from the host's lane to the module's; the value is the word that is shown."""

    COMMAND = "command"
    DATA = "data"
    ECHO = "echo"
    PROMPT = "prompt"
    ANSWER = "answer"
    DONE = "result"
    FAILED = "failure"
    URC = "URC"


class Shown(NamedTuple):
    """A line with what it is."""

    line: LoggedLine
    kind: Kind


_DONE = re.compile(r"OK|CONNECT\b.*|SEND OK", re.DOTALL)
_FAILED = re.compile(r"ERROR|\+CM[ES] ERROR\b.*|NO CARRIER|NO ANSWER|NO DIALTONE|BUSY|SEND FAIL", re.DOTALL)
# How the log ends a line of data.
_COUNTED = re.compile(r"<\d+ bytes?>$")
# The names of the commands in a line, without their parameters: AT+CSQ;+CREG? holds +CSQ and +CREG.
_NAMES = re.compile(r"[+^$#][A-Z0-9]+")
_NAMED = re.compile(r"([+^$#][A-Z0-9]+)(?: ?[:=]|$)")


def told_apart(lines: Iterable[LoggedLine]) -> Iterator[Shown]:
    """Tell what each line is; the lines come in order."""
    command: str | None = None
    for line in lines:
        if line.sent:
            kind = _sent(line.text)
            command = line.text if kind is Kind.COMMAND else command
        else:
            kind = _received(line.text, command)
            if kind in (Kind.DONE, Kind.FAILED):
                command = None
        yield Shown(line, kind)


def _sent(text: str) -> Kind:
    return Kind.COMMAND if text[:2].upper() == "AT" and not _COUNTED.search(text) else Kind.DATA


def _received(text: str, command: str | None) -> Kind:
    if text.strip() == ">":
        return Kind.PROMPT
    if _DONE.fullmatch(text):
        return Kind.DONE
    if _FAILED.fullmatch(text):
        return Kind.FAILED
    if command is None:
        return Kind.URC
    if text == command:
        return Kind.ECHO
    named = _NAMED.match(text)
    answers = named is None or named[1] in _NAMES.findall(command.upper())
    return Kind.ANSWER if answers else Kind.URC
