"""Ports that are missing, taken or silent, and things that are not ports."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import socket
import struct
import subprocess
import sys
import termios
import time
import tty
from typing import TYPE_CHECKING, Any, Literal

import pytest

from modemqtt import Modem, PortError, ResponseTimeout, UsageError
from modemqtt.virtual import VirtualModem
from support.programs import run
from support.waiting import in_thread, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from modemqtt.virtual import Broker

# ioctl_tty(2); Python has no names for these.
TIOCGEXCL = 0x80045440
TCGETS2 = 0x802C542A


@pytest.fixture
def silent() -> Iterator[str]:
    """Yield a port on which nobody answers."""
    master, slave = os.openpty()
    tty.setraw(slave)
    yield os.ttyname(slave)
    os.close(master)
    os.close(slave)


def test_a_port_that_is_missing_is_named(tmp_path: Path) -> None:
    path = str(tmp_path / "ttyUSB2")
    with pytest.raises(PortError, match="no such device") as caught:
        Modem(path).open()
    assert str(caught.value).startswith(path)


def test_a_port_that_is_in_use_is_said_to_be_so_and_by_whom(virtual_modem: VirtualModem) -> None:
    with (
        Modem(virtual_modem.port) as holder,
        pytest.raises(PortError, match=f"{virtual_modem.port}: the port is in use by this process"),
    ):
        Modem(virtual_modem.port).open()
    assert not holder.is_open
    with Modem(virtual_modem.port) as modem:
        assert modem.command("AT").final == "OK"


def test_a_regular_file_is_no_port(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"as it was")
    with pytest.raises(PortError, match=f"{path}: the port is not a serial device"):
        Modem(str(path)).open()
    assert path.read_bytes() == b"as it was"


@pytest.mark.parametrize("path", ["/", "/dev/null"])
def test_a_folder_or_another_device_is_no_port(path: str) -> None:
    with pytest.raises(PortError, match=f"^{path}: the port is not a serial device"):
        Modem(path).open()


def test_a_port_that_one_may_not_open_is_said_to_be_forbidden() -> None:
    outcome = run(
        """
os.chmod(module.port, 0)
if os.geteuid() == 0: os.setuid(65534)
try:
    modem.open()
except PortError as error:
    print(str(error).removeprefix(module.port))
