"""The exit statuses of docs/shell.md, each of them provoked, and what standard error says then."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from modemqtt import Modem, _core
from modemqtt.cli import main
from modemqtt.virtual import Broker, VirtualModem
from support import shell
from support.shell import run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parents[1]
DIALECTS = ", ".join(dict.fromkeys(dialect for _, dialect, _ in _core.models()))
OPENING = ("pub", "sub", "at", "info", "demo")

# The arguments that each command needs.
TO_THE_END = {
    "pub": ("-t", "x", "-m", "y"),
    "sub": ("-t", "x", "-W", "30"),
    "at": ("AT", "--wait", "30"),
    "info": (),
    "demo": ("-h", "127.0.0.1"),
    "term": (),
}
WRONG = {
    "pub": ("-t", "x", "--frobnicate"),
    "sub": ("-t", "x", "-q", "3"),
    "at": ("--timeout", "soon", "AT"),
    "term": ("--baud", "0"),
    "info": ("--model",),
    "doctor": ("-h", "broker.lab", "-V", "mqttv5"),
    "demo": ("--port", "99999"),
    "ports": ("--json", "--udev"),
    "virtual": ("--model", "SIM800L"),
    "completion": ("csh",),
}


@pytest.fixture(scope="module")
def module() -> Iterator[VirtualModem]:
    with VirtualModem("M95") as module:
        yield module


@pytest.fixture
def broker() -> Iterator[Broker]:
    with Broker() as broker:
        yield broker


def ended(command: str, *arguments: str) -> int:
    """Run it, and return its status; if that is not 0, check that it said why in one sentence."""
    done = run(command, *arguments)
    told = done.stderr.decode()
    assert told.count("\n") == (done.returncode != 0), told
    assert "Traceback" not in told
    return done.returncode


class Case:
    """The provocation of a status, by its row."""

    def __init__(self, module: VirtualModem, broker: Broker, folder: Path) -> None:
        self.module, self.broker, self.folder = module, broker, folder
        self.at = ("--modem", module.port)
        self.to = (*self.at, "-h", broker.host, "-p", str(broker.port), "-t", "exit/x")

    def done(self, command: str) -> int:
        self.broker.publish("exit/x", b"kept", retain=True)
        rest = {
            "pub": (*self.to, "-m", "x"),
            "sub": (*self.to, "-C", "1"),
            "at": (*self.at, "AT"),
            "completion": ("bash",),
        }
        return ended(command, *rest.get(command, ()))

    def refused_by_the_broker(self, command: str) -> list[int]:
        codes = []
        for code in (1, 5):
            self.broker.refuse(code)
            codes.append(ended(command, *self.to, *(("-m", "x") if command == "pub" else ())))
        assert codes == [1, 5]
        return [1, 5]

    def wrong(self, command: str) -> int:
        return ended(command, *WRONG[command])

    def unreachable(self, command: str) -> int:
        self.broker.stop()
        return ended(command, *self.to, *(("-m", "x") if command == "pub" else ()))

    def undelivered(self, _: str) -> int:
        self.module.inject("packet-result")
        try:
            return ended("pub", *self.to, "-m", "x", "-q", "1")
        finally:
            self.module.heal()

    def time_is_over(self, _: str) -> int:
        done = run("sub", *self.to, "-W", "1")
        assert done.stderr == b"Timed out\n"
        return done.returncode

    def full_disk(self, _: str) -> int:
        self.broker.publish("exit/x", b"kept", retain=True)
        with Path("/dev/full").open("wb") as full:
            done = run("sub", *self.to, stdout=full)
        assert done.stderr == b"modemqtt sub: standard output cannot be written: No space left on device\n"
        return done.returncode

    def reader_left(self, _: str) -> int:
        with shell.start("sub", *self.to, "-v") as process:
            assert process.stdout is not None
            assert process.stderr is not None
            self.broker.publish("exit/x", b"kept", retain=True)
            assert process.stdout.readline() == b"exit/x kept\n"
            process.stdout.close()
            self.broker.publish("exit/x", b"more")
            assert process.stderr.read() == b""
            return process.wait(shell.PATIENCE)

    def refused_line(self, _: str) -> int:
        done = run("at", *self.at, "AT", "AT+NONE", "AT")
        assert done.stdout == b"OK\n"
        return done.returncode

    def healthy(self, _: str) -> int:
        return ended("doctor", "--modem", "virtual://M95")

    def trouble(self, _: str) -> int:
        return run("doctor", "--modem", "virtual://M95?fault=open-result").returncode

    def signalled(self, _: str) -> int:
        statuses = set()
        for number in (signal.SIGINT, signal.SIGTERM):
            with shell.start("virtual", "--broker", "none") as process:
                assert process.stdout is not None
                process.stdout.readline()
                process.send_signal(number)
                statuses.add(process.wait(shell.PATIENCE))
        assert statuses == {0}
        return 0

    def unmet(self, _: str) -> int:
        script = self.folder / "script"
        script.write_text("> AT+CSQ\n< +CSQ: 1,0\n< OK\n")
        with shell.start("virtual", "--broker", "none", "--script", str(script)) as process:
            assert process.stdout is not None
            process.stdout.readline()
            process.terminate()
            return process.wait(shell.PATIENCE)

    def silent(self, command: str) -> int:
        main, silent = os.openpty()
        try:
            return ended(command, "--modem", os.ttyname(silent), "AT", "--timeout", "0.2")
        finally:
            os.close(main)
            os.close(silent)

    def no_device(self, command: str) -> int:
        return ended(command, "--modem", str(self.folder / "none"), *TO_THE_END[command])

    def busy(self, command: str) -> int:
        with Modem(self.module.port):
            return ended(command, *self.at, *TO_THE_END[command])

    def _sent(self, command: str, number: int) -> int:
        """Send a signal to a command that waits for a module, or for messages."""
        main, silent = os.openpty()
        try:
            with shell.start(command, "--modem", os.ttyname(silent), *TO_THE_END[command]) as process:
                assert os.read(main, 2) == b"AT"
                process.send_signal(number)
                assert process.communicate(timeout=shell.PATIENCE)[1] == b""
                return process.returncode
        finally:
            os.close(main)
            os.close(silent)

    def interrupted(self, command: str) -> int:
        return self._sent(command, signal.SIGINT)

    def terminated(self, command: str) -> int:
        return self._sent(command, signal.SIGTERM)


PROVOKED: dict[str, Callable[[Case, str], int | list[int]]] = {
    "done": Case.done,
    "the broker refuses, with this code in its CONNACK": Case.refused_by_the_broker,
    "the command line is wrong": Case.wrong,
    "the broker cannot be reached": Case.unreachable,
    "a message was not delivered": Case.undelivered,
    "the time of `-W` is over": Case.time_is_over,
    "standard output cannot be written, for example on a full disk": Case.full_disk,
    "the reader of standard output has left": Case.reader_left,
    "the module refused a line": Case.refused_line,
    "nothing is wrong": Case.healthy,
    "there is trouble": Case.trouble,
    "SIGINT or SIGTERM": Case.signalled,
    "something that a script expects did not come": Case.unmet,
    "there is no such device": Case.no_device,
    "no module answers": Case.silent,
    "another program has the port": Case.busy,
    "Ctrl-C": Case.interrupted,
    "SIGTERM": Case.terminated,
}


def rows() -> list[tuple[str, str, str]]:
    """Return command, status and occasion of each row, with one command each."""
    text = (ROOT / "docs/shell.md").read_text(encoding="utf-8").partition("## Exit statuses")[2]
    found = re.findall(r"^\| ([`a-z, ]+) \| ([0-9 to]+) \| (.*) \|$", text, re.MULTILINE)
    return [
        (command, status, occasion)
        for commands, status, occasion in found
        for command in (OPENING if commands == "every" else re.findall(r"`(\w+)`", commands))
    ]


def test_the_table_has_every_occasion() -> None:
    assert {occasion for _, _, occasion in rows()} == set(PROVOKED)
    assert len(rows()) > 40


@pytest.fixture
def case(module: VirtualModem, broker: Broker, tmp_path: Path) -> Case:
    return Case(module, broker, tmp_path)


@pytest.mark.parametrize(("command", "status", "occasion"), rows())
def test_a_command_ends_with_the_status_of_the_table(case: Case, command: str, status: str, occasion: str) -> None:
    first, _, last = status.partition(" to ")
    came = PROVOKED[occasion](case, command)
    assert came == ([int(first), int(last)] if last else int(first))


def test_what_was_received_before_a_full_disk_is_there(module: VirtualModem, broker: Broker, tmp_path: Path) -> None:
    # A file that can grow to 64 bytes and no further.
    at = ("--modem", module.port, "-h", broker.host, "-p", str(broker.port), "-t", "exit/#", "-C", "20")
    for number in range(20):
        broker.publish(f"exit/{number:02}", b"0123456", retain=True)
    line = " ".join(shell.command("sub", *at)).replace("#", "'#'")
    done = subprocess.run(  # noqa: S602 - our own
        f"trap '' XFSZ; ulimit -f 1; head -c 960 /dev/zero > out; exec {line} >> out",
        shell=True,
        executable="/bin/bash",
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        env=shell.environment(),
        timeout=shell.PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stderr.count(b"\n")) == (1, 1)
    assert b"File too large" in done.stderr
    assert (tmp_path / "out").read_bytes()[960:] == b"0123456\n" * 8


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("-h",), "-h is the host"),
        ((), "a command is missing"),
        (("frobnicate",), "there is no command 'frobnicate'; the commands are demo, virtual, pub, sub"),
        (("--frobnicate",), "--frobnicate"),
        (("--modem", "virtual://M95", "at"), "options stand behind the command, as in `modemqtt at --modem …`"),
    ],
)
def test_without_a_command_it_says_what_there_is(arguments: tuple[str, ...], told: str) -> None:
    assert told in shell.refusal(run(*arguments), 2)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("pub", "-t", "x\udcff", "-m", "x"), "b'x\\xff' is not UTF-8"),
        (("pub", "-m", "x"), "a topic is missing"),
        (("pub", "-t", "x"), "a message is missing: one of -m TEXT, -f FILE, -l, -s and -n"),
        (("pub", "-t", "x", "-m", "x", "-n"), "there can be only one message"),
        (("pub", "-t", "x", "-m"), "expected one argument"),
        (("pub", "-t", "x", "-m", "x", "-q", "3"), "qos must be 0, 1 or 2, not 3"),
        (("pub", "-t", "x", "-f", "/none"), "/none cannot be read: No such file"),
        (("pub", "-t", "x", "-l", "--repeat", "2"), "not with -l"),
        (("pub", "-t", "x", "-m", "x", "-P", "secret"), "a password needs -u"),
        (("pub", "-t", "x", "-m", "x", "-u", "u", "--pw-file", "/none"), "/none cannot be read"),
        (("pub", "-t", "x", "-m", "x", "-c"), "-c needs --id"),
        (("pub", "-t", "x", "-m", "x", "-i", "a", "-I", "b"), "exclude each other"),
        (("pub", "-t", "x", "-m", "x", "--will-payload", "x"), "need --will-topic"),
        (("pub", "-t", "x", "-m", "x", "-k", "x"), "'x' is not a whole number"),
        (("pub", "-t", "x", "-m", "x", "--client", "9"), "client index must be 0 to 5, not 9"),
        (("pub", "-t", "x", "-m", "x", "-L", "http://h/t"), "not a URL of the form mqtt(s)://"),
        (("pub", "-L", "mqtt://h", "-m", "x"), "names no topic"),
        (("pub", "-L", "mqtts://h/t", "-m", "x"), "give --cafile, or --insecure"),
        (("pub", "-t", "x", "-m", "x", "--cert", "c"), "--cert and --key need each other"),
        (("pub", "-t", "x", "-m", "x", "--cafile", "c", "--tls-version", "tlsv1.3"), "tlsv1, tlsv1.1 or tlsv1.2"),
        (("pub", "-t", "x", "-m", "x", "-V", "mqttv5"), f"-V mqttv5: no dialect can ({DIALECTS})"),
        (("sub",), "a topic is missing"),
        (("sub", "-t", "x", "-F", "%z"), "%z is not a format"),
        (("sub", "-t", "x", "-F", "%A"), "%A is a property of MQTT 5"),
        (("sub", "-t", "x", "-F", "100%"), "ends in the middle of %"),
        (("sub", "-t", "x", "-F", "\\q"), "\\q is not an escape"),
        (("sub", "-t", "x", "-C", "0"), "'0' is not a whole number above 0"),
        (("sub", "-t", "x", "-W", "0"), "'0' is not a whole number above 0"),
        (("sub", "-t", "x", "-R"), "+QMTRECV does not say whether a message was retained"),
        (("sub", "-t", "x", "--random-filter", "0"), "not a percentage"),
    ],
    ids=str,
)
def test_what_is_wrong_with_the_command_line_is_one_sentence(
    arguments: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODEMQTT_PORT", "virtual://M95")
    # The command must not change the signals of this process.
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    output = capsys.readouterr()
    assert (caught.value.code, output.out, output.err.count("\n")) == (1, "", 1)
    assert output.err.startswith(f"modemqtt {arguments[0]}: ")
    assert told in output.err
    assert "secret" not in output.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("pub", "-t", "x", "-s"), "standard input is empty; -n publishes an empty message"),
        (("pub", "-t", "x", "-m", "x", "-k", "5000"), "keepalive must be 0 to 3600 s, not 5000 (M95)"),
        (("pub", "-t", "x", "-m", "x", "--cafile", "/none"), "'/none' cannot be read"),
        (("pub", "-t", "x/#", "-m", "x"), "contains a wildcard"),
        (("pub", "-t", "x", "-m", "x", "-V", "mqttv311"), 'm95 has no AT+QMTCFG="version"'),
        (("pub", "-t", "x", "-m", "x", "--model", "SIM800L"), '"SIM800L" is not known'),
        (("pub", "-t", "x", "-m", "x", "--modem", "usb://x"), "usb:// is not a kind of port"),
        (("sub", "-t", "#/x"), "#"),
    ],
    ids=str,
)
def test_what_the_module_cannot_do_is_one_sentence_too(arguments: tuple[str, ...], told: str) -> None:
    told_here = shell.refusal(run(*arguments, given=b"", MODEMQTT_PORT="virtual://M95"), 1)
    assert told_here.startswith(f"modemqtt {arguments[0]}: ")
    assert told in told_here
