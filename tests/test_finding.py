"""Opening a modem: how long it takes, who may hold the port, and the error if no module answers."""

from __future__ import annotations

import errno
import logging
import os
import subprocess
import sys
import threading
import time
import tty
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

import modemqtt
from modemqtt import Modem, PortError, ResponseTimeout
from modemqtt.virtual import VirtualModem
from support import servers
from support.waiting import in_thread, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modemqtt.virtual import Broker


class Line:
    """A line whose other end is under the control of the test."""

    def __init__(self) -> None:
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        self.port = os.ttyname(self._slave)

    def say(self, data: bytes) -> None:
        os.write(self._master, data)

    def give_back(self) -> None:
        """Echo what comes, as a loopback plug does."""

        def work() -> None:
            try:
                while True:
                    os.write(self._master, os.read(self._master, 4096))
            except OSError:
                pass

        threading.Thread(target=work, daemon=True).start()

    def close(self) -> None:
        os.close(self._slave)
        os.close(self._master)


@pytest.fixture
def line() -> Iterator[Line]:
    line = Line()
    yield line
    line.close()


def why(line: Line, timeout: float = 0.3) -> str:
    with pytest.raises(ResponseTimeout, match=r"no final result code for AT within") as caught:
        Modem(line.port, model="M95").open(timeout=timeout)
    return str(caught.value).partition("; ")[2]


def test_a_silent_port_is_told_to_be_silent(line: Line) -> None:
    assert why(line).startswith("nothing came: check the port, the baud rate and the power of the module")


def test_an_echo_alone_is_told_from_an_answer(line: Line) -> None:
    line.give_back()
    assert why(line).startswith("only the echo of what was sent came")


def test_noise_points_to_the_baud_rate(line: Line) -> None:
    modem = Modem(line.port, model="M95")
    opening = in_thread(lambda: modem.open(timeout=0.5))
    until(lambda: line.port and modem._line.is_opening, "the opening")  # noqa: SLF001
    line.say(bytes([0xF8, 0x00, 0x80, 0xFE] * 5))
    with pytest.raises(ResponseTimeout, match=r"20 bytes of noise came: check the baud rate"):
        opening.result(5)


def test_readable_lines_of_something_else_are_shown(line: Line) -> None:
    modem = Modem(line.port, model="M95")
    opening = in_thread(lambda: modem.open(timeout=0.5))
    until(lambda: line.port and modem._line.is_opening, "the opening")  # noqa: SLF001
    line.say(b"$GPGGA,123519,4807.038,N\r\n$GPGSA,A,3\r\n")
    with pytest.raises(
        ResponseTimeout, match=r"something else came, such as \"\$GPGGA,123519,4807\.038,N\": check that"
    ):
        opening.result(5)


def test_the_time_given_to_open_is_the_time_that_it_takes(line: Line) -> None:
    start = time.monotonic()
    why(line, 0.4)
    assert 0.4 <= time.monotonic() - start < 0.9


def test_the_time_given_to_open_holds_for_a_host_that_does_not_answer() -> None:
    with servers.absent() as server:
        modem = Modem(f"socket://127.0.0.1:{server.port}")
        start = time.monotonic()
        with pytest.raises(PortError, match=r"did not open within 0\.\d+ s") as caught:
            modem.open(timeout=0.3)
        assert caught.value.errno == errno.ETIMEDOUT
        assert time.monotonic() - start < 0.8


def test_the_time_given_to_reopen_holds_for_a_silent_module(line: Line) -> None:
    start = time.monotonic()
    with pytest.raises(ResponseTimeout):
        Modem(line.port, model="M95").reopen(timeout=0.4)
    assert time.monotonic() - start < 0.9


