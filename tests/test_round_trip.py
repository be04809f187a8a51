"""A thousand messages there and back: modem, serial line, virtual module, mosquitto, and the same way again."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from modemqtt import Modem
from modemqtt.virtual import VirtualModem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modemqtt import Message, MqttClient
    from support.mosquitto import Address

pytestmark = pytest.mark.mosquitto

COUNT = 1_000
LIMIT = {"M95": 1_548, "BC660K-GL": 1_460}
# The bytes that end the data phase, and those that end a received message without a length.
CANNOT_BE_CARRIED = {"M95": b"\x1a\x1b\r\n", "BC660K-GL": b""}


def payloads(model: str) -> list[bytes]:
    """Return the empty payload, every single byte, the longest, and random ones of random length."""
    dice = random.Random(20_240_611)  # noqa: S311 - the same in every run
    allowed = bytes(byte for byte in range(256) if byte not in CANNOT_BE_CARRIED[model])
    limit = LIMIT[model]
    chosen = [b"", *(bytes([byte]) for byte in allowed)]
    chosen += [bytes(dice.choices(allowed, k=length)) for length in (limit - 1, limit) for _ in range(10)]
    while len(chosen) < COUNT:
        chosen.append(bytes(dice.choices(allowed, k=dice.choice((dice.randint(1, 64), dice.randint(64, limit))))))
    dice.shuffle(chosen)
    return chosen


@pytest.fixture
def subscribed(modem: Modem, mosquitto: Address, request: pytest.FixtureRequest) -> Iterator[MqttClient]:
    with modem.mqtt().session(mosquitto.host, mosquitto.port, client_id=request.node.name[-20:]) as mqtt:
        assert mqtt.subscribe([("back/0", 0), ("back/1", 1), ("back/2", 2)]) == [0, 1, 2]
        yield mqtt


def take(mqtt: MqttClient, count: int) -> list[Message]:
    messages = [mqtt.receive(timeout=20) for _ in range(count)]
    assert list(mqtt.messages(timeout=0.05)) == []
    return messages


def test_a_thousand_messages_come_back_as_they_went(subscribed: MqttClient, modem: Modem) -> None:
    sent: dict[str, list[bytes]] = {"back/0": [], "back/1": [], "back/2": []}
    for number, payload in enumerate(payloads(modem.model)):
        qos = number % 3
        delivery = subscribed.publish(f"back/{qos}", payload, qos=qos)
        assert delivery.state == ("sent" if qos == 0 else "acknowledged")
        sent[f"back/{qos}"].append(payload)
    messages = take(subscribed, COUNT)
    for topic, expected in sent.items():
        assert [message.payload for message in messages if message.topic == topic] == expected
    assert all(message.complete and message.client == 0 for message in messages)
    assert all((message.message_id == 0) == (message.topic == "back/0") for message in messages)
    assert modem.stats.messages == COUNT
    assert modem.stats.messages_dropped == 0
    assert list(modem.urcs(timeout=0)) == []


@pytest.mark.parametrize("model", ["M95"], indirect=True)
def test_publishes_that_overlap_come_back_as_they_went(subscribed: MqttClient, modem: Modem) -> None:
    sent = payloads(modem.model)
    deliveries = [subscribed.publish("back/1", payload, qos=1, wait=False) for payload in sent]
    for delivery in deliveries:
        delivery.wait(timeout=20)
    assert {delivery.state for delivery in deliveries} == {"acknowledged"}
    assert [message.payload for message in take(subscribed, COUNT)] == sent


def test_two_modems_hear_one_another(mosquitto: Address) -> None:
    count = 200
    with (
        VirtualModem("M95") as one,
        VirtualModem("BC660K-GL") as other,
        Modem(one.port) as m95,
        Modem(other.port) as bc,
    ):
        left = m95.mqtt(5).session(mosquitto.host, mosquitto.port, client_id="left")
        right = bc.mqtt(4).session(mosquitto.host, mosquitto.port, client_id="right")
        with left as talker, right as listener:
            listener.subscribe("between/#", qos=2)
            for number in range(count):
                talker.publish("between/left", number, qos=number % 3, wait=False)
            received = [listener.receive(timeout=20) for _ in range(count)]
    # Order is kept within a QoS only.
    assert sorted(int(message.payload) for message in received) == list(range(count))
    assert {message.client for message in received} == {4}


def test_a_payload_that_looks_like_the_end_of_the_prompt_leaves_no_line_behind(
    subscribed: MqttClient, modem: Modem
) -> None:
    # The prompt is `> `; some modules echo the data.
    sent = [b" ", b" x", b"  ", b"> ", b">"]
    for payload in sent:
        subscribed.publish("back/0", payload)
    assert [message.payload for message in take(subscribed, len(sent))] == sent
    assert list(modem.urcs(timeout=0.05)) == []
