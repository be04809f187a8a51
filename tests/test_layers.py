"""The layers: which crate may use which, who may read the clock, and what a dialect is made of."""

from __future__ import annotations

import json
import re
import subprocess
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]

# Which of our crates each of our crates may use, outside its tests and in them.
ARROWS = {
    "modemqtt-at": set(),
    "modemqtt-os": set(),
    "modemqtt-recording": {"modemqtt-at", "modemqtt-os"},
    "modemqtt-host": {"modemqtt-at", "modemqtt-os", "modemqtt-recording"},
    "modemqtt-virtual": {"modemqtt-at", "modemqtt-os", "modemqtt-recording"},
    "modemqtt": {"modemqtt-at", "modemqtt-host", "modemqtt-os", "modemqtt-recording", "modemqtt-virtual"},
}
ARROWS_OF_TESTS = {"modemqtt-host": {"modemqtt-virtual"}}

# Libraries that belong in one place.
HOMES = {"pyo3": "modemqtt", "serialport": "modemqtt-host"}

# The shells that do I/O, start threads and read the clock. Everything else gets data and time as arguments.
SHELLS = (
    "src/os/",
    "src/host/engine/",
    "src/host/port/",
    "src/virtual/serve/",
    "src/virtual/broker/server.rs",
    "src/virtual/broker/reactor.rs",
    "src/python/",
)
OUTSIDE_WORLD = re.compile(r"\b(?:Instant|Moment)::now\b|\bSystemTime\b|\bthread::|\bstd::(?:thread|net)\b")

LONGEST = 500


@cache
def dependencies() -> dict[str, list[tuple[str, bool]]]:
    """Return what each crate uses, and whether only for its tests, as cargo reads the manifests."""
    command = ["cargo", "metadata", "--no-deps", "--format-version", "1", "--offline"]
    answer = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)  # noqa: S603 - our own
    return {
        package["name"]: [(used["name"], used["kind"] == "dev") for used in package["dependencies"]]
        for package in json.loads(answer.stdout)["packages"]
    }


def files(*folders: str, suffixes: tuple[str, ...] = (".rs",)) -> Iterator[tuple[str, Path]]:
    """Yield our source files with their paths from the root."""
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in suffixes:
                yield path.relative_to(ROOT).as_posix(), path


def is_test(name: str) -> bool:
    """Whether a file holds tests and nothing else."""
    return "/tests/" in name or name.endswith("/tests.rs")


def own_code(path: Path) -> list[tuple[int, str]]:
    """Return the lines of a Rust file with their numbers, without comments and without its tests at the end."""
    text = path.read_text(encoding="utf-8")
    text = re.split(r"^#\[cfg\(test\)\]\nmod \w+ \{", text, maxsplit=1, flags=re.MULTILINE)[0]
    return [(number, line) for number, line in enumerate(text.splitlines(), 1) if not line.lstrip().startswith("//")]


def test_every_crate_has_its_place_in_the_layers() -> None:
    assert dependencies().keys() == ARROWS.keys()


@pytest.mark.parametrize("crate", ARROWS)
def test_a_crate_uses_those_below_it_only(crate: str) -> None:
    ours = [(name, for_tests) for name, for_tests in dependencies()[crate] if name in ARROWS]
    assert {name for name, for_tests in ours if not for_tests} <= ARROWS[crate]
    assert {name for name, for_tests in ours if for_tests} <= ARROWS[crate] | ARROWS_OF_TESTS.get(crate, set())


def test_the_nouns_depend_on_no_library() -> None:
    assert [name for name, for_tests in dependencies()["modemqtt-at"] if not for_tests] == []


@pytest.mark.parametrize("library", HOMES)
def test_a_library_of_one_layer_stays_there(library: str) -> None:
    users = {crate for crate, used in dependencies().items() if any(name == library for name, _ in used)}
    assert users == {HOMES[library]}


def test_only_the_shells_read_the_clock_start_threads_or_use_the_network() -> None:
    offenders = [
        f"{name}:{number}: {line.strip()}"
        for name, path in files("src")
        if not name.startswith(SHELLS) and not is_test(name)
        for number, line in own_code(path)
        if OUTSIDE_WORLD.search(line)
    ]
    assert offenders == []


def test_no_end_asks_which_dialect_it_is() -> None:
    comparison = re.compile(r"""(?:dialect|model)\w*\.name\s*[!=]=|[!=]=\s*(?:\w+\.)*(?:dialect|model)\w*\.name\b""")
    offenders = [
        f"{name}:{number}: {line.strip()}"
        for name, path in files("src/host", "src/virtual", "src/python")
        if not is_test(name)
        for number, line in own_code(path)
        if comparison.search(line) or re.search(r'"(?:m95|bc660k)"', line)
    ]
    assert offenders == []


def test_a_dialect_is_rows_without_functions() -> None:
    dialects = [path for name, path in files("src/at/dialect") if path.name not in ("make.rs", "mod.rs", "rows.rs")]
    assert dialects
    offenders = [path.name for path in dialects if re.search(r"\bfn\s", path.read_text(encoding="utf-8"))]
    assert offenders == []


def test_no_source_file_is_longer_than_can_be_read() -> None:
    sources = files("src", "python", "tests", "benches", suffixes=(".rs", ".py", ".pyi"))
    # A table is as long as what it lists.
    code = [(name, path) for name, path in sources if not name.startswith("src/at/dialect/")]
    lengths = {name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in code}
    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}
