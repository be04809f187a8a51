"""The command line, as a user runs it: a separate process, its output and its exit status."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tty
from contextlib import contextmanager
from importlib.metadata import entry_points
from typing import IO, TYPE_CHECKING

import pytest

import modemqtt
from modemqtt import Modem
from modemqtt.cli import main
from modemqtt.exceptions import CommandError
from modemqtt.virtual import FAULT_TABLE, Broker, VirtualModem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COMMANDS = ("demo", "virtual", "pub", "sub", "at", "term", "ports", "doctor", "info", "completion")


def environment(**more: str) -> dict[str, str]:
    """Return the environment without the variables that name a module."""
    ours = {name: value for name, value in os.environ.items() if name != "MODEMQTT_PORT"}
    return ours | {"PYTHONWARNINGS": "error"} | more


def run(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "modemqtt", *arguments]
    return subprocess.run(  # noqa: S603
        command,
        capture_output=True,
        text=True,
        timeout=30,
        env=environment(**more),
        check=False,
        stdin=subprocess.DEVNULL,
    )


@contextmanager
def running(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, str], IO[str]]]:
    """Start ``modemqtt virtual`` and take its first lines apart, as a script would."""
    command = [sys.executable, "-m", "modemqtt", "virtual", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment()) as process:  # noqa: S603
        assert process.stdout is not None
        try:
            head = {}
            while line := process.stdout.readline().strip():
                name, value = line.split(": ", 1)
                head[name] = value
            yield process, head, process.stdout
        finally:
            process.kill()


def refusal(finished: subprocess.CompletedProcess[str], status: int) -> str:
    """Return the one line of a failure."""
    assert finished.returncode == status, finished.stderr
    assert finished.stderr.count("\n") == 1, finished.stderr
    return finished.stderr


class TestDemo:
    @pytest.mark.parametrize("model", ["M95", "BC660K-GL"])
    def test_shows_the_program_and_the_line_of_a_whole_session(self, model: str) -> None:
        shown = run("demo", "--model", model)
        assert shown.returncode == 0, shown.stderr
        assert shown.stderr == ""
        lines = [line.strip() for line in shown.stdout.splitlines()]
        program = ["Modem(", "mqtt.open(", "mqtt.connect(", "mqtt.subscribe(", "mqtt.publish(", "mqtt.disconnect("]
        wire = ["> AT", "> AT+QMTOPEN=0", "< +QMTCONN: 0,0,0", "< +QMTSUB: 0,1,0,2", "< +QMTRECV: 0,", "> AT+QMTDISC=0"]
        for needed in program:
            assert any(needed in line for line in lines), needed
        for needed in wire:
            assert any(line.startswith(needed) for line in lines), needed
        assert all(f"QoS {qos}" in shown.stdout for qos in (0, 1, 2))
        assert f"Shown: {model}" in shown.stdout
        assert max(map(len, lines)) <= 100

    def test_talks_to_a_module_and_a_broker_of_the_user(self) -> None:
        with Broker() as broker, VirtualModem("M95") as module:
            shown = run("demo", "--modem", module.port, "-h", broker.host, "-p", str(broker.port))
            assert shown.returncode == 0, shown.stderr
            assert len(broker.messages) == 3

    def test_uses_the_broker_of_a_virtual_module_that_is_named(self) -> None:
        shown = run("demo", "--modem", "virtual://M95")
        assert shown.returncode == 0, shown.stderr
        assert "Shown: M95" in shown.stdout
        assert "What the broker has seen:" in shown.stdout

    def test_needs_a_broker_that_the_module_can_reach(self) -> None:
        assert "--host" in refusal(run("demo", "--modem", "/dev/null"), 2)
        assert "--host" in refusal(run("demo", "--port", "1883"), 2)

    def test_says_why_a_broker_refuses_and_keeps_the_password_to_itself(self) -> None:
        with Broker() as broker, VirtualModem("BC660K-GL") as module:
            broker.refuse(5)
            to = ("-h", broker.host, "-p", str(broker.port), "-u", "bench", "-P", "geheim")
            failed = run("demo", "--modem", module.port, *to)
            assert "AT+QMTCONN" in failed.stdout
            assert "modemqtt demo: " in refusal(failed, 1)
            assert "geheim" not in failed.stdout + failed.stderr


class TestVirtual:
    def test_is_driven_by_plain_bytes_until_it_is_interrupted(self, tmp_path: Path) -> None:
        link = tmp_path / "module"
        with running("--model", "M95", "--link", str(link)) as (process, head, _):
            assert head["port"] == str(link)
            assert head["model"] == "M95"
            line = os.open(link, os.O_RDWR | os.O_NOCTTY)
            try:
                tty.setraw(line)
                os.write(line, b"AT+CGMM\r")
                answer = b""
                while not answer.endswith(b"OK\r\n"):
                    answer += os.read(line, 64)
            finally:
                os.close(line)
            assert b"Quectel_M95" in answer
            process.send_signal(signal.SIGINT)
            assert process.wait(10) == 0
            assert not link.is_symlink()

    def test_ends_on_termination_as_well(self, tmp_path: Path) -> None:
        link = tmp_path / "module"
        with running("--link", str(link)) as (process, _, _):
            assert link.is_symlink()
            process.terminate()
            assert process.wait(10) == 0
            assert not link.is_symlink()

    def test_has_a_broker_beside_it(self) -> None:
        with running("--model", "BC660K-GL") as (_, head, _), Modem(head["port"]) as modem:
            host, port = head["broker"].split(":")
            with modem.mqtt().session(host, int(port), client_id="bench-7") as mqtt:
                mqtt.subscribe("bench/t")
                mqtt.publish("bench/t", b"21.5", qos=1)
                assert mqtt.receive(timeout=10).payload == b"21.5"

    def test_listens_on_tcp_without_a_broker(self) -> None:
        with running("--listen", "127.0.0.1:0", "--broker", "none") as (_, head, rest):
            assert "broker" not in head
            assert head["port"].startswith("socket://127.0.0.1:")
            with Modem(head["port"]) as modem:
                assert modem.model == "BC660K-GL"
            assert any("socat" in line for line in (rest.readline(), rest.readline()))

    def test_misbehaves_when_asked(self) -> None:
        faults = ("--fault", "reopen-error", "prompt-crlf", "--fault", "no-retransmit")
        with running("--model", "M95", *faults) as (_, head, _), Modem(head["port"]) as modem:
            host, port = head["broker"].split(":")
            modem.command(f'AT+QMTOPEN=0,"{host}",{port}')
            assert next(modem.urcs(timeout=10)) == "+QMTOPEN: 0,0"
            with pytest.raises(CommandError, match="ERROR"):
                modem.command(f'AT+QMTOPEN=0,"{host}",{port}')

    def test_lists_the_faults_with_their_values(self) -> None:
        output = run("virtual", "--list-faults").stdout
        for name, value, description in FAULT_TABLE:
            head = f"{name}[=VALUE]" if value else name
            assert f"{head}\n    {description}\n" in output

    def test_gives_a_fault_its_value(self) -> None:
        faults = ("--fault", "cms-error=1", "stat-code=8")
        with running("--model", "M95", *faults) as (_, head, _), Modem(head["port"]) as modem:
            for error in (r"\+CMS ERROR: 500", r"\+CME ERROR"):
                with pytest.raises(CommandError, match=error):
                    modem.command("AT+QMTDISC=0")

    @pytest.mark.parametrize(
        ("arguments", "status", "reason"),
        [
            (["--model", "SIM800L"], 2, "BC660K-GL"),
            (["--fault", "gremlin"], 2, "reopen-error"),
            (["--fault", "lost-ok=often"], 2, "lost-ok=often"),
            (["--baud", "0"], 2, "--baud"),
            (["--broker", "none", "--broker-port", "1883"], 2, "--broker is none"),
            (["--listen", "127.0.0.1:0", "--link", "module"], 2, "link"),
            (["--listen", "nowhere"], 2, "nowhere"),
            (["--link", "/nonexistent/module"], 1, "/nonexistent/module"),
        ],
    )
    def test_says_in_one_line_what_cannot_be(self, arguments: list[str], status: int, reason: str) -> None:
        assert reason in refusal(run("virtual", *arguments), status)


class TestAt:
    def test_prints_answers_and_final_result_codes(self, virtual_modem: VirtualModem) -> None:
        answered = run("at", "--modem", virtual_modem.port, "AT", "AT+CSQ")
        assert answered.returncode == 0
        assert answered.stdout == "OK\n+CSQ: 20,0\nOK\n"

    def test_takes_the_module_from_the_environment(self, virtual_modem: VirtualModem) -> None:
        assert run("at", "AT", MODEMQTT_PORT=virtual_modem.port).stdout == "OK\n"

    def test_waits_for_urcs_when_asked(self, virtual_modem: VirtualModem, broker: Broker) -> None:
        line = f'AT+QMTOPEN=0,"{broker.host}",{broker.port}'
        answered = run("at", "--modem", virtual_modem.port, "--wait", "0.5", line)
        assert answered.stdout == "OK\n+QMTOPEN: 0,0\n"

    def test_ends_with_the_first_command_that_is_refused(self, virtual_modem: VirtualModem) -> None:
        answered = run("at", "--modem", virtual_modem.port, "AT", "AT+NONE", "AT")
        assert answered.stdout == "OK\n"
        assert "AT+NONE" in refusal(answered, 1)

    def test_shows_the_wire_to_those_who_debug(self, virtual_modem: VirtualModem) -> None:
        answered = run("at", "--modem", virtual_modem.port, "--debug", "AT+NONE")
        assert answered.returncode == 1
        assert "Traceback" in answered.stderr
        # Exceptions have notes from Python 3.11 on.
        assert sys.version_info < (3, 11) or "> AT+NONE" in answered.stderr

    def test_needs_a_module_that_is_there(self, tmp_path: Path) -> None:
        assert "MODEMQTT_PORT" in refusal(run("at", "AT"), 2)
        missing = str(tmp_path / "missing")
        assert missing in refusal(run("at", "--modem", missing, "AT"), 69)

    def test_refuses_what_no_module_should_see(self, virtual_modem: VirtualModem) -> None:
        assert "modemqtt at: " in refusal(run("at", "--modem", virtual_modem.port, "AT\x1a"), 2)


class TestInfo:
    def test_names_versions_and_models(self) -> None:
        shown = run("info")
        assert shown.returncode == 0
        assert modemqtt.__version__ in shown.stdout
        assert "BC660K-GL, dialect bc660k" in shown.stdout
        assert "M95, dialect m95" in shown.stdout

    def test_asks_the_module(self, virtual_modem: VirtualModem) -> None:
        shown = run("info", "--modem", virtual_modem.port)
        assert shown.returncode == 0
        for needed in (virtual_modem.port, f"Quectel_{virtual_modem.model}", "-73 dBm", "1 (registered, home network)"):
            assert needed in shown.stdout


class TestEveryCommand:
    @pytest.mark.parametrize("command", COMMANDS)
    def test_has_its_help_under_the_long_name_alone(self, command: str) -> None:
        helped = run(command, "--help")
        assert helped.returncode == 0
        assert helped.stdout.startswith(f"usage: modemqtt {command} ")
        assert "-h, --help" not in helped.stdout

    def test_is_listed(self) -> None:
        listed = run("--help").stdout
        assert all(f"    {command} " in listed for command in COMMANDS)
        assert refusal(run(), 2)
        assert refusal(run("frobnicate"), 2)

    def test_is_reached_by_the_installed_name_too(self) -> None:
        (script,) = entry_points(group="console_scripts", name="modemqtt")
        assert script.load() is main

    def test_ends_quietly_when_no_one_reads_the_output(self) -> None:
        command = f"{sys.executable} -m modemqtt info | true"
        ended = subprocess.run(command, shell=True, capture_output=True, text=True, check=False, env=environment())  # noqa: S602
        assert ended.stderr == ""

    def test_is_interrupted_with_the_status_that_shells_expect(self, tmp_path: Path) -> None:
        # The other end of a pseudo-terminal on which no one answers.
        main, silent = os.openpty()
        command = [sys.executable, "-m", "modemqtt", "at", "--modem", os.ttyname(silent), "AT"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment(), cwd=tmp_path) as process:  # noqa: S603
            assert os.read(main, 2) == b"AT"
            process.send_signal(signal.SIGINT)
            _, complaint = process.communicate(timeout=10)
        os.close(main)
        os.close(silent)
        assert process.returncode == 130
        assert complaint == ""
