"""What ``modemqtt pub`` and ``sub`` do with passwords, certificates, lost connections and terminals."""

from __future__ import annotations

import json
import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from modemqtt import Message
from modemqtt.cli._format import compiled
from modemqtt.virtual import Broker, VirtualModem
from support import mosquitto as real_broker
from support import secured, shell
from support.shell import refusal, run
from support.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def module() -> Iterator[VirtualModem]:
    with VirtualModem("EG915Q") as module:
        yield module


def to(module: VirtualModem, broker: Broker, *rest: str) -> tuple[str, ...]:
    return ("--modem", module.port, "-h", broker.host, "-p", str(broker.port), *rest)


def test_a_password_comes_from_three_places_and_shows_nowhere(module: VirtualModem, tmp_path: Path) -> None:
    file, log = tmp_path / "password", tmp_path / "wire.log"
    file.write_text("geheim\nnot this\n")
    with Broker(users={"bench": "geheim"}) as broker:
        at = to(module, broker, "-t", "x", "-m", "y", "-q", "1", "-u", "bench")
        shown = []
        for given, password in (
            (("-P", "geheim"), ""),
            (("--pw-file", str(file)), ""),
            ((), "geheim"),
        ):
            done = run("pub", *at, *given, "-d", "--log", str(log), MODEMQTT_PASSWORD=password)
            assert done.returncode == 0, done.stderr
            shown.append(done.stdout + done.stderr)
        assert len(broker.messages) == 3
        assert b"geheim" not in b"".join(shown) + log.read_bytes()
        assert b"AT+QMTCONN" in shown[0]
        wrong = refusal(run("pub", *at, MODEMQTT_PASSWORD="verkehrt"), 4)
        assert "return code 4" in wrong
        assert "verkehrt" not in wrong


@pytest.mark.mosquitto
def test_a_file_of_certificates_secures_the_connection(module: VirtualModem, tmp_path: Path) -> None:
    credentials = secured.make(tmp_path)
    (tmp_path / "other.pem").write_bytes(credentials.other_ca)
    (tmp_path / "cert.pem").write_bytes(credentials.cert)
    (tmp_path / "key.pem").write_bytes(credentials.key)
    program = real_broker.find()
    if program is None:
        pytest.skip("mosquitto is not on the PATH")
    more = secured.listener(tmp_path, credentials.server, mutual=True)
    client = ("--cert", str(tmp_path / "cert.pem"), "--key", str(tmp_path / "key.pem"))
    with real_broker.run(program, tmp_path, more) as address:
        at = ("--modem", module.port, "-h", address.host, "-p", str(address.port), "-t", "x")
        own, other = ("--cafile", str(tmp_path / "ca.pem"), *client), ("--cafile", str(tmp_path / "other.pem"), *client)
        assert run("pub", *at, *own, "-m", "kept", "-q", "1", "-r").returncode == 0
        assert run("sub", *at, *own, "-C", "1", "-W", "10").stdout == b"kept\n"
        assert "failed" in refusal(run("pub", *at, *other, "-m", "x"), 1)
        # None of this is left for the next connection, unless it is asked for.
        assert refusal(run("pub", *at, "-m", "x"), 1)


def test_a_lost_connection_is_made_again_and_said_so(module: VirtualModem) -> None:
    with Broker() as broker, shell.start("sub", *to(module, broker, "-t", "lost/#", "-C", "2")) as process:
        assert process.stdout is not None
        broker.publish("lost/x", b"one", retain=True)
        assert process.stdout.readline() == b"one\n"
        broker.drop_clients()
        output, errors = process.communicate(timeout=shell.PATIENCE)
    # The retained message comes with the renewed subscription.
    assert (process.returncode, output) == (0, b"one\n")
    assert b"modemqtt sub: " in errors
    assert b"lost" in errors


