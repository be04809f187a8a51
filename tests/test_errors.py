"""What a program is told when something fails, on whichever end of the line."""

from __future__ import annotations

import copy
import pickle
from typing import TYPE_CHECKING

import pytest

from modemqtt import (
    CloseError,
    CommandError,
    ConnectError,
    ConnectionLost,
    DisconnectError,
    ModemError,
    ModuleRestarted,
    OpenError,
    OperationError,
    PortError,
    ProtocolError,
    PublishError,
    ResponseTimeout,
    SubscribeError,
    UnsubscribeError,
    UsageError,
)
from support.waiting import in_thread, until

if TYPE_CHECKING:
    from collections.abc import Callable

    from modemqtt import Delivery, Modem, MqttClient
    from modemqtt.virtual import Broker, VirtualModem


def test_exceptions_are_caught_by_the_names_that_programs_know() -> None:
    assert issubclass(UsageError, ValueError)
    assert issubclass(PortError, OSError)
    assert issubclass(ResponseTimeout, TimeoutError)
    for kind in (OpenError, ConnectError, SubscribeError, UnsubscribeError, PublishError, DisconnectError, CloseError):
        assert issubclass(kind, OperationError)
    assert issubclass(OperationError, ModemError)
    for other in (UsageError, PortError, ResponseTimeout, CommandError, ConnectionLost, ModuleRestarted, ProtocolError):
        assert issubclass(other, ModemError)


def through_a_pipe(error: ModemError) -> ModemError:
    again: ModemError = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    return again


