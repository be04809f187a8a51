"""A session is left at once, whatever it is doing, and leaves no connection behind."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from modemqtt import ConnectError, Modem, MqttClient, PortError, Reconnect, ResponseTimeout
from modemqtt.virtual import Broker, VirtualModem
from support import servers
from support.sessions import sent, session
from support.tap import Tap
from support.waiting import in_thread, until

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path


@pytest.fixture
def mqtt(modem: Modem) -> MqttClient:
    """Client 0, with no connection yet."""
    return modem.mqtt()


def open_indices(modem: Modem) -> tuple[str, ...]:
    """Return the connections that the module reports as open."""
    return modem.command("AT+QMTOPEN?").lines


def leave(modem: Modem, within: float, entered: AbstractContextManager[MqttClient]) -> None:
    start = time.monotonic()
    entered.__exit__(None, None, None)
    assert time.monotonic() - start < within
    # Closing continues after an opening.
    until(lambda: open_indices(modem) == () and modem.mqtt().state == "closed", "the closing")


def test_while_it_is_connected(modem: Modem, mqtt: MqttClient, broker: Broker) -> None:
    entered = session(mqtt, broker)
    entered.__enter__()
    leave(modem, 1, entered)
    until(lambda: broker.clients == [], "the DISCONNECT")


def test_while_it_waits_to_connect_again(modem: Modem, mqtt: MqttClient, broker: Broker) -> None:
    entered = session(mqtt, broker, Reconnect(first=60))
    entered.__enter__()
    broker.drop_clients()
    until(lambda: mqtt.state == "closed", "the loss")
    leave(modem, 0.5, entered)
    assert len(sent(modem, "AT+QMTOPEN=")) == 1


def test_at_the_very_moment_of_the_loss(modem: Modem, mqtt: MqttClient, broker: Broker) -> None:
    for pause in (0, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02):
        entered = session(mqtt, broker, Reconnect(first=0.0001))
        entered.__enter__()
        broker.drop_clients()
        # Any moment will do, since nothing shows which one it is.
        time.sleep(pause)
        leave(modem, 1, entered)
        until(lambda: broker.clients == [], "the end of the connection")


def test_while_a_connect_of_it_is_under_way(modem: Modem, mqtt: MqttClient) -> None:
    with Broker() as broker:
        entered = session(mqtt, broker)
        entered.__enter__()
    with servers.mute(broker.port):
        until(lambda: mqtt.state == "connecting", "the CONNECT")
        leave(modem, 0.5, entered)


def test_while_an_opening_of_it_is_under_way(modem: Modem, mqtt: MqttClient) -> None:
    with Broker() as broker:
        entered = session(mqtt, broker)
        entered.__enter__()
    with servers.absent(broker.port) as server:
        until(lambda: mqtt.state == "opening", "the opening")
        start = time.monotonic()
        entered.__exit__(None, None, None)
        assert time.monotonic() - start < 0.5
        # A connection opened after it is closed.
        server.take(1)
        until(lambda: sent(modem, "AT+QMTCLOSE"), "the closing")
        until(lambda: mqtt.state == "closed", "its end")
        assert open_indices(modem) == ()


def test_what_is_opened_behind_a_session_is_not_closed_under_the_next(
    modem: Modem, mqtt: MqttClient, broker: Broker
) -> None:
    with servers.absent() as server:
        with (
            pytest.raises(ResponseTimeout),
            mqtt.session("127.0.0.1", server.port, client_id="bench-7", timeout=0.1),
        ):
            pytest.fail("the server takes no connection")
        opening = in_thread(lambda: mqtt.open(broker.host, broker.port))
        server.take(1)
        opening.result(10)
        mqtt.connect("bench-8")
        assert mqtt.publish("bench/t", b"1", qos=1).state == "acknowledged"
    # Closed once, in order to open it again.
    assert sent(modem, "AT+QMTCLOSE") == ["AT+QMTCLOSE=0"]
    assert broker.clients == ["bench-8"]


def test_while_it_waits_for_the_port(broker: Broker, model: str, tmp_path: Path) -> None:
    with VirtualModem(model, link=tmp_path / "module") as module, Modem(module.port) as modem:
        with session(modem.mqtt(), broker):
            module.close()
            until(lambda: not modem.is_open, "the loss of the port")
            start = time.monotonic()
        assert time.monotonic() - start < 0.5


def test_after_it_has_given_up(modem: Modem, mqtt: MqttClient, broker: Broker) -> None:
    with session(mqtt, broker) as entered:
        broker.refuse(5)
        broker.drop_clients()
        until(lambda: mqtt.state != "connected", "the loss")
        with pytest.raises(ConnectError):
            mqtt.wait_connected(timeout=5)
        broker.refuse(None)
        # A connection that the program then opens by itself is closed as in any session.
        entered.open(broker.host, broker.port)
        entered.connect("bench-8")
    assert open_indices(modem) == ()


def test_inside_a_callback(modem: Modem, mqtt: MqttClient, broker: Broker) -> None:
    entered = session(mqtt, broker)
    left: list[str] = []

    def leave_it(_: object) -> None:
        entered.__exit__(None, None, None)
        left.append(mqtt.state)

    mqtt.on_reconnected = leave_it
    entered.__enter__()
    broker.drop_clients()
    until(lambda: left, "the callback")
    assert left == ["closed"]
    assert open_indices(modem) == ()


def test_a_module_that_answers_no_more_does_not_hold_it_for_ever(broker: Broker) -> None:
    with VirtualModem("M95", listen="127.0.0.1:0") as module, Tap(module) as tap, Modem(tap.port) as modem:
        with session(modem.mqtt(), broker, timeout=0.3):
            tap.mute_after(b"+QMTSTAT: 0,1\r\n")
            before = len(sent(modem, "AT"))
            broker.drop_clients()
            until(lambda: len(sent(modem, "AT")) > before, "an attempt")
            start = time.monotonic()
        assert time.monotonic() - start < 2


@pytest.mark.parametrize("error", [SystemExit(1), KeyboardInterrupt(), PortError("gone")], ids=repr)
def test_what_ends_the_program_does_not_wait_for_a_silent_module(
    modem: Modem, mqtt: MqttClient, broker: Broker, virtual_modem: VirtualModem, error: BaseException
) -> None:
    def end() -> None:
        virtual_modem.inject("mute")
        raise error

    start = 0.0
    with pytest.raises(type(error)), session(mqtt, broker):  # noqa: PT012 - the time counts from within
        start = time.monotonic()
        end()
    assert time.monotonic() - start < 1.2
    assert sent(modem, "AT+QMTDISC") == ["AT+QMTDISC=0"]


def test_a_session_whose_opening_takes_too_long_leaves_nothing_open(modem: Modem, mqtt: MqttClient) -> None:
    with servers.absent() as server:
        start = time.monotonic()
        with (
            pytest.raises(ResponseTimeout, match=r"no result for AT\+QMTOPEN=\S+ within 0\.\d+ s"),
            mqtt.session("127.0.0.1", server.port, client_id="bench-7", timeout=0.2),
        ):
            pytest.fail("the server takes no connection")
        assert time.monotonic() - start < 1
        server.take(1)
        until(lambda: sent(modem, "AT+QMTCLOSE"), "the closing")
        until(lambda: mqtt.state == "closed", "its end")
        assert open_indices(modem) == ()


def test_a_session_whose_connect_takes_too_long_leaves_nothing_open(modem: Modem, mqtt: MqttClient) -> None:
    with (
        servers.mute() as server,
        pytest.raises(ResponseTimeout, match=r"AT\+QMTCONN"),
        mqtt.session("127.0.0.1", server.port, client_id="bench-7", timeout=0.2, reconnect=True),
    ):
        pytest.fail("the server answers nothing")
    assert open_indices(modem) == ()


def test_an_attempt_that_fails_leaves_nothing_open(modem: Modem, mqtt: MqttClient) -> None:
    plan = Reconnect(first=0.01, factor=10_000)
    with Broker() as broker:
        entered = session(mqtt, broker, plan, timeout=0.2)
        entered.__enter__()
    with servers.mute(broker.port):
        until(lambda: mqtt.state == "connecting", "the CONNECT")
        until(lambda: mqtt.state == "closed", "the closing")
        assert sent(modem, "AT+QMTCLOSE") == ["AT+QMTCLOSE=0"]
        assert open_indices(modem) == ()
        entered.__exit__(None, None, None)
