"""Callbacks: one thread, one after the other, free to do anything, and never in the way of the modem."""

from __future__ import annotations

import logging
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from modemqtt import Modem, PortError
from support.waiting import in_thread, until

if TYPE_CHECKING:
    from modemqtt import Delivery, Message, MqttClient
    from modemqtt.virtual import Broker, VirtualModem


@pytest.fixture
def subscribed(mqtt: MqttClient) -> MqttClient:
    mqtt.subscribe("bench/#", qos=1)
    return mqtt


def test_every_callback_runs_in_the_one_thread_of_its_modem(
    modem: Modem, subscribed: MqttClient, virtual_modem: VirtualModem, broker: Broker
) -> None:
    threads: dict[str, threading.Thread] = {}

    def note(name: str) -> None:
        threads[name] = threading.current_thread()

    subscribed.on_message = lambda _: note("message")
    subscribed.on_delivery = lambda _: note("delivery")
    subscribed.on_connection_lost = lambda _: note("lost")
    modem.on_urc = lambda _: note("urc")
    modem.on_restart = lambda: note("restart")
    subscribed.publish("bench/t", b"1", qos=1)
    until(lambda: len(threads) == 2, "message and delivery")
    broker.drop_clients()
    until(lambda: len(threads) == 3, "the loss")
    virtual_modem.restart()
    until(lambda: len(threads) == 5, "URC and restart")
    (thread,) = set(threads.values())
    assert thread.name == f"modemqtt-{virtual_modem.port.rsplit('/', 1)[-1]}"
    assert thread.daemon
    assert thread is not threading.current_thread()
    modem.close()
    assert not thread.is_alive()


# An M95 shows with what follows a message that it has ended; if nothing follows, a pause does.
@pytest.mark.parametrize("model", ["M95"], indirect=True)
def test_a_message_whose_end_nothing_shows_comes_although_a_callback_blocks(
    subscribed: MqttClient, broker: Broker
) -> None:
    entered, go_on = threading.Event(), threading.Event()

    def block(_: Message) -> None:
        entered.set()
        go_on.wait(10)

    subscribed.on_message = block
    broker.publish("bench/t", b"1")
    assert entered.wait(5)
    broker.publish("bench/t", b"2")
    assert [subscribed.receive(timeout=5).payload for _ in range(2)] == [b"1", b"2"]
    go_on.set()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the I/O thread reads every message")
@pytest.mark.parametrize("model", ["M95"], indirect=True)
def test_a_steady_row_of_messages_wakes_the_thread_for_callbacks_alone(
    modem: Modem, subscribed: MqttClient, broker: Broker
) -> None:
    seen: list[Message] = []
    subscribed.on_message = seen.append
    began, before = time.monotonic(), modem.stats.wakeups
    for number in range(100):
        broker.publish("bench/t", b"%d" % number)
        # A line of 115,200 bit/s takes as long.
        time.sleep(0.008)
    until(lambda: len(seen) == 100, "the messages")
    # The I/O thread looks after the thread for callbacks now and then. A busy machine may have it read a message.
    assert modem.stats.wakeups - before <= 15 * (time.monotonic() - began) + 10


def test_there_is_no_thread_without_callbacks(modem: Modem) -> None:
    before = threading.active_count()
    modem.on_urc = print
    assert threading.active_count() == before + 1
    modem.close()
    assert threading.active_count() == before


def test_callbacks_that_were_set_before_opening_are_called(virtual_modem: VirtualModem) -> None:
    modem = Modem(virtual_modem.port)
    lines: list[str] = []
    modem.on_urc = lines.append
    assert modem.on_urc == lines.append
    with modem:
        virtual_modem.restart()
        until(lambda: lines, "on_urc")


def test_messages_are_delivered_in_order_to_callback_and_receive_both(subscribed: MqttClient, broker: Broker) -> None:
    seen: list[bytes] = []
    subscribed.on_message = lambda message: seen.append(message.payload)
    expected = [str(number).encode() for number in range(500)]
    for payload in expected:
        broker.publish("bench/t", payload)
    assert [subscribed.receive(timeout=5).payload for _ in expected] == expected
    until(lambda: len(seen) == len(expected), "the callbacks")
    assert seen == expected


def test_a_callback_that_was_taken_back_is_not_called(subscribed: MqttClient, broker: Broker) -> None:
    seen: list[Message] = []
    subscribed.on_message = seen.append
    broker.publish("bench/t", b"1")
    until(lambda: seen, "on_message")
    subscribed.on_message = None
    broker.publish("bench/t", b"2")
    subscribed.receive(timeout=5)
    assert subscribed.receive(timeout=5).payload == b"2"
    assert len(seen) == 1


