"""Plays one transcript on each end, and shows where the end differs from it.

make transcript FILE=tests/transcripts/m95/report.at
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from support import transcript
from support.player import LONGEST_PAUSE, Player

ROOT = Path(__file__).resolve().parents[2]
ENDS = {"host": "modemqtt-host", "virtual module": "modemqtt-virtual"}
AS_WRITTEN = "as written"
NOT_HERE = "not for this end"
_TEST = "the_transcript_that_was_named"
_MARK = "transcript: "


class NotPlayedError(Exception):
    """An end could not be built, or could not read what it was to play."""


def alone(package: str, **what: str) -> list[tuple[Path, str, str]]:
    """Play what is asked for on one end alone; return the file, the model, and how it has fared, of each."""
    done = subprocess.run(  # noqa: S603 - a program of ours
        ["cargo", "test", "--quiet", "-p", package, "--test", "transcripts", _TEST, "--", "--ignored", "--nocapture"],  # noqa: S607 - as `make` finds it
        cwd=ROOT,
        env=os.environ | what,
        capture_output=True,
        text=True,
        check=False,
    )
    told = done.stdout.split(_MARK)[1:]
    if done.returncode and not told:
        raise NotPlayedError(done.stderr.strip() or done.stdout.strip())
    parts = [one.split("\n\n", maxsplit=1)[0].rstrip().split(": ", maxsplit=2) for one in told]
    return [(Path(path), model, result) for path, model, result in parts]


def _rust(package: str, path: Path) -> list[str]:
    """Play it on one end alone; each line gives the result for one model."""
    try:
        return [f"{model}: {result}" for _, model, result in alone(package, TRANSCRIPT=str(path))]
    except NotPlayedError as error:
        return [str(error)]


def _python(path: Path) -> list[str]:
    """Play it on the package."""
    told = []
    for model in transcript.models(path):
        try:
            played = transcript.load(path, model)
            if played.only == "virtual":
                told.append(f"{model}: {NOT_HERE}")
            elif played.longest_pause > LONGEST_PAUSE:
                told.append(f"{model}: seconds would have to pass; the host's clock alone has them pass at once")
            else:
                Player(played).play()
                told.append(f"{model}: {AS_WRITTEN}")
        except (AssertionError, transcript.UnreadableError) as error:
            told.append(f"{model}: {error}")
    return told


def main(names: list[str]) -> int:
    """Play one file; the status is 1 if an end differs."""
    if len(names) != 1:
        sys.stderr.write("one file: make transcript FILE=tests/transcripts/m95/report.at\n")
        return 2
    path = Path(names[0]).resolve()
    if not path.is_file():
        sys.stderr.write(f"{names[0]} is not a file\n")
        return 2
    if path.parent.parent != transcript.FOLDER:
        folders = ", ".join([*transcript.dialects(), "shared"])
        sys.stderr.write(f"{names[0]} must be in a folder of tests/transcripts: {folders}\n")
        return 2
    told = {end: _rust(package, path) for end, package in ENDS.items()} | {"Python": _python(path)}
    for end, lines in told.items():
        for line in lines:
            sys.stdout.write(f"{end}: {line}\n")
    good = (AS_WRITTEN, NOT_HERE, "pass at once")
    return 0 if all(line.endswith(good) for lines in told.values() for line in lines) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
