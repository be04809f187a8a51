"""Editions of a note and modules as seen in the field: what they change, and the error for an unknown name."""

from __future__ import annotations

import subprocess
import sys

import pytest
import serial

from modemqtt import Modem, UsageError
from modemqtt.virtual import FAULTS, PROFILES, Broker, Profile, VirtualModem
from test_cli_control import Program, ask


def virtual(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own
        [sys.executable, "-W", "error", "-m", "modemqtt", "virtual", *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.mark.parametrize("model", ["BC28", "BC35-G"])
def test_a_publish_of_a_length_is_taken_by_the_edition_of_2019_alone(model: str, broker: Broker) -> None:
    for revision, prompts in ((None, False), ("2019", True)):
        with VirtualModem(model, revision=revision) as module, serial.Serial(module.port, timeout=10) as port:
            assert ask(port, f'AT+QMTOPEN=0,"{broker.host}",{broker.port}').endswith(b"OK\r\n")
            assert port.read_until(b"+QMTOPEN: 0,0\r\n").endswith(b"+QMTOPEN: 0,0\r\n")
            ask(port, 'AT+QMTCONN=0,"bench"')
            assert port.read_until(b"+QMTCONN: 0,0,0\r\n").endswith(b"+QMTCONN: 0,0,0\r\n")
            port.write(b'AT+QMTPUB=0,0,0,0,"t",5\r')
            if prompts:
                assert port.read_until(b"> ").endswith(b"\r\n> ")
                port.write(b"HELLO")
                assert broker.wait("t", 10).payload == b"HELLO"
            else:
                assert port.read_until(b"ERROR").endswith(b"ERROR")


def test_a_module_as_seen_shows_its_faults_and_takes_others_beside_them() -> None:
    for profile in PROFILES:
        for model in profile.models:
            with VirtualModem(model, as_seen=profile.name, faults=["mute"]) as module:
                shown = set(module.faults) - {"mute"}
                assert shown, profile.name
                assert {fault.partition("=")[0] for fault in shown} <= set(FAULTS)
                assert "mute" in module.faults


def test_a_module_as_seen_prints_what_was_captured() -> None:
    with Broker() as broker, VirtualModem("M95", as_seen="m95-air") as module, Modem(module.port) as modem:
        with modem.mqtt().session(broker.host, broker.port, client_id="bench") as mqtt:
            mqtt.subscribe("bench/t", qos=1)
            broker.publish("bench/t", b"21.5")
            assert mqtt.receive(timeout=10).payload == b"21.5"
        assert any("+QMTRECV: 0,0,bench/t,21.5" in str(line) for line in modem.wire)
    with VirtualModem("BC660K-GL", as_seen="bc660k-kept") as module, serial.Serial(module.port, timeout=10) as port:
        ask(port, "ATE0")
        module.restart()
        assert b"RDY" in port.read_until(b"+CEREG: 2\r\n")
        assert not ask(port, "AT+CSQ").startswith(b"AT")


def test_each_profile_says_where_it_was_seen() -> None:
    assert len({profile.name for profile in PROFILES}) == len(PROFILES) > 1
    for profile in PROFILES:
        assert isinstance(profile, Profile)
        assert profile.description
        assert profile.source
    done = virtual("--list-profiles")
    assert (done.returncode, done.stderr) == (0, "")
    for profile in PROFILES:
        for text in (profile.name, *profile.models, profile.description, profile.source):
            assert text in done.stdout


def test_a_profile_and_an_edition_are_asked_for_on_the_command_line() -> None:
    program = Program("--model", "BC28", "--revision", "2019", "--fault", "cme-text")
    with serial.Serial(program.ports[0], timeout=10) as port:
        assert b",(1-1024)\r\n" in ask(port, "AT+QMTPUB=?")
    assert program.end() == (0, "")
    program = Program("--model", "EG800Q", "--as-seen", "eg91xq-short")
    assert program.end() == (0, "")


PROFILE_NAMES = ", ".join(profile.name for profile in PROFILES)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            {"model": "M95", "as_seen": "m95-moon"},
            f"'m95-moon' is not a module as seen; the known ones are {PROFILE_NAMES}",
        ),
        ({"model": "M95", "as_seen": "bc660k-kept"}, "bc660k-kept was seen of BC660K-GL, not of M95"),
        ({"model": "BC28", "revision": "1999"}, "revision must be 2018 or 2019 for BC28, not '1999'"),
        ({"model": "M95", "revision": "2019"}, "revision must be left out for M95, not '2019'"),
    ],
)
def test_an_unknown_profile_or_edition_is_one_sentence_that_lists_the_known_ones(
    options: dict[str, str], sentence: str
) -> None:
    with pytest.raises(UsageError) as caught:
        VirtualModem(**options)  # type: ignore[arg-type]
    assert str(caught.value).replace('"', "'") == sentence
    arguments = [text for name, value in options.items() for text in (f"--{name.replace('_', '-')}", value)]
    done = virtual(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.replace('"', "'") == f"modemqtt virtual: {sentence}\n"


def test_what_a_client_publishes_below_sys_is_acknowledged_and_dropped(broker: Broker, modem: Modem) -> None:
    with modem.mqtt().session(broker.host, broker.port, client_id="bench") as mqtt:
        mqtt.subscribe([("$SYS/#", 1), ("$other/#", 1)])
        for topic in ("$SYS/broker/uptime", "$SYS"):
            assert mqtt.publish(topic, b"0", qos=1).state == "acknowledged"
        mqtt.publish("$other/t", b"1", qos=1)
        assert mqtt.receive(timeout=10).topic == "$other/t"
    assert [message.topic for message in broker.messages] == ["$other/t"]