@pytest.mark.parametrize("qos", [1, 0])
def test_lines_go_on_when_a_lost_connection_was_made_again(module: VirtualModem, qos: int) -> None:
    with Broker() as broker, shell.start("pub", *to(module, broker, "-t", "x", "-l", "-q", str(qos))) as process:
        assert process.stdin is not None
        process.stdin.write(b"one\n")
        process.stdin.flush()
        assert broker.wait("x", shell.PATIENCE).payload == b"one"
        broker.drop_clients()
        process.stdin.write(b"".join(b"%d\n" % number for number in range(300)))
        _, errors = process.communicate(timeout=shell.PATIENCE)
        payloads = [message.payload for message in broker.messages]
    assert process.returncode == 0, errors
    assert b"lost" in errors
    missing = {b"%d" % number for number in range(300)} - set(payloads)
    told = re.search(rb"(\d+) messages? may have been lost", errors)
    assert len(missing) <= (0 if qos else int(told[1]) if told else 0)
    if qos == 0:
        assert len(set(payloads)) == len(payloads)


def test_a_session_that_cannot_be_made_again_ends_after_what_has_come(module: VirtualModem) -> None:
    with Broker() as broker, shell.start("sub", *to(module, broker, "-t", "lost/#")) as process:
        assert process.stdout is not None
        broker.publish("lost/x", b"one", retain=True)
        assert process.stdout.readline() == b"one\n"
        broker.refuse(5)
        broker.drop_clients()
        output, errors = process.communicate(timeout=shell.PATIENCE)
    assert (process.returncode, output) == (5, b"")
    assert b"return code 5" in errors.splitlines()[-1]


def test_a_module_that_is_lost_ends_it_after_what_has_come(tmp_path: Path) -> None:
    with (
        Broker() as broker,
        VirtualModem("M95", link=tmp_path / "module") as lost,
        shell.start("sub", *to(lost, broker, "-t", "lost/#")) as process,
    ):
        assert process.stdout is not None
        broker.publish("lost/x", b"one", retain=True)
        assert process.stdout.readline() == b"one\n"
        lost.close()
        output, errors = process.communicate(timeout=shell.PATIENCE)
    assert (process.returncode, output) == (69, b"")
    assert errors.count(b"modemqtt sub: ") >= 1


def test_a_subscription_that_is_refused_is_told_and_the_others_go_on(module: VirtualModem) -> None:
    with Broker() as broker:
        broker.deny("secret/#")
        broker.publish("open/x", b"kept", retain=True)
        done = run("sub", *to(module, broker, "-t", "secret/x", "-t", "open/x", "-C", "1"))
        assert (done.returncode, done.stdout) == (0, b"kept\n")
        assert done.stderr == b"modemqtt sub: the broker refused the subscription to secret/x\n"
        alone = run("sub", *to(module, broker, "-t", "secret/x"))
        assert "subscribe" in refusal(alone, 1)
        assert run("sub", *to(module, broker, "-t", "open/x", "-E")).returncode == 0
        quiet = run("sub", *to(module, broker, "-t", "secret/x", "--quiet"))
        assert (quiet.returncode, quiet.stderr) == (1, b"")


def test_a_session_that_is_kept_has_what_came_meanwhile(module: VirtualModem) -> None:
    with Broker() as broker:
        kept = to(module, broker, "-c", "-i", "bench-7", "-q", "1")
        assert run("sub", *kept, "-t", "kept/#", "-E").returncode == 0
        broker.publish("kept/x", b"meanwhile", qos=1)
        assert run("sub", *kept, "-t", "kept/#", "-C", "1", "-v", "-W", "10").stdout == b"kept/x meanwhile\n"
        assert run("sub", *kept, "-U", "kept/#", "-E").returncode == 0
        broker.publish("kept/x", b"no one", qos=1)
        assert run("sub", *kept, "-t", "other", "-W", "1").stdout == b""


def test_the_number_of_the_process_follows_a_prefix(module: VirtualModem) -> None:
    with Broker() as broker, shell.start("pub", *to(module, broker, "-t", "x", "-m", "y", "-I", "lab")) as process:
        assert process.wait(shell.PATIENCE) == 0
        assert broker.messages[0].client_id == f"lab-{process.pid}"


