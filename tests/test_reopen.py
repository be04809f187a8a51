"""A port that is lost and opened again."""

from __future__ import annotations

import os
import threading
import time
import tty
from typing import TYPE_CHECKING

import pytest

from modemqtt import Modem, PortError, ResponseTimeout, UsageError
from modemqtt.virtual import VirtualModem
from support.waiting import in_thread, until

if TYPE_CHECKING:
    from pathlib import Path

    from modemqtt import Message
    from modemqtt.virtual import Broker


@pytest.mark.parametrize("kind", ["device", "socket"])
def test_a_port_that_is_gone_and_returns_is_opened_again(broker: Broker, tmp_path: Path, kind: str) -> None:
    link = tmp_path / "module" if kind == "device" else None
    module = VirtualModem("M95", link=link, listen=None if link else "127.0.0.1:0")
    port = str(link or module.port)
    received: list[bytes] = []

    def take(message: Message) -> None:
        received.append(message.payload)

    def exchange(payload: bytes) -> None:
        mqtt.open(broker.host, broker.port)
        mqtt.connect("bench-7")
        mqtt.subscribe("bench/#")
        mqtt.publish("bench/t", payload, qos=1)
        until(lambda: received[-1:] == [payload], "the message")

    with Modem(port) as modem:
        mqtt = modem.mqtt()
        mqtt.on_message = take
        exchange(b"before")
        module.close()
        until(lambda: not modem.is_open, "the loss of the port")
        with pytest.raises(PortError, match="no such device" if link else "no connection"):
            modem.reopen()
        opening = in_thread(lambda: modem.reopen(timeout=20))
        time.sleep(0.2)
        assert not opening.done()
        with VirtualModem("M95", link=link, listen=None if link else port.removeprefix("socket://")):
            assert opening.result(20) is modem
            assert modem.mqtt() is mqtt
            assert mqtt.on_message is take
            assert mqtt.state == "closed"
            exchange(b"after")
    assert received == [b"before", b"after"]


def test_an_open_port_is_opened_anew(modem: Modem) -> None:
    before = modem.stats.bytes_sent
    modem.command("AT+CSQ")
    assert modem.reopen() is modem
    assert modem.stats.bytes_sent == before
    assert modem.command("AT").final == "OK"


def test_a_modem_that_was_never_open_is_opened(virtual_modem: VirtualModem) -> None:
    modem = Modem(virtual_modem.port)
    with modem.reopen():
        assert modem.command("AT").final == "OK"


def test_a_port_that_stays_away_is_given_up_in_time(tmp_path: Path) -> None:
    start = time.monotonic()
    with pytest.raises(PortError, match="no such device"):
        Modem(str(tmp_path / "module")).reopen(timeout=0.5)
    assert 0.5 <= time.monotonic() - start < 1.5


def test_a_module_that_stays_silent_is_a_timeout() -> None:
    master, slave = os.openpty()
    tty.setraw(slave)
    with pytest.raises(ResponseTimeout):
        Modem(os.ttyname(slave)).reopen(timeout=0)
    os.close(master)
    os.close(slave)


@pytest.mark.parametrize("timeout", [-1, float("nan")])
def test_an_invalid_timeout_is_a_usage_error_and_leaves_the_port_open(modem: Modem, timeout: float) -> None:
    with pytest.raises(UsageError, match="timeout"):
        modem.reopen(timeout=timeout)
    assert modem.is_open


def test_closing_ends_the_wait_for_a_port(tmp_path: Path) -> None:
    link = tmp_path / "module"
    modem = Modem(str(link))
    opening = in_thread(lambda: modem.reopen(timeout=60))
    time.sleep(0.05)
    modem.close()
    with pytest.raises(PortError):
        opening.result(1)
    with VirtualModem("M95", link=link):
        assert not modem.is_open


