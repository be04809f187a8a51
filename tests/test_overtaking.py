"""What overtakes what: the end of a session, Ctrl-C, and a caller's timeout."""

from __future__ import annotations

import time
from contextlib import ExitStack

import pytest

from modemqtt import ConnectionLost, Modem, ResponseTimeout
from modemqtt.virtual import Broker, VirtualModem
from support.programs import interrupt
from support.waiting import until


def test_a_session_is_left_at_once_although_publishes_wait_for_acknowledgements() -> None:
    with ExitStack() as stack:
        broker = stack.enter_context(Broker())
        module = stack.enter_context(VirtualModem("M95"))
        modem = stack.enter_context(Modem(module.port))
        with modem.mqtt().session(broker.host, broker.port, client_id="bench-7") as mqtt:
            broker.withhold_acks()
            accepted = [mqtt.publish("bench/t", b"%d" % number, qos=1, wait=False) for number in range(5)]
            until(lambda: {delivery.state for delivery in accepted} == {"accepted"}, "the sending")
            start = time.monotonic()
        assert time.monotonic() - start < 2
        for delivery in accepted:
            with pytest.raises(ConnectionLost):
                delivery.wait(1)
        assert {delivery.state for delivery in accepted} == {"unknown"}
        assert mqtt.state == "closed"


def test_a_publish_that_waits_for_room_is_taken_back_by_an_interrupt() -> None:
    outcome = interrupt(
        """
connect()
broker.withhold_acks()
window = 1 if modem.dialect == "bc660k" else 5
started = [mqtt.publish("bench/t", b"x", qos=1, wait=False) for _ in range(window)]
try:
    ready()
    mqtt.publish("bench/late", b"y", qos=1)
except KeyboardInterrupt:
    broker.withhold_acks(False)
    mqtt.publish("bench/next", b"z", qos=1)
    print([message.topic for message in broker.messages if message.topic != "bench/t"])
"""
    )
    assert outcome.output.strip() == "['bench/next']"


def test_the_time_of_wait_registered_holds_where_the_module_is_silent() -> None:
    with VirtualModem("EG915Q") as module, Modem(module.port) as modem:
        module.inject("mute")
        start = time.monotonic()
        with pytest.raises(ResponseTimeout):
            modem.wait_registered(timeout=1)
        assert time.monotonic() - start < 1.5


def test_the_time_of_unlock_holds_for_both_of_its_commands() -> None:
    with VirtualModem("EG915Q") as module, Modem(module.port) as modem:
        module.set_sim("pin")
        module.inject("latency=0.7")
        start = time.monotonic()
        with pytest.raises(ResponseTimeout):
            modem.unlock("1234", timeout=1)
        assert time.monotonic() - start < 1.5


@pytest.mark.parametrize(
    "call",
    [
        "mqtt.open(broker.host, broker.port)",
        'mqtt.session(broker.host, broker.port, client_id="bench-7").__enter__()',
        "mqtt.configure(keepalive=60, progress=print)",
        'mqtt.publish("bench/t", b"x", wait=False).wait()',
    ],
    ids=["open", "session", "configure", "delivery"],
)
def test_an_interrupted_wait_takes_back_what_was_not_sent(call: str) -> None:
    outcome = interrupt(
        f"""
import logging
logging.basicConfig(level=logging.WARNING, stream=sys.stdout, format="%(message)s")
modem.open()
module.inject("mute")
held = threading.Thread(target=lambda: modem.command("AT+CSQ"), daemon=True)
held.start()
time.sleep(0.2)
try:
    ready()
    {call}
except KeyboardInterrupt:
    print("sent:", [line.text for line in modem.wire if line.sent and "QMT" in line.text])
os._exit(0)
"""
    )
    assert "sent: []" in outcome.output
    assert "goes on" not in outcome.output


def test_an_interrupted_wait_tells_of_what_was_sent_and_goes_on() -> None:
    outcome = interrupt(
        """
import logging
logging.basicConfig(level=logging.WARNING, stream=sys.stdout, format="%(message)s")
modem.open()
module.inject("mute")
try:
    ready()
    mqtt.open(broker.host, broker.port)
except KeyboardInterrupt:
    print("interrupted", flush=True)
os._exit(0)
"""
    )
    assert "the wait for AT+QMTOPEN was interrupted, but the call goes on" in outcome.output
