"""Everything that modules were seen to print has transcripts in every dialect: `tests/transcripts/FIELD.md` says which.

A row has an expression that each of its transcripts must match: a name is not enough.
"""

from __future__ import annotations

import re
from functools import cache

import pytest

from support import transcript

PAGE = transcript.FOLDER / "FIELD.md"
POINTS = 17
_HEADING = re.compile(r"## (\d+)\. .+")
_DASH = "\u2013 "


def problems(page: str) -> list[str]:
    """Compare a page with the transcripts; return what is wrong with it, in one sentence each."""
    found: list[str] = []
    numbers: list[int] = []
    rows: dict[int, int] = {}
    columns: list[str] = []
    for line in page.splitlines():
        if heading := _HEADING.fullmatch(line):
            numbers.append(int(heading[1]))
            continue
        if not line.startswith("|"):
            continue
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if cells[0] == "what":
            columns = cells[2:]
            if sorted(columns) != transcript.dialects():
                found.append(f"point {numbers[-1]}: its dialects are not {transcript.dialects()}")
        elif not line.startswith("|---"):
            rows[numbers[-1]] = rows.get(numbers[-1], 0) + 1
            found += [f"point {numbers[-1]}, {cells[0]}: {problem}" for problem in _row(cells, columns)]
    if numbers != list(range(1, POINTS + 1)):
        found.append(f"the points are {numbers}")
    return found + [f"point {number} has no rows" for number in numbers if number not in rows]


def _row(cells: list[str], columns: list[str]) -> list[str]:
    _, shown_by, *entries = cells
    if len(entries) != len(columns):
        return ["not one cell for each dialect"]
    if all(entry.startswith(_DASH) for entry in entries):
        return ["no dialect shows it"]
    expression = re.compile(shown_by.strip("`"), re.DOTALL)
    found = []
    for dialect, entry in zip(columns, entries, strict=True):
        if entry.startswith(_DASH):
            continue
        names = entry.split()
        if not names:
            found.append(f"{dialect} has neither a transcript nor a reason")
        for name in names:
            if transcript.find(dialect, name) is None:
                found.append(f"there is no {dialect}/{name}.at")
            elif not expression.search(_conversation(dialect, name)):
                found.append(f"{dialect}/{name}.at does not show it to the host")
    return found


@cache
def _conversation(dialect: str, name: str) -> str:
    """All that is said, as the page's expressions see it; nothing where the host does not play it."""
    path = transcript.find(dialect, name)
    assert path is not None
    played = transcript.load(
        path, next(one for one in transcript.models(path) if transcript.dialect_of(one) == dialect)
    )
    if played.only == "virtual":
        return ""
    said = [
        step.mark + (step.data.decode("latin-1") if step.mark in "<>" else " ".join(step.texts) + "\n")
        for step in played.steps
    ]
    return "".join(said)


def test_every_point_has_transcripts_in_every_dialect() -> None:
    assert problems(PAGE.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("| layout_unquoted |", "| layout_unwritten |", "there is no m95/layout_unwritten.at"),
        ("| layout_unquoted |", "| layout_both_quoted |", "m95/layout_both_quoted.at does not show it to the host"),
        ("| layout_unquoted |", "| session |", "m95/session.at does not show it to the host"),
        ("| layout_unquoted |", "|  |", "m95 has neither a transcript nor a reason"),
        ("| layout_unquoted |", "|", "not one cell for each dialect"),
        ("| m95 | bc35 |", "| m95 |", "its dialects are not"),
        ("## 5. ", "## 6. ", "the points are"),
    ],
)
def test_a_page_is_wrong_when(old: str, new: str, problem: str) -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert old in page
    assert any(problem in found for found in problems(page.replace(old, new, 1)))
