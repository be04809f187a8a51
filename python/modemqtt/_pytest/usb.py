"""Finding a port by the serial number of its USB device."""

from __future__ import annotations

from pathlib import Path

# Where Linux lists terminals, and where they are opened.
_CLASS = Path("/sys/class/tty")
_DEVICES = Path("/dev")
# Quectel's modules have several ports: diagnosis, positions, commands, data. Theirs for commands is the third.
_QUECTEL, _COMMANDS = "2c7c", "02"


def find(serial: str, tty_class: Path = _CLASS, devices: Path = _DEVICES) -> str:
    """Return the device of that serial number.

    Raises:
        LookupError: there is none, or more than one; the text says which there are.

    """
    found: dict[str, tuple[str, str]] = {}
    serials = set()
    for terminal in sorted(tty_class.iterdir()) if tty_class.is_dir() else ():
        device = (terminal / "device").resolve()
        usb = next((folder for folder in device.parents if (folder / "idVendor").is_file()), None)
        if usb is None:
            continue
        serials.add(number := _text(usb / "serial"))
        if number == serial:
            interface = next(
                (folder for folder in (device, *device.parents) if (folder / "bInterfaceNumber").is_file()), usb
            )
            found[str(devices / terminal.name)] = (_text(usb / "idVendor"), _text(interface / "bInterfaceNumber"))
    if len(found) > 1:
        found = {name: told for name, told in found.items() if told == (_QUECTEL, _COMMANDS)} or found
    if len(found) == 1:
        return next(iter(found))
    if found:
        raise LookupError(f"usb:{serial} has several ports; name one of {', '.join(found)}")
    there = ", ".join(sorted(serials - {""})) or "none"
    raise LookupError(f"usb:{serial}: no port has this USB serial number; those that have one: {there}")


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace").strip() if path.is_file() else ""
