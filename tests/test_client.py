"""What one MQTT client does when all goes well."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from modemqtt import CommandError, MqttClient, OpenError, ResponseTimeout, UsageError, Will
from modemqtt.virtual import Broker, PublishedMessage
from support.waiting import in_thread, until

if TYPE_CHECKING:
    from modemqtt import Message, Modem
    from modemqtt.virtual import VirtualModem

DEFAULTS: dict[str, dict[str, Any]] = {
    "M95": {
        "will": None,
        "packet_timeout": 5,
        "retries": 3,
        "timeout_notice": False,
        "clean_session": True,
        "keepalive": 120,
        "tls_context": None,
    },
    "BC660K-GL": {
        "will": None,
        "packet_timeout": 30,
        "retries": 0,
        "timeout_notice": False,
        "clean_session": True,
        "keepalive": 120,
        "version": "3.1.1",
        "show_length": False,
        "alibaba": None,
        "echo_data": False,
        "send_format": "text",
        "receive_format": "text",
        "tls_context": None,
    },
}


def test_the_configuration_of_a_fresh_client_is_the_dialects_default(modem: Modem) -> None:
    assert modem.mqtt(1).configuration() == DEFAULTS[modem.model]


def test_what_was_configured_is_read_back_with_its_types(modem: Modem) -> None:
    options: dict[str, Any] = {
        "packet_timeout": 7,
        "retries": 2,
        "timeout_notice": True,
        "clean_session": False,
        "keepalive": 0,
    }
    if modem.model == "BC660K-GL":
        options |= {"version": "3.1", "show_length": True}
    modem.mqtt(2).configure(**options)
    assert modem.mqtt(2).configuration() == DEFAULTS[modem.model] | options
    assert modem.mqtt(1).configuration() == DEFAULTS[modem.model]


def test_one_of_the_three_timeout_options_leaves_the_others(modem: Modem) -> None:
    mqtt = modem.mqtt()
    mqtt.configure(packet_timeout=9)
    mqtt.configure(retries=4)
    expected = DEFAULTS[modem.model] | {"packet_timeout": 9, "retries": 4}
    assert mqtt.configuration() == expected


def test_a_will_is_read_back_and_can_be_taken_back(modem: Modem) -> None:
    mqtt = modem.mqtt()
    will = Will("bench/last", b"gone", qos=2, retain=True)
    mqtt.configure(will=will)
    assert mqtt.configuration()["will"] == will
    mqtt.configure(will=None)
    assert mqtt.configuration()["will"] is None


@pytest.mark.timeout(5)
def test_configuring_nothing_does_nothing(modem: Modem) -> None:
    modem.mqtt().configure()


def test_state_and_server_follow_the_connection(modem: Modem, broker: Broker) -> None:
    mqtt = modem.mqtt()
    assert (mqtt.state, mqtt.server) == ("closed", None)
    mqtt.open(broker.host, broker.port)
    assert (mqtt.state, mqtt.server) == ("open", (broker.host, broker.port))
    mqtt.connect("bench-7")
    assert (mqtt.state, mqtt.server) == ("connected", (broker.host, broker.port))
    assert broker.clients == ["bench-7"]
    mqtt.disconnect()
    until(lambda: broker.clients == [], "the end of the session")
    # One family closes the connection under it at once; with the other, the server does.
    mqtt.close()
    assert (mqtt.state, mqtt.server) == ("closed", None)
    assert repr(mqtt) == "<MqttClient 0 closed>"


def test_closing_what_is_closed_is_no_error(modem: Modem) -> None:
    modem.mqtt().close()
    modem.mqtt().close()


def test_a_connect_out_of_place_says_what_to_do(modem: Modem, broker: Broker) -> None:
    mqtt = modem.mqtt()
    with pytest.raises(CommandError, match=r"(?m); client 0 is not open; call open\(\) first$"):
        mqtt.connect("c")
    mqtt.open(broker.host, broker.port)
    mqtt.connect("c")
    with pytest.raises(CommandError, match=r"(?m); client 0 is connected already$"):
        mqtt.connect("c")
    assert mqtt.state == "connected"


def test_a_session_configures_opens_connects_and_leaves(modem: Modem, broker: Broker) -> None:
    session = modem.mqtt().session(broker.host, broker.port, client_id="bench-7", keepalive=60, retries=1)
    with session as mqtt:
        assert mqtt is modem.mqtt()
        assert mqtt.state == "connected"
        assert mqtt.configuration()["keepalive"] == 60
        assert mqtt.configuration()["retries"] == 1
    assert mqtt.state == "closed"
    until(lambda: broker.clients == [], "the end of the session")


def test_a_session_is_left_when_its_block_raises(modem: Modem, broker: Broker) -> None:
    with pytest.raises(ZeroDivisionError), modem.mqtt().session(broker.host, broker.port, client_id="bench-7"):
        raise ZeroDivisionError
    assert modem.mqtt().state == "closed"
    until(lambda: broker.clients == [], "the end of the session")


@pytest.mark.parametrize(
    "wrong",
    [{"keepalive": 5000}, {"keepalive": "60"}, {"client_id": 7}, {"client_id": "a\rb"}, {"host": 'a"b'}],
    ids=repr,
)
def test_a_session_that_sends_nothing_leaves_an_open_client_alone(
    modem: Modem, mqtt: MqttClient, broker: Broker, wrong: dict[str, Any]
) -> None:
    arguments: dict[str, Any] = {"host": broker.host, "port": broker.port, "client_id": "bench-8"} | wrong
    before = list(modem.wire)
    with pytest.raises(UsageError), mqtt.session(**arguments):
        pytest.fail("there is no session")
    assert list(modem.wire) == before
    assert mqtt.state == "connected"


def test_what_the_block_raised_is_not_hidden_by_a_modem_that_it_closed(modem: Modem, broker: Broker) -> None:
    def close_and_raise() -> None:
        with modem.mqtt().session(broker.host, broker.port, client_id="bench-7"):
            modem.close()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        close_and_raise()


@pytest.mark.parametrize(("payload", "sent"), [(5, b"5"), (None, b""), ("ä", b"\xc3\xa4"), (bytearray(b"x"), b"x")])
def test_a_broker_publishes_what_a_client_would(broker: Broker, mqtt: MqttClient, payload: Any, sent: bytes) -> None:  # noqa: ANN401 - of every kind
    mqtt.subscribe("bench/t")
    broker.publish("bench/t", payload)
    assert mqtt.receive(timeout=5).payload == sent


def test_a_session_can_be_entered_again(modem: Modem, broker: Broker) -> None:
    for _ in range(3):
        with modem.mqtt().session(broker.host, broker.port, client_id="bench-7") as mqtt:
            mqtt.publish("bench/t", b"1", qos=1)
    assert len(broker.messages) == 3


def test_a_subscription_to_one_topic_brings_its_messages(mqtt: MqttClient, broker: Broker) -> None:
    assert mqtt.subscribe("bench/+/set", qos=1) == [1]
    broker.publish("bench/7/set", b"on", qos=2)
    message = mqtt.receive(timeout=5)
    assert (message.topic, message.payload, message.client, message.complete) == ("bench/7/set", b"on", 0, True)
    assert message.message_id > 0
    broker.publish("bench/7/other", b"off")
    broker.publish("bench/7/set", b"off", qos=0)
    message = mqtt.receive(timeout=5)
    assert (message.payload, message.message_id) == (b"off", 0)


def test_a_subscription_to_several_topics_has_a_qos_for_each(mqtt: MqttClient, broker: Broker) -> None:
    assert mqtt.subscribe([("a/#", 2), ("b/+", 0), ("c", 1)]) == [2, 0, 1]
    for topic in ("a/1", "b/1", "c"):
        broker.publish(topic, topic)
    assert {mqtt.receive(timeout=5).topic for _ in range(3)} == {"a/1", "b/1", "c"}


def test_an_ended_subscription_brings_nothing_more(mqtt: MqttClient, broker: Broker) -> None:
    mqtt.subscribe([("a", 0), ("b", 0), ("c", 0)])
    mqtt.unsubscribe("a")
    mqtt.unsubscribe(["b"])
    for topic in ("a", "b", "c"):
        broker.publish(topic, b"1")
    assert [message.topic for message in mqtt.messages(timeout=0.1)] == ["c"]


@pytest.mark.parametrize("qos", [0, 1, 2])
@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (None, b""),
        ("21.5 °C", "21.5 °C".encode()),
        (21, b"21"),
        (-1, b"-1"),
        (21.5, b"21.5"),
        (b"\x00\xff", b"\x00\xff"),
        (bytearray(b"ab"), b"ab"),
        (memoryview(b"abcd")[::2], b"ac"),
    ],
    ids=["None", "str", "int", "negative", "float", "bytes", "bytearray", "memoryview"],
)
def test_payloads_of_every_kind_arrive(
    mqtt: MqttClient,
    broker: Broker,
    payload: Any,  # noqa: ANN401 - of every kind
    expected: bytes,
    qos: int,
) -> None:
    delivery = mqtt.publish("bench/t", payload, qos)
    assert delivery.state == ("acknowledged" if qos else "sent")
    assert (delivery.message_id > 0) == (qos > 0)
    assert (delivery.client, delivery.retransmissions) == (0, 0)
    delivery.wait()
    until(lambda: broker.messages, "the message")
    assert broker.messages == [PublishedMessage("bench/t", expected, qos, retain=False, client_id="bench-7")]


def test_a_retained_message_is_kept_for_later_subscribers(mqtt: MqttClient, broker: Broker) -> None:
    mqtt.publish("bench/kept", b"1", qos=1, retain=True)
    mqtt.publish("bench/not", b"2", qos=1)
    assert [message.retain for message in broker.messages] == [True, False]
    mqtt.subscribe("bench/#")
    assert [message.topic for message in mqtt.messages(timeout=0.1)] == ["bench/kept"]


def test_a_will_is_published_when_the_module_vanishes(
    modem: Modem, virtual_modem: VirtualModem, broker: Broker
) -> None:
    mqtt = modem.mqtt()
    mqtt.configure(will=Will("bench/last", b"gone", qos=1, retain=True))
    mqtt.open(broker.host, broker.port)
    mqtt.connect("bench-7")
    virtual_modem.network(up=False, told=True)
    until(lambda: broker.messages, "the will")
    assert broker.messages == [PublishedMessage("bench/last", b"gone", 1, retain=True, client_id="bench-7")]


def test_a_will_is_not_published_after_a_disconnect(modem: Modem, broker: Broker) -> None:
    with modem.mqtt().session(broker.host, broker.port, client_id="bench-7", will=Will("bench/last", b"gone")):
        pass
    until(lambda: broker.clients == [], "the end of the session")
    assert broker.messages == []


def test_a_session_that_is_not_clean_gets_what_came_meanwhile(modem: Modem, broker: Broker) -> None:
    mqtt = modem.mqtt()
    with mqtt.session(broker.host, broker.port, client_id="bench-7", clean_session=False):
        mqtt.subscribe("bench/#", qos=1)
    until(lambda: broker.clients == [], "the end of the session")
    broker.publish("bench/t", b"missed", qos=1)
    with mqtt.session(broker.host, broker.port, client_id="bench-7"):
        assert mqtt.receive(timeout=5).payload == b"missed"


def test_an_idle_connection_outlives_its_keep_alive_time(modem: Modem, broker: Broker) -> None:
    with modem.mqtt().session(broker.host, broker.port, client_id="bench-7", keepalive=1) as mqtt:
        mqtt.subscribe("bench/#")
        # A server waits one and a half times the keep-alive time (MQTT 3.1.1, 3.1.2.10).
        assert list(mqtt.messages(timeout=2.0)) == []
        assert mqtt.state == "connected"
        assert broker.clients == ["bench-7"]


def test_credentials_are_taken(modem: Modem, broker: Broker) -> None:
    mqtt = modem.mqtt()
    mqtt.open(broker.host, broker.port)
    mqtt.connect("bench-7", "lab", "wrong horse")
    assert mqtt.state == "connected"


def test_clients_of_one_module_do_not_get_in_each_others_way(modem: Modem, broker: Broker) -> None:
    names = [f"bench-{index}" for index in range(5)]
    for index, name in enumerate(names):
        modem.mqtt(index).open(broker.host, broker.port)
        modem.mqtt(index).connect(name)
        modem.mqtt(index).subscribe(f"to/{index}")
    assert sorted(broker.clients) == names
    for index in range(5):
        broker.publish(f"to/{index}", str(index))
    for index in range(5):
        assert modem.mqtt(index).receive(timeout=5).payload == str(index).encode()
    modem.mqtt(3).close()
    assert [modem.mqtt(index).state for index in range(5)] == ["connected"] * 3 + ["closed", "connected"]


def test_messages_end_when_none_comes(mqtt: MqttClient, broker: Broker) -> None:
    mqtt.subscribe("bench/#")
    for number in range(10):
        broker.publish("bench/t", str(number))
    received: list[Message] = list(mqtt.messages(timeout=0.2))
    assert [int(message.payload) for message in received] == list(range(10))
    assert received[0].timestamp <= received[-1].timestamp


def test_a_message_that_does_not_come_is_a_timeout(mqtt: MqttClient) -> None:
    with pytest.raises(ResponseTimeout, match=r"^[^;]*no message for client 0 within 0\.05 s$"):
        mqtt.receive(timeout=0.05)
    with pytest.raises(TimeoutError):
        mqtt.receive(timeout=0)


def test_a_message_for_a_client_that_is_not_connected_is_said_to_be_hopeless(modem: Modem) -> None:
    with pytest.raises(ResponseTimeout, match=r"within 0 s; the client is not connected, it is closed$"):
        modem.mqtt().receive(timeout=0)


@pytest.mark.parametrize("host", ["mqtt://broker.lab", "broker.lab:1883", "192.0.2.7:1883"])
def test_a_host_with_a_scheme_or_a_port_is_refused_before_anything_is_sent(modem: Modem, host: str) -> None:
    before = len(modem.wire)
    with pytest.raises(UsageError, match=r"^host must be a name or an address .*, not \"" + re.escape(host)):
        modem.mqtt().open(host, 1883)
    assert len(modem.wire) == before


def test_an_ipv6_address_is_a_host(modem: Modem) -> None:
    with pytest.raises(OpenError):
        modem.mqtt().open("2001:db8::1", 1883)


def test_receive_waits_without_end_until_a_message_comes(mqtt: MqttClient, broker: Broker) -> None:
    mqtt.subscribe("bench/#")
    waiting = in_thread(mqtt.receive)
    broker.publish("bench/t", b"1")
    assert waiting.result(5).payload == b"1"


@pytest.mark.parametrize("model", ["M95"], indirect=True)
def test_publishes_overlap_up_to_the_window_of_the_dialect(mqtt: MqttClient, broker: Broker) -> None:
    broker.withhold_acks()
    window = [mqtt.publish("bench/t", number, qos=1, wait=False) for number in range(5)]
    until(lambda: {delivery.state for delivery in window} == {"accepted"}, "the module's OK")
    assert [delivery.message_id for delivery in window] == [1, 2, 3, 4, 5]
    sixth = mqtt.publish("bench/t", 5, qos=1, wait=False, timeout=0.3)
    states = [sixth.state]
    with pytest.raises(ResponseTimeout):
        sixth.wait()
    assert [*states, sixth.state] == ["queued", "failed"]


def test_more_topics_than_a_command_line_has_room_for_go_in_several_commands(mqtt: MqttClient, broker: Broker) -> None:
    topics = [f"{'x' * 150}/{number}" for number in range(40)]
    assert mqtt.subscribe([(topic, 1) for topic in topics]) == [1] * len(topics)
    for topic in topics:
        broker.publish(topic, b"x")
    assert [mqtt.receive(timeout=5).topic for _ in topics] == topics
    mqtt.unsubscribe(topics)
    broker.publish(topics[-1], b"x")
    broker.publish(topics[0], b"x")
    with pytest.raises(ResponseTimeout):
        mqtt.receive(timeout=0.2)
