"""How a session plans to reconnect: when, how often, and when not at all."""

from __future__ import annotations

import dataclasses
import logging
from typing import Any

import pytest

from modemqtt import ConnectionLost, Modem, MqttClient, Reconnect, UsageError
from modemqtt.virtual import Broker, VirtualModem
from support.sessions import SOON, Seen, session
from support.tap import Tap
from support.waiting import until


@pytest.fixture
def mqtt(modem: Modem) -> MqttClient:
    """Client 0, with no connection yet."""
    return modem.mqtt()


@pytest.mark.parametrize(("code", "seconds"), [(1, 0.5), (7, 2.0), (255, 1.0)])
def test_the_first_wait_depends_on_the_code(
    broker: Broker, caplog: pytest.LogCaptureFixture, code: int, seconds: float
) -> None:
    with VirtualModem("EG800Q", listen="127.0.0.1:0") as module, Tap(module) as tap, Modem(tap.port) as modem:
        mqtt = modem.mqtt()
        seen = Seen(mqtt)
        with caplog.at_level(logging.INFO, "modemqtt"), session(mqtt, broker, Reconnect(first=0.5)):
            tap.say(f"+QMTSTAT: 0,{code}")
            until(lambda: seen.events and "connects again" in caplog.text, "the loss")
        assert f"connects again in {seconds:g} s" in caplog.text
        assert seen.failures == []


def test_the_normal_end_is_final(broker: Broker) -> None:
    with VirtualModem("M95", listen="127.0.0.1:0") as module, Tap(module) as tap, Modem(tap.port) as modem:
        seen = Seen(modem.mqtt())
        with session(modem.mqtt(), broker):
            tap.say("+QMTSTAT: 0,5")
            until(lambda: len(seen.events) == 2, "both callbacks")
        assert [error.code for error in seen.events if isinstance(error, ConnectionLost)] == [5, 5]


def test_the_waits_grow_up_to_the_longest(mqtt: MqttClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "modemqtt"):
        with Broker() as broker:
            entered = session(mqtt, broker, Reconnect(first=0.01, most=0.05, factor=2))
            entered.__enter__()
        waits = (0.01, 0.02, 0.04, 0.05, 0.05)
        until(lambda: caplog.text.count("connects again in") >= len(waits), "attempts")
        entered.__exit__(None, None, None)
    told = [float(record.getMessage().split()[-2]) for record in caplog.records if "again in" in record.getMessage()]
    assert tuple(told[: len(waits)]) == waits


@pytest.mark.parametrize(
    "wrong",
    [
        {"first": 0},
        {"first": -1},
        {"first": float("nan")},
        {"first": "1"},
        {"first": 2, "most": 1},
        {"most": float("inf")},
        {"factor": 0.5},
        {"factor": True},
        {"attempts": 0},
        {"attempts": 1.5},
        {"attempts": True},
    ],
    ids=str,
)
def test_an_invalid_plan_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=list(wrong)[-1]):
        Reconnect(**wrong)


def test_anything_but_a_plan_is_refused(mqtt: MqttClient, broker: Broker, modem: Modem) -> None:
    before = len(list(modem.wire))
    with pytest.raises(UsageError, match="reconnect"), session(mqtt, broker, "yes"):  # type: ignore[arg-type]
        pass
    assert len(list(modem.wire)) == before


def test_a_plan_is_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        SOON.first = 1.0  # type: ignore[misc]
