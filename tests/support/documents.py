"""The documents of the project and their blocks."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Their paths from the root: those at the root, and all of docs.
NAMES = tuple(
    path.relative_to(ROOT).as_posix() for path in sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
)


def read(name: str) -> str:
    """Return a document, by its path from the root."""
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(name: str) -> list[tuple[str, str]]:
    """Return the fenced blocks of a document: the word behind the fence, and the text."""
    return re.findall(r"^```(\S*)\n(.*?)^```$", read(name), re.MULTILINE | re.DOTALL)


def of_kind(name: str, kind: str) -> list[str]:
    """Return the blocks of one kind."""
    return [text for each, text in blocks(name) if each == kind]
