"""When a publish was queued, sent, accepted and ended."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from modemqtt import ConnectionLost, Delivery, Modem, MqttClient, ResponseTimeout
from support.waiting import until

if TYPE_CHECKING:
    from modemqtt.virtual import Broker, VirtualModem


def times(delivery: Delivery) -> list[float | None]:
    return [delivery.queued_at, delivery.sent_at, delivery.accepted_at, delivery.ended_at]


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_a_publish_that_has_arrived_tells_its_four_times_in_order(mqtt: MqttClient, qos: int) -> None:
    before = time.time()
    delivery = mqtt.publish("bench/t", b"1", qos=qos)
    after = time.time()
    told = [moment for moment in times(delivery) if moment is not None]
    assert len(told) == 4
    assert told == sorted(told)
    # The clock of the engine counts on from the time of day as the port was opened.
    assert before - 0.1 < told[0] <= told[-1] < after + 0.1
    assert delivery.wait() is delivery
    assert [moment for moment in times(delivery) if moment is not None] == told


def test_the_times_come_as_far_as_the_publish_has(mqtt: MqttClient, broker: Broker) -> None:
    broker.withhold_acks()
    delivery = mqtt.publish("bench/t", b"1", qos=1, wait=False)
    until(lambda: delivery.state == "accepted", "the module's OK")
    assert None not in times(delivery)[:3]
    assert delivery.ended_at is None
    with pytest.raises(ResponseTimeout):
        delivery.wait(timeout=0.01)
    assert delivery.ended_at is None


def test_what_was_never_sent_has_no_time_of_that(modem: Modem, mqtt: MqttClient, virtual_modem: VirtualModem) -> None:
    virtual_modem.inject("mute")
    mqtt.publish("bench/t", b"1", qos=1, wait=False)
    behind = mqtt.publish("bench/t", b"2", qos=1, wait=False)
    assert times(behind)[1:] == [None, None, None]
    modem.close()
    until(lambda: behind.state == "failed", "the end")
    assert times(behind)[1:3] == [None, None]
    assert behind.queued_at <= (behind.ended_at or 0.0)


def test_a_publish_that_is_lost_on_the_way_has_its_end(mqtt: MqttClient, broker: Broker) -> None:
    broker.withhold_acks()
    delivery = mqtt.publish("bench/t", b"1", qos=1, wait=False)
    until(lambda: delivery.state == "accepted", "the module's OK")
    broker.drop_clients()
    with pytest.raises(ConnectionLost):
        delivery.wait()
    told = [moment for moment in times(delivery) if moment is not None]
    assert len(told) == 4
    assert told == sorted(told)


def test_a_command_that_waits_for_the_end_of_a_pause_counts_as_sent_when_it_is(
    virtual_modem: VirtualModem, broker: Broker
) -> None:
    gap = 0.2
    with Modem(virtual_modem.port, command_gap=gap) as modem:
        mqtt = modem.mqtt()
        with mqtt.session(broker.host, broker.port, client_id="bench-7"):
            delivery = mqtt.publish("bench/t", b"1")
            command = next(line for line in reversed(modem.wire) if "AT+QMTPUB=" in line.text)
    assert delivery.sent_at is not None
    assert delivery.sent_at - delivery.queued_at > gap / 2
    assert delivery.sent_at == pytest.approx(command.timestamp, abs=0.1)
