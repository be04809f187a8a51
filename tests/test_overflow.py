"""What no one takes is dropped, the oldest first, and never silently."""

from __future__ import annotations

import logging
import os
import threading
import time
import tty
from typing import TYPE_CHECKING, Any

import pytest

from modemqtt import Modem, UsageError, UsageTypeError
from modemqtt.virtual import VirtualModem
from support.sessions import sent, session
from support.tap import Tap
from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modemqtt import Message, Reconnected
    from modemqtt.virtual import Broker

# The smallest allowed size, and the bytes of an entry besides its text.
QUEUE, ENTRY = 64 * 1024, 64
PATIENCE = 30.0


class Chatterbox:
    """A module that is found, and prints what a test wants as fast as the line takes it."""

    def __init__(self) -> None:
        self._master, slave = os.openpty()
        tty.setraw(slave)
        self.port = os.ttyname(slave)
        self._slave = slave
        threading.Thread(target=self._answer, daemon=True).start()

    def _answer(self) -> None:
        for _ in range(3):
            os.read(self._master, 99)
            os.write(self._master, b"\r\nOK\r\n")
        os.read(self._master, 99)
        os.write(self._master, b"\r\n+CMEE: 1\r\n\r\nOK\r\n")

    def say(self, lines: list[bytes]) -> None:
        text = b"".join(b"\r\n%b\r\n" % line for line in lines)
        while text:
            text = text[os.write(self._master, text) :]

    def close(self) -> None:
        os.close(self._master)
        os.close(self._slave)


@pytest.fixture
def module() -> Iterator[Chatterbox]:
    module = Chatterbox()
    yield module
    module.close()


@pytest.fixture
def modem(module: Chatterbox) -> Iterator[Modem]:
    with Modem(module.port, model="M95", queue=QUEUE) as modem:
        yield modem


def numbers(start: int, count: int) -> list[bytes]:
    return [b"+N: %060d" % number for number in range(start, start + count)]


def line(number: int) -> str:
    return f"+N: {number:060}"


# How many such lines fit.
KEPT = QUEUE // (ENTRY + len(line(0)))


def test_lines_that_no_one_takes_are_counted_and_told(
    module: Chatterbox, modem: Modem, caplog: pytest.LogCaptureFixture
) -> None:
    module.say(numbers(0, KEPT))
    until(lambda: modem.stats.urcs == KEPT, "the lines", PATIENCE)
    assert modem.stats.urcs_dropped == 0
    module.say(numbers(KEPT, 5))
    until(lambda: modem.stats.urcs_dropped == 5, "the lines", PATIENCE)
    with caplog.at_level(logging.WARNING, "modemqtt"):
        lines = modem.urcs(timeout=0)
        assert next(lines) == line(5)
        assert next(lines) == line(6)
    # Reported once, to the taker of what is left.
    assert [record.getMessage() for record in caplog.records] == [
        f"{module.port}: 5 lines were dropped, no one took them"
    ]
    assert modem.stats.urcs_dropped == 5


