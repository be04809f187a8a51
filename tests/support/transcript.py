"""Reads transcripts; `tests/transcripts/README.md` has the format, and `transcript.rs` beside this file reads the same.

A transcript that cannot be read is a mistake of ours, so every error names file and line.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from modemqtt import _core

FOLDER = Path(__file__).parent.parent / "transcripts"
SHARED = FOLDER / "shared"

_ESCAPES = {"r": b"\r", "n": b"\n", "t": b"\t", "0": b"\0", "s": b" ", "\\": b"\\"}


class UnreadableError(Exception):
    """A transcript does not follow the format."""


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
    """One conversation of one model, after the steps of the files that precede it."""

    name: str
    model: str
    revision: str | None
    only: str | None
    steps: list[Step]

    @property
    def longest_pause(self) -> float:
        """How many seconds must pass at once. While the module restarts, a host need not wait."""
        worlds = [[""], *(step.texts for step in self.steps if step.mark == "!")]
        pauses = itertools.pairwise(worlds)
        return max(
            (float(now[1]) for before, now in pauses if now[0] == "elapse" and before != ["restart"]), default=0.0
        )


def dialects() -> list[str]:
    """Return the dialects, each of which has transcripts."""
    return sorted({dialect for _, dialect, _ in _core.models()})


@cache
def dialect_of(model: str) -> str:
    """Return the dialect of a model."""
    found = [dialect for name, dialect, _ in _core.models() if name == model]
    if not found:
        known = ", ".join(name for name, _, _ in _core.models())
        raise UnreadableError(f"there is no model {model!r}; known are {known}")
    return found[0]


def subject(path: Path) -> str:
    """Return the subject of a file: two files that show it differently differ after a dot."""
    return path.name.split(".", maxsplit=1)[0]


@cache
def models(path: Path) -> tuple[str, ...]:
    """Return the models that a file is about."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return tuple(model for line in lines if (match := re.match("@ models? (.*)", line)) for model in match[1].split())


def load_all(dialect: str) -> list[Transcript]:
    """Read every transcript of a dialect, by name: those of its own folder, and those that it shares with others."""
    found = [
        load(path, model)
        for path in [*(FOLDER / dialect).glob("*.at"), *SHARED.glob("*.at")]
        for model in models(path)
        if dialect_of(model) == dialect
    ]
    if not found:
        raise UnreadableError(f"{dialect}: no transcripts")
    return sorted(found, key=lambda one: (one.name, one.model))


def find(dialect: str, name: str) -> Path | None:
    """Return the file about a subject, in the folder of the dialect or among those that it shares."""
    own = FOLDER / dialect / f"{name}.at"
    shared = (path for path in _shared(name) if dialect in map(dialect_of, models(path)))
    return own if own.is_file() else next(shared, None)


@cache
def _shared(name: str) -> list[Path]:
    return [path for path in SHARED.glob(f"{name}.*") if subject(path) == name]


def load(path: Path, model: str | None = None) -> Transcript:
    """Read one transcript, as it is about that model of those that it names."""
    return parse(path, path.read_text(encoding="utf-8"), model)


def parse(path: Path, text: str, model: str | None = None) -> Transcript:
    """Read a transcript out of a string; `path` serves for messages and for finding what it comes after."""
    headers: dict[str, str] = {}
    after: str | None = None
    own: list[Step] = []
    for number, line in enumerate(text.split("\n"), start=1):
        place = f"{path.parent.name}/{path.name}:{number}" + (f" ({model})" if path.parent == SHARED else "")
        mark, body = line[:1], line[1:]
        if mark in ("", "#"):
            continue
        if body and not body.startswith(" "):
            raise UnreadableError(f"{place}: a space must follow the mark")
        body = body[1:]
        if mark == "@":
            key, _, value = body.strip().partition(" ")
            if own or key not in ("model", "models", "revision", "after", "only"):
                raise UnreadableError(f"{place}: no header, or not before the first step: {body!r}")
            if key in ("model", "models"):
                model = model or value.split()[0]
            elif key == "after":
                after = value
            headers[key] = value
            continue
        step = _step(mark, body, place)
        if own and step.mark in "<>" and own[-1].mark == step.mark:
            own[-1].data += step.data
        else:
            own.append(step)
    if model is None:
        raise UnreadableError(f"{path}: no `@ model`")
    dialect = dialect_of(model) if path.parent == SHARED else path.parent.name
    before = [] if after is None else _steps_of(path, dialect, after, model)
    return Transcript(f"{dialect}/{subject(path)}", model, headers.get("revision"), headers.get("only"), before + own)


def _steps_of(path: Path, dialect: str, after: str, model: str) -> list[Step]:
    found = find(dialect, after.removesuffix(".at"))
    if found is None:
        raise UnreadableError(f"{path}: there is no {after} to come after")
    return load(found, model).steps


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
