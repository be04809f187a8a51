"""What difficult programs do, and what a difficult module does to them."""

from __future__ import annotations

import copy
import dataclasses
import os
import pickle
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from modemqtt import CommandError, Modem, MqttClient, PortError, ProtocolError, Reconnected, UsageError, UsageTypeError
from modemqtt.cli import main
from modemqtt.virtual import Broker, Script, VirtualModem
from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable


HOSTILE = "\x1b]0;owned\x07\x9b2J\u202e"


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    path = tmp_path / "log"
    os.mkfifo(path)
    return path


def test_a_log_whose_reader_stalls_holds_nothing_up(fifo: Path) -> None:
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    try:
        with VirtualModem("M95") as module:
            module.expect("AT+LONG", times=None).respond(*["+LONG: " + "x" * 1000] * 100)
            with Modem(module.port, log=fifo) as modem:
                # More than a pipe holds, plus more than may wait for it.
                for _ in range(15):
                    assert len(modem.command("AT+LONG", timeout=5).lines) == 100
                assert modem.stats.bytes_received > 1_000_000
                start = time.monotonic()
            assert time.monotonic() - start < 5
    finally:
        os.close(reader)


def test_a_module_whose_log_stalls_goes_on(fifo: Path) -> None:
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    try:
        with VirtualModem("M95", log=fifo) as module, Modem(module.port) as modem:
            module.expect("AT+LONG", times=None).respond(*["+LONG: " + "x" * 1000] * 100)
            for _ in range(3):
                assert len(modem.command("AT+LONG", timeout=5).lines) == 100
    finally:
        os.close(reader)


def test_a_fifo_that_no_one_reads_is_an_error_at_once(fifo: Path) -> None:
    with VirtualModem("M95") as module:
        with pytest.raises(PortError, match="no program reads from that FIFO"):
            Modem(module.port, log=fifo).open()
        with pytest.raises(OSError, match="no program reads from that FIFO"):
            VirtualModem("M95", log=fifo)


