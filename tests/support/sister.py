"""Plays the transcripts of one model as if they were about another, and says which of them hold.

make transcript MODEL=BC66 OF=BC660K-GL
make transcript MODEL=BC66 OF=BC660K-GL WRITE=1

The second also names the model in each that holds on both ends. If the models are of two dialects, the file moves to
`shared`.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from support import transcript
from support.play import AS_WRITTEN, ENDS, NOT_HERE, NotPlayedError, alone

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BOTH = "both ends"


@dataclass(frozen=True)
class Played:
    """How one transcript fares with the other model."""

    path: Path
    told: dict[str, str]
    """What each end told."""

    @property
    def holds(self) -> str:
        """Where it holds: on both ends, one of them, or neither. An end that it is not for says nothing against it."""
        if not self.bad:
            return BOTH
        good = [end for end, result in self.told.items() if result == AS_WRITTEN]
        return f"the {good[0]} only" if good else "neither end"

    @property
    def partings(self) -> str:
        """Where the ends part from it."""
        return "; ".join(f"the {end} parts at {_line(result, self.path)}" for end, result in self.bad.items())

    @property
    def bad(self) -> dict[str, str]:
        """What was told by the ends that part from it."""
        return {end: result for end, result in self.told.items() if result not in (AS_WRITTEN, NOT_HERE)}


def _line(result: str, path: Path) -> str:
    place = re.search(r"([^\s:/]+\.at):(\d+)", result)
    if place is None:
        return "its end"
    return f"line {place[2]}" + ("" if place[1] == path.name else f" of {place[1]}")


def play(model: str, of: str) -> list[Played]:
    """Play every transcript of a model as if it were about another, on each end alone, in the order of their subjects.

    Raises:
        NotPlayedError: an end could not be built.

    """
    told: dict[Path, dict[str, str]] = {}
    for end, package in ENDS.items():
        for path, _, result in alone(package, TRANSCRIPTS_OF=of, TRANSCRIPTS_FOR=model):
            told.setdefault(path, {})[end] = result
    return [Played(path, told[path]) for path in sorted(told, key=lambda path: (transcript.subject(path), path))]


def own(model: str) -> dict[str, Path]:
    """Return the subjects that have a transcript of the model already, with their files."""
    dialect = transcript.dialect_of(model)
    files = [*(transcript.FOLDER / dialect).glob("*.at"), *transcript.SHARED.glob("*.at")]
    return {transcript.subject(path): path for path in files if model in transcript.models(path)}


def named(text: str, of: str, model: str) -> str:
    """Name a model beside the one that the text is about."""
    pattern = re.compile(rf"^@ models?( (?:.* )?{re.escape(of)}(?= |$).*)$", re.MULTILINE)
    return pattern.sub(lambda match: f"@ models{match[1]} {model}", text, count=1)


def write(path: Path, of: str, model: str) -> Path:
    """Name the model in the file, and return where the file is now: models of two dialects share it."""
    path.write_text(named(path.read_text(encoding="utf-8"), of, model), encoding="utf-8")
    transcript.models.cache_clear()
    if path.parent == transcript.SHARED or transcript.dialect_of(of) == transcript.dialect_of(model):
        return path
    subject = transcript.subject(path)
    free = [transcript.SHARED / f"{subject}.at", transcript.SHARED / f"{subject}.{transcript.dialect_of(of)}.at"]
    return path.rename(next(place for place in free if not place.exists()))


def report(played: list[Played], known: dict[str, Path], model: str, of: str) -> Iterator[str]:
    """Tell of each transcript where it holds, and how many do so."""
    width = max((len(transcript.subject(one.path)) for one in played), default=0)
    counts: Counter[str] = Counter()
    for one in played:
        subject = transcript.subject(one.path)
        if one.path == known.get(subject):
            counts["named"] += 1
            continue
        counts[one.holds] += 1
        notes = one.partings
        if subject in known:
            notes = "; ".join(filter(None, [notes, f"{model} has one of its own"]))
        yield f"{subject:{width}}  {one.holds}" + (f": {notes}" if notes else "")
    named_already = counts.pop("named", 0)
    both = counts.pop(BOTH, 0)
    others = "".join(f", {count} on {where}" for where, count in counts.most_common())
    more = f" {named_already} more name{'s' if named_already == 1 else ''} {model} already." if named_already else ""
    yield f"Of {both + counts.total()} transcripts of {of}, {both} hold for {model} on {BOTH}{others}.{more}"


def main(words: list[str]) -> int:
    """Play the transcripts of a model for another; the status is 2 if they cannot be played."""
    parser = argparse.ArgumentParser(description="Play the transcripts of a model as if they were about another.")
    parser.add_argument("model")
    parser.add_argument("of")
    parser.add_argument("--write", action="store_true", help="name the model in those that hold on both ends")
    asked = parser.parse_args(words)
    try:
        for model in (asked.model, asked.of):
            transcript.dialect_of(model)
        known = own(asked.model)
        played = play(asked.model, asked.of)
    except (NotPlayedError, transcript.UnreadableError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    if not played:
        sys.stderr.write(f"no transcript names {asked.of}\n")
        return 2
    for line in report(played, known, asked.model, asked.of):
        sys.stdout.write(f"{line}\n")
    if asked.write:
        for one in played:
            if one.holds == BOTH and transcript.subject(one.path) not in known:
                write(one.path, asked.of, asked.model)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