def test_a_callback_can_open_the_port_again_and_the_next_is_called_after_it(virtual_modem: VirtualModem) -> None:
    calls: list[str] = []

    def restarted() -> None:
        first = not calls
        calls.append("begin")
        modem.reopen(timeout=5)
        if first:
            # The next event is there, and must wait for this callback.
            virtual_modem.restart()
            until(lambda: modem.stats.restarts == 1, "the next restart")
            time.sleep(0.05)
        calls.append("end")

    with Modem(virtual_modem.port) as modem:
        modem.on_restart = restarted
        virtual_modem.restart()
        until(lambda: len(calls) == 4, "both calls")
        assert calls == ["begin", "end", "begin", "end"]
        assert modem.command("AT").final == "OK"
        assert modem.stats.callback_errors == 0


def test_a_callback_can_open_the_port_again_and_again_and_close_it(virtual_modem: VirtualModem) -> None:
    # Threads of other tests do not count.
    before = threading.enumerate()
    ended = threading.Event()

    def restarted() -> None:
        for _ in range(3):
            modem.reopen(timeout=5)
            modem.command("AT")
        modem.close()
        ended.set()

    with Modem(virtual_modem.port) as modem:
        modem.on_restart = restarted
        virtual_modem.restart()
        assert ended.wait(5)
        assert not modem.is_open
    # The threads have ended, and so has what they held.
    until(lambda: {one.name for one in threading.enumerate() if one not in before} <= {"modemqtt-log"}, "their end")


def test_closing_while_a_callback_waits_for_the_port_ends_both(tmp_path: Path) -> None:
    link = tmp_path / "module"
    given_up = threading.Event()

    def restarted() -> None:
        module.close()
        try:
            modem.reopen(timeout=60)
        except PortError:
            given_up.set()

    with VirtualModem("M95", link=link) as module, Modem(str(link)) as modem:
        modem.on_restart = restarted
        module.restart()
        until(lambda: not modem.is_open, "the loss of the port")
        time.sleep(0.05)
        modem.close()
        assert given_up.wait(1)
        assert not modem.is_open


def test_a_lost_port_is_told_once_and_can_be_opened_again_there(tmp_path: Path) -> None:
    link = tmp_path / "module"
    module = VirtualModem("M95", link=link)
    told: list[str] = []

    def reopen(error: PortError) -> None:
        told.append(str(error))
        modem.reopen(timeout=20)

    with Modem(str(link)) as modem:
        modem.on_port_lost = reopen
        module.close()
        with VirtualModem("M95", link=link):
            # The loss of the first port may not have been noticed yet.
            until(lambda: told and modem.is_open, "the port", patience=20)
            assert modem.command("AT").final == "OK"
            modem.on_port_lost = None
    assert told == [f"{link}: the device is gone; was it unplugged?"]


def test_a_module_that_takes_its_port_with_it_when_it_restarts_is_a_lost_port(tmp_path: Path) -> None:
    module = VirtualModem("M95", link=tmp_path / "module", faults=["mute"])
    module.heal()
    with Modem(module.port) as modem:
        module.inject("mute")
        restarting = in_thread(lambda: modem.restart(timeout=30))
        until(lambda: any("CFUN=1,1" in line.text for line in modem.wire), "the command")
        module.close()
        with pytest.raises(PortError):
            restarting.result(5)


def test_message_ids_continue_when_the_port_is_opened_again(broker: Broker) -> None:
    with VirtualModem("M95") as module, Modem(module.port) as modem:
        mqtt = modem.mqtt()
        seen = []
        for _ in range(2):
            mqtt.open(broker.host, broker.port)
            mqtt.connect("bench-7")
            seen.append(mqtt.publish("bench/t", b"x", qos=2).message_id)
            modem.reopen()
        assert seen[1] > seen[0]


def test_the_server_is_that_of_an_opening_that_came_late(broker: Broker) -> None:
    with VirtualModem("M95") as module, Modem(module.port) as modem:
        mqtt = modem.mqtt()
        mqtt.open(broker.host, broker.port)
        mqtt.close()
        module.inject("result-delay=0.5")
        with pytest.raises(ResponseTimeout):
            mqtt.open("localhost", broker.port, timeout=0.1)
        until(lambda: mqtt.state == "open", "the late opening")
        assert mqtt.server == ("localhost", broker.port)
