"""What a test can see and change around a virtual module: its commands, its lines, its power key, its broker."""

from __future__ import annotations

import re
import threading
import time

import pytest

from modemqtt import Modem, ResponseTimeout, SubscribeError, UsageError, UsageTypeError
from modemqtt.virtual import Broker, VirtualModem


def test_the_command_lines_that_came_are_listed_with_secrets_masked(virtual_modem: VirtualModem, modem: Modem) -> None:
    modem.command("AT+CSQ")
    modem.command('AT+QMTCFG="keepalive",0,60')
    assert virtual_modem.commands[-2:] == ["AT+CSQ", 'AT+QMTCFG="keepalive",0,60']
    virtual_modem.expect('AT+QMTCONN=0,"id","lab","very-secret"').respond()
    modem.command('AT+QMTCONN=0,"id","lab","very-secret"')
    assert virtual_modem.commands[-1] == 'AT+QMTCONN=0,"id","lab","***"'


def test_an_unsolicited_line_is_printed_at_will(virtual_modem: VirtualModem, modem: Modem) -> None:
    virtual_modem.urc("+CREG: 1")
    assert next(iter(modem.urcs(timeout=10))) == "+CREG: 1"
    for wrong in ("", "+CREG: 1\r\n"):
        with pytest.raises(UsageError, match="line"):
            virtual_modem.urc(wrong)


def test_the_power_key_switches_off_and_on(virtual_modem: VirtualModem, modem: Modem) -> None:
    virtual_modem.power_key()
    if modem.model == "M95":
        assert next(iter(modem.urcs(timeout=10))) == "NORMAL POWER DOWN"
    with pytest.raises(ResponseTimeout):
        modem.command("AT", timeout=0.2)
    virtual_modem.power_key()
    assert modem.command("AT", timeout=30).lines == ()


def test_a_message_is_waited_for_once_and_past_ones_count() -> None:
    with Broker() as broker:
        before = time.time()
        broker.publish("bench/a", b"1")
        broker.publish("other", b"2")
        broker.publish("bench/b", b"3")
        first = broker.wait("bench/#", 10)
        assert (first.topic, first.payload) == ("bench/a", b"1")
        assert before - 1 <= first.timestamp <= time.time() + 1
        assert broker.wait("bench/#", 10).payload == b"3"
        with pytest.raises(ResponseTimeout, match="bench/#"):
            broker.wait("bench/#", 0)
        assert broker.wait("#", 0).payload == b"2"
        assert [message.payload for message in broker.messages] == [b"1", b"2", b"3"]


def test_a_message_that_comes_while_it_is_waited_for_ends_the_wait() -> None:
    with Broker() as broker:
        publisher = threading.Thread(target=broker.publish, args=("bench/late", b"x"))
        publisher.start()
        assert broker.wait("bench/late", 10).payload == b"x"
        publisher.join()


def test_what_is_no_topic_filter_is_said_so() -> None:
    with Broker() as broker:
        for wrong in ("", "a#", "#/a"):
            with pytest.raises(UsageError, match="topic_filter"):
                broker.wait(wrong, 0)
            with pytest.raises(UsageError, match="topic_filter"):
                broker.deny(wrong)
        with pytest.raises(UsageError, match="timeout"):
            broker.wait("a", -1)


def test_a_denied_topic_is_refused_to_subscribers_and_dropped_from_publishers(modem: Modem, broker: Broker) -> None:
    broker.deny("secret/#")
    with modem.mqtt().session(broker.host, broker.port, client_id="bench") as mqtt:
        for denied in ("secret/#", "secret/a", "secret/+"):
            with pytest.raises(SubscribeError):
                mqtt.subscribe(denied, qos=1)
        assert mqtt.subscribe("#", qos=1) == [1]
        assert mqtt.publish("secret/a", b"1", qos=1).state == "acknowledged"
        mqtt.publish("open/a", b"2", qos=1)
        assert mqtt.receive(timeout=10).payload == b"2"
        assert [message.topic for message in broker.messages] == ["open/a"]
        broker.deny(None)
        assert mqtt.subscribe("secret/a", qos=2) == [2]


def test_battery_and_cell_are_set_and_a_new_cell_is_reported() -> None:
    with VirtualModem("EG915Q") as module, Modem(module.port) as modem:
        module.set_battery(3301, 7)
        assert modem.command("AT+CBC").lines == ("+CBC: 0,7,3301",)
        modem.command("AT+CEREG=2")
        module.set_cell(0xABC, 0x2B)
        assert next(iter(modem.urcs(timeout=10))) == '+CEREG: 1,"002B","00000ABC",7'
        assert modem.command("AT+CEREG?").lines == ('+CEREG: 2,1,"002B","00000ABC",7',)


def test_a_battery_and_a_cell_that_cannot_be_are_said_so(virtual_modem: VirtualModem) -> None:
    with pytest.raises(UsageError, match="millivolts must be 0 to 65535, not 65536"):
        virtual_modem.set_battery(65_536)
    with pytest.raises(UsageError, match="charge must be 0 to 100, not 101"):
        virtual_modem.set_battery(3300, 101)
    with pytest.raises(UsageError, match="cell must be 0 to 268435455, not -1"):
        virtual_modem.set_cell(-1)
    with pytest.raises(UsageError, match="area must be 0 to 65535, not 65536"):
        virtual_modem.set_cell(1, 65_536)
    with pytest.raises(UsageTypeError, match="cell must be a whole number, 0 to 268435455, not '1'"):
        virtual_modem.set_cell("1")  # type: ignore[arg-type]


def test_a_host_is_asked_for_an_echo_for_real() -> None:
    with VirtualModem("EG915Q") as module, Modem(module.port) as modem:
        modem.command('AT+QPING=1,"localhost",4,2')
        told = modem.urcs(timeout=10)
        for _ in range(2):
            assert re.fullmatch(r'\+QPING: 0,"127\.0\.0\.1",32,\d{1,4},64', next(told))
        assert re.fullmatch(r"\+QPING: 0,2,2,0,\d+,\d+,\d+", next(told))
        modem.command('AT+QPING=1,"nowhere.invalid"')
        assert next(told) == "+QPING: 565"


def test_the_signal_is_set_in_all_its_parts() -> None:
    with VirtualModem("EG915Q") as module, Modem(module.port) as modem:
        module.set_signal(8, 99, rsrp=-118, rsrq=-16, sinr=-2)
        assert modem.command("AT+QCSQ").lines == ('+QCSQ: "LTE",-97,-118,-2,-16',)
        assert modem.command("AT+CSQ").lines == ("+CSQ: 8,99",)
        module.set_signal(8)
        assert modem.command("AT+QCSQ").lines == ('+QCSQ: "LTE",-97,-108,13,-11',)
