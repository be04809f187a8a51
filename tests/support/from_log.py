"""Makes a transcript from a wire log that `Modem(log=…)`, the `--log` of a command or `modemqtt virtual --log` wrote.

The log of another program will do as well, if each of its lines shows its direction: see `support.foreign_log`. So will
a recording that `--record` or `Modem(record=…)` made.

    make transcript LOG=wire.log MODEL=M95 FILE=tests/transcripts/m95/report.at

The calls and what they report are read off the commands and their results; what is no command of MQTT becomes
`* command`. What the log does not tell has to be added by hand: why the module printed something unasked (`!`), and
what `…` and `***` stand for.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from modemqtt import UsageError
from modemqtt.cli._recorded import of_recording
from modemqtt.cli._transcript import MESSAGE, Converter, Entry
from support import foreign_log, transcript

if TYPE_CHECKING:
    from collections.abc import Iterator

_ENTRY = re.compile(r"(\d+\.\d+) ([<>]) (.*)")
_OURS = re.compile(r"^\d+\.\d+ [<>#] ", re.MULTILINE)
_RECORDING = '{"recording":'
_COUNT = re.compile(r"(…?)(\"?) <(\d+) bytes?>$")
_ESCAPED = re.compile(r"\\(?:x([0-9a-f]{2})|([rnt\\]))")
_NAMED = {"r": b"\r", "n": b"\n", "t": b"\t", "\\": b"\\"}


def entries(text: str) -> Iterator[Entry]:
    """Read a log of ours, or one of another program."""
    if not _OURS.search(text):
        for piece in foreign_log.pieces(text):
            yield Entry(*piece, cut=0)
        return
    for number, row in enumerate(text.splitlines(), start=1):
        match = _ENTRY.fullmatch(row)
        if match is None:
            continue
        shown = match[3]
        payload, behind, cut = None, "", 0
        if count := _COUNT.search(shown):
            behind = count[2]
            before, payload = _parted(_bytes(shown[: count.start()]), int(count[3]), cut=bool(count[1]))
            if behind and not count[1] and not MESSAGE.fullmatch(before.decode(errors="replace")):
                # The quote is the payload's last byte.
                before, payload = _parted(_bytes(shown[: count.start()] + behind), int(count[3]), cut=False)
                behind = ""
            cut = int(count[3]) - len(payload)
            payload += b"x" * cut
        else:
            before = _bytes(shown)
        yield Entry(number, float(match[1]), match[2] == ">", before, payload, behind, cut)


def _bytes(shown: str) -> bytes:
    parts = []
    at = 0
    for escape in _ESCAPED.finditer(shown):
        parts += [shown[at : escape.start()].encode(), bytes.fromhex(escape[1]) if escape[1] else _NAMED[escape[2]]]
        at = escape.end()
    return b"".join([*parts, shown[at:].encode()])


def _parted(line: bytes, count: int, *, cut: bool) -> tuple[bytes, bytes]:
    """Split a line before its payload; a payload that was cut has its first 64 bytes."""
    length = 64 if cut else count
    return line[: len(line) - length], line[len(line) - length :]


def _prepared(model: str) -> list[str]:
    """Return what stands between the call and the command where the model's transcript opens a client."""
    path = transcript.find(transcript.dialect_of(model), "open")
    assert path is not None
    rows = path.read_text(encoding="utf-8").splitlines()
    rows = rows[next(at for at, row in enumerate(rows) if row.startswith("* open")) + 1 :]
    return rows[: next(at for at, row in enumerate(rows) if row.startswith("> AT+QMTOPEN"))]


def convert(log: str, model: str, source: str) -> str:
    """Make a transcript of a log.

    Raises:
        UnreadableError: something in it cannot become a transcript.

    """
    return Converter(model, source, prepared=[] if _OURS.search(log) else _prepared(model)).convert(list(entries(log)))


def made(path: Path, model: str, source: str) -> str:
    """Make a transcript of a log, or of a recording.

    Raises:
        UsageError: something in it cannot become a transcript.
        transcript.UnreadableError: there is no such model.

    """
    log = path.read_text(encoding="utf-8", errors="replace")
    if log.startswith(_RECORDING):
        return of_recording(str(path), model or None)
    transcript.dialect_of(model)
    return convert(log, model, source)


def main() -> int:
    """Write the transcript to standard output."""
    parser = argparse.ArgumentParser(description="Make a transcript of a wire log.")
    parser.add_argument("log", type=Path)
    parser.add_argument("--model", required=True, help="the model whose log it is; a recording may name its own")
    parser.add_argument("--source", default="Seen in a log", help="where the log is from, and of which firmware")
    arguments = parser.parse_args()
    try:
        sys.stdout.write(made(arguments.log, arguments.model, arguments.source))
    except (OSError, UsageError, transcript.UnreadableError) as error:
        sys.stderr.write(f"{arguments.log}: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
