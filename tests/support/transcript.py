"""Reads transcripts; `tests/transcripts/README.md` has the format, and `transcript.rs` beside this file reads the same.

A transcript that cannot be read is a mistake of ours, so every error names file and line.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent.parent / "transcripts"

_ESCAPES = {"r": b"\r", "n": b"\n", "t": b"\t", "0": b"\0", "s": b" ", "\\": b"\\"}


class UnreadableError(Exception):
    """A transcript is not as the format asks."""


@dataclass
class Step:
    """One step; consecutive lines of host bytes, or of module bytes, are one."""

    place: str
    mark: str
    data: bytes = b""
    words: tuple[bytes, ...] = ()

    @property
    def texts(self) -> list[str]:
        """The words as text."""
        return [word.decode(errors="replace") for word in self.words]


@dataclass
class Transcript:
    """One conversation, with the steps of the files that it comes after in front."""

    name: str
    model: str
    revision: str | None
    only: str | None
    steps: list[Step]

    @property
    def longest_pause(self) -> float:
        """How many seconds have to pass at once. While the module starts again a host need not wait."""
        worlds = [[""], *(step.texts for step in self.steps if step.mark == "!")]
        pauses = itertools.pairwise(worlds)
        return max(
            (float(now[1]) for before, now in pauses if now[0] == "elapse" and before != ["restart"]), default=0.0
        )


def dialects() -> list[str]:
    """Return the dialects that have transcripts."""
    return sorted(folder.name for folder in FOLDER.iterdir() if folder.is_dir())


def load_all(dialect: str) -> list[Transcript]:
    """Read every transcript of a dialect, by name."""
    found = [load(path) for path in sorted((FOLDER / dialect).glob("*.at"))]
    if not found:
        raise UnreadableError(f"{FOLDER / dialect}: no transcripts")
    return found


def load(path: Path) -> Transcript:
    """Read one transcript."""
    return parse(path, path.read_text(encoding="utf-8"))


def parse(path: Path, text: str) -> Transcript:
    """Read a transcript out of a string; `path` serves for messages and for finding what it comes after."""
    headers: dict[str, str] = {}
    before: list[Step] = []
    own: list[Step] = []
    for number, line in enumerate(text.split("\n"), start=1):
        place = f"{path.parent.name}/{path.name}:{number}"
        mark, body = line[:1], line[1:]
        if mark in ("", "#"):
            continue
        if body and not body.startswith(" "):
            raise UnreadableError(f"{place}: a space must follow the mark")
        body = body[1:]
        if mark == "@":
            key, _, value = body.strip().partition(" ")
            if own or key not in ("model", "revision", "after", "only"):
                raise UnreadableError(f"{place}: no header, or not before the first step: {body!r}")
            if key == "after":
                before += load(path.with_name(value)).steps
            headers[key] = value
            continue
        step = _step(mark, body, place)
        if own and step.mark in "<>" and own[-1].mark == step.mark:
            own[-1].data += step.data
        else:
            own.append(step)
    if "model" not in headers:
        raise UnreadableError(f"{path}: no `@ model`")
    name = f"{path.parent.name}/{path.stem}"
    return Transcript(name, headers["model"], headers.get("revision"), headers.get("only"), before + own)


def _step(mark: str, body: str, place: str) -> Step:
    if mark in "<>":
        return Step(place, mark, data=unescape(body, place))
    if mark in "*=!":
        return Step(place, mark, words=tuple(words(body, place)))
    raise UnreadableError(f"{place}: unknown mark {mark!r}")


def words(body: str, place: str) -> list[bytes]:
    """Split a line; a word that begins with a quote ends at the next quote before a space or the end of the line."""
    found = []
    rest = body.strip()
    while rest:
        quoted = rest.startswith('"')
        match = re.match(r'"(.*?)"(?= |$)' if quoted else r"([^ ]+)", rest)
        if match is None:
            raise UnreadableError(f"{place}: a quoted word does not end")
        found.append(unescape(match[1], place))
        rest = rest[match.end() :].lstrip(" ")
    return found


def unescape(text: str, place: str) -> bytes:
    """Resolve the escapes."""

    def resolve(match: re.Match[str]) -> str:
        escape = match[1]
        if escape[0] == "x" and len(escape) == len("xNN"):
            return chr(int(escape[1:], 16))
        if escape not in _ESCAPES:
            raise UnreadableError(f"{place}: unknown escape \\{escape}")
        return _ESCAPES[escape].decode()

    # Through Latin-1 each byte is one character, whichever bytes the escapes name.
    latin = text.encode().decode("latin-1")
    return re.sub(r"\\(x[0-9A-Fa-f]{2}|.?)", resolve, latin, flags=re.DOTALL).encode("latin-1")


def show(parts: list[bytes]) -> str:
    """Write words so that two lists of them can be compared by eye."""
    shown = []
    for part in parts:
        text = ascii(part)[2:-1]
        shown.append(f'"{text}"' if text == "" or " " in text else text)
    return " ".join(shown)
