"""Reads another program's log of a serial line, for `support.from_log`.

A line of it is a direction and what went over the wire, with anything in front: a time, a level, a name.

    12:00:01.250 TX: AT+CSQ
    2026-05-01 12:00:01,300 DEBUG <- b'\\r\\n+CSQ: 20,0\\r\\n\\r\\nOK\\r\\n'

What went over the wire is text, or bytes as Python writes them. Pieces of one direction are put together, since a
program reads as the bytes come. Behind a prompt the host's bytes are data until the module prints something.
"""

from __future__ import annotations

import ast
import re
from typing import NamedTuple

_SENT = r"TX|SEND|SENT|WRITE|WROTE|>>>?|-+>|=>|→|>"
_READ = r"RX|RECV|RECEIVED|READ|<<<?|<-+|<=|←|<"
_LINE = re.compile(
    rf"(?P<before>.*?)(?:^|(?<=[\s\[(])|(?<=:))(?:(?P<sent>{_SENT})|(?P<read>{_READ}))[\])]?\s*:?(?:\s(?P<text>.*))?$",
    re.IGNORECASE,
)
_CLOCK = re.compile(r"(?:^|\D)(\d{1,2}):(\d\d):(\d\d)(?:[.,](\d{1,6}))?")
_SECONDS = re.compile(r"(?:^|[\s\[(])(\d+\.\d+)")
_NAMED = re.compile(r"<(CR|LF|CTRL[-+]Z|SUB|ESC)>", re.IGNORECASE)
_BYTES = {"CR": "\r", "LF": "\n", "SUB": "\x1a", "ESC": "\x1b"}
_MESSAGE = re.compile(rb'(\+QMTRECV: ?\d+,\d+, ?(?:"[^"]*"|[^",\r\n]*), ?)(?:(\d+),(?:\r\n)?)?("?)')
_COMMAND = re.compile(r"\s*AT", re.IGNORECASE)
_STEP = 0.001
_DAY = 86_400


class Chunk(NamedTuple):
    """Bytes that went one way, as one line of the log has them."""

    number: int
    at: float
    sent: bool
    data: bytes


class Piece(NamedTuple):
    """A line without its line ends, or data; a message in parts: before its payload, the payload, and the rest."""

    number: int
    at: float
    sent: bool
    line: bytes
    payload: bytes | None = None
    behind: str = ""


def chunks(text: str) -> list[Chunk]:
    """Read the lines of a log; lines without a direction are left out."""
    found: list[Chunk] = []
    at = 0.0
    for number, row in enumerate(text.splitlines(), start=1):
        match = _LINE.match(row)
        if match is None or match["text"] is None:
            continue
        at = _time(match["before"], at)
        found.append(Chunk(number, at, match["sent"] is not None, _data(match["text"], sent=match["sent"] is not None)))
    return found


def _time(before: str, last: float) -> float:
    """Read the time before a line: of the day, or in seconds; a line without one comes just after the last."""
    if clock := _CLOCK.search(before):
        hours, minutes, seconds = (int(part) for part in clock.group(1, 2, 3))
        at = 3600 * hours + 60 * minutes + seconds + float(f"0.{clock[4] or 0}")
        return at if at >= last else at + _DAY
    if told := _SECONDS.search(before):
        return float(told[1])
    return last + _STEP


def _data(text: str, *, sent: bool) -> bytes:
    text = text.strip()
    if re.match(r"(b|bytearray\(b)['\"]", text):
        try:
            return bytes(ast.literal_eval(text.removeprefix("bytearray(").removesuffix(")")))
        except (SyntaxError, ValueError):
            pass
    if len(text) > 1 and text[0] == text[-1] == "'":
        text = text[1:-1]
    text = _NAMED.sub(lambda name: _BYTES.get(name[1].upper(), "\x1a"), text)
    for escape, byte in (("\\r", "\r"), ("\\n", "\n"), ("\\x1a", "\x1a"), ("\\x1b", "\x1b")):
        text = text.replace(escape, byte)
    data = text.encode()
    if data.endswith((b"\r", b"\n", b"\x1a")) or (sent and not _COMMAND.match(text)) or text == ">":
        return data
    return data + (b"\r" if sent else b"\r\n")


def pieces(text: str) -> list[Piece]:
    """Part what went over the line into the lines of both ends."""
    found: list[Piece] = []
    waits = False
    for chunk in _joined(chunks(text)):
        if chunk.sent and waits:
            # Without its end nothing is a payload that Ctrl-Z ends; some programs log what they were given.
            found.append(Piece(chunk.number, chunk.at, sent=True, line=b"", payload=_ended(chunk.data, found)))
        elif chunk.sent:
            found += [
                Piece(chunk.number, chunk.at, sent=True, line=line)
                for line in re.split(rb"\r\n?|\n", chunk.data)
                if line
            ]
        else:
            found += _printed(chunk)
        waits = not chunk.sent and bool(found) and found[-1].line in (b">", b"CONNECT")
    return found


def _joined(log: list[Chunk]) -> list[Chunk]:
    joined: list[Chunk] = []
    for chunk in log:
        last = joined[-1] if joined else None
        # A command right after a command is a new one: the first had no answer.
        if last and last.sent == chunk.sent and not (chunk.sent and last.data.endswith((b"\r", b"\n"))):
            joined[-1] = last._replace(data=last.data + chunk.data)
        else:
            joined.append(chunk)
    return joined


def _ended(data: bytes, before: list[Piece]) -> bytes:
    command = next((piece.line for piece in reversed(before) if piece.sent), b"")
    counted = re.search(rb'^AT\+QMTPUB(EX)?=.*",(\d+)$', command, re.IGNORECASE)
    if counted:
        return data[: int(counted[2])]
    if data.endswith(b"\x1a"):
        return data
    return data.removesuffix(b"\n").removesuffix(b"\r") + b"\x1a"


def _printed(chunk: Chunk) -> list[Piece]:
    """Part what a module has printed; a line end in a counted payload is the payload's."""
    found: list[Piece] = []
    rest = chunk.data
    while rest := rest.lstrip(b"\r\n"):
        message = _MESSAGE.match(rest)
        counted = int(message[2]) if message and message[2] else None
        if message and counted is not None:
            end = message.end() + counted
        else:
            end = min(at for at in (rest.find(b"\r"), rest.find(b"\n"), len(rest)) if at >= 0)
        if message is None:
            line, rest = rest[:end], rest[end:]
            line = b">" if line.rstrip() == b">" else line
            found.append(Piece(chunk.number, chunk.at, sent=False, line=line))
            continue
        payload, rest = rest[message.end() : end], rest[end:]
        quote = message[3]
        if counted is None and quote:
            payload = payload.removesuffix(b'"')
        rest = rest.removeprefix(quote)
        piece = Piece(chunk.number, chunk.at, sent=False, line=message[0], payload=payload, behind=quote.decode())
        found.append(piece)
    return found
