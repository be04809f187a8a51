"""The examples of docs/pytest.md work as written, except for the names of ports and of a broker."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

import pytest

from modemqtt._pytest.models import MARKERS
from modemqtt._pytest.settings import OPTIONS
from support import documents
from support.suites import bench
from test_plugin import outcomes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.suites import Bench, Suite

DOCUMENT = documents.read("docs/pytest.md")
BLOCKS = documents.blocks("docs/pytest.md")
SUITES = [text for kind, text in BLOCKS if kind == "python"]
SCOPES = {text: "module" if 'scope="module"' in text else "function" for text in SUITES}
SHOWN = [line.removeprefix("$ ") for kind, text in BLOCKS if kind == "console" for line in text.splitlines()]
# These two go together: the second plays what the first has recorded.
RECORDED = [command for command in SHOWN if "bench.rec" in command]
COMMANDS = [command for command in SHOWN if command not in RECORDED]


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Bench]:
    with bench(tmp_path, "M95", "BC660K-GL") as ports:
        yield ports


def test_every_block_is_of_a_kind_that_is_run() -> None:
    assert {kind for kind, _ in BLOCKS} == {"python", "console", "toml", "text"}
    assert (len(SUITES), len(COMMANDS), len(RECORDED)) == (6, 4, 2)


@pytest.mark.parametrize("text", SUITES, ids=range(len(SUITES)))
def test_a_suite_of_the_document_runs_on_virtual_modules_and_on_a_port(suite: Suite, two: Bench, text: str) -> None:
    suite.write(text)
    ran = outcomes(suite.run(f"--modem-scope={SCOPES[text]}"))
    assert ran.keys() == {"passed"}
    ran = outcomes(suite.run(*two.options, "--modem-scope=session"))
    assert ran.keys() <= {"passed", "skipped"}


def test_the_first_suite_has_twenty_lines() -> None:
    assert len(SUITES[0].splitlines()) <= 21


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_document_runs(suite: Suite, two: Bench, command: str) -> None:
    suite.write(SUITES[0], "test_bench")
    runs(suite, two, command)


def test_a_suite_of_the_document_runs_on_the_recording_of_itself(suite: Suite, two: Bench) -> None:
    suite.write(SUITES[0], "test_bench")
    recorded, replayed = (runs(suite, two, command) for command in RECORDED)
    assert recorded == replayed
    assert [file.name for file in suite.pytester.path.glob("*.rec")] == ["bench.rec"]


def runs(suite: Suite, two: Bench, command: str) -> dict[str, int]:
    """Run a command of the document, on the ports and the broker that are here."""
    for written, here in (
        ("/dev/ttyUSB2", two.ports[0]),
        ("usb:0123456789", two.ports[0]),
        ("/dev/ttyUSB3", two.ports[1]),
        ("broker.lab:1883", two.broker),
    ):
        command = command.replace(written, here)
    program, *arguments = shlex.split(command)
    assert program == "pytest"
    result = suite.run_apart(*arguments)
    assert outcomes(result)["passed"] >= 2
    assert result.ret == 0
    return outcomes(result)


def test_the_settings_for_continuous_integration_keep_the_wire(suite: Suite) -> None:
    (settings,) = (text for kind, text in BLOCKS if kind == "toml")
    suite.pytester.makepyprojecttoml(settings)
    suite.write("def test_it(modem): assert 0")
    assert outcomes(suite.run_apart()) == {"failed": 1}
    (file,) = (suite.pytester.path / "wire").iterdir()
    report = (suite.pytester.path / "report.xml").read_text()
    assert f"[[ATTACHMENT|{file}]]" in report
    assert f'<property name="modem_wire_log" value="{file}"' in report
    assert "modem wire log (BC660K-GL)" in report


def test_the_header_is_as_shown(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    (header,) = (text.strip() for kind, text in BLOCKS if kind == "text")
    monkeypatch.setenv("MODEMQTT_PORT", "/dev/ttyUSB2")
    suite.write("")
    assert header in suite.run("--modem-broker=broker.lab:1883").stdout.lines


def test_every_option_marker_and_fixture_is_described(suite: Suite) -> None:
    for option in OPTIONS:
        assert f"| `{option.flag}{' ' * bool(option.metavar)}" in DOCUMENT
    for marker in MARKERS:
        assert f"| `{re.split('[(:]', marker)[0]}" in DOCUMENT
    suite.write("")
    shown = suite.run("--fixtures", "-q").stdout.str()
    for name in re.findall(r"^(\w+)(?: \[\w+ scope\])? -- .*modemqtt/pytest_plugin.py", shown, re.MULTILINE):
        assert f"| `{name}` |" in DOCUMENT
