"""Turns what went over a line into a transcript: lines and data with their times and the side that sent them.

Calls and their reports are read off the commands and their results; any command that is not of MQTT becomes
`* command`. Add by hand what the line does not show: why the module printed something unasked (`!`), and what `***`
stands for.
"""

from __future__ import annotations

import re
from collections import defaultdict, deque
from typing import TYPE_CHECKING, NamedTuple

from modemqtt.exceptions import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

# What `open()` sends before a transcript begins, and what the opening of a client sends before its own command.
_SET_UP = re.compile(r"AT|ATE0|ATQ0V1|AT\+CMEE(=1|\?)|AT\+CGMM|ATI", re.IGNORECASE)
_OF_OPEN = re.compile(r'AT\+QMTCFG="((recv/mode|dataformat|send/mode|showrecvlen)",|timeout",\d$)', re.IGNORECASE)
_FINAL = re.compile(r"OK|ERROR|\+(CME|CMS) ERROR: .*")
_RESULT = re.compile(r"\+QMT(OPEN|CONN|SUB|UNS|PUB|PUBEX|DISC|CLOSE): ?(\d+),(-?\d+)(.*)")
MESSAGE = re.compile(r'\+QMTRECV: ?(\d+),(\d+), ?("?)(.*?)\3,(?:(\d+),)?"?$', re.DOTALL)
_SUBSCRIBED = re.compile(r'"([^"]*)",([012])')
_WHAT_IS_LEFT = (b"AT+QMTCONN?", b"AT+QMTOPEN?")
_SETTLED = 0.05
_PAUSE = 0.5


class UnreadableError(UsageError):
    """The log cannot become a transcript."""


class Entry(NamedTuple):
    """A line of the log: bytes, and the payload at the end of its data, if any."""

    number: int
    at: float
    sent: bool
    line: bytes
    payload: bytes | None
    behind: str
    cut: int


def shown(data: bytes) -> str:
    """Write bytes as a transcript has them."""
    escapes = {0x0D: "\\r", 0x0A: "\\n", 0x09: "\\t", 0x5C: "\\\\"}
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = ""
    if text and all(one.isprintable() or ord(one) in escapes for one in text):
        written = text.translate(escapes)
    else:
        printable = range(0x20, 0x7F)
        written = "".join(escapes.get(one) or (chr(one) if one in printable else f"\\x{one:02x}") for one in data)
    return written[:-1] + "\\s" if written.endswith(" ") else written


def word(data: bytes) -> str:
    """Write a word of a call or of a report."""
    written = shown(data)
    return f'"{written}"' if not written or " " in written or written.startswith('"') else written


