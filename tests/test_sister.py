"""A transcript of one model that holds for another names both; what an end told says where it does not hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support import sister, transcript
from support.sister import Played

if TYPE_CHECKING:
    from pathlib import Path

OPEN = "# A note, 3.2\n@ models M95 BC35-G\n\n* open 0 broker.lab 1883\n"


def played(path: Path, host: str, module: str) -> Played:
    return Played(path, {"host": host, "virtual module": module})


@pytest.mark.parametrize(
    ("host", "module", "holds", "partings"),
    [
        ("as written", "as written", "both ends", ""),
        ("as written", "not for this end", "both ends", ""),
        (
            "as written",
            "/x/open.at:7: due is\n  OK",
            "the host only",
            "the virtual module parts at line 7",
        ),
        (
            "/x/connected.at:9 (BG95) (Whole): sent",
            "as written",
            "the virtual module only",
            "the host parts at line 9 of connected.at",
        ),
        (
            "not for this end",
            "/x/open.at: at the end it also printed",
            "neither end",
            "the virtual module parts at its end",
        ),
        (
            "/x/open.at:5: sent",
            "/x/open.at:6: due is",
            "neither end",
            "the host parts at line 5; the virtual module parts at line 6",
        ),
    ],
)
def test_what_the_ends_told_says_where_a_transcript_holds(
    host: str, module: str, holds: str, partings: str, tmp_path: Path
) -> None:
    one = played(tmp_path / "open.at", host, module)
    assert (one.holds, one.partings) == (holds, partings)


def test_each_transcript_has_a_line_and_the_last_line_counts_them(tmp_path: Path) -> None:
    paths = [tmp_path / f"{name}.at" for name in ("close", "open", "publish", "receive")]
    told = [
        played(paths[0], "as written", "as written"),
        played(paths[1], "as written", "as written"),
        played(paths[2], "/x/publish.at:5: sent", "as written"),
        played(paths[3], "as written", "as written"),
    ]
    known = {"close": paths[0], "receive": tmp_path / "receive.bc66.at"}
    lines = list(sister.report(told, known, "BC66", "BC660K-GL"))
    assert lines[:-1] == [
        "open     both ends",
        "publish  the virtual module only: the host parts at line 5",
        "receive  both ends: BC66 has one of its own",
    ]
    counted = "Of 3 transcripts of BC660K-GL, 2 hold for BC66 on both ends, 1 on the virtual module only."
    assert lines[-1] == f"{counted} 1 more names BC66 already."


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("@ model M95\n", "@ models M95 BC66\n"),
        ("@ models BC35-G M95\n", "@ models BC35-G M95 BC66\n"),
        ("@ models M95 EG915Q\n", "@ models M95 EG915Q BC66\n"),
        ("@ models M95X BC35-G\n", "@ models M95X BC35-G\n"),
    ],
)
def test_a_model_is_named_behind_those_that_do_so(before: str, after: str) -> None:
    assert sister.named(f"# A note\n{before}> AT\\r\n", "M95", "BC66") == f"# A note\n{after}> AT\\r\n"


def test_a_file_about_two_dialects_moves_to_those_that_are_shared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = tmp_path / "shared"
    own = tmp_path / "m95"
    shared.mkdir()
    own.mkdir()
    monkeypatch.setattr(transcript, "SHARED", shared)
    for name in ("open.at", "close.at"):
        (own / name).write_text("# A note\n@ model M95\n", encoding="utf-8")
    (shared / "close.at").write_text("# A note\n@ model BG95\n", encoding="utf-8")
    assert sister.write(own / "open.at", "M95", "EG915Q") == shared / "open.at"
    assert (shared / "open.at").read_text(encoding="utf-8") == "# A note\n@ models M95 EG915Q\n"
    # There is such a file already, about another dialect.
    assert sister.write(own / "close.at", "M95", "EG915Q") == shared / "close.m95.at"
    assert list(own.iterdir()) == []
    assert sister.write(shared / "open.at", "M95", "BC28") == shared / "open.at"


def test_a_file_about_two_models_of_one_dialect_stays(tmp_path: Path) -> None:
    path = tmp_path / "open.at"
    path.write_text("# A note\n@ model EG915Q\n", encoding="utf-8")
    assert sister.write(path, "EG915Q", "EG916Q") == path


def test_a_model_that_no_one_knows_is_said_to(capsys: pytest.CaptureFixture[str]) -> None:
    assert sister.main(["BC999", "M95"]) == 2
    assert capsys.readouterr().err.startswith("there is no model 'BC999'; known are ")
