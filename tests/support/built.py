"""The Rust ends of a transcript as `make test` has built them: each judges a transcript alone."""

from __future__ import annotations

import functools
import os
import subprocess
from pathlib import Path

_BUILT = Path(__file__).resolve().parents[2] / "target" / "debug" / "deps"
_NAMED = "the_transcript_that_was_named"
# A test by which the program of each end is known.
_ENDS = {"host": "the_host_does_what_every_transcript_says", "virtual": "our_own_transcripts_are_played"}


@functools.cache
def _program(end: str) -> Path | None:
    """Return the newest program of an end; ``None`` if none was built."""
    programs = [path for path in _BUILT.glob("transcripts-*") if not path.suffix and os.access(path, os.X_OK)]
    for program in sorted(programs, key=lambda path: path.stat().st_mtime, reverse=True):
        listed = subprocess.run([program, "--list"], capture_output=True, text=True, check=False)  # noqa: S603 - our own
        if _ENDS[end] in listed.stdout:
            return program
    return None


def are_there() -> bool:
    """Whether both were built."""
    return all(_program(end) for end in _ENDS)


def judge(path: Path) -> dict[str, str]:
    """Return what each end says of a transcript, `as written` if it does what that says."""
    told = {}
    for end in _ENDS:
        program = _program(end)
        assert program is not None
        done = subprocess.run(  # noqa: S603 - our own
            [program, _NAMED, "--ignored", "--nocapture"],
            env=os.environ | {"TRANSCRIPT": str(path)},
            capture_output=True,
            text=True,
            check=False,
        )
        said = done.stdout.partition("transcript: ")[2].partition("\n\n")[0]
        told[end] = said.rpartition(": ")[2] if done.returncode == 0 else done.stdout + done.stderr
    return told
