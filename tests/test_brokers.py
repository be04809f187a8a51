"""The virtual module does the same with our broker as with mosquitto."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

import pytest

from modemqtt import (
    CommandError,
    ConnectError,
    ConnectionLost,
    Modem,
    MqttClient,
    OpenError,
    OperationError,
    PublishError,
    UsageError,
    Will,
)
from modemqtt.virtual import Broker, VirtualModem
from support import mosquitto
from support.brokers import Mosquitto, Observer, Ours, Subject
from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    Start = Callable[[Mapping[str, str] | None], Subject]

PASSWORD = "very-secret-indeed"


@pytest.fixture(params=["ours", pytest.param("mosquitto", marks=pytest.mark.mosquitto)])
def start(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Start]:
    """Start a broker with users and their passwords, or open to everybody."""
    if request.param == "mosquitto" and mosquitto.find() is None:
        pytest.skip("mosquitto is not on the PATH")
    kind = Ours if request.param == "ours" else Mosquitto
    with contextlib.ExitStack() as stack:

        def started(users: Mapping[str, str] | None = None) -> Subject:
            subject: Subject = kind(tmp_path, users)
            stack.callback(subject.close)
            return subject

        yield started


@pytest.fixture
def subject(start: Start) -> Subject:
    return start(None)


def connect(modem: Modem, subject: Subject, client_id: str = "bench", **options: Any) -> MqttClient:  # noqa: ANN401
    mqtt = modem.mqtt()
    mqtt.configure(**options)
    mqtt.open(subject.host, subject.port)
    mqtt.connect(client_id)
    return mqtt


@pytest.fixture(params=["3.1", "3.1.1"])
def version(request: pytest.FixtureRequest, virtual_modem: VirtualModem, model: str) -> dict[str, str]:
    """Return the setting of the version; the M95 has none, and speaks either."""
    if model != "M95":
        return {"version": request.param}
    if request.param == "3.1":
        virtual_modem.inject("default-version-3-1")
    return {}


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_messages_pass_both_ways_in_both_versions(
    modem: Modem, subject: Subject, version: dict[str, str], qos: int
) -> None:
    mqtt = connect(modem, subject, **version)
    with Observer(subject, "from/#") as observer:
        assert mqtt.subscribe("to/#", qos=qos) == [qos]
        mqtt.publish("from/t", b"21.5", qos=qos)
        assert observer.receive() == ("from/t", b"21.5", qos, False)
        observer.publish("to/t", b"on", qos)
        message = mqtt.receive(timeout=10)
        assert (message.topic, message.payload, message.complete) == ("to/t", b"on", True)
        mqtt.unsubscribe("to/#")
        observer.publish("to/t", b"unheard", qos)
        mqtt.subscribe("barrier")
        observer.publish("barrier", b"heard")
        assert mqtt.receive(timeout=10).payload == b"heard"
    mqtt.disconnect()


def test_only_a_client_with_the_password_is_let_in(modem: Modem, start: Start, version: dict[str, Any]) -> None:
    subject = start({"lab": PASSWORD})
    mqtt = modem.mqtt()
    mqtt.configure(**version)
    for name, password in (("lab", "wrong"), ("nobody", PASSWORD), (None, None)):
        mqtt.open(subject.host, subject.port)
        with pytest.raises(ConnectError) as caught:
            mqtt.connect("bench", name, password)
        # 4: bad user name or password, 5: not authorized; mosquitto answers 5 to both.
        assert caught.value.return_code in {4, 5}
        until(lambda: mqtt.state == "closed", "the end of the connection")
    mqtt.open(subject.host, subject.port)
    mqtt.connect("bench", "lab", PASSWORD)
    assert mqtt.publish("t", b"x", qos=1).state == "acknowledged"
    assert PASSWORD not in str(modem.wire)


@pytest.mark.parametrize("retain", [False, True])
def test_a_will_is_published_when_the_module_vanishes(
    virtual_modem: VirtualModem, modem: Modem, subject: Subject, *, retain: bool
) -> None:
    with Observer(subject, "will/#") as observer:
        connect(modem, subject, will=Will("will/t", b"gone", qos=1, retain=retain))
        virtual_modem.network(up=False, told=True)
        assert observer.receive()[:3] == ("will/t", b"gone", 1)
    with Observer(subject, "will/#", client_id="later") as later:
        later.publish("will/barrier", b"barrier")
        kept = [("will/t", b"gone", 1, True)] if retain else []
        assert [later.receive() for _ in range(len(kept) + 1)][:-1] == kept


def test_a_client_that_says_goodbye_leaves_no_will(modem: Modem, subject: Subject) -> None:
    with Observer(subject, "will/#") as observer:
        connect(modem, subject, will=Will("will/t", b"gone")).disconnect()
        observer.publish("will/barrier", b"barrier")
        assert observer.receive()[0] == "will/barrier"
        assert observer.heard_nothing()


def test_a_retained_message_greets_later_subscribers(modem: Modem, subject: Subject) -> None:
    mqtt = connect(modem, subject)
    mqtt.publish("kept/t", b"21.5", qos=1, retain=True)
    mqtt.subscribe("kept/#", qos=1)
    assert mqtt.receive(timeout=10).payload == b"21.5"
    with Observer(subject, "kept/#") as observer:
        assert observer.receive() == ("kept/t", b"21.5", 1, True)
        observer.publish("kept/t", b"", retain=True)
        assert mqtt.receive(timeout=10).payload == b""
    with Observer(subject, "kept/#", client_id="later") as later:
        later.publish("kept/barrier", b"barrier")
        assert later.receive()[0] == "kept/barrier"


def test_a_persistent_session_has_what_came_meanwhile(modem: Modem, subject: Subject) -> None:
    mqtt = connect(modem, subject, clean_session=False)
    mqtt.subscribe("t", qos=1)
    mqtt.disconnect()
    until(lambda: mqtt.state == "closed", "the end of the connection")
    with Observer(subject) as observer:
        for payload in (b"one", b"two"):
            observer.publish("t", payload)
        connect(modem, subject, clean_session=False)
        assert [mqtt.receive(timeout=10).payload for _ in range(2)] == [b"one", b"two"]
        mqtt.disconnect()
        until(lambda: mqtt.state == "closed", "the end of the connection")
        # A clean session ends it.
        connect(modem, subject, clean_session=True).disconnect()
        until(lambda: mqtt.state == "closed", "the end of the connection")
        observer.publish("t", b"lost")
        connect(modem, subject, clean_session=False)
        mqtt.subscribe("barrier", qos=1)
        observer.publish("barrier", b"barrier")
        assert mqtt.receive(timeout=10).payload == b"barrier"


@pytest.mark.parametrize("keepalive", [0, 1])
def test_a_connection_outlives_its_keep_alive(modem: Modem, subject: Subject, keepalive: int) -> None:
    mqtt = connect(modem, subject, keepalive=keepalive)
    # A broker waits for one and a half times the keep-alive; mosquitto checks about every second.
    time.sleep(2.6)
    assert mqtt.state == "connected"
    assert mqtt.publish("t", b"x", qos=1).state == "acknowledged"


def test_a_second_client_of_the_same_id_takes_over(modem: Modem, subject: Subject) -> None:
    mqtt = connect(modem, subject, "twin")
    losses: list[ConnectionLost] = []
    mqtt.on_connection_lost = losses.append
    with Observer(subject, client_id="twin") as observer:
        until(lambda: losses, "the loss")
        assert losses[0].code == 1
        mqtt.on_connection_lost = None
        observer.publish("t", b"still here")


def test_topics_are_as_long_as_the_module_takes_and_no_longer(modem: Modem, subject: Subject) -> None:
    mqtt = connect(modem, subject)
    longest = "t" * 256
    mqtt.subscribe(longest, qos=1)
    mqtt.publish(longest, b"x", qos=1)
    message = mqtt.receive(timeout=10)
    assert (message.topic, message.payload) == (longest, b"x")
    too_long = "t" * (257 if modem.dialect == "bc660k" else 65_536)
    sent = modem.stats.bytes_sent
    for call in (lambda: mqtt.subscribe(too_long), lambda: mqtt.publish(too_long, b"x")):
        with pytest.raises(UsageError):
            call()
    assert modem.stats.bytes_sent == sent
    # If the host does not check, the module refuses it, and the broker never hears of it.
    with pytest.raises(CommandError):
        modem.command(f'AT+QMTSUB=0,9,"{"t" * 5000}",0')
    assert mqtt.publish("t", b"x", qos=1).state == "acknowledged"


def test_a_broker_that_is_killed_is_told_of_and_found_again(modem: Modem, subject: Subject) -> None:
    mqtt = connect(modem, subject, clean_session=False)
    losses: list[ConnectionLost] = []
    mqtt.on_connection_lost = losses.append
    subject.kill()
    until(lambda: losses, "the loss")
    until(lambda: mqtt.state == "closed", "the end of the connection")
    with pytest.raises(OpenError):
        mqtt.open(subject.host, subject.port)
    subject.start()
    connect(modem, subject)
    mqtt.subscribe("t", qos=1)
    mqtt.publish("t", b"again", qos=1)
    assert mqtt.receive(timeout=10).payload == b"again"
    assert len(losses) == 1


def test_a_silent_broker_is_given_up_after_the_retries(modem: Modem, subject: Subject) -> None:
    mqtt = connect(modem, subject, packet_timeout=1, retries=2, timeout_notice=True, keepalive=60)
    subject.silent(on=True)
    try:
        start = time.monotonic()
        delivery = mqtt.publish("t", b"x", qos=1, wait=False)
        for notice in (1, 2):
            until(lambda notice=notice: delivery.retransmissions == notice, "a notice")  # type: ignore[misc]
            assert notice - 0.1 < time.monotonic() - start < notice + 0.9
        with pytest.raises(PublishError) as caught:
            delivery.wait()
        assert caught.value.result == 2
        assert 2.9 < time.monotonic() - start < 4
        with pytest.raises(OperationError):
            mqtt.subscribe("t")
    finally:
        subject.silent(on=False)


def test_a_connect_that_a_silent_broker_leaves_unanswered_fails(modem: Modem, subject: Subject) -> None:
    mqtt = modem.mqtt()
    mqtt.configure(packet_timeout=1, retries=0)
    subject.silent(on=True)
    try:
        mqtt.open(subject.host, subject.port)
        with pytest.raises(ConnectionLost) as caught:
            mqtt.connect("bench")
        assert caught.value.code == 4
    finally:
        subject.silent(on=False)


def test_a_slow_broker_is_waited_for(modem: Modem, subject: Subject) -> None:
    mqtt = connect(modem, subject, packet_timeout=5, retries=0)
    subject.delay(0.5)
    start = time.monotonic()
    assert mqtt.publish("t", b"x", qos=2).state == "acknowledged"
    # Its own timer may be a little ahead of ours.
    assert time.monotonic() - start > 0.45


@pytest.mark.parametrize("after", [0, 1, 2, 3])
def test_an_answer_that_is_cut_short_is_a_lost_connection(modem: Modem, broker: Broker, after: int) -> None:
    mqtt = modem.mqtt()
    broker.cut(after=after)
    mqtt.open(broker.host, broker.port)
    with pytest.raises((ConnectError, ConnectionLost)):
        mqtt.connect("bench")
    until(lambda: mqtt.state == "closed", "the end of the connection")
    broker.cut(None)
    mqtt.open(broker.host, broker.port)
    mqtt.connect("bench")


def test_a_message_that_is_cut_short_is_not_delivered(mqtt: MqttClient, modem: Modem, broker: Broker) -> None:
    losses: list[ConnectionLost] = []
    mqtt.on_connection_lost = losses.append
    mqtt.subscribe("t")
    broker.cut(after=20)
    broker.publish("t", b"x" * 100)
    until(lambda: losses, "the loss")
    assert modem.stats.overruns == 0
    with pytest.raises(ConnectionLost):
        mqtt.receive(timeout=0)
    assert broker.clients == []


def test_settings_of_the_broker_are_checked() -> None:
    with Broker(users={"lab": PASSWORD}) as broker:
        assert PASSWORD not in repr(broker)
        for call in (
            lambda: broker.slow(-1),
            lambda: broker.slow(3601),
            lambda: broker.cut(-1),
            lambda: Broker(users={"lab": 5}),  # type: ignore[dict-item]
        ):
            with pytest.raises(UsageError):
                call()
        broker.stop()
        broker.stop()
        broker.start()
        broker.start()
        broker.silent()
        broker.silent(on=False)
        broker.slow(0)
        broker.cut(None)
