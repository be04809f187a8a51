"""``modemqtt at``: lines as arguments and from standard input."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modemqtt.virtual import VirtualModem
from support import shell
from support.shell import refusal, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def module() -> Iterator[VirtualModem]:
    with VirtualModem("M95") as module:
        yield module


@pytest.mark.parametrize("lines", [(), ("-",)], ids=["without a line", "with -"])
def test_lines_come_from_standard_input(module: VirtualModem, lines: tuple[str, ...]) -> None:
    answered = run("at", *lines, given=b"AT\r\n\n# a remark\nAT+CSQ\n   \nAT", MODEMQTT_PORT=module.port)
    assert (answered.returncode, answered.stdout, answered.stderr) == (0, b"OK\n+CSQ: 20,0\nOK\nOK\n", b"")


def test_a_line_is_answered_before_the_next_one_is_there(module: VirtualModem) -> None:
    with shell.start("at", "-", MODEMQTT_PORT=module.port) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for _ in range(2):
            process.stdin.write(b"AT\n")
            process.stdin.flush()
            assert process.stdout.readline() == b"OK\n"
        process.stdin.close()
        assert process.wait(shell.PATIENCE) == 0


def test_a_line_of_standard_input_that_is_not_a_command_ends_it(module: VirtualModem) -> None:
    answered = run("at", given=b"AT\nhello\nAT\n", MODEMQTT_PORT=module.port)
    assert answered.stdout == b"OK\n"
    assert "AT" in refusal(answered, 2)
    assert refusal(run("at", given=b"AT+\xff\n", MODEMQTT_PORT=module.port), 2)


def test_a_dash_goes_with_no_other_line() -> None:
    assert "- reads every line" in refusal(run("at", "--modem", "virtual://M95", "-", "AT"), 2)


def test_data_goes_to_the_line_that_asks_for_it_from_a_file_too(tmp_path: Path) -> None:
    file = tmp_path / "payload"
    file.write_bytes(b"\x00\xff\r\n")
    for given in (r"\0\xff\r\n", f"@{file}"):
        done = run("at", "--modem", "virtual://EG915Q", "AT", 'AT+QFUPL="a.txt",4', "--data", given)
        # The checksum is the exclusive or of its two halves.
        assert (done.returncode, done.stderr, done.stdout) == (0, b"", b"OK\n+QFUPL: 4,df5\nOK\n")
    alone = run("at", "--modem", "virtual://EG915Q", 'AT+QFUPL="a.txt",4')
    assert 'AT+QFUPL="a.txt",4 asks for data; give it with --data' in refusal(alone, 2)
    unasked = run("at", "--modem", "virtual://EG915Q", "AT", "AT", "--data", "x")
    assert "none of the lines asked for data" in refusal(unasked, 2)


def test_the_log_has_the_lines_and_its_folder_comes_from_the_environment(module: VirtualModem, tmp_path: Path) -> None:
    named = tmp_path / "named.log"
    assert run("at", "--modem", module.port, "--log", str(named), "AT+CSQ").returncode == 0
    assert "AT+CSQ" in named.read_text()
    assert run("at", "--modem", module.port, "AT+CIMI", MODEMQTT_LOG_DIR=str(tmp_path)).returncode == 0
    (found,) = tmp_path.glob("modemqtt-at-*.log")
    assert "AT+CIMI" in found.read_text()
    nowhere = refusal(run("at", "--modem", module.port, "--log", str(tmp_path / "none" / "x"), "AT"), 1)
    assert "the log cannot be written" in nowhere
