"""Ports that are missing, taken, silent, or none at all."""

from __future__ import annotations

import os
import socket
import stat
import time
import tty
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from modemqtt import Modem, PortError, ResponseTimeout, UsageError
from modemqtt.virtual import VirtualModem
from support.waiting import in_thread, until

if TYPE_CHECKING:
    from collections.abc import Iterator


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
    with pytest.raises(PortError, match=f"{path}: the port cannot be opened as a serial device"):
        Modem(str(path)).open()
    assert path.read_bytes() == b"as it was"


@pytest.mark.parametrize("path", ["/", "/dev/null"])
def test_a_folder_or_another_device_is_no_port(path: str) -> None:
    with pytest.raises(PortError, match=f"^{path}: the port cannot be opened as a serial device"):
        Modem(path).open()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may open everything")
def test_a_port_that_one_may_not_open_is_said_to_be_forbidden(virtual_modem: VirtualModem) -> None:
    port = Path(virtual_modem.port)
    mode = stat.S_IMODE(port.stat().st_mode)
    port.chmod(0)
    try:
        with pytest.raises(PortError, match="permission denied"):
            Modem(virtual_modem.port).open()
    finally:
        port.chmod(mode)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("", "the name is empty"),
        ("nonsense://host:1", "nonsense:// is no kind of port"),
        ("socket://host", "the form is socket://host:port"),
        ("socket://host:port", "the form is socket://host:port"),
        ("socket://no-such-host.invalid:4000", "the host cannot be found"),
    ],
)
def test_a_name_that_is_none_is_explained(url: str, expected: str) -> None:
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
    with pytest.raises(ResponseTimeout, match=r"no final result code for AT within 0\.[3-5]"):
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


def test_opening_a_silent_port_can_be_cut_short_by_closing(silent: str) -> None:
    modem = Modem(silent)
    opening = in_thread(modem.open)
    until(lambda: modem._opening is not None, "the opening")  # noqa: SLF001 - nothing public tells
    start = time.monotonic()
    modem.close()
    with pytest.raises(PortError, match="closed"):
        opening.result(1)
    assert time.monotonic() - start < 0.5
    assert not modem.is_open
