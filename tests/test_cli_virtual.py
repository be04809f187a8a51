"""``modemqtt virtual`` for tests of firmware: several modules, scripts, the log."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections import defaultdict
from typing import TYPE_CHECKING

import pytest
import serial

from modemqtt import Modem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SECRET = "very-secret-indeed"


class Running:
    """The running command, and its first lines, each name with its value."""

    def __init__(self, *arguments: str) -> None:
        environment = {name: value for name, value in os.environ.items() if name != "MODEMQTT_PORT"}
        self.process = subprocess.Popen(  # noqa: S603 - our own
            [sys.executable, "-W", "error", "-m", "modemqtt", "virtual", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        assert self.process.stdout is not None
        self.head: dict[str, list[str]] = defaultdict(list)
        while line := self.process.stdout.readline().strip():
            name, value = line.split(": ", 1)
            self.head[name].append(value)

    def end(self, by: signal.Signals = signal.SIGTERM) -> tuple[int, str, str]:
        self.process.send_signal(by)
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        output, errors = self.process.stdout.read(), self.process.stderr.read()
        return self.process.wait(20), output, errors


@pytest.fixture
def run() -> Iterator[Callable[..., Running]]:
    with contextlib.ExitStack() as stack:

        def started(*arguments: str) -> Running:
            running = Running(*arguments)
            stack.enter_context(running.process)
            stack.callback(running.process.kill)
            return running

        yield started


def test_several_modules_share_a_broker(run: Callable[..., Running], tmp_path: Path) -> None:
    link = tmp_path / "module"
    models = ("--model", "M95", "--model", "BC660K-GL")
    running = run(*models, "--count", "2", "--link", str(link), "--log", str(tmp_path / "wire.log"))
    ports = [f"{link}-{number}" for number in (1, 2, 3, 4)]
    assert running.head["port"] == ports
    assert running.head["model"] == ["M95", "M95", "BC660K-GL", "BC660K-GL"]
    host, port = running.head["broker"][0].split(":")
    with Modem(ports[0]) as one, Modem(ports[3]) as other:
        assert (one.model, other.model) == ("M95", "BC660K-GL")
        with (
            one.mqtt().session(host, int(port), client_id="one") as mqtt,
            other.mqtt().session(host, int(port), client_id="other") as listener,
        ):
            listener.subscribe("t")
            mqtt.publish("t", b"21.5", qos=1)
            assert listener.receive(timeout=10).payload == b"21.5"
    status, output, errors = running.end()
    assert (status, errors) == (0, "")
    assert f"picocom {ports[0]}" in output
    assert f"minicom -D {ports[0]}" in output
    assert f'serial.Serial("{ports[0]}"' in output
    assert not any(os.path.lexists(port) for port in ports)
    assert '> AT+QMTCONN=0,"one"' in (tmp_path / "wire-1.log").read_text()
    assert '> AT+QMTCONN=0,"other"' in (tmp_path / "wire-4.log").read_text()


def test_several_modules_listen_on_ports_that_count_up(run: Callable[..., Running]) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        first = probe.getsockname()[1]
    running = run("--count", "2", "--listen", f"tcp:127.0.0.1:{first}", "--broker", "none")
    status, output, errors = running.end(signal.SIGINT)
    if "cannot listen" in errors:
        pytest.skip("the port beside a free one is taken")
    assert status == 0, errors
    assert running.head["port"] == [f"socket://127.0.0.1:{first + number}" for number in (0, 1)]
    assert f"socat -,raw,echo=0,escape=0x03 tcp:127.0.0.1:{first}\n" in output


@pytest.mark.parametrize("met", [True, False])
def test_a_script_answers_and_says_at_the_end_what_did_not_come(
    run: Callable[..., Running], tmp_path: Path, *, met: bool
) -> None:
    script = tmp_path / "script.at"
    script.write_text("> AT+CSQ\n< +CSQ: 99,99\n< OK\n" + ("" if met else "> AT+COPS?\n"))
    log = tmp_path / "wire.log"
    running = run("--model", "M95", "--script", str(script), "--log", str(log))
    with serial.Serial(running.head["port"][0], 115200, timeout=10) as port:
        port.write(b"AT+CSQ\r")
        assert port.read_until(b"OK\r\n") == b"AT+CSQ\r\r\n+CSQ: 99,99\r\n\r\nOK\r\n"
        port.write(f'AT+QMTCONN=0,"c","u","{SECRET}"\r'.encode())
        port.read_until(b"ERROR")
    status, _, errors = running.end()
    if met:
        assert (status, errors) == (0, "")
    else:
        assert status == 1
        assert "expected, and did not come:\n  AT+COPS?\ncame:\n  AT+CSQ  (expected)\n" in errors
        assert SECRET not in errors
    lines = [line.split(" ", 1)[1] for line in log.read_text().splitlines()]
    assert lines[:4] == ["> AT+CSQ", "< AT+CSQ", "< +CSQ: 99,99", "< OK"]
    assert '> AT+QMTCONN=0,"c","u","***"' in lines
    assert '< AT+QMTCONN=0,"c","u","***"' in lines


@pytest.mark.parametrize(
    ("arguments", "status", "reason"),
    [
        (["--script", "/nonexistent/script"], 2, "/nonexistent/script"),
        (["--script", "{folder}/wrong"], 2, "line 2 of the script"),
        (["--log", "/nonexistent/wire.log"], 2, "/nonexistent/wire.log"),
        (["--count", "0"], 2, "--count"),
        (["--model", "M95", "--model", "SIM800L"], 2, "SIM800L"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(tmp_path: Path, arguments: list[str], status: int, reason: str) -> None:
    (tmp_path / "wrong").write_text("> AT\n= nothing\n")
    command = [sys.executable, "-m", "modemqtt", "virtual", *(text.format(folder=tmp_path) for text in arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)  # noqa: S603 - our own
    assert (done.returncode, done.stderr.count("\n")) == (status, 1), done.stderr
    assert reason in done.stderr
