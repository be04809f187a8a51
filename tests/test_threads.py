"""One modem, many threads."""

from __future__ import annotations

import contextlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from modemqtt import CommandError, Modem, ModemError, PortError
from modemqtt.virtual import Broker, VirtualModem
from support.waiting import in_thread, until

if TYPE_CHECKING:
    from collections.abc import Callable

    from modemqtt import MqttClient

THREADS = 8


@pytest.mark.parametrize("wait", [True, False], ids=["waiting", "overlapping"])
def test_threads_may_publish_at_once(mqtt: MqttClient, broker: Broker, *, wait: bool) -> None:
    each = 50

    def publish(thread: int) -> None:
        for number in range(each):
            mqtt.publish(f"bench/{thread}", str(number), qos=number % 3, wait=wait).wait(timeout=10)

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(publish, range(THREADS)))
    until(lambda: len(broker.messages) == THREADS * each, "the last message")
    for thread in range(THREADS):
        of_thread = [int(message.payload) for message in broker.messages if message.topic == f"bench/{thread}"]
        assert of_thread == list(range(each))


def test_threads_may_do_different_things_at_once(modem: Modem, mqtt: MqttClient, broker: Broker) -> None:
    def act(thread: int) -> None:
        for number in range(20):
            match (thread + number) % 5:
                case 0:
                    assert modem.command("AT+CSQ").lines == ("+CSQ: 20,0",)
                case 1:
                    assert mqtt.publish("bench/t", b"1", qos=1).state == "acknowledged"
                case 2:
                    assert mqtt.subscribe(f"own/{thread}/{number}", qos=1) == [1]
                case 3:
                    assert modem.mqtt(1).configuration()["keepalive"] == 120
                case _:
                    assert mqtt.state == "connected"

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(act, range(THREADS)))
    assert len(broker.messages) == THREADS * 20 // 5


def test_a_message_goes_to_one_of_the_threads_that_wait(mqtt: MqttClient, broker: Broker) -> None:
    mqtt.subscribe("bench/#")
    waiting = [in_thread(lambda: mqtt.receive(timeout=5).payload) for _ in range(THREADS)]
    for number in range(THREADS):
        broker.publish("bench/t", str(number))
    assert sorted(int(future.result(5)) for future in waiting) == list(range(THREADS))


def test_twenty_threads_on_three_clients_each_get_their_own(modem: Modem, broker: Broker) -> None:
    clients = [modem.mqtt(index) for index in range(3)]
    for client in clients:
        client.open(broker.host, broker.port)
        client.connect(f"bench-{client.index}")
    workers, receivers, each = 14, 6, 12
    taken: list[tuple[int, str, int]] = []
    finished = threading.Event()

    def work(worker: int) -> None:
        client = clients[worker % 3]
        assert client.subscribe(f"own/{worker}", qos=worker % 3) == [worker % 3]
        for number in range(each):
            delivery = client.publish(f"own/{worker}", str(number), qos=worker % 3)
            assert delivery.state == ("acknowledged" if worker % 3 else "sent")
            match (worker + number) % 4:
                case 0:
                    assert modem.command("AT+CSQ").lines == ("+CSQ: 20,0",)
                case 1:
                    assert modem.command("AT+CMEE?").lines == ("+CMEE: 1",)
                case 2:
                    assert client.configuration()["keepalive"] == 120
                case _:
                    with pytest.raises(CommandError, match=rf"AT\+NOPE{worker}"):
                        modem.command(f"AT+NOPE{worker}")

    def receive(receiver: int) -> None:
        client = clients[receiver % 3]
        while not finished.is_set():
            messages = client.messages(timeout=0.05)
            taken.extend((client.index, message.topic, int(message.payload)) for message in messages)

    with ThreadPoolExecutor(workers + receivers) as pool:
        receiving = [pool.submit(receive, receiver) for receiver in range(receivers)]
        try:
            list(pool.map(work, range(workers)))
            until(lambda: len(taken) == workers * each, "the messages")
        finally:
            finished.set()
        for future in receiving:
            future.result(5)
    for worker in range(workers):
        assert sorted(number for _, topic, number in taken if topic == f"own/{worker}") == list(range(each))
    # To the client that has subscribed, and to no other.
    assert {(index, topic) for index, topic, _ in taken} == {(worker % 3, f"own/{worker}") for worker in range(workers)}


