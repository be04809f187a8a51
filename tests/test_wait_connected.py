"""Waiting for a connection that a session restores."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from modemqtt import ConnectError, Modem, MqttClient, PortError, ResponseTimeout
from modemqtt.virtual import VirtualModem
from support.sessions import session
from support.waiting import in_thread, until

if TYPE_CHECKING:
    from pathlib import Path

    from modemqtt.virtual import Broker


@pytest.fixture
def mqtt(modem: Modem) -> MqttClient:
    """Client 0, with no connection yet."""
    return modem.mqtt()


def test_a_loop_that_publishes_can_wait_for_the_connection(mqtt: MqttClient, broker: Broker) -> None:
    with session(mqtt, broker):
        mqtt.wait_connected(timeout=0)
        broker.drop_clients()
        until(lambda: mqtt.state != "connected", "the loss")
        mqtt.wait_connected(timeout=10)
        assert mqtt.publish("bench/t", b"1", qos=1).state == "acknowledged"


def test_a_connection_that_has_just_gone_is_waited_for(mqtt: MqttClient, broker: Broker) -> None:
    with session(mqtt, broker):
        for _ in range(50):
            broker.drop_clients()
            deadline = time.monotonic() + 10
            while mqtt.state == "connected":  # without a pause, so as to see the first moment
                assert time.monotonic() < deadline
            mqtt.wait_connected(timeout=10)
            assert mqtt.state == "connected"


def test_a_connection_that_does_not_come_is_waited_for_as_long_as_is_said(mqtt: MqttClient) -> None:
    with pytest.raises(ResponseTimeout, match=r"client 0 was not connected within 0\.1 s; it is closed"):
        mqtt.wait_connected(timeout=0.1)


def test_a_session_that_has_given_up_is_not_waited_for(mqtt: MqttClient, broker: Broker) -> None:
    with session(mqtt, broker):
        broker.refuse(5)
        broker.drop_clients()
        until(lambda: mqtt.state != "connected", "the loss")
        with pytest.raises(ConnectError, match="not authorised"):
            mqtt.wait_connected(timeout=10)


def test_the_connection_of_a_closed_modem_is_not_waited_for(modem: Modem, mqtt: MqttClient) -> None:
    waiting = in_thread(mqtt.wait_connected)
    modem.close()
    with pytest.raises(PortError, match="open"):
        waiting.result(5)


@pytest.mark.parametrize("lost", [False, True], ids=["connected", "port lost"])
def test_a_session_whose_modem_is_closed_is_not_waited_for(
    broker: Broker, model: str, tmp_path: Path, *, lost: bool
) -> None:
    with VirtualModem(model, link=tmp_path / "module") as module, Modem(module.port) as modem:
        mqtt = modem.mqtt()
        with session(mqtt, broker):
            if lost:
                module.close()
                until(lambda: not modem.is_open, "the loss of the port")
            else:
                broker.refuse(3)
                broker.drop_clients()
                until(lambda: mqtt.state != "connected", "the loss")
            waiting = in_thread(mqtt.wait_connected)
            modem.close()
            with pytest.raises(PortError):
                waiting.result(5)


def test_the_connection_is_waited_for_while_the_port_is_away(broker: Broker, model: str, tmp_path: Path) -> None:
    link = tmp_path / "module"
    first = VirtualModem(model, link=link)
    with Modem(str(link)) as modem:
        mqtt = modem.mqtt()
        with session(mqtt, broker):
            first.close()
            until(lambda: not modem.is_open, "the loss of the port")
            waiting = in_thread(mqtt.wait_connected)
            with VirtualModem(model, link=link):
                modem.reopen(timeout=5)
                waiting.result(5)
                assert mqtt.state == "connected"
