"""Command lines that ask for data, and ports on which no module answers."""

from __future__ import annotations

import contextlib
import os
import threading
import time
import tty
from typing import TYPE_CHECKING, Any

import pytest

from modemqtt import Modem, MqttClient, ResponseTimeout, UsageError
from modemqtt.cli import main
from modemqtt.virtual import Broker, VirtualModem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# The line that publishes this many bytes, with the model's own command.
PUBLISH = {
    "M95": 'AT+QMTPUB=0,0,0,0,"bench/t"',
    "BC35-G": 'AT+QMTPUB=0,0,0,0,"bench/t"',
    "BC660K-GL": 'AT+QMTPUB=0,0,0,0,"bench/t",{}',
    "EG915Q": 'AT+QMTPUBEX=0,0,0,0,"bench/t",{}',
}


@pytest.fixture(params=PUBLISH)
def model(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def test_a_publish_of_the_programs_own_line_arrives_bit_for_bit(
    model: str, modem: Modem, mqtt: MqttClient, broker: Broker
) -> None:
    assert mqtt.state == "connected"
    payload = b'AT\r\n"\x00\x7f\xff> \x11'
    assert modem.command(PUBLISH[model].format(len(payload)), data=payload).final == "OK"
    assert _published(broker) == [payload]


def test_a_line_that_asks_for_data_is_not_sent_without(model: str, modem: Modem) -> None:
    sent = len(list(modem.wire))
    with pytest.raises(UsageError, match=r"data=b"):
        modem.command(PUBLISH[model].format(3))
    assert len(list(modem.wire)) == sent
    modem.command("AT+CSQ")


def test_data_of_another_length_than_declared_are_not_sent(model: str, modem: Modem) -> None:
    if "{}" not in PUBLISH[model]:
        pytest.skip("the model has no publish of a declared length")
    sent = len(list(modem.wire))
    with pytest.raises(UsageError, match=r"3 bytes, not 4"):
        modem.command(PUBLISH[model].format(3), data=b"four")
    assert len(list(modem.wire)) == sent


def test_data_that_would_end_the_data_phase_are_not_sent(model: str, modem: Modem) -> None:
    if "{}" in PUBLISH[model]:
        pytest.skip("the model counts bytes")
    sent = len(list(modem.wire))
    with pytest.raises(UsageError, match=r"0x1A"):
        modem.command(PUBLISH[model], data=b"a\x1ab")
    assert len(list(modem.wire)) == sent


def test_data_of_another_type_are_refused(modem: Modem) -> None:
    wrong: Any = 123
    with pytest.raises(UsageError, match="data must be bytes or str, not int"):
        modem.command("AT+CMGS=1", data=wrong)


def test_an_empty_publish_leaves_the_line_free(model: str, modem: Modem, mqtt: MqttClient, broker: Broker) -> None:
    mqtt.publish("bench/t", b"", qos=1)
    mqtt.publish("bench/t", b"after", qos=1)
    assert _published(broker) == [b"", b"after"], model
    modem.command("AT+CSQ")


def test_a_file_goes_into_the_module_and_shows_nowhere() -> None:
    with VirtualModem("EG915Q") as module, Modem(module.port) as modem:
        content = b"-----BEGIN PRIVATE KEY-----\nc2VjcmV0LWtleS1vZi1iZW5jaC03\n-----END PRIVATE KEY-----\n"
        line = f'AT+QFUPL="UFS:x.pem",{len(content)},10'
        (uploaded,) = modem.command(line, data=content).lines
        assert uploaded.startswith(f"+QFUPL: {len(content)},")
        assert modem.command('AT+QFLST="UFS:x.pem"').lines == (f'+QFLST: "UFS:x.pem",{len(content)}',)
        assert "c2VjcmV0" not in str(list(modem.wire))


def test_the_length_of_messages_can_be_left_off(broker: Broker) -> None:
    with (
        VirtualModem("BC660K-GL") as module,
        Modem(module.port) as modem,
        modem.mqtt().session(broker.host, broker.port, client_id="b", show_length=False) as mqtt,
    ):
        assert mqtt.configuration()["show_length"] is False
        mqtt.subscribe("bench/#")
        mqtt.publish("bench/t", b"21.5")
        assert mqtt.receive(timeout=10).payload == b"21.5"
    received = [line.text for line in modem.wire if line.text.startswith("+QMTRECV")]
    assert received[0].startswith('+QMTRECV: 0,0,"bench/t","21.5"'), received


def test_at_gives_data_to_the_line_that_asks_for_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], broker: Broker
) -> None:
    file = tmp_path / "payload"
    file.write_bytes(b"\x00\x1a\xff")
    with VirtualModem("EG915Q") as module:
        with Modem(module.port) as modem:
            modem.mqtt().open(broker.host, broker.port)
            modem.mqtt().connect("bench")
        line = 'AT+QMTPUBEX=0,0,0,0,"t",3'
        port = ["at", "--modem", module.port]
        assert main([*port, "--data", r"a\r\x1a", "AT+CSQ", line, "AT+CGATT?"]) == 0
        assert main([*port, "--data", f"@{file}", line]) == 0
        assert main([*port, "--data", "four", line]) != 0
        assert main([*port, "--data", "abc", "AT+CSQ", "AT+CGATT?"]) != 0
    assert _published(broker) == [b"a\r\x1a", b"\x00\x1a\xff"]
    assert "3 bytes, not 4" in capsys.readouterr().err


