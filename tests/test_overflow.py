"""What no one takes goes, the oldest first, and never without a word."""

from __future__ import annotations

import logging
import os
import threading
import tty
from typing import TYPE_CHECKING

import pytest

from modemqtt import Modem
from modemqtt.virtual import VirtualModem
from support.sessions import sent, session
from support.tap import Tap
from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modemqtt import Reconnected
    from modemqtt.virtual import Broker

# The bounds that the documentation names.
KEPT, EVENTS = 10_000, 65_536
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
    with Modem(module.port, model="M95") as modem:
        yield modem


def numbers(start: int, count: int) -> list[bytes]:
    return [b"+N: %d" % number for number in range(start, start + count)]


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
        assert next(lines) == "+N: 5"
        assert next(lines) == "+N: 6"
    # Told once, by whoever takes what is left.
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
    module.say(numbers(0, 1))
    until(lambda: modem.stats.urcs_dropped == 1, "the line", PATIENCE)


def test_messages_that_no_one_takes_are_counted_and_told(
    module: Chatterbox, modem: Modem, caplog: pytest.LogCaptureFixture
) -> None:
    module.say([b'+QMTRECV: 0,0,"t","%d"' % number for number in range(KEPT + 3)])
    until(lambda: modem.stats.messages == KEPT + 3, "the messages", PATIENCE)
    until(lambda: modem.stats.messages_dropped == 3, "the count")
    mqtt = modem.mqtt()
    with caplog.at_level(logging.WARNING, "modemqtt"):
        assert mqtt.receive(timeout=1).payload == b"3"
        assert next(mqtt.messages(timeout=1)).payload == b"4"
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
    count = EVENTS + 100
    module.say(numbers(1, count))
    until(lambda: modem.stats.urcs == count + 1, "the lines", PATIENCE)
    dropped = modem.stats.events_dropped
    assert dropped == 100
    with caplog.at_level(logging.WARNING, "modemqtt"):
        go_on.set()
        until(lambda: len(seen) == count + 1 - dropped, "the callbacks", PATIENCE)
    assert [record.getMessage() for record in caplog.records] == [
        f"{module.port}: 100 events were dropped, the callbacks are too slow"
    ]
    # The oldest have gone, in one piece.
    assert seen[:2] == ["+N: 0", "+N: 101"]
    assert seen[-1] == f"+N: {count}"


def test_what_a_kept_session_has_to_tell_may_be_dropped_like_any_event(broker: Broker) -> None:
    go_on, started = threading.Event(), threading.Event()
    told: list[Reconnected] = []

    def dawdle(_: str) -> None:
        started.set()
        go_on.wait(PATIENCE)

    with VirtualModem("M95", listen="127.0.0.1:0") as module, Tap(module) as tap, Modem(tap.port) as modem:
        mqtt = modem.mqtt()
        modem.on_urc = dawdle
        mqtt.on_reconnected = told.append
        with session(mqtt, broker):
            tap.say("+N: 0")
            assert started.wait(5)
            broker.drop_clients()
            until(lambda: len(sent(modem, "AT+QMTCONN=")) == 2 and mqtt.state == "connected", "the connection")
            tap.say("\r\n\r\n".join(f"+N: {number}" for number in range(EVENTS)))
            until(lambda: modem.stats.urcs == EVENTS + 1, "the lines", PATIENCE)
            assert modem.stats.events_dropped > 0
            go_on.set()
            broker.drop_clients()
            until(lambda: told, "on_reconnected", PATIENCE)
            assert len(told) == 1
