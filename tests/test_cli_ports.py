"""``modemqtt ports``: what Linux says about serial ports, on a tree like its own."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING

import pytest

from modemqtt._serial import SerialPort, ports
from modemqtt.cli.ports import block, probed, rules
from modemqtt.virtual import VirtualModem
from support.shell import run

if TYPE_CHECKING:
    from pathlib import Path


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{text}\n")


def link(path: Path, target: str | Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)


def usb(root: Path, name: str, where: str, about: dict[str, str], interface: int, *, text: str = "") -> None:
    """Lay out a port of a USB device, as usb-serial and cdc-acm do."""
    device = root / "sys/devices/pci0000:00/usb1" / where
    for key, value in about.items():
        write(device / key, value)
    of_interface = device / f"{where}:1.{interface}"
    write(of_interface / "bInterfaceNumber", f"{interface:02x}")
    if text:
        write(of_interface / "interface", text)
    port = of_interface / name if name.startswith("ttyUSB") else of_interface
    (port / "tty" / name).mkdir(parents=True)
    link(port / "tty" / name / "device", port)
    link(root / "sys/class/tty" / name, port / "tty" / name)
    write(root / "dev" / name, "")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A machine with an EG25 on USB, an EG916Q, an adapter, two ports of its own, and a console."""
    eg25 = {"idVendor": "2c7c", "idProduct": "0125", "manufacturer": "Quectel", "product": "EG25-G", "serial": "a1b2"}
    for interface in range(4):
        usb(tmp_path, f"ttyUSB{interface}", "1-1", eg25, interface)
    eg916 = {"idVendor": "2c7c", "idProduct": "6007", "manufacturer": "Quectel", "product": "Quectel EG916Q-GL"}
    usb(tmp_path, "ttyUSB9", "1-2", eg916, 2, text="Quectel USB AT Port")
    usb(tmp_path, "ttyUSB10", "1-2", eg916, 3)
    adapter = {"idVendor": "0403", "idProduct": "6001", "manufacturer": "FTDI", "product": "FT232R", "serial": "A 5/X"}
    usb(tmp_path, "ttyACM0", "1-3", adapter, 0)
    for name, kind in (("ttyS0", "4"), ("ttyS1", "0")):
        write(tmp_path / "sys/devices/pnp0" / name / "tty" / name / "type", kind)
        link(tmp_path / "sys/devices/pnp0" / name / "tty" / name / "device", tmp_path / "sys/devices/pnp0" / name)
        link(tmp_path / "sys/class/tty" / name, tmp_path / "sys/devices/pnp0" / name / "tty" / name)
    (tmp_path / "sys/class/tty/tty1").mkdir()
    link(tmp_path / "dev/serial/by-id/usb-Quectel_EG25-G_a1b2-if02-port0", "../../ttyUSB2")
    link(tmp_path / "proc/4711/fd/3", "/dev/ttyUSB3")
    write(tmp_path / "proc/4711/comm", "picocom")
    write(tmp_path / "proc/4712/comm", "minicom")
    write(tmp_path / "run/lock/LCK..ttyUSB9", "      4712 minicom root")
    write(tmp_path / "run/lock/LCK..ttyUSB10", "      9999")
    return tmp_path


def test_each_port_is_told_with_what_is_behind_it(root: Path) -> None:
    found = {port.device: port for port in ports(root)}
    assert list(found) == [
        "/dev/ttyACM0",
        "/dev/ttyS0",
        *(f"/dev/ttyUSB{number}" for number in (0, 1, 2, 3, 9, 10)),
    ]
    assert [found[f"/dev/ttyUSB{number}"].function for number in range(4)] == ["DIAG", "NMEA", "AT", "modem"]
    assert found["/dev/ttyUSB2"] == SerialPort(
        device="/dev/ttyUSB2",
        description="Quectel EG25-G",
        usb="2c7c:0125",
        serial_number="a1b2",
        interface=2,
        function="AT",
        by_id="/dev/serial/by-id/usb-Quectel_EG25-G_a1b2-if02-port0",
        holder=None,
        accessible=True,
    )
    assert (found["/dev/ttyUSB9"].description, found["/dev/ttyUSB9"].function) == ("Quectel EG916Q-GL", "AT")
    assert (found["/dev/ttyUSB10"].function, found["/dev/ttyACM0"].function) == (None, None)
    assert found["/dev/ttyS0"].description == "serial port of this machine"


def test_who_has_a_port_is_named_by_descriptor_and_by_lock_file(root: Path) -> None:
    holders = {port.device: port.holder for port in ports(root) if port.holder}
    assert holders == {"/dev/ttyUSB3": "picocom (pid 4711)", "/dev/ttyUSB9": "minicom (pid 4712)"}


def test_what_is_told_of_a_port_is_a_block_of_lines(root: Path) -> None:
    found = {port.device: list(block(port)) for port in ports(root)}
    assert found["/dev/ttyUSB3"] == [
        "/dev/ttyUSB3  Quectel EG25-G, modem",
        "    usb:           2c7c:0125",
        "    serial number: a1b2",
        "    held by:       picocom (pid 4711)",
    ]
    assert found["/dev/ttyUSB10"][0] == "/dev/ttyUSB10  Quectel EG916Q-GL, interface 3"


def test_a_udev_rule_names_each_port_by_what_stays(root: Path) -> None:
    written = [line for line in rules(ports(root)) if not line.startswith("#")]
    assert len(written) == 7
    assert (
        'SUBSYSTEM=="tty", ATTRS{idVendor}=="2c7c", ATTRS{idProduct}=="0125", ATTRS{serial}=="a1b2", '
        'ENV{ID_USB_INTERFACE_NUM}=="02", SYMLINK+="modem-a1b2-at"' in written
    )
    links = re.findall(r'SYMLINK\+="([\w.-]+)"', "\n".join(written))
    assert len(set(links)) == 7


def test_a_probe_tells_the_model_or_why_there_is_none() -> None:
    def told(device: str, **more: object) -> tuple[str | None, str | None]:
        about = {"description": "", "usb": None, "serial_number": None, "interface": None, "by_id": None}
        rest = {"function": None, "holder": None, "accessible": True}
        return probed(SerialPort(device=device, **(about | rest | more)), 115_200, 0.3)  # type: ignore[arg-type]

    with VirtualModem("BC28") as module:
        assert told(module.port) == ("BC28, dialect bc35", None)
        assert told(module.port, holder="picocom (pid 1)") == (None, "not asked, another program has it")
        assert told(module.port, function="NMEA") == (None, "not asked, NMEA does not answer to AT")
    assert "no such device" in str(told("/dev/none")[1])
    main, silent = os.openpty()
    assert "AT" in str(told(os.ttyname(silent))[1])
    os.close(main)
    os.close(silent)


def test_the_command_lists_those_of_this_machine() -> None:
    listed = json.loads(run("ports", "--json").stdout)
    assert [port["device"] for port in listed] == [port.device for port in ports()]
    shown = run("ports").stdout.decode()
    assert [line.split(" ", 1)[0] for line in shown.splitlines() if line.startswith("/")] == [
        port["device"] for port in listed
    ]
    assert run("ports", "--udev").stdout.startswith(b"# Permanent names")