def test_lines_that_a_callback_sees_are_not_dropped(
    module: Chatterbox, modem: Modem, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[str] = []
    modem.on_urc = seen.append
    with caplog.at_level(logging.WARNING, "modemqtt"):
        module.say(numbers(0, KEPT + 5))
        until(lambda: len(seen) == KEPT + 5, "the callbacks", PATIENCE)
    assert (modem.stats.urcs_dropped, modem.stats.events_dropped) == (0, 0)
    assert caplog.records == []
    modem.on_urc = None
    module.say(numbers(0, KEPT + 1))
    until(lambda: modem.stats.urcs_dropped > 0, "the line", PATIENCE)


def test_messages_that_no_one_takes_are_counted_and_told(
    module: Chatterbox, modem: Modem, caplog: pytest.LogCaptureFixture
) -> None:
    # Topic and payload, and twice the rest.
    kept = QUEUE // (2 * ENTRY + 1 + 60)
    module.say([b'+QMTRECV: 0,0,"t","%060d"' % number for number in range(kept + 3)])
    until(lambda: modem.stats.messages == kept + 3, "the messages", PATIENCE)
    until(lambda: modem.stats.messages_dropped == 3, "the count")
    mqtt = modem.mqtt()
    with caplog.at_level(logging.WARNING, "modemqtt"):
        assert int(mqtt.receive(timeout=1).payload) == 3
        assert int(next(mqtt.messages(timeout=1)).payload) == 4
    assert [record.getMessage() for record in caplog.records] == ["client 0: 3 messages were dropped, no one took them"]


def test_callbacks_that_were_never_called_are_counted_and_told(
    module: Chatterbox, modem: Modem, caplog: pytest.LogCaptureFixture
) -> None:
    go_on, started = threading.Event(), threading.Event()
    seen: list[str] = []

    def dawdle(line: str) -> None:
        started.set()
        go_on.wait(PATIENCE)
        seen.append(line)

    modem.on_urc = dawdle
    module.say(numbers(0, 1))
    assert started.wait(5)
    count = 2 * KEPT
    # No one has taken anything for a second, so nothing waits for the callback any longer.
    time.sleep(1.1)
    module.say(numbers(1, count))
    until(lambda: modem.stats.urcs == count + 1, "the lines", PATIENCE)
    dropped = modem.stats.events_dropped
    assert dropped > KEPT // 2
    with caplog.at_level(logging.WARNING, "modemqtt"):
        go_on.set()
        until(lambda: len(seen) == count + 1 - dropped, "the callbacks", PATIENCE)
    assert [record.getMessage() for record in caplog.records] == [
        f"{module.port}: {dropped} events were dropped, the callbacks are too slow"
    ]
    # The oldest have gone, in one piece.
    assert seen[:2] == [line(0), line(dropped + 1)]
    assert seen[-1] == line(count)


def test_what_a_kept_session_has_to_tell_may_be_dropped_like_any_event(broker: Broker) -> None:
    go_on, started = threading.Event(), threading.Event()
    told: list[Reconnected] = []

    def dawdle(_: str) -> None:
        started.set()
        go_on.wait(PATIENCE)

    with (
        VirtualModem("M95", listen="127.0.0.1:0") as module,
        Tap(module) as tap,
        Modem(tap.port, queue=QUEUE) as modem,
    ):
        mqtt = modem.mqtt()
        modem.on_urc = dawdle
        mqtt.on_reconnected = told.append
        with session(mqtt, broker):
            tap.say("+N: 0")
            assert started.wait(5)
            broker.drop_clients()
            until(lambda: len(sent(modem, "AT+QMTCONN=")) == 2 and mqtt.state == "connected", "the connection")
            time.sleep(1.1)
            tap.say("\r\n\r\n".join(line(number) for number in range(2 * KEPT)))
            until(lambda: modem.stats.urcs == 2 * KEPT + 1, "the lines", PATIENCE)
            assert modem.stats.events_dropped > 0
            go_on.set()
            broker.drop_clients()
            until(lambda: told, "on_reconnected", PATIENCE)
            assert len(told) == 1


def pour(module: Chatterbox, count: int) -> threading.Thread:
    """Have the module print that many messages as fast as they are taken."""

    def say() -> None:
        for start in range(0, count, 100):
            module.say([b'+QMTRECV: 0,0,"t","%08d"' % number for number in range(start, start + 100)])

    thread = threading.Thread(target=say, daemon=True)
    thread.start()
    return thread


def test_a_callback_that_is_slower_than_the_line_loses_nothing(module: Chatterbox, modem: Modem) -> None:
    seen: list[int] = []

    def slow(message: Message) -> None:
        time.sleep(0.0002)
        seen.append(int(message.payload))

    modem.mqtt().on_message = slow
    pour(module, 5000)
    until(lambda: len(seen) == 5000, "the messages", PATIENCE)
    assert seen == list(range(5000))
    assert (modem.stats.events_dropped, modem.stats.messages_dropped) == (0, 0)


def test_an_iterator_that_is_slower_than_the_line_loses_nothing(module: Chatterbox, modem: Modem) -> None:
    messages = modem.mqtt().messages(timeout=5)
    module.say([b'+QMTRECV: 0,0,"t","first"'])
    # From now on someone takes them.
    assert next(messages).payload == b"first"
    pour(module, 5000)
    seen = []
    for message in messages:
        time.sleep(0.0002)
        seen.append(int(message.payload))
        if len(seen) == 5000:
            break
    assert seen == list(range(5000))
    assert modem.stats.messages_dropped == 0


def test_a_call_is_answered_although_the_line_is_flooded(module: Chatterbox, modem: Modem) -> None:
    seen: list[str] = []

    def slow(line: str) -> None:
        time.sleep(0.0002)
        seen.append(line)

    modem.on_urc = slow
    stop = threading.Event()

    def flood() -> None:
        while not stop.is_set():
            module.say(numbers(0, 50))
            if not stop.is_set():
                module.say([b"OK"])

    thread = threading.Thread(target=flood, daemon=True)
    thread.start()
    until(lambda: len(seen) > 100, "the first lines")
    assert modem.command("AT+CSQ", timeout=10).final == "OK"
    stop.set()


def sized(name: str, size: Any) -> Modem:  # noqa: ANN401 - any value
    settings: dict[str, Any] = {name: size}
    return Modem("/dev/null", **settings)


@pytest.mark.parametrize("name", ["queue", "wire_size"])
def test_a_size_that_cannot_be_is_told_with_the_least_one(name: str) -> None:
    wrong = rf"^{name} must be 65536 bytes \(64 KiB\) or more, not "
    for size in (65_535, 0, -1):
        with pytest.raises(UsageError, match=rf"{wrong}{size}$"):
            sized(name, size)
    for value in (1.5, "64K", None, True):
        with pytest.raises(UsageTypeError, match=wrong):
            sized(name, value)
    with pytest.raises(UsageError, match=rf"^{name} must be 1099511627776 bytes \(1 TiB\) or less"):
        sized(name, 2**62)


def test_the_wire_is_kept_as_far_as_there_is_room(module: Chatterbox) -> None:
    with Modem(module.port, model="M95", wire_size=QUEUE) as modem:
        module.say(numbers(0, 3000))
        until(lambda: modem.stats.urcs == 3000, "the lines", PATIENCE)
        kept = [entry.text for entry in modem.wire]
    assert 700 < len(kept) < QUEUE // len(line(0))
    assert kept == [line(number) for number in range(3000 - len(kept), 3000)]