def test_no_thread_and_no_client_is_kept_from_publishing_by_the_others(modem: Modem, broker: Broker) -> None:
    threads, clients = 6, 3
    for index in range(clients):
        modem.mqtt(index).open(broker.host, broker.port)
        modem.mqtt(index).connect(f"bench-{index}")
    counts = [0] * threads
    start, end = threading.Barrier(threads), threading.Event()

    def publish(thread: int) -> None:
        start.wait()
        while not end.is_set():
            modem.mqtt(thread % clients).publish(f"bench/{thread}", b"1", qos=1)
            counts[thread] += 1

    with ThreadPoolExecutor(threads) as pool:
        publishing = [pool.submit(publish, thread) for thread in range(threads)]
        until(lambda: max(counts) >= 100, "the publishes", 30)
        end.set()
        for future in publishing:
            future.result(10)
    assert max(counts) <= 2 * min(counts)


@pytest.mark.parametrize("call", ["receive", "messages", "urcs", "publish", "delivery", "subscribe", "slot"])
def test_closing_ends_what_waits_in_another_thread(modem: Modem, mqtt: MqttClient, broker: Broker, call: str) -> None:
    broker.withhold_acks()
    delivery = mqtt.publish("bench/t", b"1", qos=1, wait=False)
    window = 5 if modem.model == "M95" else 1
    for _ in range(window - 1 if call == "slot" else 0):
        mqtt.publish("bench/t", b"1", qos=1, wait=False)
    calls: dict[str, Callable[[], object]] = {
        "receive": mqtt.receive,
        "messages": lambda: list(mqtt.messages()),
        "urcs": lambda: list(modem.urcs()),
        "publish": lambda: mqtt.publish("bench/t", b"2", qos=1),
        "delivery": delivery.wait,
        "subscribe": lambda: mqtt.subscribe("bench/#"),
        "slot": lambda: mqtt.publish("bench/t", b"3", qos=1, wait=False).wait(),
    }
    waiting = in_thread(calls[call])
    with pytest.raises(TimeoutError):
        waiting.result(0.05)
    start = time.monotonic()
    modem.close()
    with pytest.raises(PortError, match="closed"):
        waiting.result(1)
    assert time.monotonic() - start < 0.2


def test_closing_from_many_threads_closes_once(virtual_modem: VirtualModem) -> None:
    modem = Modem(virtual_modem.port).open()
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda _: modem.close(), range(THREADS)))
    assert not modem.is_open


def test_opening_from_many_threads_opens_once(virtual_modem: VirtualModem) -> None:
    modem = Modem(virtual_modem.port)
    with ThreadPoolExecutor(THREADS) as pool:
        assert list(pool.map(lambda _: modem.open(), range(THREADS))) == [modem] * THREADS
    assert [line.text for line in modem.wire if line.sent].count("ATE0") == 1
    modem.close()


def test_opening_and_closing_while_others_call_ends_in_errors_only(virtual_modem: VirtualModem) -> None:
    modem = Modem(virtual_modem.port)
    stop = threading.Event()
    strange: list[BaseException] = []

    def call() -> None:
        while not stop.is_set():
            try:
                modem.command("AT", timeout=5)
            except ModemError:
                pass
            except BaseException as error:  # noqa: BLE001 - that is what is looked for
                strange.append(error)

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(10):
        modem.open()
        modem.close()
    stop.set()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    assert strange == []


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="the system does not tell the names of threads")
def test_a_modem_that_is_forgotten_while_open_lets_go_of_its_port(virtual_modem: VirtualModem) -> None:
    for _ in range(5):
        modem = Modem(virtual_modem.port).open()
        with pytest.warns(ResourceWarning, match=f"{virtual_modem.port} was not closed"):
            # Without the garbage collector.
            del modem
        until(lambda: not any("modemqtt-io" in name for name in thread_names()), "the end of the thread")


def thread_names() -> list[str]:
    names = []
    for path in Path("/proc/self/task").glob("*/comm"):
        # One may have ended since.
        with contextlib.suppress(OSError):
            names.append(path.read_text())
    return names


def test_many_modems_do_not_get_in_each_others_way(broker: Broker) -> None:
    count = 16
    modules = [VirtualModem("M95", seed=number) for number in range(count)]
    modems = [Modem(module.port).open() for module in modules]
    seen: list[list[bytes]] = [[] for _ in range(count)]
    for number, modem in enumerate(modems):
        mqtt = modem.mqtt()
        mqtt.on_message = lambda message, number=number: seen[number].append(message.payload)
        mqtt.open(broker.host, broker.port)
        mqtt.connect(f"bench-{number}")
        mqtt.subscribe(f"to/{number}")
    for number in range(count):
        modems[number].mqtt().publish(f"to/{(number + 1) % count}", str(number), qos=1)
    until(lambda: all(seen), "the messages")
    assert seen == [[str((number - 1) % count).encode()] for number in range(count)]
    for modem, module in zip(modems, modules, strict=True):
        modem.close()
        module.close()
