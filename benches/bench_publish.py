"""Publishes: how near they come to what the line allows, and what the window is worth on a slow network."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import far_end
from rows import Row, main, median_of

from modemqtt import Modem
from modemqtt.virtual import Broker, VirtualModem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modemqtt import MqttClient

# Payload, publishes a round, and what must and should be reached.
SIZES = ((16, 150, 97.0, 98.0), (100, 60, 98.0, 99.0), (1024, 12, 99.3, 99.5))
WINDOW = 5


def share_of_the_limit(mqtt: MqttClient, size: int, count: int) -> float:
    """Return in percent how much of the time the line was busy with what a publish has to wait for.

    That is its command line, the prompt, the data with their Ctrl-Z, and OK. The result comes while the next command
    goes out.
    """
    payload = b"x" * size
    line = f'AT+QMTPUB=0,0,0,0,"{far_end.TOPIC}"\r'
    bytes_each = len(line) + len(far_end.PROMPT) + size + len(far_end.CTRL_Z) + len(far_end.OK)
    began = time.perf_counter()
    for delivery in [mqtt.publish(far_end.TOPIC, payload, wait=False) for _ in range(count)]:
        delivery.wait()
    took = time.perf_counter() - began
    limit = (count * bytes_each + len(far_end.RESULT)) / far_end.SPEED
    return 100 * limit / took


def on_a_slow_network(mqtt: MqttClient, count: int) -> float:
    """Return how much longer this many publishes take one by one than in the window."""
    began = time.perf_counter()
    for _ in range(count):
        mqtt.publish("bench/t", b"21.5", qos=1)
    one_by_one = time.perf_counter() - began
    began = time.perf_counter()
    for delivery in [mqtt.publish("bench/t", b"21.5", qos=1, wait=False) for _ in range(2 * count)]:
        delivery.wait()
    return 2 * one_by_one / (time.perf_counter() - began)


def measure() -> Iterator[Row]:
    with far_end.slow_module() as port, Modem(port, model="M95") as modem:
        mqtt = modem.mqtt()
        mqtt.open("broker.lab")
        mqtt.connect("bench")
        for size, count, must, aim in SIZES:
            share = median_of(lambda: share_of_the_limit(mqtt, size, count))  # noqa: B023 - called here
            yield Row(f"publish at 115,200, {size:,} bytes", "the line's limit", share, "%", must=must, aim=aim)
    with (
        Broker() as broker,
        VirtualModem("M95", faults=["result-delay=1"]) as module,
        Modem(module.port) as modem,
        modem.mqtt().session(broker.host, broker.port, client_id="bench") as mqtt,
    ):
        ratio = on_a_slow_network(mqtt, 2 * WINDOW)
        yield Row("QoS 1, network of 1 s, window 5", "stop and wait", ratio, "×", must=4.5, aim=5)


if __name__ == "__main__":
    main(measure)
