"""Recordings that are played back: the same events as before, and the report on a host that does something else."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from modemqtt import ConnectionLost, Modem, ModuleRestarted, PortError, ScriptError, UsageError, UsageTypeError
from modemqtt.virtual import MODELS, Broker, Replay, VirtualModem
from support import mosquitto, secured
from support.shell import PATIENCE, command, environment, run
from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ONE_OF_EACH = sorted({model.dialect: model.name for model in MODELS}.values())
# All bytes, and only the printable ones.
BINARY = bytes(range(256))
TEXT = bytes(range(0x20, 0x7F)).replace(b'"', b"")


def events(modem: Modem, broker: tuple[str, int], happens: Callable[[str], None], password: str) -> Iterator[object]:
    """Yield what a program hears in a session with payloads of all bytes, a lost connection and a restart."""
    mqtt = modem.mqtt()
    yield modem.model
    with (
        contextlib.suppress(ConnectionLost, ModuleRestarted),
        mqtt.session(*broker, client_id="bench", username="lab", password=password),
    ):
        yield mqtt.subscribe([("bench/#", 1), ("other", 2)])
        for payload in (TEXT, b"", BINARY):
            for qos in (0, 1, 2):
                # Not every dialect carries every byte; the others are not sent.
                with contextlib.suppress(UsageError):
                    yield mqtt.publish("bench/t", payload, qos=qos).state
                    message = mqtt.receive(timeout=5)
                    yield message.topic, message.payload, message.complete
        happens("message")
        yield mqtt.receive(timeout=5).payload
        happens("lost")
        with pytest.raises(ConnectionLost) as lost:
            mqtt.receive(timeout=5)
        yield lost.value.code
    yield modem.command("AT+CSQ").lines
    with mqtt.session(*broker, client_id="bench"):
        happens("restart")
        with pytest.raises(ModuleRestarted):
            mqtt.receive(timeout=5)
        yield "restarted"
    yield modem.imei, modem.command("AT+CSQ").lines, modem.stats.messages, modem.stats.restarts


@pytest.mark.parametrize("model", ONE_OF_EACH)
def test_a_recorded_session_is_played_to_the_same_events(model: str, tmp_path: Path) -> None:
    path = tmp_path / "a.rec"
    with Modem(f"virtual://{model}", record=path) as modem:
        bench = modem.virtual
        broker = bench.broker
        address = broker.host, broker.port
        world = {
            "message": lambda: broker.publish("other", b"from \xff\x00 another", qos=1),
            "lost": broker.drop_clients,
            "restart": bench.restart,
        }
        seen = list(events(modem, address, lambda what: world[what](), "hunter2"))
    with Replay(path) as replay, Modem(replay.port) as modem:
        again = list(events(modem, address, lambda _: None, "another"))
        replay.check()
    # The module's number differs.
    imei = again[-1][0]  # type: ignore[index]
    assert imei.startswith("860000")
    assert again == [*seen[:-1], (imei, *seen[-1][1:])]  # type: ignore[index]


# BC35-G and BC28 have no TLS: neither their MQTT note nor their AT manual has a command for it.
@pytest.mark.parametrize("model", [model for model in ONE_OF_EACH if model not in {"BC28", "BC35-G"}])
def test_a_session_with_tls_is_played_to_the_same_events_without_its_keys(model: str, tmp_path: Path) -> None:
    program = mosquitto.find()
    if program is None:
        pytest.skip("mosquitto is not on the PATH")
    credentials, path = secured.make(tmp_path), tmp_path / "a.rec"
    lines = secured.listener(tmp_path, credentials.server, mutual=True)

    def heard(modem: Modem, server: tuple[str, int]) -> Iterator[object]:
        with modem.mqtt().session(*server, client_id="bench", tls=credentials.client()) as mqtt:
            yield mqtt.subscribe("t", qos=1)
            yield mqtt.publish("t", TEXT, qos=1).state
            message = mqtt.receive(timeout=5)
            yield message.topic, message.payload, message.complete

    with mosquitto.run(program, tmp_path, lines) as server:
        address = server.host, server.port
        with VirtualModem(model) as module, Modem(module.port, record=path) as modem:
            seen = list(heard(modem, address))
    # The server has gone: what is heard now is the recording.
    with Replay(path) as replay, Modem(replay.port) as modem:
        assert list(heard(modem, address)) == seen
        replay.check()
    assert seen[-1] == ("t", TEXT, True)
    recorded = path.read_text(encoding="ascii")
    assert [line for line in credentials.secrets if line in recorded] == []


def test_what_the_host_sends_otherwise_is_shown_beside_what_was_recorded(tmp_path: Path) -> None:
    path = tmp_path / "a.rec"
    with Modem("virtual://M95", record=path) as modem:
        modem.command("AT+CSQ")
        modem.command("AT+CREG?")
    with Replay(path) as replay, Modem(replay.port) as modem:
        assert replay.model == "M95"
        modem.command("AT+CSQ")
        with pytest.raises(Exception, match="ERROR"):
            modem.command("AT+COPS?")
        assert modem.command("AT+CREG?").lines
        with pytest.raises(ScriptError) as told:
            replay.check()
    wanted = "line 24 of the recording\n    expected AT+CREG?\\r\n    got      AT+COPS?\\r"
    lines = path.read_text(encoding="ascii").splitlines()
    number = next(number for number, line in enumerate(lines, 1) if "AT+CREG?" in line)
    assert str(told.value).endswith(wanted.replace("24", str(number)))


def test_what_a_host_has_not_sent_is_told_when_the_replay_is_checked(tmp_path: Path) -> None:
    path = tmp_path / "a.rec"
    with Modem("virtual://M95", record=path) as modem:
        modem.command("AT+CSQ")
        modem.command("AT+CREG?")
    lines = path.read_text(encoding="ascii").splitlines()
    number = next(number for number, line in enumerate(lines, 1) if "AT+CREG?" in line)
    with Replay(path) as replay:
        replay.check()  # no host has begun
    with Replay(path) as replay, Modem(replay.port) as modem:
        modem.command("AT+CSQ")
        stopped = rf"stopped before the end of the recording: line {number}, AT\+CREG\?\\r, was not sent"
        with pytest.raises(ScriptError, match=stopped):
            replay.check()
        assert replay.differences == []
        modem.command("AT+CREG?")
        replay.check()


def test_a_recording_that_was_played_begins_again_for_the_next_host(tmp_path: Path) -> None:
    path = tmp_path / "a.rec"
    with Modem("virtual://BC28", record=path) as modem:
        first = modem.command("AT+CSQ")
    with Replay(path) as replay:
        for _ in range(3):
            with Modem(replay.port) as modem:
                assert modem.command("AT+CSQ") == first
        replay.check()


def test_a_module_that_is_named_is_not_asked_for_in_a_replay(tmp_path: Path) -> None:
    path = tmp_path / "a.rec"
    with Modem("virtual://EG915Q", record=path) as modem:
        first = modem.command("AT+CSQ")
    with Replay(path) as replay, Modem(replay.port, model="EG915Q") as modem:
        assert modem.command("AT+CSQ") == first
        replay.check()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "ends within its first line"),
        ("hello\n", "is not a recording"),
        ('{"recording":"modemqtt","version":9}\n', "is of version 9 of the format"),
    ],
)
def test_a_file_that_is_not_a_recording_is_refused_in_one_sentence(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "a.rec"
    path.write_text(text, encoding="ascii")
    with pytest.raises(UsageError, match=said):
        Replay(path)
    with pytest.raises(UsageError, match=said):
        Modem(f"replay:{path}").open()


def test_a_damaged_line_is_told_by_its_number(tmp_path: Path) -> None:
    path = tmp_path / "a.rec"
    with Modem("virtual://M95", record=path):
        pass
    lines = path.read_text(encoding="ascii").splitlines()
    lines[4] = lines[4][:-3]
    path.write_text("\n".join(lines) + "\n", encoding="ascii")
    with pytest.raises(UsageError, match=r"line 5 of .*a\.rec is not JSON; the file is damaged there"):
        Replay(path)


def test_what_cannot_be_played_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Replay(tmp_path / "none.rec")
    with pytest.raises(PortError, match=r"none\.rec: No such file"):
        Modem(f"replay://{tmp_path}/none.rec").open()
    with pytest.raises(UsageError, match="names no file"):
        Modem("replay://")
    for speed in ("fast", 0, -1, float("nan")):
        with pytest.raises(UsageError, match="speed must be"):
            Replay(tmp_path / "none.rec", speed=speed)
    with pytest.raises(UsageTypeError, match="speed must be"):
        Replay(tmp_path / "none.rec", speed=None)  # type: ignore[arg-type]
    with Modem("virtual://M95", record=tmp_path / "a.rec") as modem:
        del modem
    with Modem(f"replay:{tmp_path}/a.rec") as modem, pytest.raises(UsageError, match="is not a virtual module"):
        _ = modem.virtual


@pytest.mark.parametrize(("line", "status"), [("AT+CSQ", 0), ("AT+COPS?", 1), ("AT+CMEE?", 0)])
def test_the_shell_plays_a_recording_until_it_is_told_to_end(line: str, status: int, tmp_path: Path) -> None:
    path, link = tmp_path / "a.rec", tmp_path / "module"
    assert run("at", "--modem", "virtual:M95", "--record", str(path), "AT+CSQ").returncode == 0
    with subprocess.Popen(  # noqa: S603 - our own
        command("replay", str(path), "--link", str(link)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    ) as player:
        assert player.stdout is not None
        assert player.stdout.readline() == f"port: {link}\n".encode()
        run("at", "--modem", str(link), line)
        player.send_signal(signal.SIGINT)
        _, errors = player.communicate(timeout=PATIENCE)
    assert player.returncode == status
    assert (b"expected AT+CSQ\\r\n    got      AT+COPS?\\r" in errors) == bool(status)
    # One who ends it in the middle is told how far it was.
    assert (b"AT+CSQ\\r, was not sent\n" in errors) == (line == "AT+CMEE?")
    assert not os.path.lexists(link)
    assert run("at", "--modem", f"replay:{path}", "AT+CSQ").returncode == 0


@pytest.mark.parametrize("model", ONE_OF_EACH)
def test_a_recording_becomes_a_transcript_of_both_ends(model: str, tmp_path: Path, broker: Broker) -> None:
    from support import built, transcript  # noqa: PLC0415 - with its player
    from support.player import Player  # noqa: PLC0415

    path = tmp_path / "a.rec"
    with VirtualModem(model) as module, Modem(module.port, record=path) as modem:
        modem.command("AT+CSQ")
        mqtt = modem.mqtt()
        mqtt.configure(keepalive=60)
        mqtt.open(broker.host, broker.port)
        mqtt.connect("bench 7", username="lab", password="hunter2")
        mqtt.subscribe("b", qos=1)
        mqtt.publish("b", b"a\\ b" + b"y" * 200, qos=1)
        assert mqtt.receive(timeout=10).payload.endswith(b"y")
        # Without leaving: what the module tells of that may come before the next command or after it.
        mqtt.unsubscribe("b")
    made = run("replay", str(path), "--transcript")
    assert (made.returncode, made.stderr) == (0, b"")
    told = made.stdout.decode()
    assert told.startswith(f"# Recorded from a {model}")
    folder = tmp_path / transcript.dialect_of(model)
    folder.mkdir()
    written = folder / "report.at"
    written.write_text(told, encoding="utf-8")
    Player(transcript.parse(transcript.FOLDER / folder.name / "report.at", told)).play()
    if built.are_there():
        assert built.judge(written) == {"host": "as written", "virtual": "as written"}


def test_a_long_recording_is_played_in_little_memory(tmp_path: Path) -> None:
    path, megabytes = tmp_path / "a.rec", int(os.environ.get("MODEMQTT_MEGABYTES", "1"))
    with Modem("virtual://M95", record=path) as modem:
        modem.command("AT+CSQ")
    count = 0
    with path.open("a", encoding="ascii") as file:
        while file.tell() < megabytes * 1e6:
            count += 1
            message = {"t": 1 + count / 1000, "<": f'\r\n+QMTRECV: 0,0,"bench/t",{count:0200}\r\n'}
            file.write(json.dumps(message) + "\n")
    # The queue for the program has its own bound.
    with Replay(path) as replay, Modem(replay.port, model="M95", queue=64 * 1024) as modem:
        modem.mqtt().on_message = lambda _: None
        modem.command("AT+CSQ")
        before = resident()
        until(lambda: modem.stats.messages == count, "the last message", patience=60 + 2 * megabytes)
        assert resident() - before < 32e6
        replay.check()


def resident() -> int:
    """Return the bytes of memory that this process has."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * resource.getpagesize()
