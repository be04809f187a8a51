"""The logs of both ends have one form: one line for each, with its time, and no byte hidden."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import serial

from modemqtt import Modem
from modemqtt.virtual import Broker, VirtualModem
from support.waiting import until

if TYPE_CHECKING:
    from pathlib import Path


def entries(log: Path) -> list[tuple[float, str]]:
    lines = [line.split(" ", 1) for line in log.read_text(encoding="utf-8").splitlines()]
    return [(float(at), text) for at, text in lines]


def test_a_line_that_ends_in_crlf_has_a_time_of_its_own_and_a_repetition_a_line_of_its_own(tmp_path: Path) -> None:
    log = tmp_path / "wire.log"
    with VirtualModem("M95", log=log) as module, serial.Serial(module.port, timeout=10) as port:
        port.write(b"ATE0\r\n")
        port.read_until(b"OK\r\n")
        time.sleep(0.3)
        port.write(b"AT+CSQ\r\n")
        port.read_until(b"OK\r\n")
        port.write(b"A/")
        port.read_until(b"OK\r\n")
        port.write(b"AT+CGATT?\r\n")
        port.read_until(b"OK\r\n")
    sent = [(at, text) for at, text in entries(log) if text.startswith("> ")]
    assert [text for _, text in sent] == ["> ATE0", "> AT+CSQ", "> A/", "> AT+CGATT?"]
    assert sent[1][0] - sent[0][0] >= 0.2


def test_both_logs_show_control_characters_alike_and_a_message_on_one_line(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "host.log", tmp_path / "module.log"
    with (
        Broker() as broker,
        VirtualModem("EG915Q", log=theirs) as module,
        Modem(module.port, log=ours) as modem,
        modem.mqtt().session(broker.host, broker.port, client_id="bench") as mqtt,
    ):
        mqtt.subscribe("t", qos=0)
        mqtt.publish("t", b"a\0\\\r\nb", qos=0)
        assert mqtt.receive(timeout=10).payload == b"a\0\\\r\nb"
    received = r"a\x00\\\r\nb"
    for log in (ours, theirs):
        texts = [text for _, text in entries(log)]
        assert f"> {received} <6 bytes>" in texts, log
        assert any(text.startswith("< +QMTRECV:") and received in text for text in texts), log
        assert not any(text == "< b" for text in texts)


def test_both_logs_of_a_session_are_the_same_line_for_line(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "host.log", tmp_path / "module.log"
    with Broker() as broker:
        for model in ("M95", "EG915Q", "BC660K-GL"):
            for log in (ours, theirs):
                log.unlink(missing_ok=True)
            with VirtualModem(model, log=theirs) as module, Modem(module.port, log=ours) as modem:
                modem.command("AT")  # both are compared from this mark on: echo is off
                with modem.mqtt().session(
                    broker.host, broker.port, client_id="lär\\m", username="u", password="p\\w\u00e9"
                ) as mqtt:
                    mqtt.subscribe("käse\\x00", qos=1)
                    mqtt.publish("käse\\x00", b"a\\b\xc3\xa9", qos=1)
                    assert mqtt.receive(timeout=10).payload == b"a\\b\xc3\xa9"
                    mqtt.publish("käse\\x00", b"x" * 64, qos=0)
                    assert mqtt.receive(timeout=10).payload == b"x" * 64
                    mqtt.publish("käse\\x00", b"y" * 1000, qos=0)
                    assert mqtt.receive(timeout=10).payload == b"y" * 1000
                module.urc("+NOISE: \\x00 \u0085")
                assert next(iter(modem.urcs(timeout=10))).startswith("+NOISE")
            mine, other = ([text for _, text in entries(log)] for log in (ours, theirs))
            start = len(mine) - 1 - mine[::-1].index("> AT")
            both = mine[start:], other[len(other) - len(mine[start:]) :]
            # Bytes that both ends send at the same time may cross on the line.
            for arrow in "<>":
                here, there = ([text for text in log if text.startswith(arrow)] for log in both)
                assert here == there, model
            assert any(text.endswith("… <1000 bytes>") for text in mine), model
            assert r"> a\\b\xc3\xa9\x1a <6 bytes>" in mine or model != "M95"


def test_a_message_that_finds_no_room_is_acknowledged_and_told_in_the_log(tmp_path: Path) -> None:
    log = tmp_path / "module.log"
    with (
        Broker() as broker,
        VirtualModem("M95", log=log) as module,
        Modem(module.port) as modem,
        modem.mqtt().session(broker.host, broker.port, client_id="bench") as mqtt,
    ):
        mqtt.subscribe("t", qos=1)
        broker.publish("t", bytes(70_000), qos=1)
        until(
            lambda: any(text == "# 1 message was acknowledged and lost for want of room" for _, text in entries(log)),
            "the line of the log",
        )
        broker.publish("t", b"next", qos=1)
        assert mqtt.receive(timeout=10).payload == b"next"


def test_no_piece_of_a_secret_that_is_typed_between_lines_of_the_module_shows(tmp_path: Path) -> None:
    log = tmp_path / "module.log"
    typed = 'AT+QMTCONN=0,"bench-7","lab","hunter2-and-more"'
    with VirtualModem("M95", log=log) as module, serial.Serial(module.port, timeout=10) as port:
        port.write(b"AT\r")
        port.read_until(b"OK\r\n")
        for number, piece in enumerate((typed[:36], typed[36:40], typed[40:], "\r")):
            port.write(piece.encode())
            assert port.read_until(piece.encode()).endswith(piece.encode())
            module.urc(f"+CREG: {number}")
            port.read_until(b"+CREG: %d\r\n" % number)
        port.read_until(b"ERROR: 3\r\n")
        # After the answer, the module's output is shown again.
        port.write(b"ATI\r")
        port.read_until(b"OK\r\n")
    texts = [text for _, text in entries(log)]
    assert '> AT+QMTCONN=0,"bench-7","lab","***"' in texts
    assert [text for text in texts if any(piece in text for piece in ("hun", "ter2", "-and", "more"))] == []
    assert texts.count("< ***") == 3
    assert "< +CREG: 1" in texts
    assert any(text.startswith("< Quectel") for text in texts)


def test_no_piece_of_an_echo_that_the_line_has_damaged_shows(tmp_path: Path) -> None:
    log = tmp_path / "module.log"
    with VirtualModem("M95", log=log, seed=3) as module, serial.Serial(module.port, timeout=0.05) as port:
        module.inject("line-flipped=0.03")
        for _ in range(20):
            port.write(b'AT+QMTCONN=0,"bench-7","lab","hunter2-and-more"\r')
            port.read(1000)
        module.heal()
    texts = [text for _, text in entries(log)]
    pieces = ("hunter", "unter2", "ter2-and", "nd-more")
    assert [text for text in texts if any(piece in text for piece in pieces)] == []
    assert "< ***" in texts
