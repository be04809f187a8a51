"""``modemqtt term``, in a terminal of the system."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from modemqtt.cli._editor import Editor, Key
from modemqtt.virtual import VirtualModem
from support import shell
from support.shell import refusal, run
from support.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def module(tmp_path: Path) -> Iterator[VirtualModem]:
    with VirtualModem("M95", link=tmp_path / "module") as module:
        yield module


def test_answers_and_what_comes_unasked_are_told_apart_and_have_times(module: VirtualModem, tmp_path: Path) -> None:
    log = tmp_path / "wire.log"
    with Terminal("term", "--modem", module.port, "--times", "--log", str(log)) as terminal:
        terminal.wait(r"^\d\d:\d\d:\d\d\.\d{3} - M95 on .*; ctrl-t q leaves")
        terminal.type("AT+CSQ\r")
        terminal.wait(r"^\d\d:\d\d:\d\d\.\d{3} \+CSQ: 20,0$")
        terminal.type("half a li")
        terminal.wait("half a li$")
        module.urc("+TEST: 1")
        terminal.wait(r"^\d\d:\d\d:\d\d\.\d{3} \* \+TEST: 1$")
        # The line being typed stays below, whole.
        terminal.wait("^half a li$")
        terminal.type("\x03\x14t\x14?")
        terminal.wait("^- ctrl-t q or ctrl-d  leave$")
        terminal.type("AT+NONE\r")
        terminal.wait(r"^! the module refused AT\+NONE: ERROR")
        terminal.type("\x14q")
        assert terminal.end() == 0
        assert terminal.settings_now == terminal.settings
    assert "AT+CSQ" in log.read_text()


def test_a_line_that_asks_for_data_is_followed_by_its_data() -> None:
    with Terminal("term", "--modem", "virtual://EG915Q") as terminal:
        terminal.wait("leaves")
        terminal.type('AT+QFUPL="a.txt",4\r')
        terminal.wait("^data> $")
        terminal.type("\\x00\\r\\n!\r")
        terminal.wait(r"^\+QFUPL: 4,")
        terminal.type("AT\x1b[Dxy\x7f\x7f\x05T\x08\r\x1b[A\r")
        terminal.wait("^OK$")
        terminal.type("\x04")
        assert terminal.end() == 0


def test_an_adapter_that_returns_is_opened_again(module: VirtualModem, tmp_path: Path) -> None:
    with Terminal("term", "--modem", module.port) as terminal:
        terminal.wait("leaves")
        module.close()
        terminal.wait("^! .*; waiting for it to come back$")
        with VirtualModem("M95", link=tmp_path / "module"):
            terminal.wait("^- M95 is back on ")
            terminal.type("AT+CSQ\r")
            terminal.wait(r"^\+CSQ: 20,0$")
            terminal.type("\x14q")
            assert terminal.end() == 0


def test_ctrl_c_ends_the_wait_for_an_answer_and_leaving_does_not_wait_at_all(module: VirtualModem) -> None:
    with Terminal("term", "--modem", module.port) as terminal:
        terminal.wait("leaves")
        module.inject("mute")
        terminal.type("AT+CSQ\r")
        terminal.wait(r"^> AT\+CSQ$")
        began = time.monotonic()
        terminal.type("\x03")
        terminal.wait("^- no longer waiting")
        terminal.type("AT+CSQ\r\x14q")
        assert terminal.end() == 0
        assert time.monotonic() - began < 3


def test_ctrl_c_never_ends_the_program_however_soon_it_is_typed(module: VirtualModem) -> None:
    with Terminal("term", "--modem", module.port) as terminal:
        terminal.wait("leaves")
        # Not even where the program has only begun to take lines.
        terminal.type("AT+CSQ\r\x03" * 20)
        terminal.type("AT+CGMR\r")
        terminal.wait(r"^> AT\+CGMR$")
        terminal.wait("^Revision: M95")
        terminal.type("\x14q")
        assert terminal.end() == 0


def test_a_signal_leaves_the_terminal_as_it_was(module: VirtualModem) -> None:
    with Terminal("term", "--modem", module.port) as terminal:
        terminal.wait("leaves")
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.end() == 128 + signal.SIGTERM
        assert terminal.settings_now == terminal.settings


def test_without_a_terminal_it_says_what_takes_lines_from_a_pipe() -> None:
    assert "`modemqtt at` takes lines from a pipe" in refusal(run("term", "--modem", "virtual://M95"), 2)


@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not on the PATH")
def test_in_tmux_the_screen_has_what_a_person_expects(module: VirtualModem, tmp_path: Path) -> None:
    def tmux(*words: str) -> str:
        command = ["tmux", "-S", str(tmp_path / "tmux"), "-f", "/dev/null", *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603 - our own

    def screen(until: str) -> list[str]:
        deadline = time.monotonic() + shell.PATIENCE
        while until not in (shown := tmux("capture-pane", "-p")):
            assert time.monotonic() < deadline, shown
            time.sleep(0.02)
        return shown.split("\n")

    line = " ".join(["env", "-u", "MODEMQTT_PORT", *shell.command("term", "--modem", module.port)])
    tmux("new-session", "-d", "-x", "80", "-y", "12", line)
    try:
        screen("ctrl-t q leaves")
        tmux("send-keys", "AT+CSQ", "Enter")
        screen("+CSQ: 20,0")
        tmux("send-keys", "A" * 100)
        module.urc("+TEST: 1")
        shown = screen("* +TEST: 1")
        first = shown.index("> AT+CSQ")
        assert shown[first + 1 : first + 3] == ["+CSQ: 20,0", "OK"]
        # A long line stays on one row, with its end in sight.
        assert screen("A" * 78)[first + 3 : first + 5] == ["* +TEST: 1", "A" * 79]
    finally:
        tmux("kill-server")


def typed(keys: str) -> tuple[list[str], str]:
    """Return the finished lines, and the unfinished one."""
    editor = Editor()
    done = [editor.line for character in keys if editor.key(character) is Key.LINE]
    return done, editor.text


@pytest.mark.parametrize(
    ("keys", "done", "left"),
    [
        ("AT\rAT+", ["AT"], "AT+"),
        ("abc\x7f\x08x", [], "ax"),
        ("abc\x01x\x05y", [], "xabcy"),
        ("abc\x1b[D\x1b[Dx", [], "axbc"),
        ("abc\x1bOH\x1b[3~x\x1b[F!", [], "xbc!"),
        ("one two \x17three", [], "one three"),
        ("abc\x02\x0b", [], "ab"),
        ("abc\x02\x15", [], "c"),
        ("abc\x03d", [], "d"),
        ("one\rtwo\rdra\x1b[A\x1b[A\x1b[A\r", ["one", "two", "one"], ""),
        ("one\rdra\x10\x0eft", ["one"], "draft"),
        ("\x14zab\x1b[99Xc\x00\x1d", [], "abc"),
        ("grün\x7f", [], "grü"),
    ],
)
def test_a_line_is_edited_as_in_a_shell(keys: str, done: list[str], left: str) -> None:
    assert typed(keys) == (done, left)


def test_keys_ask_for_more_than_editing() -> None:
    asked = {keys: [Editor().key(keys[-1])] for keys in ("\x04", "\x0c", "\x03")}
    assert list(asked.values()) == [[Key.LEAVE], [Key.CLEAR], [Key.INTERRUPT]]
    editor = Editor()
    for letter, key in {"q": Key.LEAVE, "?": Key.HELP, "T": Key.TIMES, "l": Key.CLEAR, "x": None}.items():
        assert editor.key("\x14") is None
        assert editor.key(letter) is key
