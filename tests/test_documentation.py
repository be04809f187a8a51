"""What the documentation shows works as it stands, but for the names of a port and of a server."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from modemqtt.virtual import FAULT_TABLE, Broker, VirtualModem
from support import transcript

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = (
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "docs/README.md",
    "docs/design.md",
    "docs/dialects.md",
    "docs/pytest.md",
    "docs/reliability.md",
    "docs/shell.md",
    "docs/virtual-module.md",
)

# Each Python example, by its document and its place there.
EXAMPLES = [
    pytest.param(example, id=f"{name}-{place}")
    for name in DOCUMENTS
    if name != "docs/pytest.md"  # its examples are suites, which tests/test_plugin_document.py runs
    for place, example in enumerate(
        re.findall(r"^```python\n(.*?)^```", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    )
]


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_runs(example: str, broker: Broker, virtual_modem: VirtualModem) -> None:
    if "session(" in example:
        # The longest example receives what it publishes; nothing else need wait for 5 s.
        example = example.replace("timeout=5)", "timeout=0.2)")
    for written, here in (
        ("/dev/ttyUSB2", virtual_modem.port),
        ("/tmp/module", virtual_modem.port),  # noqa: S108 - as written, not used
        ('"broker.lab", 1883', f'"{broker.host}", {broker.port}'),
    ):
        example = example.replace(written, here)
    exec(compile(example, "example", "exec"), {})  # noqa: S102 - our own


def test_examples_are_found() -> None:
    assert len(EXAMPLES) >= 4


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_link_leads_somewhere(name: str) -> None:
    document = ROOT / name
    links = re.findall(r"\]\(([^)#:]+)\)", document.read_text(encoding="utf-8"))
    assert [link for link in links if not (document.parent / link).exists()] == []


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
