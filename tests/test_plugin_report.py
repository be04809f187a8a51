"""What the pytest plugin reports of a failed test: its wire, on the terminal, in JUnit's XML, and in files."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from test_plugin import outcomes

if TYPE_CHECKING:
    from pathlib import Path

    from support.suites import Suite

HEADLINE = "*Captured stdout: modem wire log (BC660K-GL)*"

FAILING = """
    def test_passes(modem): modem.command("AT+CIMI")
    def test_fails(modem):
        modem.command("AT+CSQ")
        assert False
    def test_without(): assert False
"""


@pytest.mark.parametrize("workers", [(), ("-n2",)], ids=["plain", "workers"])
def test_the_wire_of_a_test_that_fails_is_in_its_report(suite: Suite, workers: tuple[str, ...]) -> None:
    suite.write(FAILING)
    result = suite.run_apart(*workers)
    assert outcomes(result) == {"passed": 1, "failed": 2}
    result.stdout.fnmatch_lines(
        [
            HEADLINE,
            "modem wire log (BC660K-GL), in seconds since 20*",
            "    0.000 > AT",
            "* > AT+CSQ",
            "* < +CSQ: 20,0",
            "* < OK",
        ]
    )
    result.stdout.no_fnmatch_line("*AT+CIMI")
    assert result.stdout.str().count("stdout: modem wire log") == 1


def test_the_wire_is_shown_once_whatever_fails(suite: Suite) -> None:
    suite.write("""
        import pytest
        @pytest.fixture
        def fails(modem): raise ValueError("in setup")
        @pytest.fixture
        def fails_later(modem):
            yield
            raise ValueError("in teardown")
        def test_setup(fails): pass
        def test_teardown(modem, fails_later): pass
        def test_all(modem, fails_later):
            assert 0
    """)
    result = suite.run()
    assert outcomes(result) == {"passed": 1, "failed": 1, "errors": 3}
    text = result.stdout.str()
    for phase in ("setup", "teardown", "call"):
        assert f"modem wire log (BC660K-GL) {phase} -" in text
    # The report of a teardown repeats the sections of the call.
    assert text.count("stdout: modem wire log (BC660K-GL) call") == 2


def test_every_wire_or_none_may_be_asked_for(suite: Suite) -> None:
    suite.write(FAILING)
    result = suite.run("--modem-log=none")
    result.stdout.no_fnmatch_line(HEADLINE)
    result = suite.run("--modem-log=all", "-rA")
    assert result.stdout.str().count("stdout: modem wire log (BC660K-GL)") == 2
    result.stdout.fnmatch_lines(["*AT+CIMI"])


def test_a_skipped_test_and_one_that_is_expected_to_fail_tell_no_wire(suite: Suite) -> None:
    suite.write("""
        import pytest
        def test_skips(modem): pytest.skip("not today")
        @pytest.mark.xfail
        def test_expected(modem): assert 0
    """)
    result = suite.run("-rA")
    assert outcomes(result) == {"skipped": 1, "xfailed": 1}
    result.stdout.no_fnmatch_line("*modem wire log*AT*")


@pytest.mark.parametrize("workers", [(), ("-n2",)], ids=["plain", "workers"])
def test_the_wire_is_in_junit_and_so_is_the_file_with_all_of_it(
    suite: Suite, tmp_path: Path, workers: tuple[str, ...]
) -> None:
    suite.write(FAILING)
    logs = tmp_path / "logs"
    options = (f"--modem-log-dir={logs}", "--junit-xml=junit.xml", "-o", "junit_logging=system-out", *workers)
    assert outcomes(suite.run_apart(*options)) == {"passed": 1, "failed": 2}
    (file,) = logs.iterdir()
    assert re.fullmatch(r"test_suite\.py-test_fails-[0-9a-f]{8}\.log", file.name)
    assert [line.split(maxsplit=1)[1] for line in file.read_text().splitlines()[-3:]] == [
        "> AT+CSQ",
        "< +CSQ: 20,0",
        "< OK",
    ]
    cases = {
        case.get("name"): case
        for case in ET.parse(suite.pytester.path / "junit.xml").iter("testcase")  # noqa: S314
    }
    written = cases["test_fails"].findtext("system-out") or ""
    assert "modem wire log (BC660K-GL)" in written
    assert "> AT+CSQ" in written
    assert f"[[ATTACHMENT|{file}]]" in written
    properties = {each.get("name"): each.get("value") for each in cases["test_fails"].iter("property")}
    assert properties == {"modem_wire_log": str(file)}
    for name in ("test_passes", "test_without"):
        assert not list(cases[name].iter("property"))


def test_a_file_has_what_came_at_the_end_of_the_test_too(suite: Suite) -> None:
    suite.write("""
        import pytest
        @pytest.mark.parametrize("way", ["a/b", "a b", "é" * 300])
        def test_it(modem_mqtt, way): assert 0
    """)
    assert outcomes(suite.run("--modem-log-dir", "logs")) == {"failed": 3}
    files = list((suite.pytester.path / "logs").iterdir())
    assert len(files) == 3
    for file in files:
        assert "> AT+QMTDISC=0" in file.read_text()


def test_a_folder_that_cannot_be_made_is_told_in_the_report(suite: Suite) -> None:
    suite.write("def test_it(modem): assert 0")
    result = suite.run("--modem-log-dir=test_suite.py")
    assert outcomes(result) == {"failed": 1}
    result.stdout.fnmatch_lines(["*/test_suite.py/test_suite.py-test_it-*.log could not be written: *"])


def test_a_long_wire_is_cut_at_its_beginning(suite: Suite) -> None:
    suite.write("""
        def test_it(modem):
            for _ in range(100): modem.command("AT+CSQ")
            assert 0
    """)
    text = suite.run().stdout.str()
    assert "earlier lines\n" in text
    assert text.count("> AT+CSQ") < 40


def test_a_modem_of_the_tests_own_is_told_of_beside_that_of_the_fixture(suite: Suite) -> None:
    suite.write("""
        import pytest
        from modemqtt import Modem
        from modemqtt.virtual import VirtualModem
        @pytest.fixture
        def other():
            with VirtualModem("M95") as module, Modem(module.port) as modem: yield modem
        def test_it(modem, other):
            other.command("AT+CIMI")
            assert 0
    """)
    result = suite.run()
    assert outcomes(result) == {"failed": 1}
    result.stdout.fnmatch_lines([HEADLINE, "*modem wire log (M95)*", "*> AT+CIMI"])


def test_the_wire_of_a_shared_modem_is_that_of_the_test_alone(suite: Suite) -> None:
    suite.write("""
        def test_one(modem):
            modem.command("AT+CSQ")
            assert 0
        def test_two(modem):
            modem.command("AT+CIMI")
            assert 0
    """)
    first, _, second = suite.run("--modem-scope=session").stdout.str().partition("_ test_two _")
    assert ("> AT+CSQ" in first, "> AT+CIMI" in first) == (True, False)
    assert ("> AT+CSQ" in second, "> AT+CIMI" in second) == (False, True)
