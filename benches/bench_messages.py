"""Messages from a pseudo-terminal to a callback and to an iterator, beside the callback of paho-mqtt.

A process at the other end pours lines of 100 bytes as fast as they are taken. paho-mqtt is given messages of the same
topic and payload, packet by packet, by a broker in another process. Every message is looked at, topic and payload.
"""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING

import far_end
import paho.mqtt.client as paho
from rows import Row, in_turn, main

from modemqtt import Modem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modemqtt import Message, MqttClient

MESSAGES = 100_000
OF_PAHO = 20_000
POURED = 300_000


@contextlib.contextmanager
def client(messages: int) -> Iterator[tuple[Modem, MqttClient]]:
    with far_end.module(messages) as port, Modem(port, model="M95") as modem:
        mqtt = modem.mqtt()
        mqtt.open("broker.lab")
        mqtt.connect("bench")
        yield modem, mqtt


def to_callback(messages: int) -> tuple[float, int]:
    """Return the messages a second, and how many were lost."""
    count, began, last, done = 0, 0.0, 0.0, threading.Event()

    def on_message(message: Message) -> None:
        nonlocal count, began, last
        began = began or time.perf_counter()
        if message.topic and message.payload:
            count += 1
        if count == messages:
            last = time.perf_counter()
            done.set()

    with client(messages) as (modem, mqtt):
        mqtt.on_message = on_message
        modem.command(far_end.POUR.decode())
        before = -1
        while not done.wait(1.0) and before != count:
            before = count
        return count / ((last or time.perf_counter()) - began), messages - count


def to_iterator(messages: int) -> tuple[float, int]:
    """Return the messages a second, and how many were lost."""
    count, began, last = 0, 0.0, 0.0
    with client(messages) as (modem, mqtt):
        modem.command(far_end.POUR.decode())
        for message in mqtt.messages(timeout=1):
            began = began or time.perf_counter()
            if message.topic and message.payload:
                count += 1
            if count == messages:
                last = time.perf_counter()
                break
        return count / ((last or time.perf_counter()) - began), messages - count


def to_paho() -> float:
    """Return the messages a second of the callback of paho-mqtt."""
    count, began, took, done = 0, 0.0, 0.0, threading.Event()

    def on_message(_client: object, _data: object, message: paho.MQTTMessage) -> None:
        nonlocal count, began, took
        began = began or time.perf_counter()
        if message.topic and message.payload:
            count += 1
        if count == OF_PAHO:
            took = time.perf_counter() - began
            done.set()

    with far_end.broker(OF_PAHO) as port:
        peer = paho.Client(paho.CallbackAPIVersion.VERSION2)
        peer.on_message = on_message
        peer.connect("127.0.0.1", port)
        peer.loop_start()
        peer.subscribe(far_end.TOPIC)
        done.wait()
        peer.loop_stop()
    return OF_PAHO / took


def measure() -> Iterator[Row]:
    callback, iterator, peer = in_turn(lambda: to_callback(MESSAGES)[0], lambda: to_iterator(MESSAGES)[0], to_paho)
    for what, ours in (("PTY → callback", callback), ("PTY → messages()", iterator)):
        behind = f"{ours:,.0f} beside {peer:,.0f} messages/s"
        yield Row(what, "paho-mqtt on_message", ours / peer, "×", must=10, aim=20, behind=behind)
    for what, pour in (("callback", to_callback), ("iterator", to_iterator)):
        rate, lost = pour(POURED)
        behind = f"at {rate:,.0f} messages/s"
        yield Row(f"lost of {POURED:,}, {what}", "", lost, "", must=0, aim=0, at_most=True, behind=behind)


if __name__ == "__main__":
    main(measure)