def test_a_terminal_is_shown_how_far_it_is_and_a_pipe_is_not(module: VirtualModem, tmp_path: Path) -> None:
    with Broker() as broker:
        at = to(module, broker, "-t", "x", "-m", "y", "--repeat", "12", "--repeat-delay", "0.1")
        with Terminal("pub", *at) as terminal:
            drawn = terminal.wait(r"\[[#.]+\] +\d+%  \d+/12 messages  \d+/s  0:0\d left", line=False)
            assert terminal.end() == 0
            assert terminal.lines[-1] == ""
        assert drawn
        assert len(broker.messages) == 12
        assert run("pub", *at).stderr == b""
        # Lines of a file have a size, those of a pipe have none.
        (tmp_path / "lines").write_text("line\n" * 3)
        with (tmp_path / "lines").open("rb") as lines:
            done = subprocess.run(  # noqa: S603 - our own
                shell.command("pub", *to(module, broker, "-t", "x", "-l")),
                stdin=lines,
                capture_output=True,
                env=shell.environment(),
                check=False,
            )
        assert (done.returncode, done.stderr, len(broker.messages)) == (0, b"", 27)


@pytest.mark.parametrize(("stream", "told"), [("<&-", "standard input is closed"), (">&-", "standard output")])
def test_a_closed_stream_is_one_sentence(module: VirtualModem, stream: str, told: str) -> None:
    line = " ".join(shell.command("at", "--modem", module.port, *(("AT",) if stream == ">&-" else ("-",))))
    done = subprocess.run(  # noqa: S602 - our own
        f"{line} {stream}", shell=True, stderr=subprocess.PIPE, text=True, env=shell.environment(), check=False
    )
    assert done.returncode == 1
    assert told in done.stderr
    assert done.stderr.count("\n") == 1


def test_listings_are_json_too(module: VirtualModem) -> None:
    known = json.loads(run("info", "--json").stdout)
    assert {"model": "M95", "dialect": "m95", "experimental": False} in known["models"]
    asked = json.loads(run("info", "--json", "--modem", module.port).stdout)["module"]
    assert asked["model"] == "EG915Q, dialect eg91xq"
    assert re.fullmatch(r"\d{15}", asked["IMEI"])
    for listing in ("--list-faults", "--list-profiles"):
        rows = json.loads(run("virtual", listing, "--json").stdout)
        assert all(row["name"] and row["description"] for row in rows)
    assert "--json goes with" in refusal(run("virtual", "--json"), 2)


def test_the_end_of_a_message_that_is_in_doubt_is_told_in_json() -> None:
    message = Message(topic="x", payload=b'a"\n', message_id=7, client=0, timestamp=0.5, complete=False)
    shown = json.loads(compiled("%j", pretty=False, end=b"")(message))
    assert re.fullmatch(r"19[67]\d-\d\d-\d\dT\d\d:\d\d:\d\d\.500000Z[+-]\d{4}", shown.pop("tst"))
    assert shown == {
        "topic": "x",
        "qos": None,
        "retain": None,
        "payloadlen": 3,
        "mid": 7,
        "complete": False,
        "payload": 'a"\n',
    }


def test_the_shell_uses_what_every_program_may_use(request: pytest.FixtureRequest) -> None:
    folder = request.config.rootpath / "python/modemqtt/cli"
    private = [
        f"{path.name}: {line.strip()}"
        for path in folder.glob("*.py")
        for line in path.read_text().splitlines()
        if re.match(r"\s*(from modemqtt\._|from modemqtt import .*\b_(?!_))|.*modemqtt\._(?!_)\w+ import", line)
    ]
    # The models, the transcript of a recording and what a program makes up have no public name; the ports are what the
    # pytest plugin looks at too.
    assert sorted(private) == [
        "_device.py: from modemqtt._recording import invented",
        "_examination.py: from modemqtt._recording import invented",
        "_models.py: from modemqtt import _core",
        "_recorded.py: from modemqtt import _core",
        "_recorded.py: from modemqtt._usage import arguments",
        "demo.py: from modemqtt._recording import invented",
        "ports.py: from modemqtt._serial import SerialPort, ports",
    ]