def test_the_command_line_keeps_to_its_timeout_on_a_silent_port(line: Line) -> None:
    command = [sys.executable, "-m", "modemqtt", "at", "--modem", line.port, "--timeout", "1", "AT"]
    seconds: list[float] = []
    # A busy machine gets more than one try.
    while len(seconds) < 3 and not (seconds and min(seconds) < 1.5):
        start = time.monotonic()
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own
        seconds.append(time.monotonic() - start)
        assert done.returncode == 1
        assert "nothing came" in done.stderr
    assert 1 <= min(seconds) < 4  # without it a silent port is asked for 7 s


def test_a_port_that_another_program_holds_is_waited_for() -> None:
    with VirtualModem("M95") as module:
        program = "import sys, modemqtt; modem = modemqtt.Modem(sys.argv[1]).open(); print(flush=True); input()"
        holder = subprocess.Popen(  # noqa: S603 - our own
            [sys.executable, "-c", program, module.port], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert holder.stdin
        assert holder.stdout
        holder.stdout.readline()
        start = time.monotonic()
        with pytest.raises(PortError, match="in use") as caught:
            Modem(module.port).open(timeout=0.3)
        assert caught.value.errno == errno.EBUSY
        assert time.monotonic() - start >= 0.3
        waiting = in_thread(lambda: Modem(module.port).open(timeout=10))
        holder.communicate("\n")
        with waiting.result(10) as modem:
            assert modem.model == "M95"


def test_a_port_that_this_process_holds_is_said_to_be_so_with_the_object(modem: Modem, model: str) -> None:
    with pytest.raises(PortError) as caught:
        Modem(modem.port).open()
    assert str(caught.value) == (
        f"{modem.port}: the port is in use by this process: <Modem {modem.port} {model}>; "
        "close() that one, or open(take_over=True)"
    )
    assert caught.value.errno == errno.EBUSY
    assert modem.is_open


def test_a_port_can_be_taken_over_from_another_modem_of_the_process(
    modem: Modem, model: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "modemqtt"), Modem(modem.port).open(take_over=True) as later:
        assert (later.model, later.is_open, modem.is_open) == (model, True, False)
        assert modemqtt.open_modems() == [later]
    assert [record.getMessage() for record in caplog.records] == [
        f"{modem.port}: closing <Modem {modem.port} {model}>, another Modem of this process takes the port over"
    ]


def test_under_ipython_a_cell_can_be_run_again(modem: Modem, monkeypatch: pytest.MonkeyPatch) -> None:
    ipython = ModuleType("IPython")
    ipython.get_ipython = object  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    with Modem(modem.port).open():
        assert not modem.is_open
    modem.open()
    with pytest.raises(PortError, match="take_over"):
        Modem(modem.port).open(take_over=False)


def test_the_open_modems_of_the_process_are_listed(virtual_modem: VirtualModem) -> None:
    before = modemqtt.open_modems()
    modem = Modem(virtual_modem.port)
    assert modemqtt.open_modems() == before
    with modem:
        assert modem in modemqtt.open_modems()
    assert modemqtt.open_modems() == before


def test_a_client_keeps_its_modem_and_what_was_set_on_it_outlives_the_object(
    virtual_modem: VirtualModem, broker: Broker
) -> None:
    mqtt = Modem(virtual_modem.port).open().mqtt()
    assert mqtt.state == "closed"
    (modem,) = modemqtt.open_modems()
    assert isinstance(modem, Modem)
    seen: list[bytes] = []
    modem.mqtt(1).on_message = lambda message: seen.append(message.payload)
    with modem.mqtt(1).session(broker.host, broker.port, client_id="bench-7"):
        modem.mqtt(1).subscribe("bench/t")
        broker.publish("bench/t", b"1")
        until(lambda: seen == [b"1"], "the message")
    modem.close()


def test_a_port_is_free_as_soon_as_its_modem_is_forgotten(virtual_modem: VirtualModem) -> None:
    for _ in range(20):
        modem = Modem(virtual_modem.port).open()
        assert modem.mqtt().state == "closed"
        with pytest.warns(ResourceWarning):
            del modem
    Modem(virtual_modem.port).open().close()
