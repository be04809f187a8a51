"""The package end to end against the transcripts: a conversation, byte for byte, and what Python hears of it.

Transcripts marked `only virtual`, which our host would never send, are not played; those in which more than a tenth of
a second must pass are skipped: the host's own tests play them on a simulated clock.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support import transcript
from support.player import LONGEST_PAUSE, Player

if TYPE_CHECKING:
    from support.transcript import Transcript

ALL = [
    played for dialect in transcript.dialects() for played in transcript.load_all(dialect) if played.only != "virtual"
]


@pytest.mark.parametrize("played", ALL, ids=lambda played: played.name)
def test_the_package_plays_every_transcript(played: Transcript) -> None:
    if played.longest_pause > LONGEST_PAUSE:
        pytest.skip("seconds would have to pass; the host's own tests have a clock to pass them on")
    Player(played).play()


def test_no_transcript_is_a_copy_of_another() -> None:
    seen: dict[str, Path] = {}
    copies = []
    for path in sorted(transcript.FOLDER.glob("*/*.at")):
        lines = path.read_text(encoding="utf-8").splitlines()
        told = "\n".join(line for line in lines if line and not line.startswith(("#", "@ model")))
        if seen.setdefault(told, path) != path:
            copies.append(f"{path} is {seen[told]}: name its models there")
    assert copies == []


# What follows shows that a transcript can fail.

RIGHT = """\
# The note, 3.2.6
@ model M95
@ after connected.at

* subscribe 0 bench/door 1
> AT+QMTSUB=0,1,"bench/door",1\\r
< \\r\\nOK\\r\\n
< \\r\\n+QMTSUB: 0,1,0,1\\r\\n
= subscribed 0 1
< \\r\\n+QMTRECV: 0,1,"bench/door",open\\r\\n
= message 0 1 bench/door open
"""
WRONG = {
    "other bytes are sent": ('"bench/door",1\\r', '"bench/door",0\\r'),
    "bytes are sent that the transcript lacks": ('> AT+QMTSUB=0,1,"bench/door",1\\r\n', ""),
    "another result is told": ("= subscribed 0 1", "= subscribed 0 0"),
    "the result is told and the transcript lacks it": ("= subscribed 0 1\n", ""),
    "success is told for a failure": ("= subscribed 0 1", "= failed subscribe 0 result 2"),
    "another message is told": ("bench/door open", "bench/door shut"),
    "a message is told and the transcript lacks it": ("= message 0 1 bench/door open\n", ""),
    "two messages are told in another order": (
        "= message",
        '< \\r\\n+QMTRECV: 0,2,"bench/door",shut\\r\\n\n= message 0 2 bench/door shut\n= message',
    ),
}


def played_from(text: str) -> Transcript:
    return transcript.parse(transcript.FOLDER / "m95" / "invented.at", text)


def test_an_invented_transcript_passes() -> None:
    Player(played_from(RIGHT)).play()


@pytest.mark.parametrize(("old", "new"), WRONG.values(), ids=WRONG.keys())
def test_a_transcript_fails_when(old: str, new: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("support.player.PATIENCE", 0.5)
    assert old in RIGHT
    with pytest.raises(AssertionError, match=r"^m95/invented\.at"):
        Player(played_from(RIGHT.replace(old, new, 1))).play()


@pytest.mark.parametrize(
    "text", ["* open 0", "@ model M95\n>AT", "@ model M95\n? open", "@ model M95\n> \\q", '@ model M95\n= urc "x']
)
def test_a_transcript_that_cannot_be_read_is_an_error(text: str) -> None:
    with pytest.raises(transcript.UnreadableError):
        transcript.parse(Path("m95/unreadable.at"), text)