def test_a_log_is_its_owners_alone_and_follows_no_link(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.touch()
    link.symlink_to(target)
    with VirtualModem("M95", log=tmp_path / "module.log") as module:
        with pytest.raises(PortError, match="is a link"):
            Modem(module.port, log=link).open()
        with pytest.raises(OSError, match="is a link"):
            VirtualModem("M95", log=link)
        Modem(module.port, log=tmp_path / "modem.log").open().close()
    for log in tmp_path.glob("*.log"):
        assert log.stat().st_mode & 0o777 == 0o600
        assert log.read_text().splitlines()


def test_a_script_without_an_end_is_refused() -> None:
    with pytest.raises(UsageError, match="at most 1048576 bytes"):
        Script.load("/dev/zero")


@pytest.mark.parametrize("wrong", [b"/dev/x", 3, None, Path("/dev/x")], ids=repr)
def test_a_port_of_the_wrong_type_is_both_kinds_of_error(wrong: Any) -> None:  # noqa: ANN401 - of every kind
    with pytest.raises(UsageTypeError, match="port must be a text") as raised:
        Modem(wrong)
    assert isinstance(raised.value, TypeError)
    assert isinstance(raised.value, UsageError)


@pytest.mark.parametrize(
    "setting", [{"baudrate": "9600"}, {"baudrate": 9600.0}, {"model": 95}, {"log": 3}, {"wake_after": "soon"}], ids=repr
)
def test_a_setting_of_the_wrong_type_is_both_kinds_of_error(setting: dict[str, Any]) -> None:
    with pytest.raises(UsageTypeError, match=next(iter(setting))):
        Modem("/dev/null", **setting)


@pytest.mark.parametrize("wrong", ["1", b"1", [], True], ids=repr)
@pytest.mark.parametrize(
    "call",
    [
        lambda modem, wrong: modem.command("AT", timeout=wrong),
        lambda modem, wrong: modem.open(timeout=wrong),
        lambda modem, wrong: modem.reopen(timeout=wrong),
        lambda modem, wrong: modem.mqtt().receive(wrong),
        lambda modem, wrong: list(modem.mqtt().messages(wrong)),
        lambda modem, wrong: list(modem.urcs(wrong)),
        lambda modem, wrong: modem.restart(timeout=wrong),
    ],
)
def test_a_timeout_of_the_wrong_type_is_both_kinds_of_error(
    modem: Modem,
    call: Callable[[Modem, Any], object],
    wrong: Any,  # noqa: ANN401 - of every kind
) -> None:
    if wrong is True:
        pytest.skip("the core takes it for 1")
    with pytest.raises(UsageTypeError):
        call(modem, wrong)


def test_what_has_something_open_is_neither_copied_nor_pickled(
    modem: Modem, virtual_modem: VirtualModem, broker: Broker
) -> None:
    for single in (modem, modem.mqtt(), virtual_modem, broker, virtual_modem.expect("AT+X", times=None)):
        for attempt in (copy.copy, copy.deepcopy, pickle.dumps):
            with pytest.raises(UsageTypeError, match=f"an? {type(single).__name__} cannot be copied"):
                attempt(single)
    assert modem.command("AT").final == "OK"


def test_a_copy_of_a_delivery_is_itself(mqtt: MqttClient) -> None:
    delivery = mqtt.publish("bench/t", b"1")
    assert copy.copy(delivery) is copy.deepcopy(delivery) is delivery
    event = Reconnected(0, 1, 0.5, (), (delivery,))
    assert dataclasses.asdict(event)["unknown"] == (delivery,)
    with pytest.raises(UsageTypeError, match="a Delivery cannot be copied"):
        pickle.dumps(delivery)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux lists the descriptors of a process")
def test_a_closed_modem_keeps_no_descriptor(virtual_modem: VirtualModem) -> None:
    def count() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    modem = Modem(virtual_modem.port)
    before = count()
    modem.open().close()
    assert count() == before
    assert modem.wire.tail()


def test_control_sequences_of_a_module_reach_no_terminal(
    virtual_modem: VirtualModem, capsys: pytest.CaptureFixture[str]
) -> None:
    virtual_modem.expect("AT+HOSTILE", times=None).respond(f"+HOSTILE: {HOSTILE}")
    virtual_modem.expect("ATI", times=None).respond(HOSTILE)
    virtual_modem.expect("AT+REFUSED").respond(final=f"+CME ERROR: {HOSTILE}")
    assert main(["at", "--modem", virtual_modem.port, "AT+HOSTILE"]) == 0
    main(["info", "--modem", virtual_modem.port])
    with Modem(virtual_modem.port, model=virtual_modem.model) as modem:
        assert modem.command("AT+HOSTILE").lines == (f"+HOSTILE: {HOSTILE}",)
        with pytest.raises(CommandError) as raised:
            modem.command("AT+REFUSED")
    shown = capsys.readouterr().out + str(raised.value) + str(modem.wire)
    assert "owned" in shown
    assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(shown)


def test_an_answer_without_an_end_is_given_up_and_the_line_is_free(modem: Modem, virtual_modem: VirtualModem) -> None:
    part = ["+COPS: " + "x" * 1000] * 400
    # Read in between: the module keeps no more than 1 MiB for a slow host.
    virtual_modem.expect("AT+COPS=?").respond(*part, 0.3, *part, 0.3, *part)
    with pytest.raises(ProtocolError, match="an answer of at most 1 MiB"):
        modem.command("AT+COPS=?", timeout=30)
    assert modem.command("AT+CSQ", timeout=30).lines[0].startswith("+CSQ: ")


def test_no_piece_of_a_broken_echo_shows_a_secret(modem: Modem, virtual_modem: VirtualModem, broker: Broker) -> None:
    pieces = b'AT+QMTCONN=0,"c","u","hun\r\n+CREG: 1\r\nter2-long"\r\r\nC?NN=0;"c","u","hunter\r\n'
    pieces += b"\r\nOK\r\n\r\n+QMTCONN: 0,0,0\r\n"
    virtual_modem.expect("AT+QMTCONN=*").respond(pieces)
    lines: list[str] = []
    modem.on_urc = lines.append
    mqtt = modem.mqtt()
    mqtt.open(broker.host, broker.port)
    mqtt.connect("c", "u", "hunter2-long")
    until(lambda: "+CREG: 1" in lines, "the line between")
    assert not [shown for shown in [*lines, str(modem.wire)] if "ter2" in shown or "hun" in shown]


@pytest.mark.parametrize("value", ["3", "-1", "127", "129"])
def test_a_granted_qos_that_cannot_be_is_no_grant(
    modem: Modem, virtual_modem: VirtualModem, broker: Broker, value: str
) -> None:
    virtual_modem.expect("AT+QMTSUB=*").respond("OK", f"+QMTSUB: 0,1,0,{value}", final=None)
    mqtt = modem.mqtt()
    mqtt.open(broker.host, broker.port)
    mqtt.connect("c")
    with pytest.raises(ProtocolError, match="0, 1, 2 or 128"):
        mqtt.subscribe("t", timeout=5)