os._exit(0)
"""
    )
    assert outcome.errors == ""
    assert outcome.output.startswith(": permission denied; the user must belong to the group")


def test_a_name_with_no_device_behind_it_is_not_said_to_be_in_use(tmp_path: Path) -> None:
    # A driver that has lost its device answers ENXIO, and so does a socket.
    path = str(tmp_path / "ttyUSB2")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(path)
        with pytest.raises(PortError, match="no device behind it"):
            Modem(path).open()


# Each has the port to itself, and its first line says so.
HOLDERS = {
    "a lock": "import serial; held = serial.Serial(port, exclusive=True)",
    "the kernel": "import fcntl, termios; held = os.open(port, os.O_RDWR); fcntl.ioctl(held, termios.TIOCEXCL)",
}


@contextlib.contextmanager
def held(port: str, how: str) -> Iterator[int]:
    """Make another program hold a port; return its process id."""
    program = f"import os; port = {port!r}; {HOLDERS[how]}; print('held', flush=True); input()"
    with subprocess.Popen(  # noqa: S603 - the test's own
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        yield process.pid
        process.kill()


@pytest.mark.parametrize("how", HOLDERS)
def test_a_port_that_another_program_took_while_it_was_closed_is_in_use_by_that(
    virtual_modem: VirtualModem, how: str
) -> None:
    with Modem(virtual_modem.port) as modem:
        modem.close()
        with held(virtual_modem.port, how) as process:
            start = time.monotonic()
            with pytest.raises(PortError, match=rf"the port is in use by \S+ \(process {process}\)$"):
                modem.open()
            assert time.monotonic() - start < 1
        modem.reopen(timeout=5)
        assert modem.command("AT").final == "OK"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_being_turned_away_leaves_the_port_to_its_holder_alone(virtual_modem: VirtualModem) -> None:
    with Modem(virtual_modem.port):
        with pytest.raises(PortError, match="in use"):
            Modem(virtual_modem.port).open()
        try:
            descriptor = os.open(virtual_modem.port, os.O_RDWR | os.O_NOCTTY)
        except OSError as error:
            assert error.errno == errno.EBUSY  # noqa: PT017 - either of two outcomes
        else:
            # The kernel lets root in.
            exclusive = fcntl.ioctl(descriptor, TIOCGEXCL, bytes(4))
            os.close(descriptor)
            assert exclusive != bytes(4)


# The calls that end when the port is lost.
WAITS: dict[str, Callable[[Modem], object]] = {
    "a wait for a message": lambda modem: modem.mqtt().receive(),
    "a wait for a URC": lambda modem: list(modem.urcs()),
    "a publish": lambda modem: modem.mqtt().publish("bench/t", b"1", qos=1),
}
LOSSES = {None: "the device is gone; was it unplugged?", "127.0.0.1:0": "the other end closed the connection"}


@pytest.mark.parametrize("wait", WAITS)
@pytest.mark.parametrize("listen", LOSSES, ids=["device", "socket"])
def test_a_port_that_is_lost_ends_what_waits_and_says_why(broker: Broker, listen: str | None, wait: str) -> None:
    with VirtualModem("M95", listen=listen) as module, Modem(module.port) as modem:
        mqtt = modem.mqtt()
        mqtt.open(broker.host, broker.port)
        mqtt.connect("bench-7")
        broker.withhold_acks()
        waiting = in_thread(lambda: WAITS[wait](modem))
        time.sleep(0.05)
        module.close()
        with pytest.raises(PortError, match=re.escape(f"{modem.port}: {LOSSES[listen]}")):
            waiting.result(1)
        assert not modem.is_open


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("", "the name is empty"),
        ("nonsense://host:1", "nonsense:// is not a kind of port"),
        ("ttyUSB2", "there is no such device; give a path such as /dev/ttyUSB2"),
        ("M95", "or virtual://M95"),
        ("socket://host", "the form is socket://host:port"),
        ("socket://host:port", "the form is socket://host:port"),
        ("rfc2217://host", "the form is rfc2217://host:port"),
        ("rfc2217://no-such-host.invalid:4000", "the host cannot be found"),
        ("socket://no-such-host.invalid:4000", "the host cannot be found"),
    ],
)
def test_an_invalid_name_is_explained(url: str, expected: str) -> None:
    with pytest.raises(PortError, match=expected):
        Modem(url).open()


def test_a_tcp_port_on_which_nobody_listens_is_said_to_be_so() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        with pytest.raises(PortError, match="no connection"):
            Modem(f"socket://127.0.0.1:{port}").open()


def test_a_tcp_port_that_another_program_uses_turns_this_one_away() -> None:
    with VirtualModem("M95", listen="127.0.0.1:0") as module, Modem(module.port) as modem:
        with pytest.raises((PortError, ResponseTimeout)):
            Modem(module.port).open(timeout=1)
        assert modem.command("AT").final == "OK"


@pytest.mark.parametrize(
    "settings",
    [
        {"model": "M96"},
        {"model": ""},
        {"baudrate": 0},
        {"baudrate": -9600},
        {"baudrate": 2**40},
        {"flow_control": "dsrdtr"},
    ],
    ids=str,
)
def test_a_setting_that_is_wrong_is_a_usage_error(virtual_modem: VirtualModem, settings: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=next(iter(settings))):
        Modem(virtual_modem.port, **settings).open()


def test_a_model_that_is_not_known_is_answered_with_those_that_are(virtual_modem: VirtualModem) -> None:
    with pytest.raises(UsageError, match=r"M96.*BC660K-GL.*M95"):
        Modem(virtual_modem.port, model="M96").open()
    with pytest.raises(UsageError, match=r"M96.*BC660K-GL.*M95"):
        VirtualModem("M96")


def test_a_log_that_cannot_be_written_is_named(virtual_modem: VirtualModem, tmp_path: Path) -> None:
    log = tmp_path / "missing" / "wire.log"
    with pytest.raises(PortError, match=str(log)):
        Modem(virtual_modem.port, log=log).open()


def test_a_port_on_which_nobody_answers_is_a_timeout(silent: str) -> None:
    start = time.monotonic()
    with pytest.raises(ResponseTimeout, match=r"no final result code for AT within 0\.[2-5]"):
        Modem(silent).open(timeout=0.3)
    assert time.monotonic() - start < 1
    # The port is free again.
    with pytest.raises(ResponseTimeout):
        Modem(silent).open(timeout=0)


def test_a_port_on_which_nobody_answers_is_given_up_after_some_seconds(silent: str) -> None:
    start = time.monotonic()
    with pytest.raises(ResponseTimeout):
        Modem(silent).open()
    assert 2 < time.monotonic() - start < 10


@pytest.mark.skipif(sys.platform != "linux", reason="asked for in Linux's way")
@pytest.mark.parametrize(
    ("flow_control", "software", "hardware"),
    [("none", False, False), ("xonxoff", True, False), ("rtscts", False, True)],
)
def test_a_device_is_set_to_what_was_asked_for_whatever_it_was_before(
    flow_control: Literal["none", "xonxoff", "rtscts"], *, software: bool, hardware: bool
) -> None:
    master, slave = os.openpty()  # it echoes, edits lines, and takes XON and XOFF
    with pytest.raises(ResponseTimeout):
        Modem(os.ttyname(slave), baudrate=57600, flow_control=flow_control).open(timeout=0)
    # Python's own tcgetattr() does not know speeds as numbers.
    iflag, oflag, cflag, lflag, *speeds = struct.unpack("4I20x2I", fcntl.ioctl(slave, TCGETS2, bytes(44)))
    os.close(master)
    os.close(slave)
    assert (bool(iflag & termios.IXON), bool(iflag & termios.IXOFF)) == (software, software)
    assert bool(cflag & termios.CRTSCTS) == hardware
    assert not iflag & (termios.ICRNL | termios.INLCR | termios.IGNCR | termios.ISTRIP | termios.PARMRK)
    assert not oflag & termios.OPOST
    assert not lflag & (termios.ECHO | termios.ICANON | termios.ISIG | termios.IEXTEN)
    assert cflag & termios.CSIZE == termios.CS8
    assert not cflag & (termios.PARENB | termios.CSTOPB)
    assert cflag & termios.CLOCAL
    assert speeds == [57600, 57600]


def test_opening_a_silent_port_can_be_cut_short_by_closing(silent: str) -> None:
    modem = Modem(silent)
    opening = in_thread(modem.open)
    until(lambda: modem._line.is_opening, "the opening")  # noqa: SLF001 - nothing public tells
    start = time.monotonic()
    modem.close()
    with pytest.raises(PortError, match="closed"):
        opening.result(1)
    assert time.monotonic() - start < 0.5
    assert not modem.is_open


@pytest.fixture
def full() -> Iterator[socket.socket]:
    """Yield a listening socket that does not answer until the waiting connection is accepted."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        with socket.create_connection(listening.getsockname()):
            yield listening