def test_a_wrong_escape_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["at", "--modem", "/dev/null", "--data", r"a\q", "AT"])
    assert r"\q is not an escape" in capsys.readouterr().err


def test_a_port_without_a_module_is_sent_at_and_one_escape() -> None:
    with _silent_port() as (port, heard), pytest.raises(ResponseTimeout, match="recover"):
        Modem(port).open()
    assert _all(heard).replace(b"AT\r", b"") == b"\x1b"


def test_a_port_with_a_named_model_is_filled_up_no_further_than_its_longest_publish() -> None:
    with _silent_port() as (port, heard), pytest.raises(ResponseTimeout):
        Modem(port, model="BC660K-GL").open()
    assert _all(heard).replace(b"ATQ0V1\r", b"").replace(b"AT\r", b"").replace(b"\x1b", b"") == b"\r" * 1460


def test_recovery_that_was_asked_for_leaves_data_mode_too() -> None:
    with _silent_port() as (port, heard), pytest.raises(ResponseTimeout) as raised:
        Modem(port).open(recover=True)
    assert "recover" not in str(raised.value)
    (at,) = [at for at, (_, written) in enumerate(heard) if written == b"+++"]
    assert _all(heard).count(b"+") == len("+++")
    before, attention, behind = (time for time, _ in heard[at - 1 : at + 2])
    assert attention - before > 1
    assert behind - attention > 1


def test_what_another_program_has_left_unfinished_is_ended_at_open() -> None:
    with VirtualModem("EG915Q") as module:
        descriptor = os.open(module.port, os.O_RDWR | os.O_NOCTTY)
        try:
            tty.setraw(descriptor)
            os.write(descriptor, b'AT+QFUPL="UFS:x",200,60\r')
            seen = b""
            while b"CONNECT" not in seen:
                seen += os.read(descriptor, 100)
            os.write(descriptor, b"half")
        finally:
            os.close(descriptor)
        with Modem(module.port, model="EG915Q") as modem:
            assert modem.command("AT+CSQ").final == "OK"


def _published(broker: Broker) -> list[bytes]:
    """Payloads in the order in which the broker got them; the module publishes QoS 0 after its `OK`."""
    deadline = time.monotonic() + 5
    count = -1
    while time.monotonic() < deadline and count != len(broker.messages):
        count = len(broker.messages)
        time.sleep(0.1)
    return [message.payload for message in broker.messages]


@contextlib.contextmanager
def _silent_port() -> Iterator[tuple[str, list[tuple[float, bytes]]]]:
    """A port whose other end only listens, and what it heard when."""
    master, slave = os.openpty()
    tty.setraw(slave)
    heard: list[tuple[float, bytes]] = []

    def listen() -> None:
        with contextlib.suppress(OSError):
            while written := os.read(master, 4096):
                heard.append((time.monotonic(), written))

    listener = threading.Thread(target=listen)
    listener.start()
    try:
        yield os.ttyname(slave), heard
    finally:
        os.close(slave)
        listener.join(10)
        os.close(master)


def _all(heard: list[tuple[float, bytes]]) -> bytes:
    return b"".join(written for _, written in heard)