def test_every_delivery_is_told_whichever_its_end(mqtt: MqttClient) -> None:
    ends: list[Delivery] = []
    mqtt.on_delivery = ends.append
    for qos in (0, 1, 2):
        mqtt.publish("bench/t", b"1", qos=qos)
    until(lambda: len(ends) == 3, "the deliveries")
    assert [(end.state, end.client, end.message_id) for end in ends] == [
        ("sent", 0, 0),
        ("acknowledged", 0, 1),
        ("acknowledged", 0, 2),
    ]


def test_blocking_calls_work_inside_a_callback(subscribed: MqttClient, modem: Modem, broker: Broker) -> None:
    done: list[object] = []

    def answer(message: Message) -> None:
        if message.topic == "bench/question":
            done.append(modem.command("AT+CSQ").lines)
            done.append(subscribed.publish("bench/answer", message.payload, qos=1).state)
            done.append(subscribed.subscribe("more/#", qos=2))
            done.append(modem.mqtt(1).configuration()["keepalive"])

    subscribed.on_message = answer
    broker.publish("bench/question", b"42")
    until(lambda: len(done) == 4, "the calls")
    assert done == [("+CSQ: 20,0",), "acknowledged", [2], 120]
    assert [message.topic for message in broker.messages] == ["bench/question", "bench/answer"]


def test_messages_can_be_received_inside_a_callback(
    subscribed: MqttClient, modem: Modem, broker: Broker, virtual_modem: VirtualModem
) -> None:
    taken: list[bytes] = []
    modem.on_urc = lambda _: taken.append(modem.mqtt(1).receive(timeout=5).payload)
    modem.mqtt(1).open(broker.host, broker.port)
    modem.mqtt(1).connect("bench-8")
    modem.mqtt(1).subscribe("other/#")
    modem.command("AT+CREG=1" if modem.dialect == "m95" else "AT+CEREG=1")
    subscribed.publish("other/t", b"1", qos=1)
    until(lambda: modem.stats.messages, "the message")
    virtual_modem.network(up=False)
    until(lambda: taken, "the callback")
    assert taken[0] == b"1"


def test_a_modem_can_be_closed_inside_a_callback(subscribed: MqttClient, modem: Modem, broker: Broker) -> None:
    ended = threading.Event()

    def end(_: Message) -> None:
        modem.close()
        ended.set()

    subscribed.on_message = end
    broker.publish("bench/t", b"1")
    assert ended.wait(5)
    assert not modem.is_open
    # The thread goes with it.
    until(
        lambda: (
            not any(
                thread.name.startswith("modemqtt-") and thread.name != "modemqtt-log"
                for thread in threading.enumerate()
            )
        ),
        "its end",
    )


def test_a_modem_can_be_closed_and_opened_inside_a_callback(
    subscribed: MqttClient, modem: Modem, broker: Broker, virtual_modem: VirtualModem
) -> None:
    opened = threading.Event()
    lines: list[str] = []

    def again(_: Message) -> None:
        modem.close()
        modem.open()
        opened.set()

    modem.on_urc = lines.append
    subscribed.on_message = again
    broker.publish("bench/t", b"1")
    assert opened.wait(5)
    virtual_modem.restart()
    until(lambda: lines, "the callbacks of the modem that was opened again")


class NotAnExceptionError(BaseException):
    """As `pytest.fail` raises."""


@pytest.mark.parametrize("error", [ZeroDivisionError, SystemExit, KeyboardInterrupt, NotAnExceptionError])
def test_a_callback_that_raises_is_logged_and_counted_and_the_next_is_called(
    subscribed: MqttClient,
    modem: Modem,
    broker: Broker,
    caplog: pytest.LogCaptureFixture,
    error: type[BaseException],
) -> None:
    seen: list[bytes] = []

    def stumble(message: Message) -> None:
        seen.append(message.payload)
        if message.payload == b"bad":
            raise error("as it was told to")

    subscribed.on_message = stumble
    with caplog.at_level(logging.ERROR, "modemqtt"):
        for payload in (b"good", b"bad", b"good again"):
            broker.publish("bench/t", payload)
        until(lambda: len(seen) == 3, "the callback after it")
    assert modem.stats.callback_errors == 1
    (record,) = caplog.records
    assert record.name == "modemqtt"
    assert "as it was told to" in caplog.text
    assert "in stumble" in caplog.text
    # This one was meant to be logged.
    caplog.clear()
    assert modem.command("AT").final == "OK"


