"""Publishes that nobody waits for, and the queue in which they wait."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from modemqtt import Modem, MqttClient, PortError, ResponseTimeout, UsageError
from support.waiting import in_thread, until

if TYPE_CHECKING:
    from modemqtt.virtual import Broker, VirtualModem

MOST = 1_000


@pytest.fixture
def window(modem: Modem) -> int:
    return 5 if modem.model == "M95" else 1


def fill(mqtt: MqttClient, window: int) -> None:
    for _ in range(window + MOST):
        mqtt.publish("bench/t", b"1", qos=1, wait=False)


def test_a_publish_that_nobody_waits_for_returns_at_once_however_busy_the_module(
    mqtt: MqttClient, virtual_modem: VirtualModem
) -> None:
    virtual_modem.inject("mute")
    seconds: list[float] = []
    for _ in range(20):
        start = time.monotonic()
        delivery = mqtt.publish("bench/t", b"1", qos=1, wait=False)
        seconds.append(time.monotonic() - start)
        assert delivery.state == "queued"
    assert sorted(seconds)[10] < 0.05


def test_a_wrong_publish_is_refused_even_if_nobody_waits_for_it(mqtt: MqttClient, virtual_modem: VirtualModem) -> None:
    virtual_modem.inject("mute")
    mqtt.publish("bench/t", b"1", qos=1, wait=False)
    with pytest.raises(UsageError, match="wildcard"):
        mqtt.publish("bench/#", b"1", qos=1, wait=False)


@pytest.mark.parametrize("model", ["M95"], indirect=True)
def test_a_publish_beyond_a_thousand_waits_for_room_up_to_its_timeout(
    mqtt: MqttClient, broker: Broker, window: int
) -> None:
    broker.withhold_acks()
    fill(mqtt, window)
    start = time.monotonic()
    with pytest.raises(ResponseTimeout, match=r"no room in the queue .* 1000 of client 0 wait already"):
        mqtt.publish("bench/t", b"1", qos=1, wait=False, timeout=0.2)
    assert 0.2 <= time.monotonic() - start < 1
    waiting = in_thread(lambda: mqtt.publish("bench/t", b"last", qos=1, timeout=30))
    with pytest.raises(TimeoutError):
        waiting.result(0.1)
    broker.withhold_acks(False)  # noqa: FBT003 - as it is
    assert waiting.result(30).state == "acknowledged"
    # In order: it came last.
    until(lambda: broker.messages and broker.messages[-1].payload == b"last", "the message")


def test_closing_ends_the_wait_for_room(modem: Modem, mqtt: MqttClient, broker: Broker, window: int) -> None:
    broker.withhold_acks()
    fill(mqtt, window)
    waiting = in_thread(lambda: mqtt.publish("bench/t", b"1", qos=1))
    with pytest.raises(TimeoutError):
        waiting.result(0.05)
    modem.close()
    with pytest.raises(PortError):
        waiting.result(1)
