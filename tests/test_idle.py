"""An idle modem costs nothing: none of its threads wakes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from modemqtt import Modem, Reconnect
from modemqtt.virtual import Broker, VirtualModem
from support.switches import TASKS, between, switches
from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(not TASKS.exists(), reason="the system does not count the switches of a thread")

# `benches/bench_footprint.py` looks for longer.
SECONDS = 2.0
SETTLING = 0.2


@pytest.fixture
def connected(model: str) -> Iterator[Modem]:
    with Broker() as broker, VirtualModem(model) as module, Modem(module.port) as modem:
        mqtt = modem.mqtt()
        mqtt.open(broker.host, broker.port)
        mqtt.connect("bench-7")
        mqtt.subscribe("bench/#")
        yield modem


def woken() -> dict[str, int]:
    # Time must pass: no event says that nothing happens.
    time.sleep(SETTLING)
    before = switches()
    time.sleep(SECONDS)
    return between(before, switches())


def test_no_thread_of_an_idle_modem_its_module_and_its_broker_wakes(connected: Modem) -> None:
    wakeups = connected.stats.wakeups
    assert woken() == {}
    assert connected.stats.wakeups == wakeups


def test_no_thread_wakes_while_a_callback_is_registered(connected: Modem) -> None:
    connected.mqtt().on_message = print
    assert woken() == {}


def test_no_thread_wakes_while_a_session_is_kept(model: str) -> None:
    with Broker() as broker, VirtualModem(model) as module, Modem(module.port) as modem:
        kept = modem.mqtt().session(broker.host, broker.port, client_id="bench-7", reconnect=True)
        with kept as mqtt:
            mqtt.on_reconnected = print
            assert woken() == {}


def test_no_thread_wakes_while_a_session_waits_to_connect_again(model: str, tmp_path: Path) -> None:
    plan = Reconnect(first=60)
    with (
        Broker() as broker,
        VirtualModem(model, link=tmp_path / "module") as module,
        Modem(module.port) as modem,
        modem.mqtt().session(broker.host, broker.port, client_id="bench-7", reconnect=plan) as mqtt,
    ):
        broker.drop_clients()
        until(lambda: mqtt.state == "closed", "the loss")
        assert woken() == {}
        module.close()
        until(lambda: not modem.is_open, "the loss of the port")
        assert woken() == {}
