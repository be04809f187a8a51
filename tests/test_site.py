"""The parts of the site and of a release: tutorials that run, seams with names, workflows that nobody can change."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import tag as release
from support import documents
from support.suites import bench
from test_plugin import outcomes

if TYPE_CHECKING:
    from support.suites import Suite

ROOT = Path(__file__).resolve().parents[1]
# The kinds of blocks that documents may have, and what runs each.
RUN = {
    "python": "tests/test_documentation.py, tests/test_plugin_document.py and here",
    "sh": "tests/test_shell_documentation.py",
    "console": "tests/test_plugin_document.py and here",
    "toml": "tests/test_plugin_document.py",
    "yaml": "tests/with_labgrid/test_document.py",
    "bash": "tests/with_labgrid/test_document.py",
}
SHOWN = {"text", "{toctree}", "{eval-rst}", ""}


@pytest.mark.parametrize("document", [name for name in documents.NAMES if name.startswith("docs/")])
def test_every_block_of_a_document_is_of_a_kind_that_is_run_or_only_shown(document: str) -> None:
    kinds = {kind for kind, _ in documents.blocks(document)}
    assert kinds <= RUN.keys() | SHOWN


def test_the_first_suite_runs_on_virtual_modules_and_on_a_port(suite: Suite, tmp_path: Path) -> None:
    parts = documents.of_kind("docs/tutorials/first-suite.md", "python")
    assert len(parts) == 3
    for number, text in enumerate(parts):
        suite.write(text, f"test_bench_{number}")
    assert outcomes(suite.run()) == {"passed": 4}
    with bench(tmp_path, "M95") as port:
        # A test that needs the virtual module is skipped.
        assert outcomes(suite.run(*port.options)) == {"passed": 1, "skipped": 3}


def test_every_command_of_a_tutorial_is_one_that_tests_run() -> None:
    commands = [
        line.removeprefix("$ ")
        for name in documents.NAMES
        if name.startswith("docs/tutorials/")
        for text in documents.of_kind(name, "console")
        for line in text.splitlines()
    ]
    package = r"(?:modemqtt|'modemqtt\[pytest\]' pyserial|'modemqtt\[notebook\]' jupyterlab)"
    installing = re.compile(rf"python3 -m venv bench|\. bench/bin/activate|pip install --find-links dist {package}")
    testing = re.compile(r"pytest( --modem-port=/dev/ttyUSB2 --modem-broker=broker\.lab:1883)? test_bench\.py")
    assert [line for line in commands if not installing.fullmatch(line) and not testing.fullmatch(line)] == []


def test_every_file_that_touches_the_operating_system_is_a_seam_that_is_named() -> None:
    document = (ROOT / "docs/windows.md").read_text(encoding="utf-8")
    for path in sorted((ROOT / "src").rglob("*.rs")):
        file = path.relative_to(ROOT)
        text = path.read_text(encoding="utf-8")
        if "tests" in file.parts or not re.search(r"\b(?:libc|rustix|std::os)::", text):
            continue
        assert "docs/windows.md" in text, f"{file} uses the operating system, and does not say that it is a seam"
        assert file.name in document, f"{file} uses the operating system, and docs/windows.md does not say what for"
        assert file.parent.as_posix() in document


def test_what_docs_windows_names_exists() -> None:
    document = (ROOT / "docs/windows.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:src|python|tests)/[\w/.]+)`", document)
    assert len(named) > 12
    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("workflow", sorted((ROOT / ".github/workflows").glob("*.yml")), ids=lambda path: path.name)
def test_a_workflow_uses_nothing_that_can_change_under_it(workflow: Path) -> None:
    used = re.findall(r"uses: (\S+)", workflow.read_text(encoding="utf-8"))
    assert used
    assert [action for action in used if not re.search(r"@[0-9a-f]{40}$", action)] == []


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "Cargo.toml").write_text('version = "1.2.3"\n', encoding="utf-8")
    (tmp_path / "CHANGELOG.md").write_text("## [1.2.3] - 2026-12-01\n", encoding="utf-8")
    return tmp_path


def test_a_release_has_its_version_in_the_tag_and_in_the_changelog(tree: Path) -> None:
    assert release.wrong(tree, "v1.2.3") is None
    assert release.wrong(tree, None) is None
    assert release.wrong(tree, "v1.2.4") == "the tag must be v1.2.3, as Cargo.toml has it, not v1.2.4"


def test_a_release_without_its_date_in_the_changelog_is_refused(tree: Path) -> None:
    (tree / "CHANGELOG.md").write_text("## [Unreleased]\n", encoding="utf-8")
    assert release.wrong(tree, "v1.2.3") == "CHANGELOG.md needs the heading '## [1.2.3] - YYYY-MM-DD'"
