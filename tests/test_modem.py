"""The modem itself: its identity, commands, URCs, the wire log, closing and opening again."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

import pytest
import serial

from modemqtt import CommandError, Modem, PortError, Response, ResponseTimeout, UsageError, WireLine
from modemqtt.virtual import VirtualModem
from support.sessions import session
from support.tap import Tap
from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from modemqtt import MqttClient
    from modemqtt.virtual import Broker

DIALECTS = {"M95": "m95", "BC660K-GL": "bc660k"}
SECRET = "correct-horse"


def test_the_model_is_found_from_the_module(modem: Modem, virtual_modem: VirtualModem) -> None:
    assert modem.model == virtual_modem.model
    assert modem.dialect == DIALECTS[virtual_modem.model]
    assert modem.port == virtual_modem.port
    assert modem.identity[0].startswith("Quectel")
    assert any(virtual_modem.model in line for line in modem.identity)
    assert repr(modem) == f"<Modem {virtual_modem.port} {virtual_modem.model}>"


def test_a_model_that_was_given_is_not_asked_for(virtual_modem: VirtualModem) -> None:
    with Modem(virtual_modem.port, model=virtual_modem.model.lower()) as modem:
        assert modem.model == virtual_modem.model
        assert [line.text for line in modem.wire if line.sent] == ["AT", "ATE0", "AT+CMEE=1", "AT+CMEE?"]


def test_the_identity_is_asked_for_once(modem: Modem) -> None:
    assert modem.identity == modem.identity
    assert [line.text for line in modem.wire if line.sent].count("ATI") == 1


def test_a_tcp_port_is_as_good_as_a_serial_one(model: str) -> None:
    with VirtualModem(model, listen="127.0.0.1:0") as module, Modem(module.port) as modem:
        assert module.port.startswith("socket://127.0.0.1:")
        assert modem.model == model


def test_a_link_to_the_port_is_as_good_as_the_port(model: str, tmp_path: Path) -> None:
    link = tmp_path / "ttyBench"
    with VirtualModem(model, link=link) as module, Modem(str(link)) as modem:
        assert module.port == modem.port == str(link)
    assert not link.exists()


def test_a_command_returns_its_lines_and_the_final_result_code(modem: Modem) -> None:
    assert modem.command("AT+CSQ") == Response(lines=("+CSQ: 20,0",), final="OK")
    assert modem.command("AT") == Response(lines=(), final="OK")
    assert modem.command("at+csq\r").lines == ("+CSQ: 20,0",)
    assert modem.command("AT+CSQ;+CMEE?").lines == ("+CSQ: 20,0", "+CMEE: 1")


def test_a_command_that_the_module_refuses_raises(modem: Modem) -> None:
    with pytest.raises(CommandError, match=r"AT\+NOPE") as caught:
        modem.command("AT+NOPE")
    assert caught.value.command == "AT+NOPE"
    assert caught.value.code is None
    assert caught.value.wire[-2:] == ("> AT+NOPE", "< ERROR")
    assert "AT+NOPE" in "".join(caught.value.__notes__)
    assert modem.command("AT").final == "OK"


def test_a_command_that_asks_for_data_is_cancelled_and_the_next_one_is_carried_out(
    modem: Modem, mqtt: MqttClient
) -> None:
    with pytest.raises(UsageError, match=r"asks for data; give it as command\(line, data=b\"…\"\), or use publish\(\)"):
        modem.command('AT+QMTPUB=0,0,0,0,"bench/t"')
    assert modem.command("AT").final == "OK"
    assert mqtt.state == "connected"


def test_the_signal_is_told_in_dbm(modem: Modem, virtual_modem: VirtualModem) -> None:
    for rssi, expected in ((0, -113), (20, -73), (31, -51), (99, None)):
        virtual_modem.set_signal(rssi)
        assert modem.signal() == expected


def test_the_registration_is_waited_for(modem: Modem, virtual_modem: VirtualModem) -> None:
    assert modem.registration() == 1
    assert modem.wait_registered(timeout=0) == 1
    virtual_modem.network(up=False)
    assert modem.registration() != 1
    with pytest.raises(ResponseTimeout, match=r"not registered with a network within 0\.05 s"):
        modem.wait_registered(timeout=0.05)
    virtual_modem.network(up=True)
    assert modem.wait_registered(timeout=5) == 1


def test_the_same_index_is_the_same_client(modem: Modem) -> None:
    assert modem.mqtt() is modem.mqtt(0)
    assert modem.mqtt(1) is modem.mqtt(1)
    assert modem.mqtt(1) is not modem.mqtt(0)
    assert modem.mqtt(1).index == 1


def test_lines_that_no_one_waited_for_are_handed_out_in_order(modem: Modem, virtual_modem: VirtualModem) -> None:
    name = "CREG" if modem.dialect == "m95" else "CEREG"
    modem.command(f"AT+{name}=1")
    virtual_modem.network(up=False)
    virtual_modem.network(up=True)
    lines = modem.urcs(timeout=1)
    assert [next(lines), next(lines)] == [f"+{name}: 2", f"+{name}: 1"]
    assert list(modem.urcs(timeout=0.02)) == []
    assert modem.stats.urcs == 2


def test_a_restart_of_its_own_is_told_and_the_modem_is_usable_again(
    modem: Modem, mqtt: MqttClient, virtual_modem: VirtualModem, broker: Broker
) -> None:
    restarts: list[str] = []
    modem.on_restart = lambda: restarts.append("restarted")
    virtual_modem.restart()
    until(lambda: restarts, "on_restart")
    assert mqtt.state == "closed"
    assert modem.command("AT+CSQ").lines == ("+CSQ: 20,0",)
    with mqtt.session(broker.host, broker.port, client_id="bench-7"):
        mqtt.publish("bench/t", b"1", qos=1)
    assert restarts == ["restarted"]


def test_a_restart_that_was_asked_for_ends_every_connection(modem: Modem, mqtt: MqttClient, broker: Broker) -> None:
    mqtt.configure(packet_timeout=9)
    modem.restart()
    assert mqtt.state == "closed"
    assert mqtt.configuration()["packet_timeout"] != 9
    until(lambda: broker.clients == [], "the end of the connection")
    mqtt.open(broker.host, broker.port)
    mqtt.connect("bench-7")
    assert mqtt.publish("bench/t", b"1", qos=1).state == "acknowledged"


@pytest.mark.parametrize("last", [b"OK\r\n", b"RDY\r\n"], ids=["no sign of life", "its first line"])
def test_a_module_that_does_not_come_back_is_given_up_in_time(last: bytes) -> None:
    with VirtualModem("M95", listen="127.0.0.1:0") as module, Tap(module) as tap, Modem(tap.port) as modem:
        tap.mute_after(last)
        start = time.monotonic()
        with pytest.raises(ResponseTimeout):
            modem.restart(timeout=0.5)
        assert 0.5 <= time.monotonic() - start < 1.5


@pytest.mark.parametrize("listen", [None, "127.0.0.1:0"], ids=["pty", "tcp"])
def test_a_lost_port_shows_and_a_new_one_can_be_opened(model: str, listen: str | None, tmp_path: Path) -> None:
    link = None if listen else tmp_path / "module"
    module = VirtualModem(model, listen=listen, link=link)
    modem = Modem(module.port).open()
    module.close()
    until(lambda: not modem.is_open, "the loss of the port", patience=0.5)
    with pytest.raises(PortError, match=module.port):
        modem.command("AT")
    with pytest.raises(PortError, match=module.port):
        modem.open()
    again = module.port.removeprefix("socket://") if listen else None
    with VirtualModem(model, listen=again, link=link):
        assert modem.open().command("AT").final == "OK"
        modem.close()


def test_callbacks_go_on_when_a_lost_port_is_opened_again(model: str, tmp_path: Path) -> None:
    link = tmp_path / "ttyBench"
    lines: list[str] = []
    with VirtualModem(model, link=link):
        modem = Modem(str(link)).open()
        modem.on_urc = lines.append
    until(lambda: not modem.is_open, "the loss of the port")
    with VirtualModem(model, link=link) as module, modem.open():
        module.restart()
        until(lambda: lines, "on_urc")


def test_a_modem_can_be_opened_as_often_as_it_is_closed(virtual_modem: VirtualModem) -> None:
    modem = Modem(virtual_modem.port)
    assert not modem.is_open
    for _ in range(5):
        with modem as opened:
            assert opened is modem
            assert modem.is_open
            assert modem.open() is modem
        assert not modem.is_open
        modem.close()
    assert repr(modem) == f"<Modem {virtual_modem.port} closed>"


def test_a_closed_modem_takes_another_port_and_an_open_one_does_not(virtual_modem: VirtualModem) -> None:
    modem = Modem("/dev/never-there")
    with pytest.raises(PortError, match=r"^/dev/never-there: there is no such device"):
        modem.open()
    modem.port = virtual_modem.port
    client = modem.mqtt()
    with modem:
        assert (modem.port, modem.model) == (virtual_modem.port, virtual_modem.model)
        with pytest.raises(UsageError, match=r"^\S+ is open; close\(\) it before setting another port$"):
            modem.port = "/dev/never-there"
        assert modem.command("AT").final == "OK"
    modem.port = "virtual://M95"
    with modem:
        assert (modem.model, modem.mqtt()) == ("M95", client)
    with pytest.raises(UsageError, match=r'^port must be a text such as "/dev/ttyUSB2", not 3$'):
        modem.port = 3  # type: ignore[assignment]
    with pytest.raises(UsageError, match=r"^port must be a text .*; give its own `port`$"):
        Modem(virtual_modem)  # type: ignore[arg-type]


def test_a_second_program_finds_the_port_free_and_the_connection_occupied(
    virtual_modem: VirtualModem, broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    with Modem(virtual_modem.port) as modem:
        modem.mqtt().open(broker.host, broker.port)
        modem.mqtt().connect("first")
    with Modem(virtual_modem.port) as modem, caplog.at_level(logging.INFO, "modemqtt"):
        modem.mqtt().on_message = print
        modem.mqtt().open(broker.host, broker.port)
        modem.mqtt().connect("second")
        until(lambda: broker.clients == ["second"], "the new connection")
        until(lambda: "client index occupied" in caplog.text, "the log entry")
        assert str(modem.wire).count("> AT+QMTOPEN=0") == 2


def test_the_wire_log_has_both_directions(modem: Modem) -> None:
    modem.command("AT+CSQ")
    tail = modem.wire.tail(3)
    assert [str(line) for line in tail] == ["> AT+CSQ", "< +CSQ: 20,0", "< OK"]
    assert isinstance(tail[0], WireLine)
    assert tail[0].sent
    assert not tail[1].sent
    assert tail[0].timestamp <= tail[1].timestamp
    assert list(modem.wire)[-3:] == tail
    assert str(modem.wire).endswith("> AT+CSQ\n< +CSQ: 20,0\n< OK")


def test_the_log_file_is_appended_to(virtual_modem: VirtualModem, tmp_path: Path) -> None:
    log = tmp_path / "wire.log"
    for _ in range(2):
        with Modem(virtual_modem.port, log=log) as modem:
            modem.command("AT+CSQ")
    lines = log.read_text().splitlines()
    assert sum(line.endswith("> AT+CSQ") for line in lines) == 2
    assert all(float(line.split()[0]) > 0 for line in lines)


def test_a_password_shows_nowhere(virtual_modem: VirtualModem, broker: Broker, tmp_path: Path) -> None:
    log = tmp_path / "wire.log"
    with Modem(virtual_modem.port, log=log) as modem:
        mqtt = modem.mqtt()
        mqtt.open(broker.host, broker.port)
        broker.refuse(4)
        with pytest.raises(CommandError) as refused:
            modem.mqtt(1).connect("bench-7", "lab", SECRET)
        with pytest.raises(Exception, match="connect") as failed:
            mqtt.connect("bench-7", "lab", SECRET)
        with pytest.raises(CommandError) as own:
            modem.command(f'AT+QMTCONN=1,"bench-7","lab","{SECRET}"')
        # With echo on, the module repeats it.
        modem.command("ATE1")
        with pytest.raises(CommandError) as echoed:
            modem.command(f'AT+QMTCONN=2,"bench-7","lab","{SECRET}"')
        texts = [str(modem.wire), repr(modem), repr(mqtt), repr(modem.stats), *modem.urcs(timeout=0)]
    for caught in (refused, failed, own, echoed):
        error = caught.value
        texts += [str(error), repr(error), repr(vars(error)), "".join(error.__notes__)]
    texts.append(log.read_text())
    assert [text for text in texts if SECRET in text] == []
    assert "***" in texts[0]


@pytest.mark.parametrize(
    "line",
    [
        f'AT+QMTCONN =0,"bench-7","lab","{SECRET}"',
        f"AT+QMTCONN=0,bench-7,lab,{SECRET}",
        f'AT+QMTCFG="aliauth",0,"key","device","{SECRET}"',
        f'AT+QCGDEFCONT="IP","apn","lab","{SECRET}"',
        f'AT+CGAUTH=1,1,"lab","{SECRET}"',
        f'AT+QHTTPCFG="auth","lab:{SECRET}"',
    ],
    ids=["blank", "unquoted", "device secret", "access point", "context", "web server"],
)
def test_a_secret_in_a_command_line_of_ones_own_shows_nowhere(modem: Modem, line: str) -> None:
    shown = ""
    try:
        modem.command(line)
    except CommandError as refused:
        shown = str(refused)
    assert SECRET not in str(modem.wire)
    assert SECRET not in shown


def test_the_counters_count(modem: Modem, mqtt: MqttClient, broker: Broker) -> None:
    before = modem.stats
    mqtt.subscribe("bench/#")
    broker.publish("bench/t", b"1")
    mqtt.receive(timeout=5)
    after = modem.stats
    assert after.bytes_sent > before.bytes_sent
    assert after.bytes_received > before.bytes_received
    assert after.wakeups > 0
    assert (after.messages_dropped, after.callback_errors) == (0, 0)
    until(lambda: modem.stats.messages == 1, "the counter of messages")


def test_messages_that_no_one_takes_make_room_for_newer_ones(virtual_modem: VirtualModem, broker: Broker) -> None:
    with Modem(virtual_modem.port, queue=64 * 1024) as modem, session(modem.mqtt(), broker) as mqtt:
        mqtt.subscribe("t")
        for number in range(1000):
            broker.publish("t", str(number))
        until(lambda: modem.stats.messages == 1000, "the last message", patience=30)
        dropped = modem.stats.messages_dropped
        assert 400 < dropped < 600
        left = [mqtt.receive(timeout=0).payload for _ in range(1000 - dropped)]
    assert left == [str(number).encode() for number in range(dropped, 1000)]


def test_a_closed_modem_says_so(virtual_modem: VirtualModem) -> None:
    modem = Modem(virtual_modem.port)
    mqtt = modem.mqtt()
    for call in (lambda: modem.command("AT"), lambda: modem.model, lambda: modem.stats, mqtt.close, mqtt.receive):
        with pytest.raises(PortError, match=r"is not open; open\(\) opens it"):
            call()
    assert (mqtt.state, mqtt.server) == ("closed", None)
    assert list(modem.wire) == []


@pytest.mark.parametrize("left", ["ATV0", "ATQ1", "ATE1V0Q1"])
def test_a_module_that_was_left_to_answer_in_digits_or_not_at_all_is_found(
    left: str, virtual_modem: VirtualModem
) -> None:
    with serial.Serial(virtual_modem.port, timeout=1) as port:
        port.write(f"{left}\r".encode())
        port.read(20)
    with Modem(virtual_modem.port) as modem:
        assert modem.command("AT").final == "OK"


@pytest.mark.parametrize("again", [Modem.open, Modem.reopen, Modem.restart])
def test_a_module_that_refuses_everything_at_first_is_waited_for(
    again: Callable[..., object], virtual_modem: VirtualModem
) -> None:
    modem = Modem(virtual_modem.port)
    if again is Modem.restart:
        modem.open()
    for final in ("ERROR", "+CME ERROR: 14", "ERROR"):
        virtual_modem.expect("AT").respond(final=final)
    again(modem, timeout=20)
    with modem:
        assert modem.command("AT").final == "OK"


def test_a_module_that_refuses_everything_is_an_error_with_its_last_refusal(virtual_modem: VirtualModem) -> None:
    virtual_modem.expect("AT", times=None).respond(final="+CME ERROR: 14")
    with pytest.raises(ResponseTimeout, match=r"not ready: it has answered \+CME ERROR: 14"):
        Modem(virtual_modem.port).open(timeout=1)
