"""``modemqtt virtual --control``: what a shell does to virtual modules while they run."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import serial

from modemqtt import UsageError
from modemqtt.cli._control import carry_out
from modemqtt.virtual import VirtualModem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Program:
    """The command while it runs."""

    def __init__(self, *arguments: str) -> None:
        environment = {name: value for name, value in os.environ.items() if name != "MODEMQTT_PORT"}
        self.process = subprocess.Popen(  # noqa: S603 - our own
            [sys.executable, "-W", "error", "-m", "modemqtt", "virtual", "--broker", "none", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        self.ports: list[str] = []
        assert self.process.stdout is not None
        while line := self.process.stdout.readline().strip():
            if line.startswith("port: "):
                self.ports.append(line.removeprefix("port: "))

    def end(self) -> tuple[int, str]:
        self.process.terminate()
        _, errors = self.process.communicate(timeout=20)
        return self.process.returncode, errors


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "control"


def ask(port: serial.Serial, line: str) -> bytes:
    port.write(line.encode() + b"\r")
    return port.read_until(b"OK\r\n")


def orders(path: Path, *lines: str) -> list[str]:
    with socket.socket(socket.AF_UNIX) as connection, connection.makefile("r") as answers:
        connection.connect(str(path))
        connection.sendall("".join(f"{line}\n" for line in lines).encode())
        return [answers.readline().rstrip("\n") for _ in lines]


def test_a_shell_moves_a_module_by_a_socket_of_its_owner(path: Path) -> None:
    program = Program("--model", "M95", "--control", str(path))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with serial.Serial(program.ports[0], timeout=10) as port:
        assert b"OK" in ask(port, "ATE0")
        assert orders(path, "signal 12", "urc +CREG: 1") == ["ok", "ok"]
        assert port.read_until(b"+CREG: 1\r\n").endswith(b"\r\n+CREG: 1\r\n")
        assert b"+CSQ: 12,99" in ask(port, "AT+CSQ")
        assert orders(path, "battery 3301 7", "cell 00ABC001 2B") == ["ok", "ok"]
        assert b"+CBC: 0,7,3301" in ask(port, "AT+CBC")
        ask(port, "AT+QENG=1")
        assert b",002b,c001," in ask(port, "AT+QENG?")
        assert orders(path, "fault cme-text", "fault bare-error", "heal bare-error", "heal") == ["ok"] * 4
        assert orders(path, "network off", "network on", "registration 5", "sim pin", "sim ready") == ["ok"] * 5
        assert orders(path, "power key") == ["ok"]
        assert port.read_until(b"POWER DOWN\r\n").endswith(b"NORMAL POWER DOWN\r\n")
        assert orders(path, "power on", "power off", "power on", "restart") == ["ok"] * 4
    assert program.end() == (0, "")
    assert not path.exists()


def test_a_leading_number_names_one_of_several_modules(path: Path) -> None:
    program = Program("--model", "M95", "--count", "2", "--control", str(path))
    assert orders(path, "2 signal 3", "signal 4 2", "1 signal 5") == ["ok"] * 3
    for name, answer in zip(program.ports, (b"+CSQ: 5,99", b"+CSQ: 4,2"), strict=True):
        with serial.Serial(name, timeout=10) as port:
            assert answer in ask(port, "AT+CSQ")
    assert orders(path, "3 restart") == ["error: there is no module 3; the modules are 1 to 2"]
    assert program.end() == (0, "")


def test_orders_come_from_standard_input_too_and_what_is_wrong_with_them_is_told() -> None:
    program = Program("--model", "M95", "--control", "-")
    assert program.process.stdin is not None
    with serial.Serial(program.ports[0], timeout=10) as port:
        program.process.stdin.write("signal 7\nfly\nurc +TEST: 1\n")
        program.process.stdin.flush()
        assert port.read_until(b"+TEST: 1\r\n")
        assert b"+CSQ: 7,99" in ask(port, "AT+CSQ")
    status, errors = program.end()
    assert status == 0
    assert errors.startswith("modemqtt virtual: 'fly' is not a control word; the known ones are restart, power,")
    assert errors.count("\n") == 1


@pytest.fixture
def module() -> Iterator[VirtualModem]:
    with VirtualModem("M95") as module:
        yield module


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("fly", "'fly' is not a control word; the known ones are restart, power, network, signal, battery, cell"),
        ("RESTART", "'RESTART' is not a control word"),
        ("restart now", "restart takes no argument, not 'now'"),
        ("power", "power must be followed by key, on or off, not ''"),
        ("network gone", "network must be followed by on or off, not 'gone'"),
        ("signal", "signal must be followed by RSSI [BER [RSRP RSRQ SINR]], not ''"),
        ("signal loud", "not 'loud'"),
        ("signal 12 0 -100", "not '12 0 -100'"),
        ("signal 12 0 -200 -10 5", "rsrp must be -140 to -44, not -200"),
        ("signal 32", "rssi"),
        ("battery low", "battery must be followed by one number or two, not 'low'"),
        ("battery 70000", "millivolts must be 0 to 65535, not 70000"),
        ("cell", "cell must be followed by one hexadecimal number or two, not ''"),
        ("cell north", "cell must be followed by one hexadecimal number or two, not 'north'"),
        ("cell 1 2 3", "cell must be followed by one hexadecimal number or two, not '1 2 3'"),
        ("cell 10000000", "cell must be 0 to 268435455, not 268435456"),
        ("registration 9", "0 to 5"),
        ("sim lost", "ready, pin, absent"),
        ("urc", "line must be"),
        ("fault gremlin", "not a fault"),
        ("fault lost-ok=0", "how many times"),
        ("heal gremlin", "not a fault"),
        ("0 restart", "there is no module 0; the modules are 1 to 1"),
        ("1", "'' is not a control word"),
    ],
)
def test_a_wrong_order_is_answered_in_one_sentence(module: VirtualModem, line: str, reason: str) -> None:
    with pytest.raises(UsageError) as caught:
        carry_out(line, [module])
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own
        [sys.executable, "-m", "modemqtt", "virtual", *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_a_script_or_a_log_that_cannot_be_used_ends_the_start_with_status_2(tmp_path: Path) -> None:
    script = tmp_path / "bad.script"
    script.write_text("> NO COMMAND\n", encoding="utf-8")
    for arguments in (
        ("--script", str(tmp_path / "none")),
        ("--script", str(tmp_path)),
        ("--script", str(script)),
        ("--log", str(tmp_path / "none" / "wire.log")),
        ("--log", str(tmp_path)),
    ):
        done = run(*arguments)
        assert done.returncode == 2, arguments
        assert done.stdout == ""
        assert done.stderr.startswith("modemqtt virtual: ")
        assert done.stderr.count("\n") == 1
        assert arguments[1] in done.stderr


def test_a_file_in_the_way_of_the_control_socket_is_left_as_it_is(path: Path) -> None:
    path.write_text("mine")
    done = run("--control", str(path))
    assert (done.returncode, path.read_text()) == (2, "mine")
    assert "not an abandoned socket" in done.stderr
    path.unlink()
    with socket.socket(socket.AF_UNIX) as abandoned:
        abandoned.bind(str(path))
    program = Program("--control", str(path))
    assert orders(path, "restart") == ["ok"]
    assert program.end() == (0, "")
