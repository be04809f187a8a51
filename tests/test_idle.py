"""An idle modem costs nothing: none of its threads wakes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from modemqtt import Modem
from modemqtt.virtual import Broker, VirtualModem
from support.switches import TASKS, between, switches

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(not TASKS.exists(), reason="the system does not count the switches of a thread")

# `benches/bench_idle.py` looks for longer.
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
    # Time has to pass: nothing tells that nothing happens.
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
