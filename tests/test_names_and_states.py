"""Names and states: no two things of a crate have the same name, and what flags mean together is an enum."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CRATES = ("at", "recording", "os", "host", "virtual", "python")

# A type, trait, function or constant of a module.
ITEM = re.compile(
    r"^(?:pub(?:\([^)]*\))? )?(?:(?:unsafe|const|async) )*"
    r"(?:struct|enum|union|trait|type|fn|const|static|macro_rules!) (?:mut )?(\w+)"
)
STRUCTURE = re.compile(r"^( *)(?:pub\S* )?struct (\w+)[^;{]*\{\n(.*?)^\1\}", re.MULTILINE | re.DOTALL)
FLAG = re.compile(r"^\s*(?:pub(?:\([^)]*\))? )?\w+: (?:bool|AtomicBool),", re.MULTILINE)
# Two flags have four combinations; more than that is an enum, which names those that occur.
MOST_FLAGS = 2
# Flags of which every combination occurs.
INDEPENDENT = {
    # Rows: facts about a family that have nothing to do with each other.
    "Around",
    "Dialect",
    # Each is a fault of the broker that a test switches on and off by itself.
    "Misbehaviour",
}
UNIT_TESTS = re.compile(r"^#\[cfg\(test\)\]\nmod \w+ \{", re.MULTILINE)
# What several modules have on purpose, since they are used alike.
ALIKE = {
    # Every command of the command line: it describes its arguments, and does its work.
    "parser",
    "run",
}


def rust_names(crate: str) -> dict[str, list[str]]:
    """Return where each name of a crate is defined. The tables of the dialects have columns of the same names."""
    places = defaultdict(list)
    for path in sorted((ROOT / "src" / crate).rglob("*.rs")):
        name = path.relative_to(ROOT).as_posix()
        if "/tests/" in name or name.endswith("/tests.rs"):
            continue
        lines = UNIT_TESTS.split(path.read_text(encoding="utf-8"), maxsplit=1)[0].splitlines()
        for number, line in enumerate(lines, 1):
            other_system = lines[number - 2].startswith("#[cfg(not(")
            if (item := ITEM.match(line)) and not other_system:
                places[item[1]].append(f"{name}:{number}")
    places.pop("_", None)
    return places


def python_names() -> dict[str, list[str]]:
    """Return where each class and each function of a module is defined."""
    places = defaultdict(list)
    for path in sorted((ROOT / "python/modemqtt").rglob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)) and node.name not in ALIKE:
                places[node.name].append(f"{path.relative_to(ROOT).as_posix()}:{node.lineno}")
    return places


def twice(places: dict[str, list[str]]) -> dict[str, list[str]]:
    """Return the names that are defined more than once."""
    return {name: where for name, where in places.items() if len(where) > 1}


@pytest.mark.parametrize("crate", CRATES)
def test_no_name_means_two_things_in_a_crate(crate: str) -> None:
    places = rust_names(crate)
    assert places
    in_rows = {name for name, where in places.items() if all(at.startswith("src/at/dialect/") for at in where)}
    assert {name: where for name, where in twice(places).items() if name not in in_rows} == {}


def test_no_name_means_two_things_in_the_package() -> None:
    assert twice(python_names()) == {}


def flags(crate: str) -> dict[str, int]:
    """Return how many flags each structure of a crate has."""
    counts = {}
    for path in sorted((ROOT / "src" / crate).rglob("*.rs")):
        if "/tests/" in path.as_posix():
            continue
        for found in STRUCTURE.finditer(path.read_text(encoding="utf-8")):
            counts[found[2]] = len(FLAG.findall(found[3]))
    return counts


@pytest.mark.parametrize("crate", CRATES)
def test_no_structure_has_more_than_two_flags(crate: str) -> None:
    found = flags(crate)
    assert found
    assert {name: count for name, count in found.items() if count > MOST_FLAGS and name not in INDEPENDENT} == {}
