"""The examples of the documentation work as written, except for the names of a port and of a server."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest

from modemqtt.virtual import FAULT_TABLE, Broker, VirtualModem
from support import documents, transcript

ROOT = Path(__file__).resolve().parents[1]
# Their examples are suites, which other tests run.
SUITES = ("docs/labgrid.md", "docs/pytest.md", "docs/tutorials/first-suite.md")

# Each Python example, by its document and its place there.
EXAMPLES = [
    pytest.param(example, id=f"{name}-{place}")
    for name in documents.NAMES
    if name not in SUITES
    for place, example in enumerate(documents.of_kind(name, "python"))
]
PORTS = ("/dev/ttyUSB2", "/tmp/module")  # noqa: S108 - as written, not used
ON_A_PORT = [example for example in EXAMPLES if any(port in str(example.values[0]) for port in PORTS)]
BY_THEMSELVES = [example for example in EXAMPLES if example not in ON_A_PORT]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let an example write in its folder."""
    monkeypatch.chdir(tmp_path)


def run(example: str, **written: str) -> None:
    """Run a block of a document, with local names instead of those in the document."""
    for name, here in written.items():
        example = example.replace(name, here)
    # The longest examples receive what they publish; nothing else needs seconds.
    example = re.sub(r"messages\(timeout=\d+\)", "messages(timeout=0.2)", example)
    # The process-wide settings of an example must not outlive it here.
    loggers = [logging.getLogger(name) for name in (None, "modemqtt.wire")]
    before = [(logger, logger.level, logger.handlers[:]) for logger in loggers]
    try:
        exec(compile(example, "example", "exec"), {"__name__": "__main__"})  # noqa: S102 - our own
    finally:
        for logger, level, handlers in before:
            logger.setLevel(level)
            logger.handlers[:] = handlers


@pytest.mark.parametrize("example", ON_A_PORT)
def test_an_example_runs_on_a_port(
    example: str, broker: Broker, virtual_modem: VirtualModem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    server = {'"broker.lab", 1883': f'"{broker.host}", {broker.port}'}
    run(example, **dict.fromkeys(PORTS, virtual_modem.port), **server)


@pytest.mark.parametrize("example", BY_THEMSELVES)
def test_an_example_runs_by_itself(example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run(example)


def test_examples_are_found() -> None:
    assert len(EXAMPLES) >= 20


@pytest.mark.parametrize("name", documents.NAMES)
def test_a_link_leads_somewhere(name: str) -> None:
    document = ROOT / name
    links = re.findall(r"\]\(([^)#:]+)\)", document.read_text(encoding="utf-8"))
    assert [link for link in links if not (document.parent / link).exists()] == []


def anchors(document: Path) -> set[str]:
    """Return the anchors of a document's headings, as GitHub and the site make them."""
    text = re.sub(r"^```.*?^```$", "", document.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", documents.NAMES)
def test_a_link_to_a_heading_leads_to_one(name: str) -> None:
    document = ROOT / name
    links = re.findall(r"\]\(([^)#:]*)#([^)]+)\)", document.read_text(encoding="utf-8"))
    missing = [
        f"{file}#{anchor}"
        for file, anchor in links
        if anchor not in anchors(document.parent / file if file else document)
    ]
    assert missing == []


def test_every_fault_is_described() -> None:
    described = re.findall(
        r"^\| `[a-z][a-z0-9-]*` \|[^|]*\|[^|]*\|$",
        (ROOT / "docs/virtual-module.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    rows = [f"| `{name}` | {value or 'none'} | {description} |" for name, value, description in FAULT_TABLE]
    assert described == rows, "the table should be:\n" + "\n".join(rows)


def test_what_is_said_to_show_a_fault_exists() -> None:
    text = (ROOT / "docs/reliability.md").read_text(encoding="utf-8")
    sources = [*(ROOT / "src").rglob("*.rs"), *(ROOT / "tests").glob("test_*.py")]
    tests = set(
        re.findall(r"(?:fn|def) ([a-z0-9_]+)\(", "\n".join(path.read_text(encoding="utf-8") for path in sources))
    )
    named = set(re.findall(r"`((?:[a-z0-9]+_){3,}[a-z0-9]+)`", text))
    transcripts = set(re.findall(r"`((?:m95|bc35|bc660k|eg91xq)/[a-z0-9_]+)`", text))
    assert len(named) > 60
    assert sorted(named - tests) == []
    missing = [name for name in transcripts if transcript.find(*name.split("/")) is None]
    assert sorted(missing) == []