@pytest.mark.parametrize("scheme", ["socket", "rfc2217"])
def test_opening_a_host_that_does_not_answer_is_cut_short_by_closing(full: socket.socket, scheme: str) -> None:
    modem = Modem(f"{scheme}://127.0.0.1:{full.getsockname()[1]}")
    opening = in_thread(modem.open)
    until(lambda: modem._line.is_opening, "the opening")  # noqa: SLF001 - nothing public tells
    modem.close()
    with pytest.raises(PortError, match="closed"):
        opening.result(1)
    # The connecting thread cannot be stopped; what it opens is closed at once.
    full.settimeout(30)
    full.accept()[0].close()
    late, _ = full.accept()
    with late:
        late.settimeout(5)
        said = b"".join(iter(lambda: late.recv(1000), b""))
        assert said == b"" or said.startswith(b"\xff"), "it spoke to the module"
    assert not modem.is_open


@pytest.mark.parametrize("moment", ["_open", "opened"])
def test_a_close_before_the_modem_is_open_wins(
    virtual_modem: VirtualModem, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    modem = Modem(virtual_modem.port)
    line = modem._line  # noqa: SLF001 - nothing public stands at that moment
    step = getattr(line, moment)

    def closed_first(*values: object, **named: object) -> object:
        in_thread(modem.close).result(1)
        return step(*values, **named)

    with monkeypatch.context() as patch:
        patch.setattr(line, moment, closed_first)
        with pytest.raises(PortError, match="was closed while it was being opened"):
            modem.open()
    assert not modem.is_open
    with modem:
        assert modem.command("AT").final == "OK"
