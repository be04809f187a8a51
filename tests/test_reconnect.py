"""A session that reconnects by itself: the causes, what it does, and what it reports."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

import pytest

from modemqtt import (
    ConnectionLost,
    Delivery,
    Modem,
    MqttClient,
    PortError,
    Reconnect,
    Reconnected,
    ResponseTimeout,
    UsageError,
    Will,
)
from modemqtt.virtual import Broker, VirtualModem
from support.sessions import SOON, Seen, is_loss, sent, session
from support.tap import Tap
from support.waiting import in_thread, until

if TYPE_CHECKING:
    from pathlib import Path

    from modemqtt import Message


def opened(modem: Modem) -> bool:
    try:
        return modem.open().is_open
    except (PortError, ResponseTimeout):
        return False


@pytest.fixture
def mqtt(modem: Modem) -> MqttClient:
    """Client 0, with no connection yet."""
    return modem.mqtt()


@pytest.fixture
def seen(mqtt: MqttClient) -> Seen:
    return Seen(mqtt)


def test_a_connection_that_the_server_closes_is_made_again_and_told_of(
    mqtt: MqttClient, seen: Seen, broker: Broker, virtual_modem: VirtualModem
) -> None:
    with session(mqtt, broker):
        mqtt.subscribe("bench/#", qos=1)
        broker.drop_clients()
        event = seen.wait_back()
        assert mqtt.state == "connected"
        assert mqtt.server == (broker.host, broker.port)
        broker.publish("bench/t", b"1", qos=1)
        assert mqtt.receive(timeout=5).payload == b"1"
        assert mqtt.publish("bench/own", b"2", qos=1).state == "acknowledged"
    assert event == Reconnected(client=0, attempts=1, seconds=event.seconds, granted=(("bench/#", 1),), unknown=())
    assert 0.02 <= event.seconds < 5
    assert [type(one) for one in seen.events] == [ConnectionLost, Reconnected]
    (thread,) = seen.threads
    assert thread.name == f"modemqtt-{virtual_modem.port.rsplit('/', 1)[-1]}"
    assert mqtt.state == "closed"


@pytest.mark.parametrize(
    "wrong",
    [{"client_id": "a\r"}, {"client_id": "c", "keepalive": 3_601}, {"client_id": "c", "password": "p"}],
    ids=str,
)
def test_a_session_within_it_that_is_refused_leaves_it_as_it_was(
    mqtt: MqttClient, seen: Seen, broker: Broker, wrong: dict[str, Any]
) -> None:
    with session(mqtt, broker):
        with pytest.raises(UsageError):
            mqtt.session(broker.host, broker.port, reconnect=True, **wrong).__enter__()
        assert mqtt.state == "connected"
        broker.drop_clients()
        seen.wait_back()
        assert mqtt.state == "connected"


def test_a_loss_is_told_in_the_log_once(
    mqtt: MqttClient, seen: Seen, broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "modemqtt"), session(mqtt, broker):
        broker.drop_clients()
        seen.wait_back()
        until(lambda: "is connected again" in caplog.text, "the end of it")
    assert caplog.text.count("lost its connection") == 1


def test_without_it_a_lost_connection_is_left_to_the_program(mqtt: MqttClient, seen: Seen, broker: Broker) -> None:
    with session(mqtt, broker, plan=False):
        broker.drop_clients()
        until(lambda: seen.events, "on_connection_lost")
        with pytest.raises(ConnectionLost):
            mqtt.publish("bench/t", b"1")
    assert len(seen.events) == 1


def test_what_was_subscribed_to_within_the_session_is_subscribed_to_again(
    modem: Modem, mqtt: MqttClient, seen: Seen, broker: Broker
) -> None:
    with session(mqtt, broker):
        mqtt.subscribe("a", qos=1)
        mqtt.subscribe([("b/#", 0), ("c/+", 2), ("gone/1", 1)])
        mqtt.subscribe("gone/2")
        mqtt.unsubscribe(["gone/1", "gone/2"])
        mqtt.subscribe("a", qos=2)
        broker.drop_clients()
        assert seen.wait_back().granted == (("b/#", 0), ("c/+", 2), ("a", 2))
        # In as many commands as the program used: what fitted into one then fits into one now.
        last = [line.split(",", 2)[2] for line in sent(modem, "AT+QMTSUB")[-2:]]
        assert last == ['"b/#",0,"c/+",2', '"a",2']
        for topic in ("a", "b/x", "c/x", "gone/1", "gone/2"):
            broker.publish(topic, b"1")
        assert [message.topic for message in mqtt.messages(timeout=0.3)] == ["a", "b/x", "c/x"]
    with session(mqtt, broker):
        broker.drop_clients()
        assert seen.wait_back(2).granted == ()


def test_a_restart_of_the_module_is_overcome_with_every_option(
    modem: Modem, mqtt: MqttClient, seen: Seen, broker: Broker, virtual_modem: VirtualModem
) -> None:
    will = Will("bench/will", b"gone", qos=1)
    with session(mqtt, broker, username="bench", password="correct-horse", keepalive=77, will=will):
        mqtt.subscribe("bench/#")
        virtual_modem.restart()
        assert seen.wait_back().granted == (("bench/#", 0),)
        values = mqtt.configuration()
        assert (values["keepalive"], values["will"]) == (77, will)
        broker.publish("bench/t", b"1")
        assert mqtt.receive(timeout=5).payload == b"1"
    assert sent(modem, "AT+QMTCONN=") == ['AT+QMTCONN=0,"bench-7","bench","***"'] * 2
    assert "correct-horse" not in str(modem.wire)
    # A restart is not reported as a lost connection; `on_restart` reports it.
    assert [type(event) for event in seen.events] == [Reconnected]


def test_a_restart_by_the_program_is_overcome_too(modem: Modem, mqtt: MqttClient, seen: Seen, broker: Broker) -> None:
    with session(mqtt, broker):
        modem.restart()
        seen.wait_back()
        assert mqtt.publish("bench/t", b"1", qos=1).state == "acknowledged"


def test_a_server_that_goes_away_is_waited_for(mqtt: MqttClient, seen: Seen) -> None:
    with Broker() as broker:
        port = broker.port
        entered = session(mqtt, broker)
        entered.__enter__()
    until(lambda: seen.events, "the loss")
    with Broker(port=port) as successor:
        seen.wait_back()
        assert successor.clients == ["bench-7"]
        entered.__exit__(None, None, None)
        until(lambda: successor.clients == [], "the DISCONNECT")


@pytest.mark.parametrize("way", ["open", "reopen"])
def test_a_port_that_was_lost_is_waited_for(broker: Broker, model: str, tmp_path: Path, way: str) -> None:
    link = tmp_path / "module"
    first = VirtualModem(model, link=link)
    with Modem(str(link)) as modem:
        mqtt = modem.mqtt()
        seen = Seen(mqtt)
        with session(mqtt, broker, keepalive=77):
            mqtt.subscribe("bench/#")
            first.close()
            until(lambda: not modem.is_open, "the loss of the port")
            with pytest.raises(PortError):
                mqtt.receive(timeout=5)
            with VirtualModem(model, link=link):
                getattr(modem, way)()
                assert seen.wait_back().granted == (("bench/#", 0),)
                assert mqtt.configuration()["keepalive"] == 77
                broker.publish("bench/t", b"1")
                assert mqtt.receive(timeout=5).payload == b"1"
                # The new connection is kept like the first.
                broker.drop_clients()
                seen.wait_back(2)
        assert seen.failures == []


def test_a_port_lost_while_it_connects_again_is_waited_for(broker: Broker, model: str) -> None:
    with VirtualModem(model, listen="127.0.0.1:0") as module, Tap(module) as tap, Modem(tap.port) as modem:
        mqtt = modem.mqtt()
        seen = Seen(mqtt)
        with session(mqtt, broker):
            broker.refuse(3)
            broker.drop_clients()
            until(lambda: len(sent(modem, "AT+QMTCONN=")) > 2, "attempts")
            tap.cut()
            until(lambda: not modem.is_open, "the loss of the port")
            broker.refuse(None)
            # The module accepts the next host once it has seen this one leave.
            until(lambda: opened(modem), "the port")
            seen.wait_back()


@pytest.mark.parametrize("lost", ["port", "connection", "nothing"])
def test_closing_the_modem_ends_it_without_a_word(
    modem: Modem, seen: Seen, broker: Broker, virtual_modem: VirtualModem, lost: str
) -> None:
    mqtt = modem.mqtt()
    with session(mqtt, broker):
        if lost == "port":
            virtual_modem.close()
            until(lambda: not modem.is_open, "the loss of the port")
        elif lost == "connection":
            broker.refuse(3)
            broker.drop_clients()
            until(lambda: len(sent(modem, "AT+QMTCONN=")) > 2, "attempts")
        modem.close()
        if lost != "port":
            broker.refuse(None)
            modem.open()
            assert mqtt.state == "closed"
    assert seen.back == []
    assert seen.failures == []


@pytest.mark.parametrize("ending", ["disconnect", "close"])
def test_a_connection_that_the_program_ends_stays_ended(
    mqtt: MqttClient, seen: Seen, broker: Broker, ending: str
) -> None:
    with session(mqtt, broker):
        getattr(mqtt, ending)()
        until(lambda: broker.clients == [], "the end of the connection")
    assert seen.events == []


def test_what_was_under_way_is_told_as_unknown_and_not_published_again(
    mqtt: MqttClient, seen: Seen, broker: Broker, modem: Modem
) -> None:
    with session(mqtt, broker):
        arrived = [mqtt.publish("bench/t", str(number), qos=1, wait=False) for number in range(100)]
        for delivery in arrived:
            delivery.wait()
        broker.withhold_acks()
        lost = [mqtt.publish("bench/t", b"lost", qos=1, wait=False)]
        window = 5 if modem.model == "M95" else 1
        lost += [mqtt.publish("bench/t", b"lost", qos=1, wait=False) for _ in range(window - 2)]
        waiting = in_thread(lambda: mqtt.publish("bench/t", b"waited for", qos=1)) if window > 1 else None
        until(lambda: len(broker.messages) == 100 + window, "the publishes")
        broker.withhold_acks(on=False)
        broker.drop_clients()
        event = seen.wait_back()
        if waiting is not None:
            with pytest.raises(ConnectionLost):
                waiting.result(5)
        assert event.unknown[: len(lost)] == tuple(lost)
        assert [delivery.state for delivery in event.unknown] == ["unknown"] * window
        assert all(isinstance(delivery, Delivery) for delivery in event.unknown)
        # The next loss concerns none of them.
        broker.drop_clients()
        assert seen.wait_back(2).unknown == ()
        assert len(broker.messages) == 100 + window


def test_calls_fail_at_once_while_there_is_no_connection(mqtt: MqttClient, seen: Seen, broker: Broker) -> None:
    with session(mqtt, broker, Reconnect(first=60)):
        broker.drop_clients()
        until(lambda: seen.events, "the loss")
        assert mqtt.state == "closed"
        with pytest.raises(ConnectionLost):
            mqtt.publish("bench/t", b"1", qos=1)
        with pytest.raises(ConnectionLost):
            mqtt.subscribe("bench/#")


def test_a_callback_that_is_slow_does_not_hold_it_up(mqtt: MqttClient, seen: Seen, broker: Broker) -> None:
    go_on, started = threading.Event(), threading.Event()

    def dawdle(_: Message) -> None:
        started.set()
        go_on.wait(10)

    mqtt.on_message = dawdle
    with session(mqtt, broker):
        mqtt.subscribe("bench/#")
        broker.publish("bench/t", b"1")
        assert started.wait(5)
        broker.drop_clients()
        until(lambda: broker.clients == [], "the loss")
        until(lambda: broker.clients == ["bench-7"], "the connection")
        assert seen.events == []
        go_on.set()
        seen.wait_back()
    assert [is_loss(event) for event in seen.events] == [True, False]


def test_calls_work_inside_its_callbacks(mqtt: MqttClient, broker: Broker) -> None:
    done: list[object] = []

    def go_on(event: Reconnected) -> None:
        done.append(mqtt.publish("bench/again", str(event.attempts), qos=1).state)
        done.append(mqtt.subscribe("more/#", qos=1))

    mqtt.on_reconnected = go_on
    with session(mqtt, broker):
        broker.drop_clients()
        until(lambda: len(done) == 2, "the callback")
    assert done == ["acknowledged", [1]]


def test_several_clients_are_kept_at_once(modem: Modem, broker: Broker) -> None:
    clients = [modem.mqtt(index) for index in range(3)]
    seen = [Seen(client) for client in clients]
    with (
        clients[0].session(broker.host, broker.port, client_id="a", reconnect=SOON),
        clients[1].session(broker.host, broker.port, client_id="b", reconnect=SOON),
        clients[2].session(broker.host, broker.port, client_id="c", reconnect=SOON),
    ):
        for index, client in enumerate(clients):
            client.subscribe(f"to/{index}")
        broker.drop_clients()
        for index, events in enumerate(seen):
            assert events.wait_back().granted == ((f"to/{index}", 0),)
            assert events.back[0].client == index


def test_a_session_within_another_is_the_one_that_is_kept(mqtt: MqttClient, seen: Seen, broker: Broker) -> None:
    with session(mqtt, broker), mqtt.session(broker.host, broker.port, client_id="bench-8", reconnect=SOON):
        broker.drop_clients()
        seen.wait_back()
        assert broker.clients == ["bench-8"]
        assert mqtt.publish("bench/t", b"1", qos=1).state == "acknowledged"
    assert len(seen.back) == 1
