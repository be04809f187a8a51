"""``modemqtt ports``: the serial ports of this machine, and the modules on them."""

from __future__ import annotations

import dataclasses
import json
import re
from typing import TYPE_CHECKING

from modemqtt import Modem
from modemqtt._serial import SerialPort, ports
from modemqtt.cli._arguments import BAUD, Parser, command, default_baud, duration, positive
from modemqtt.cli._streams import printable, remark, say
from modemqtt.exceptions import ModemError

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator

# Interfaces on which no module answers to AT.
_SILENT = {"DIAG", "NMEA"}
_UDEV_FILE = "/etc/udev/rules.d/99-modemqtt.rules"


def parser() -> Parser:
    """Describe the arguments."""
    described = command(
        "ports",
        "List the serial ports of this machine: what is behind each, its vid:pid and serial number on USB, its "
        "permanent link, and the program that has it open. The interfaces of Quectel's USB modules are named.",
        wire=False,
        examples=(
            "modemqtt ports",
            "modemqtt ports --probe",
            "modemqtt ports --json",
            f"modemqtt ports --udev | sudo tee {_UDEV_FILE}",
        ),
    )
    described.add_argument(
        "--probe",
        action="store_true",
        help="open each that is free and ask for the model; this sends AT to all of them",
    )
    described.add_argument(
        "-b",
        "--baud",
        type=positive,
        default=default_baud(),
        metavar="N",
        help=f"for --probe; default: {BAUD}, or 115200",
    )
    described.add_argument(
        "--timeout", type=duration, default=3.0, metavar="S", help="seconds for each with --probe; default: 3"
    )
    form = described.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print a list of objects")
    form.add_argument("--udev", action="store_true", help="print udev rules that give each USB port a permanent name")
    return described


def run(options: Namespace) -> int:
    """List them."""
    found = ports()
    if options.udev:
        say("\n".join(rules(found)))
        return 0
    models = {port.device: probed(port, options.baud, options.timeout) for port in found} if options.probe else {}
    if options.json:
        listed = [
            dataclasses.asdict(port) | ({"model": models[port.device][0]} if options.probe else {}) for port in found
        ]
        say(json.dumps(listed, indent=2))
        return 0
    for port in found:
        say("\n".join(block(port, *models.get(port.device, (None, None)))))
    if not found and not options.quiet:
        remark("modemqtt ports: there is no serial port; a module on USB at least shows up in `lsusb`")
    return 0


def block(port: SerialPort, model: str | None = None, trouble: str | None = None) -> Iterator[str]:
    """Yield the lines about a port."""
    function = f", {port.function}" if port.function else ""
    if port.interface is not None and not port.function:
        function = f", interface {port.interface}"
    yield f"{port.device}  {printable(port.description)}{function}"
    about = {
        "usb": port.usb,
        "serial number": port.serial_number,
        "by id": port.by_id,
        "held by": port.holder,
        "access": None if port.accessible else "not for this user; its group has it: `ls -l` names that",
        "model": model,
        "no model": trouble,
    }
    for name, value in about.items():
        if value is not None:
            yield f"    {name + ':':<15}{printable(value)}"


def probed(port: SerialPort, baudrate: int, timeout: float) -> tuple[str | None, str | None]:
    """Return the model on a port, or why there is none."""
    if port.holder is not None:
        return None, "not asked, another program has it"
    if port.function in _SILENT:
        return None, f"not asked, {port.function} does not answer to AT"
    try:
        with Modem(port.device, baudrate=baudrate).open(timeout=timeout) as modem:
            return f"{modem.model}, dialect {modem.dialect}", None
    except ModemError as error:
        return None, str(error).partition(";")[0]


def rules(found: list[SerialPort]) -> Iterator[str]:
    """Write a rule for each USB port that can be told from the others."""
    yield f"# Permanent names, for {_UDEV_FILE}; then: sudo udevadm control --reload && sudo udevadm trigger"
    for port in found:
        if port.usb is None:
            continue
        vendor, _, product = port.usb.partition(":")
        conditions = [f'ATTRS{{idVendor}}=="{vendor}"', f'ATTRS{{idProduct}}=="{product}"']
        name = ["modem"]
        if port.serial_number is not None:
            conditions.append(f'ATTRS{{serial}}=="{port.serial_number}"')
            name.append(port.serial_number)
        if port.interface is not None:
            conditions.append(f'ENV{{ID_USB_INTERFACE_NUM}}=="{port.interface:02x}"')
            name.append(port.function.lower() if port.function else f"if{port.interface:02x}")
        link = re.sub(r"[^A-Za-z0-9_.-]+", "_", "-".join(name))
        yield f'SUBSYSTEM=="tty", {", ".join(conditions)}, SYMLINK+="{link}"'
