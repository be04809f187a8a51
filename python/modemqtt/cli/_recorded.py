"""The lines and the data of a recording, from which a transcript is made."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from modemqtt import _core
from modemqtt._usage import arguments
from modemqtt.cli._transcript import Converter, Entry, UnreadableError

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEAD = re.compile(rb'\+QMTRECV: ?\d+,\d+, ?("?)(?P<topic>.*?)\1,(?:(?P<length>\d+),)?(?P<quote>"?)')
_ASKS = re.compile(rb"(?:^|\n)(?:>|CONNECT\r\n)\s*$")
_LINE_END = re.compile(rb"[\r\n]+")


class _Lines:
    """Cuts the pieces of a recording into lines and data."""

    def __init__(self) -> None:
        self._sent = b""
        self._sent_at = (0, 0.0)
        self._data = False
        self._blank_due = False
        self._received = b""
        # What the module last printed after the host's last line.
        self._tail = b""

    def take(self, number: int, at: float, piece: bytes, *, sent: bool) -> Iterator[Entry]:
        """Take a piece; return the complete entries."""
        if sent:
            yield from self._take_sent(number, at, piece)
        else:
            if self._sent and self._data:
                yield self._data_entry()
            if self._blank_due:
                piece, self._blank_due = piece.removeprefix(b" "), False
            self._received += piece
            self._tail = (self._tail + piece)[-32:]
            yield from self._take_received(number, at)

    def finish(self) -> Iterator[Entry]:
        """Return what is left."""
        if self._sent and self._data:
            yield self._data_entry()

    def _take_sent(self, number: int, at: float, piece: bytes) -> Iterator[Entry]:
        if not self._sent:
            self._sent_at = (number, at)
            self._data = _ASKS.search(self._tail) is not None
            # The host does not wait for the blank of a prompt.
            self._blank_due = self._data and self._tail.endswith(b">")
        self._sent += piece
        self._tail = b""
        while not self._data and b"\r" in self._sent:
            line, _, self._sent = self._sent.partition(b"\r")
            yield Entry(*self._sent_at, sent=True, line=line.lstrip(b"\n\x1b"), payload=None, behind="", cut=0)

    def _data_entry(self) -> Entry:
        data, self._sent, self._data = self._sent, b"", False
        return Entry(*self._sent_at, sent=True, line=b"", payload=data, behind="", cut=0)

    def _take_received(self, number: int, at: float) -> Iterator[Entry]:
        while (found := self._next()) is not None:
            line, payload, behind = found
            yield Entry(number, at, sent=False, line=line, payload=payload, behind=behind, cut=0)

    def _next(self) -> tuple[bytes, bytes | None, str] | None:
        """Take the next line, with the payload of a message."""
        self._received = self._received.lstrip(b"\r\n")
        if self._received in {b">", b"> "}:
            self._received = b""
            return b">", None, ""
        head = _HEAD.match(self._received)
        if head is not None and head["length"] is not None:
            end = head.end() + int(head["length"])
            behind = head["quote"].decode()
            if len(self._received) < end + len(behind) + 2:
                return None
            payload = self._received[head.end() : end]
            self._received = self._received[end + len(behind) :]
            return head[0], payload, behind
        end_of_line = _LINE_END.search(self._received)
        if end_of_line is None:
            return None
        line, self._received = self._received[: end_of_line.start()], self._received[end_of_line.start() :]
        if head is not None:
            quote = head["quote"].decode()
            payload = line[head.end() :]
            if quote and payload.endswith(b'"'):
                payload = payload[:-1]
            return head[0], payload, quote
        return line, None, ""


def of_recording(path: str, model: str | None = None) -> str:
    """Return the transcript of a recording; `model` holds only for one that does not name its own.

    Raises:
        UnreadableError: something in it cannot become a transcript.
        UsageError: the file is not a recording, or is damaged.
        OSError: it cannot be read.

    """
    with arguments():
        recording = _core.Recording(path)
    lines = _Lines()
    entries: list[Entry] = []
    while (piece := recording.next()) is not None:
        number, at, sent, data = piece
        entries += lines.take(number, at, data, sent=sent)
    entries += lines.finish()
    header = recording.header
    model = header["model"] or model
    if model is None:
        raise UnreadableError(f"{path} does not say which model it was recorded from, so it cannot become a transcript")
    firmware = f", firmware {header['firmware']}" if header["firmware"] else ""
    return Converter(model, f"Recorded from a {model}{firmware}").convert(entries)
