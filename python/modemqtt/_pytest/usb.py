"""Finding a port by the serial number of its USB device."""

from __future__ import annotations

from pathlib import Path

from modemqtt import _serial


def find(number: str, root: Path = Path("/")) -> str:
    """Return the device with that serial number; if a module has several ports, the one for commands.

    Raises:
        LookupError: there is none, or more than one; the text lists them.

    """
    ports = _serial.ports(root)
    found = [port for port in ports if port.serial_number == number]
    if len(found) > 1:
        found = [port for port in found if port.function == "AT"] or found
    if len(found) == 1:
        return found[0].device
    if found:
        raise LookupError(f"usb:{number} has several ports; name one of {', '.join(port.device for port in found)}")
    there = ", ".join(sorted({port.serial_number for port in ports if port.serial_number})) or "none"
    raise LookupError(f"usb:{number}: no port has this USB serial number; those that have one: {there}")
