"""What a program finds in `logging`."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from modemqtt import Modem, MqttClient
from modemqtt.virtual import VirtualModem
from support.programs import run
from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modemqtt.virtual import Broker


@pytest.fixture
def warnings(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.WARNING, "modemqtt"):
        yield caplog


def told(caplog: pytest.LogCaptureFixture, level: int = logging.WARNING, name: str = "modemqtt") -> list[str]:
    return [record.getMessage() for record in list(caplog.records) if (record.name, record.levelno) == (name, level)]


def test_a_lost_connection_is_warned_of_once_without_any_callback(
    mqtt: MqttClient, modem: Modem, broker: Broker, warnings: pytest.LogCaptureFixture
) -> None:
    assert mqtt.state == "connected"
    broker.drop_clients()
    until(lambda: told(warnings), "the warning")
    assert len(told(warnings)) == 1
    assert told(warnings)[0].startswith(f"{modem.port}: client 0 lost its connection: ")


def test_a_restart_is_warned_of(modem: Modem, virtual_modem: VirtualModem, warnings: pytest.LogCaptureFixture) -> None:
    virtual_modem.restart()
    until(lambda: told(warnings), "the warning")
    assert told(warnings) == [f"{modem.port}: the module restarted; its connections and settings are gone"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no device that is always full")
def test_a_log_file_that_cannot_be_written_is_warned_of_once(
    virtual_modem: VirtualModem, warnings: pytest.LogCaptureFixture
) -> None:
    with Modem(virtual_modem.port, log="/dev/full") as modem:
        until(lambda: told(warnings), "the warning")
        for _ in range(20):
            modem.command("AT")
    reason = "No space left on device (os error 28); the modem goes on, and lines are missing there"
    assert told(warnings) == [f"{modem.port}: the log /dev/full cannot be written: {reason}"]


def test_one_thread_writes_for_all_modems(model: str, warnings: pytest.LogCaptureFixture) -> None:
    with (
        VirtualModem(model) as one,
        VirtualModem(model) as other,
        Modem(one.port) as first,
        Modem(other.port) as second,
    ):
        one.restart()
        other.restart()
        until(lambda: len(told(warnings)) == 2, "both warnings")
        assert {text.partition(": ")[0] for text in told(warnings)} == {first.port, second.port}
        writers = [thread for thread in threading.enumerate() if thread.name == "modemqtt-log"]
        assert [thread.daemon for thread in writers] == [True]


def test_the_wire_is_logged_while_someone_wants_it(
    virtual_modem: VirtualModem, caplog: pytest.LogCaptureFixture
) -> None:
    def wire() -> list[str]:
        return told(caplog, logging.DEBUG, "modemqtt.wire")

    with caplog.at_level(logging.DEBUG, "modemqtt.wire"), Modem(virtual_modem.port) as modem:
        # From the first line of open() on.
        until(lambda: f"{modem.port} > AT" in wire(), "the set-up")
        modem.command("AT+CSQ")
        until(lambda: f"{modem.port} < +CSQ: 20,0" in wire(), "the answer")
        logging.getLogger("modemqtt.wire").setLevel(logging.WARNING)
        modem.command("AT+CIMI")
        logging.getLogger("modemqtt.wire").setLevel(logging.DEBUG)
        modem.command("AT+CSQ")
        until(lambda: wire().count(f"{modem.port} > AT+CSQ") == 2, "the next call")
        assert f"{modem.port} > AT+CIMI" not in wire()


def test_what_is_said_last_is_in_the_log_when_the_program_ends() -> None:
    outcome = run(
        """
import logging
logging.basicConfig(level=logging.DEBUG, format="%(name)s %(levelname)s %(message)s", stream=sys.stdout)
modem.open()
module.restart()
modem.on_restart = lambda: None
for _ in range(100):
    modem.command("AT")
"""
    )
    assert (outcome.returncode, outcome.errors) == (0, "")
    assert outcome.output.count("> AT\n") >= 100
    assert "modemqtt WARNING" in outcome.output
