"""The faults of the virtual module, switched on and off from Python."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from modemqtt import CommandError, Modem, UsageError
from modemqtt.virtual import FAULT_TABLE, FAULTS, Broker, VirtualModem

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def module() -> Iterator[VirtualModem]:
    with VirtualModem("M95") as module:
        yield module


def test_what_is_on_can_be_seen_and_healed(module: VirtualModem) -> None:
    assert list(module.faults) == []
    module.inject("lost-ok=0.25")
    module.inject("stat-code")
    module.inject("reopen-error")
    assert sorted(module.faults) == ["lost-ok=0.25", "reopen-error", "stat-code=77"]
    module.inject("lost-ok=3")
    module.heal("stat-code")
    assert sorted(module.faults) == ["lost-ok=3", "reopen-error"]
    # It can be healed in the form in which it was injected; a fault that is off stays off.
    module.heal("lost-ok=0.25")
    module.heal("mute")
    assert list(module.faults) == ["reopen-error"]
    module.restart()
    assert list(module.faults) == ["reopen-error"]
    module.heal()
    assert list(module.faults) == []


def test_every_fault_can_be_on_from_the_start() -> None:
    with VirtualModem("M95", faults=FAULTS) as module:
        assert [fault.partition("=")[0] for fault in module.faults] == list(FAULTS)


def test_a_module_is_open_until_it_is_closed(module: VirtualModem) -> None:
    assert module.is_open
    module.power_off()
    assert module.is_open
    module.close()
    assert not module.is_open


def test_a_closed_module_has_no_faults(module: VirtualModem) -> None:
    module.close()
    module.inject("mute")
    module.heal()
    assert module.faults == ()


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("lost-ok=often", "how many times"),
        ("lost-ok=0", "how many times"),
        ("mute=1", "takes no value"),
        ("result-delay=-1", "seconds"),
        ("line-lost=2", "probability"),
        ("line-chunk=0.5", "bytes"),
        ("gremlin=1", "lost-prompt"),
        ("", "lost-prompt"),
    ],
)
def test_an_unknown_fault_is_refused(module: VirtualModem, fault: str, reason: str) -> None:
    for call in (module.inject, module.heal, lambda fault: VirtualModem("M95", faults=[fault])):
        with pytest.raises(UsageError, match=reason):
            call(fault)
    assert module.faults == ()


def test_a_fault_shows_as_often_as_it_was_told(module: VirtualModem) -> None:
    with Modem(module.port) as modem:
        module.inject("bare-error=2")
        module.inject("cme-text")
        answers = []
        for _ in range(3):
            with pytest.raises(CommandError) as refused:
                modem.command("AT+QMTDISC=0")
            answers.append(refused.value.code)
        assert module.faults == ("cme-text",)
        # The first two have no code, and the third none in digits.
        assert answers[:2] == [None, None]


def test_faults_come_and_go_while_commands_flow(module: VirtualModem) -> None:
    # Faults that change no answer, so that every command still gets the right one.
    faults = ["single-crlf=0.5", "blank-lines=0.5", "urc-before-ok=0.3", "echo-returns=0.2"]
    stopped = threading.Event()

    def shuffle() -> None:
        while not stopped.is_set():
            for fault in faults:
                module.inject(fault)
            for fault in faults:
                module.heal(fault)

    with Modem(module.port) as modem:
        thread = threading.Thread(target=shuffle)
        thread.start()
        try:
            for rssi in range(32):
                module.set_signal(rssi, 0)
                assert modem.command("AT+CSQ").lines == (f"+CSQ: {rssi},0",)
        finally:
            stopped.set()
            thread.join()


def test_messages_survive_a_slow_line_in_pieces(module: VirtualModem) -> None:
    for fault in ("line-chunk=3", "line-gap=0.0005", "latency=0.01", "result-delay=0.05"):
        module.inject(fault)
    with Broker() as broker, Modem(module.port) as modem:
        mqtt = modem.mqtt()
        with mqtt.session(broker.host, broker.port, client_id="bench-7"):
            mqtt.subscribe("bench/#", qos=1)
            mqtt.publish("bench/t", b"21.5", qos=1)
            assert mqtt.receive(timeout=10).payload == b"21.5"


def test_the_table_says_of_each_fault_what_it_does_and_takes() -> None:
    assert len(set(FAULTS)) == len(FAULT_TABLE) == len(FAULTS)
    for name, value, description in FAULT_TABLE:
        assert description, name
        assert not description.endswith("."), name
        assert bool(value) == (name != "mute")