def test_a_slow_callback_holds_up_neither_calls_nor_messages(
    subscribed: MqttClient, modem: Modem, broker: Broker
) -> None:
    go_on = threading.Event()
    seen: list[bytes] = []

    def dawdle(message: Message) -> None:
        go_on.wait(10)
        seen.append(message.payload)

    subscribed.on_message = dawdle
    for number in range(100):
        broker.publish("bench/t", str(number))
    assert modem.command("AT").final == "OK"
    assert subscribed.publish("bench/own", b"1", qos=1).state == "acknowledged"
    assert len([subscribed.receive(timeout=5) for _ in range(101)]) == 101
    assert seen == []
    go_on.set()
    until(lambda: len(seen) == 101, "the callbacks")


def test_closing_waits_for_the_callback_that_is_running(subscribed: MqttClient, modem: Modem, broker: Broker) -> None:
    started, go_on, ended = threading.Event(), threading.Event(), threading.Event()

    def work(_: Message) -> None:
        started.set()
        go_on.wait(10)
        ended.set()

    subscribed.on_message = work
    broker.publish("bench/t", b"1")
    assert started.wait(5)
    closing = in_thread(modem.close)
    until(lambda: not modem.is_open, "the end of the port")
    assert not closing.done()
    go_on.set()
    closing.result(5)
    assert ended.is_set()


def test_a_call_inside_a_callback_ends_when_the_modem_is_closed(
    subscribed: MqttClient, modem: Modem, broker: Broker
) -> None:
    ends: list[BaseException] = []
    started = threading.Event()

    def wait(_: Message) -> None:
        started.set()
        try:
            modem.mqtt(1).receive()
        except PortError as error:
            ends.append(error)

    subscribed.on_message = wait
    broker.publish("bench/t", b"1")
    assert started.wait(5)
    modem.close()
    assert len(ends) == 1


def test_a_forgotten_modem_ends_its_threads(virtual_modem: VirtualModem) -> None:
    modem = Modem(virtual_modem.port).open()
    modem.on_urc = print
    modem.mqtt().on_message = print
    assert modem.mqtt(1) is modem.mqtt(1)
    with pytest.warns(ResourceWarning, match="was not closed"):
        # Without the garbage collector.
        del modem
    until(
        lambda: (
            not any(
                thread.name.startswith("modemqtt-") and thread.name != "modemqtt-log"
                for thread in threading.enumerate()
            )
        ),
        "its end",
    )
    with Modem(virtual_modem.port) as modem:
        assert modem.command("AT").final == "OK"


def test_a_callback_may_take_itself_back_and_set_others(
    subscribed: MqttClient, modem: Modem, broker: Broker, virtual_modem: VirtualModem
) -> None:
    seen: list[str] = []

    def first(_: Message) -> None:
        seen.append("first")
        subscribed.on_message = second
        modem.on_restart = lambda: seen.append("restart")

    def second(_: Message) -> None:
        seen.append("second")
        subscribed.on_message = None
        modem.mqtt(1).on_message = first

    subscribed.on_message = first
    for _ in range(3):
        broker.publish("bench/t", b"1")
    until(lambda: len(seen) == 2, "the callbacks")
    virtual_modem.restart()
    until(lambda: len(seen) == 3, "on_restart")
    assert seen == ["first", "second", "restart"]


def test_a_callback_that_causes_its_own_event_is_called_after_it_has_returned(
    subscribed: MqttClient, broker: Broker
) -> None:
    seen: list[tuple[int, int]] = []
    depth = 0

    def again(message: Message) -> None:
        nonlocal depth
        depth += 1
        number = int(message.payload)
        if number < 5:
            subscribed.publish("bench/t", str(number + 1), qos=1)
        seen.append((number, depth))
        depth -= 1

    subscribed.on_message = again
    broker.publish("bench/t", b"0")
    until(lambda: len(seen) == 6, "the callbacks")
    assert seen == [(number, 1) for number in range(6)]


def test_callbacks_may_be_set_from_many_threads_at_once(modem: Modem, mqtt: MqttClient) -> None:
    def set_them(_: int) -> None:
        for _ in range(50):
            mqtt.on_message = print
            modem.on_urc = None
            mqtt.on_message = None
            modem.on_urc = print

    before = threading.active_count()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(set_them, range(8)))
    assert threading.active_count() == before + 1
    assert modem.command("AT").final == "OK"


def test_closing_inside_a_callback_and_outside_at_once_ends_both(
    subscribed: MqttClient, modem: Modem, broker: Broker
) -> None:
    both = threading.Barrier(2)
    ended = threading.Event()

    def close(_: Message) -> None:
        both.wait(5)
        modem.close()
        ended.set()

    subscribed.on_message = close
    broker.publish("bench/t", b"1")
    both.wait(5)
    modem.close()
    assert ended.wait(5)
    modem.close()
    assert not modem.is_open
    with modem:
        assert modem.command("AT").final == "OK"