class Converter:
    """A log on its way to a transcript."""

    def __init__(self, model: str, source: str, *, prepared: Sequence[str] = ()) -> None:
        # What our host, unlike other programs, asks before it opens a client.
        self.prepared = prepared
        self.lines = [f"# {source}", f"@ model {model}", ""]
        self.call: tuple[str, ...] = ()
        self.answer: list[bytes] = []
        self.ids: dict[tuple[str, bytes], dict[int, int]] = defaultdict(dict)
        self.publishes: dict[tuple[bytes, bytes], tuple[bytes, int, bytes]] = {}
        self.echoes: deque[tuple[bytes, bytes]] = deque()
        self.subscribed = False
        self.waits = False
        self.until_ctrl_z = False
        # Whether the last line has several commands, each with an information response of its own.
        self.joined = False
        self.rest: list[Entry] = []

    def convert(self, log: list[Entry]) -> str:
        """Return the transcript."""
        log = _without_set_up(log)
        if not log:
            raise UnreadableError("the log has no command after the set-up")
        for at, entry in enumerate(log):
            if at and entry.at - log[at - 1].at >= _PAUSE:
                self.lines.append(f"! elapse {entry.at - log[at - 1].at:.1f}")
            self.rest = log[at + 1 :]
            if entry.sent:
                self.sent(entry, self.rest)
            else:
                self.received(entry)
            if entry.cut:
                self.lines.append(f"# The log leaves out {entry.cut} bytes of that; an x stands for each.")
        return "\n".join(self.lines) + "\n"

    def sent(self, entry: Entry, rest: list[Entry]) -> None:
        """Take what the host sent: a command line, or data."""
        if entry.payload is not None:
            # Data that was cut off also ends with Ctrl-Z.
            data = entry.payload[:-1] + b"\x1a" if entry.cut and self.until_ctrl_z else entry.payload
            self.lines.append(f"> {shown(data)}")
            return
        line = entry.line
        if not (self._asks_what_is_left(line) or self._opens(line, rest)):
            self.call = self._call(entry, rest)
            self.answer = []
            self.joined = b";" in line
        self.lines.append(f"> {shown(self._renumbered(line))}\\r")

    def _asks_what_is_left(self, line: bytes) -> bool:
        """Whether a question belongs to a close that was refused."""
        return self.call[:1] == ("close",) and line in _WHAT_IS_LEFT

    def _opens(self, line: bytes, rest: list[Entry]) -> bool:
        """Whether a command belongs to the opening of a client that follows."""
        if self.call[:1] == ("open",) and (self.waits or line.startswith(b"AT+QMTOPEN=")):
            self.waits = not line.startswith(b"AT+QMTOPEN=")
            return True
        if not _OF_OPEN.match(line.decode(errors="replace")):
            return False
        commands = (one.line for one in rest if one.sent and one.payload is None)
        opening = next((one for one in commands if not _OF_OPEN.match(one.decode(errors="replace"))), b"")
        if not opening.startswith(b"AT+QMTOPEN="):
            return False
        self._begin_open(opening)
        return True

    def _begin_open(self, line: bytes) -> None:
        match = re.fullmatch(rb'AT\+QMTOPEN=(\d+),"(.*)","?(\d+)"?', line)
        if match is None:
            raise UnreadableError(f"{line!r} opens nothing")
        self.waits = True
        self.call, self.answer = ("open", match[1].decode()), []
        self.lines.append(f"* open {match[1].decode()} {word(match[2])} {match[3].decode()}")
        self.lines += [re.sub(r'("),\d', rf"\1,{match[1].decode()}", row) for row in self.prepared]

    def _call(self, entry: Entry, rest: list[Entry]) -> tuple[str, ...]:  # noqa: PLR0911 - one a command
        line = entry.line
        match = re.fullmatch(rb"AT\+QMT(CONN|SUB|UNS|PUB|PUBEX|DISC|CLOSE)=(\d+)(?:,(.*))?", line, re.DOTALL)
        if line.startswith(b"AT+QMTOPEN="):
            self._begin_open(line)
            self.waits = False
            return self.call
        if match is None:
            self.lines.append(f"* command {word(line)}")
            return ("command", "0")
        name, client, tail = match[1], match[2].decode(), match[3] or b""
        texts = re.findall(rb'"([^"]*)"', tail)
        if name == b"CONN":
            self.lines.append(" ".join(["* connect", client, *map(word, texts)]))
            return ("connect", client)
        if name == b"SUB":
            topics = _SUBSCRIBED.findall(tail.decode())
            self.subscribed = True
            self.lines.append(" ".join(["* subscribe", client, *(f"{word(t.encode())} {qos}" for t, qos in topics)]))
            return ("subscribe", client)
        if name == b"UNS":
            self.lines.append(" ".join(["* unsubscribe", client, *map(word, texts)]))
            return ("unsubscribe", client)
        if name in (b"DISC", b"CLOSE"):
            call = "disconnect" if name == b"DISC" else "close"
            self.lines.append(f"* {call} {client}")
            return (call, client)
        return self._publish(entry, client, tail, rest)

    def _publish(self, entry: Entry, client: str, tail: bytes, rest: list[Entry]) -> tuple[str, ...]:
        match = re.match(rb'(\d+),([012]),([01]),"([^"]*)"(?:,(\d+)(?:,"(.*)")?)?$', tail, re.DOTALL)
        if match is None:
            raise UnreadableError(f"line {entry.number}: {entry.line!r} is not a publish")
        payload = match[6]
        if payload is None:
            data = next((one for one in rest if one.sent), None)
            if data is None or data.payload is None:
                raise UnreadableError(f"line {entry.number}: the payload of the publish is not in the log")
            self.until_ctrl_z = match[5] is None
            payload = data.payload[:-1] if self.until_ctrl_z else data.payload
        number = str(self._id("sent", client.encode(), int(match[1])))
        self.publishes[client.encode(), number.encode()] = (match[4], int(match[2]), payload)
        qos, retain = match[2].decode(), match[3].decode()
        self.lines.append(f"* publish {client} {qos} {retain} {word(match[4])} {word(payload)}")
        if self.subscribed:
            self.echoes.append((match[4], payload))
        return ("publish", client, number)

    def _id(self, kind: str, client: bytes, number: int) -> int:
        """Return the number of a message, counted from 1, as both ends count after a start."""
        known = self.ids[kind, client]
        return 0 if number == 0 else known.setdefault(number, len(known) + 1)

    def _renumbered(self, line: bytes) -> bytes:
        match = re.match(rb"(AT\+QMT(?:SUB|UNS|PUB|PUBEX)=(\d+),)(\d+)(,.*)", line, re.DOTALL)
        if match is None:
            return line
        return match[1] + b"%d" % self._id("sent", match[2], int(match[3])) + match[4]

    def received(self, entry: Entry) -> None:
        """Take what the module printed."""
        if entry.payload is not None:
            self._message(entry)
            return
        if entry.line in (b">", b"CONNECT"):
            self.lines.append("< \\r\\n>\\s" if entry.line == b">" else "< \\r\\nCONNECT\\r\\n")
            return
        text = entry.line.decode(errors="replace")
        if result := _RESULT.fullmatch(text):
            self._result(result)
            return
        self.lines.append(f"< \\r\\n{shown(entry.line)}\\r\\n")
        if stat := re.fullmatch(r"\+QMTSTAT: ?(\d+),(\d+)", text):
            if stat[2] == "1":
                self.lines.insert(-1, "! broker drop")
            # The server closes after a DISCONNECT, and nobody reports that.
            self.lines += [] if stat[2] == "5" else [f"= lost {stat[1]} {stat[2]}"]
        elif _FINAL.fullmatch(text):
            self._final(text)
        elif self.call[:1] == ("command",) or self.call[:1] == ("open",):
            # No empty line stands between the lines of one information response (V.250 section 5.7.1).
            if self.answer and self.lines[-2].startswith("< ") and not self.joined:
                self.lines[-1] = f"< {shown(entry.line)}\\r\\n"
            self.answer.append(entry.line)
        else:
            self.lines.insert(-1, "# What made the module print this?")
            self.lines.append(f'= urc "{shown(entry.line)}"')

    def _final(self, text: str) -> None:
        if not self.call:
            raise UnreadableError(f"{text} answers no command of the log")
        if self.waits:
            return
        name, client, *rest = self.call
        if name == "close" and (text != "OK" or self.answer):
            # The host asks what is left, and accepts that nothing is.
            self.answer = [b"refused"]
            following = next((one.line for one in self.rest if one.sent), b"")
            if following not in _WHAT_IS_LEFT:
                self.lines.append(f"= closed {client}")
                self.call = ()
            return
        if text != "OK":
            error = text if text == "ERROR" else f"{text[1:4]} {text.partition(': ')[2]}"
            number = f" {rest[0]}" if rest else ""
            self.lines.append(f"= failed {name} {client}{number} error {error}")
        elif name == "command":
            self.lines.append(" ".join(["= response", *(f'"{shown(line)}"' for line in self.answer), "OK"]))
        elif name == "publish":
            self.lines.append(f"= accepted {client} {rest[0]}")
        self.call = self.call if text == "OK" and name != "command" else ()

    def _result(self, result: re.Match[str]) -> None:
        name, client, first, tail = result.groups()
        more = tail.strip(",").split(",") if tail else []
        numbered = name in ("SUB", "UNS", "PUB", "PUBEX")
        number = self._id("sent", client.encode(), int(first)) if numbered else 0
        code, values = (more[0], more[1:]) if numbered and more else (first, more)
        text = f"+QMT{name}: {client},{number}{tail}" if numbered else result[0]
        self.lines.append(f"< \\r\\n{text}\\r\\n")
        call = {"OPEN": "open", "CONN": "connect", "SUB": "subscribe", "UNS": "unsubscribe"}.get(name)
        call = call or {"DISC": "disconnect", "CLOSE": "close"}.get(name, "publish")
        if call == "publish":
            self._published(client, number, code, values)
        elif code != "0":
            self.lines.append(f"= failed {call} {client} result {code}")
        elif call == "connect" and values and values[0] != "0":
            self.lines.append(f"= failed connect {client} result 0 return_code {values[0]}")
        else:
            granted = f" {','.join(values)}" if call == "subscribe" else ""
            done = {"open": "opened", "subscribe": "subscribed", "unsubscribe": "unsubscribed", "close": "closed"}
            self.lines.append(f"= {done.get(call, call + 'ed')} {client}{granted}")

    def _published(self, client: str, number: int, code: str, values: list[str]) -> None:
        _, qos, _ = self.publishes.get((client.encode(), b"%d" % number), (b"", 0, b""))
        if code == "0":
            self.lines.append(f"= {'acknowledged' if qos else 'sent'} {client} {number}")
        elif code == "1" and values:
            self.lines.append(f"= retransmitting {client} {number} {values[0]}")
        else:
            self.lines.append(f"= failed publish {client} {number} result {code}")

    def _message(self, entry: Entry) -> None:
        payload = entry.payload or b""
        match = MESSAGE.fullmatch(entry.line.decode(errors="replace"))
        if match is None:
            raise UnreadableError(f"line {entry.number}: {entry.line!r} is not a message")
        client, number, _, topic, length = match.groups()
        sent = (topic.encode(), payload)
        if sent in self.echoes:
            self.echoes.remove(sent)
        else:
            qos = min(int(number), 1)
            self.lines.append(f"! broker publish {qos} 0 {word(sent[0])} {word(payload)}")
        mine = self._id("received", client.encode(), int(number))
        head = re.sub(rb"^(\+QMTRECV: ?\d+,)\d+", rb"\g<1>%d" % mine, entry.line)
        self.lines.append(f"< \\r\\n{shown(head + payload + entry.behind.encode())}\\r\\n")
        if length is None:
            self.lines.append(f"! elapse {_SETTLED}")
        self.lines.append(f"= message {client} {mine} {word(sent[0])} {word(payload)}")


def _without_set_up(log: list[Entry]) -> list[Entry]:
    """Leave out what comes before a transcript begins, and the echoes."""
    last = b""
    kept: list[Entry] = []
    begun = False
    for entry in log:
        if entry.sent and entry.payload is None:
            last = entry.line
            begun = begun or not _SET_UP.fullmatch(last.decode(errors="replace"))
        if begun and (entry.sent or entry.line != last):
            kept.append(entry)
    return kept