@pytest.mark.parametrize("duplicate", [copy.copy, through_a_pipe])
@pytest.mark.parametrize(
    "error",
    [
        PortError("gone", wire=("> AT",)),
        CommandError("refused", command="AT+X", code=3, name="operation not allowed", wire=("> AT+X",)),
        OpenError("failed", operation="open", result=4, name="host name not resolved", wire=("> AT+X",)),
        ConnectError("refused", operation="connect", result=0, name=None, return_code=5),
        ConnectionLost("lost", code=1, name=None),
        ProtocolError("strange", expected="the prompt", line="OK"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_exception_survives_the_way_to_another_process(
    error: ModemError, duplicate: Callable[[ModemError], ModemError]
) -> None:
    again = duplicate(error)
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert again.wire == error.wire
    for attribute in ("command", "code", "name", "operation", "result", "return_code", "expected", "line"):
        assert getattr(again, attribute, None) == getattr(error, attribute, None)


def test_a_server_that_is_not_there_cannot_be_opened(modem: Modem, broker: Broker) -> None:
    broker.close()
    mqtt = modem.mqtt()
    with pytest.raises(OpenError, match=r"^open to \S+ on client 0 failed") as caught:
        mqtt.open(broker.host, broker.port)
    assert caught.value.operation == "open"
    assert caught.value.result != 0
    assert caught.value.name is not None
    assert str(caught.value.result) in str(caught.value)
    assert caught.value.name in str(caught.value)
    assert caught.value.wire[-1].startswith("< +QMTOPEN: 0,")
    assert (mqtt.state, mqtt.server) == ("closed", None)


def test_a_name_that_does_not_resolve_is_said_to_be_one(modem: Modem) -> None:
    with pytest.raises(OpenError) as caught:
        modem.mqtt().open("no-such-host.invalid")
    assert (caught.value.result, caught.value.name) == (4, "host name not resolved")


def test_nothing_opens_without_a_network(modem: Modem, virtual_modem: VirtualModem, broker: Broker) -> None:
    virtual_modem.network(up=False)
    with pytest.raises(OpenError):
        modem.mqtt().open(broker.host, broker.port)
    virtual_modem.network(up=True)
    modem.mqtt().open(broker.host, broker.port)


@pytest.mark.parametrize("return_code", [1, 2, 3, 4, 5])
def test_a_refused_connect_is_reported_once(modem: Modem, broker: Broker, return_code: int) -> None:
    mqtt = modem.mqtt()
    losses: list[ConnectionLost] = []
    mqtt.on_connection_lost = losses.append
    broker.refuse(return_code)
    mqtt.open(broker.host, broker.port)
    with pytest.raises(ConnectError, match=f"return code {return_code}") as caught:
        mqtt.connect("bench-7")
    assert (caught.value.operation, caught.value.return_code) == ("connect", return_code)
    until(lambda: mqtt.state == "closed", "the end of the connection")
    broker.refuse(None)
    mqtt.open(broker.host, broker.port)
    mqtt.connect("bench-7")
    assert losses == []
    assert list(modem.urcs(timeout=0)) == []


def test_a_session_whose_connect_is_refused_closes_what_it_opened(modem: Modem, broker: Broker) -> None:
    broker.refuse(5)
    session = modem.mqtt().session(broker.host, broker.port, client_id="bench-7")
    with pytest.raises(ConnectError), session:
        pytest.fail("there is no session")
    assert modem.mqtt().state == "closed"


def test_a_lost_connection_is_told_once_and_ends_what_waits(mqtt: MqttClient, broker: Broker) -> None:
    losses: list[ConnectionLost] = []
    deliveries: list[Delivery] = []
    mqtt.on_connection_lost = losses.append
    mqtt.on_delivery = deliveries.append
    broker.withhold_acks()
    delivery = mqtt.publish("bench/t", b"1", qos=1, wait=False)
    waiting = in_thread(delivery.wait)
    until(lambda: delivery.state == "accepted", "the module's OK")
    broker.drop_clients()
    with pytest.raises(ConnectionLost, match="client 0 lost its connection") as caught:
        waiting.result(1)
    assert caught.value.code == 1
    assert caught.value.name is not None
    assert delivery.state == "unknown"
    until(lambda: losses and deliveries, "the callbacks")
    assert [(loss.code, loss.name) for loss in losses] == [(1, caught.value.name)]
    assert [(each.state, each.message_id) for each in deliveries] == [("unknown", delivery.message_id)]
    assert mqtt.state == "closed"


@pytest.mark.parametrize("call", ["subscribe", "unsubscribe"])
def test_a_lost_connection_ends_every_kind_of_call(modem: Modem, mqtt: MqttClient, broker: Broker, call: str) -> None:
    broker.withhold_acks()
    waiting = in_thread(lambda: getattr(mqtt, call)("bench/#"))
    until(lambda: f"QMT{call[:3].upper()}" in str(modem.wire), "the command")
    broker.drop_clients()
    with pytest.raises(ConnectionLost):
        waiting.result(1)


def test_the_client_can_connect_again_after_a_loss(mqtt: MqttClient, broker: Broker) -> None:
    broker.drop_clients()
    until(lambda: mqtt.state == "closed", "the loss")
    mqtt.open(broker.host, broker.port)
    mqtt.connect("bench-7")
    assert mqtt.publish("bench/t", b"1", qos=2).state == "acknowledged"


def test_withheld_acknowledgements_have_the_packet_sent_again_and_then_given_up(modem: Modem, broker: Broker) -> None:
    mqtt = modem.mqtt()
    mqtt.configure(packet_timeout=1, retries=1, timeout_notice=True)
    mqtt.open(broker.host, broker.port)
    mqtt.connect("bench-7")
    broker.withhold_acks()
    delivery = mqtt.publish("bench/t", b"1", qos=1, wait=False)
    until(lambda: delivery.state == "retransmitting", "the notice")
    assert delivery.retransmissions == 1
    with pytest.raises(PublishError, match="publish on client 0 failed") as caught:
        delivery.wait()
    assert (caught.value.operation, caught.value.result) == ("publish", 2)
    assert delivery.state == "failed"


def test_late_acknowledgements_still_count(modem: Modem, broker: Broker) -> None:
    mqtt = modem.mqtt()
    mqtt.configure(packet_timeout=1, retries=3, timeout_notice=True)
    mqtt.open(broker.host, broker.port)
    mqtt.connect("bench-7")
    broker.withhold_acks()
    delivery = mqtt.publish("bench/t", b"1", qos=1, wait=False)
    until(lambda: delivery.retransmissions == 1, "the notice")
    broker.withhold_acks(on=False)
    delivery.wait()
    assert delivery.state == "acknowledged"
    assert delivery.retransmissions >= 1


def test_a_publish_whose_result_never_comes_is_unknown(
    modem: Modem, virtual_modem: VirtualModem, broker: Broker
) -> None:
    mqtt = modem.mqtt()
    mqtt.configure(packet_timeout=1, retries=0)
    mqtt.open(broker.host, broker.port)
    mqtt.connect("bench-7")
    virtual_modem.inject("silent-publish")
    delivery = mqtt.publish("bench/t", b"1", qos=1, wait=False)
    # The module's own time is 1 s; driver and line may add to that.
    with pytest.raises(ResponseTimeout, match=r"no result for AT\+QMTPUB=0,1,1,0"):
        delivery.wait()
    assert delivery.state == "unknown"
    assert [message.payload for message in broker.messages] == [b"1"]


def test_the_callers_own_time_ends_the_call_and_not_the_modem(modem: Modem, broker: Broker) -> None:
    mqtt = modem.mqtt()
    mqtt.configure(packet_timeout=1, retries=0)
    mqtt.open(broker.host, broker.port)
    mqtt.connect("bench-7")
    broker.withhold_acks()
    with pytest.raises(ResponseTimeout, match=r"within 0\.1\d\d s"):
        mqtt.publish("bench/t", b"1", qos=1, timeout=0.1)
    assert modem.command("AT").final == "OK"
    # On BC660K-GL the next one waits until the module has given up the first, since it has room for one.
    broker.withhold_acks(on=False)
    assert mqtt.publish("bench/t", b"2", qos=1).state == "acknowledged"
    assert list(modem.urcs(timeout=0)) == []


def test_a_publish_that_the_caller_gave_up_is_unknown(mqtt: MqttClient, broker: Broker) -> None:
    broker.withhold_acks()
    delivery = mqtt.publish("bench/t", b"1", qos=1, wait=False, timeout=0.1)
    with pytest.raises(ResponseTimeout):
        delivery.wait()
    assert delivery.state == "unknown"


def test_waiting_for_a_delivery_is_not_giving_it_up(mqtt: MqttClient, broker: Broker) -> None:
    broker.withhold_acks()
    delivery = mqtt.publish("bench/t", b"1", qos=1, wait=False)
    with pytest.raises(ResponseTimeout):
        delivery.wait(timeout=0.05)
    assert delivery.state == "accepted"
    assert f"{delivery!r}" == "<Delivery accepted client=0 message_id=1>"


def test_a_restart_ends_what_waits_and_the_modem_is_usable_again(
    modem: Modem, mqtt: MqttClient, virtual_modem: VirtualModem, broker: Broker
) -> None:
    broker.withhold_acks()
    delivery = mqtt.publish("bench/t", b"1", qos=1, wait=False)
    waiting = in_thread(delivery.wait)
    virtual_modem.restart()
    with pytest.raises(ModuleRestarted, match="restarted"):
        waiting.result(1)
    assert delivery.state == "unknown"
    assert mqtt.state == "closed"
    broker.withhold_acks(on=False)
    mqtt.open(broker.host, broker.port)
    mqtt.connect("bench-7")
    assert mqtt.publish("bench/t", b"2", qos=1).state == "acknowledged"
    assert modem.command("AT+CSQ").lines == ("+CSQ: 20,0",)


@pytest.mark.parametrize("call", ["publish", "subscribe", "unsubscribe", "disconnect"])
def test_what_needs_a_connection_is_refused_without_one(modem: Modem, call: str) -> None:
    arguments = () if call == "disconnect" else ("bench/t",)
    with pytest.raises(CommandError) as caught:
        getattr(modem.mqtt(), call)(*arguments)
    assert caught.value.command.startswith("AT+QMT")
    assert modem.command("AT").final == "OK"
