"""The serial ports of this machine, as Linux lists them in /sys, /dev and /proc."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_QUECTEL = "2c7c"
# The serial interfaces of modules on Qualcomm chips: EC21, EC25/EG25, EG91, EG95, BG96, EG06, EG12/EG18, BG95/BG77 (as
# in the udev rules of ModemManager, plugins/quectel). Others name their interfaces themselves, or not at all.
_LAYOUT = {0: "DIAG", 1: "NMEA", 2: "AT", 3: "modem"}
_WITH_LAYOUT = {"0121", "0125", "0191", "0195", "0296", "0306", "0512", "0700"}
# What a module calls an interface, by a word of it: "Quectel USB AT Port".
_WORDS = {"at": "AT", "nmea": "NMEA", "gnss": "NMEA", "modem": "modem", "diag": "DIAG", "dm": "DIAG"}
# `type` of a port of 8250.c without hardware.
_NOTHING = "0"


@dataclass(frozen=True, slots=True)
class SerialPort:
    """A serial port."""

    device: str
    """Its path: ``/dev/ttyUSB2``."""
    description: str
    """Who made it, and what it is."""
    usb: str | None
    """Vendor and product on USB, ``2c7c:0125``."""
    serial_number: str | None
    """The serial number on USB."""
    interface: int | None
    """The number of its interface on USB."""
    function: str | None
    """What Quectel's interface is for: ``AT``, ``NMEA``, ``modem``, ``DIAG``."""
    by_id: str | None
    """A link to it with a permanent name: ``/dev/serial/by-id/…``."""
    holder: str | None
    """Which program has it, as far as that can be seen."""
    accessible: bool
    """Whether this user may read and write it."""


def ports(root: Path = Path("/")) -> list[SerialPort]:
    """Return the serial ports, in order."""
    folder = root / "sys/class/tty"
    if folder.is_dir():
        names = [path.name for path in folder.iterdir() if (path / "device").exists() and not _is_empty(path)]
    else:
        names = [path.name for path in (root / "dev").glob("cu.*")]
    links = _links(root)
    holders = dict(_holders(root))
    return [_port(root, name, links, holders) for name in sorted(names, key=_in_order)]


def _port(root: Path, name: str, links: dict[str, str], holders: dict[str, str]) -> SerialPort:
    device = root / "dev" / name
    about = _About(root / "sys/class/tty" / name / "device")
    shown = f"/dev/{name}"
    return SerialPort(
        device=shown,
        description=about.description,
        usb=about.usb,
        serial_number=about.read("serial"),
        interface=about.interface,
        function=about.function,
        by_id=links.get(name),
        holder=holders.get(shown) or _lock(root, name),
        accessible=os.access(device, os.R_OK | os.W_OK),
    )


class _About:
    """What /sys says about the device of a port."""

    def __init__(self, device: Path) -> None:
        """Find the USB device and its interface among the parents."""
        above = [device.resolve(), *device.resolve().parents] if device.exists() else []
        self._device = next((path for path in above if (path / "idVendor").exists()), None)
        self._interface = next((path for path in above if (path / "bInterfaceNumber").exists()), None)

    def read(self, name: str, *, interface: bool = False) -> str | None:
        """Return a text of the USB device, or of the interface."""
        folder = self._interface if interface else self._device
        return None if folder is None else _text(folder / name)

    @property
    def usb(self) -> str | None:
        """Vendor and product."""
        vendor, product = self.read("idVendor"), self.read("idProduct")
        return f"{vendor}:{product}" if vendor and product else None

    @property
    def interface(self) -> int | None:
        """The number of the interface."""
        number = self.read("bInterfaceNumber", interface=True)
        return int(number, 16) if number else None

    @property
    def function(self) -> str | None:
        """What an interface of Quectel's is for."""
        if self.read("idVendor") != _QUECTEL:
            return None
        if self.read("idProduct") in _WITH_LAYOUT and self.interface is not None:
            return _LAYOUT.get(self.interface)
        words = re.findall(r"[a-z]+", (self.read("interface", interface=True) or "").lower())
        return next((_WORDS[word] for word in words if word in _WORDS), None)

    @property
    def description(self) -> str:
        """Who made it, and what it is."""
        maker, product = self.read("manufacturer") or "", self.read("product") or ""
        if product.startswith(maker):
            maker = ""
        return f"{maker} {product}".strip() or ("USB" if self._device is not None else "serial port of this machine")


def _in_order(name: str) -> tuple[str, int]:
    head = name.rstrip("0123456789")
    return head, int(name[len(head) :] or 0)


def _is_empty(port: Path) -> bool:
    return _text(port / "type") == _NOTHING


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip() or None
    except OSError:
        return None


def _links(root: Path) -> dict[str, str]:
    """Return the links in by-id, by the names that they lead to."""
    folder = root / "dev/serial/by-id"
    try:
        return {Path(link.readlink()).name: f"/dev/serial/by-id/{link.name}" for link in sorted(folder.iterdir())}
    except OSError:
        return {}


def _holders(root: Path) -> Iterator[tuple[str, str]]:
    """Yield each device that a process has open, with the process. Only root sees those of other users."""
    try:
        processes = [path for path in (root / "proc").iterdir() if path.name.isdigit()]
    except OSError:
        return
    for process in processes:
        try:
            opened = {str(descriptor.readlink()) for descriptor in (process / "fd").iterdir()}
        except OSError:
            continue
        for device in opened:
            if device.startswith("/dev/tty"):
                yield device, f"{_text(process / 'comm') or 'a process'} (pid {process.name})"


def _lock(root: Path, name: str) -> str | None:
    """Return who has locked it with a file, as uucp does; a lock whose process has ended does not count."""
    for folder in ("run/lock", "var/lock"):
        number = (_text(root / folder / f"LCK..{name}") or "").split(" ", 1)[0]
        if number.isdigit() and (root / "proc" / number).exists():
            return f"{_text(root / 'proc' / number / 'comm') or 'a process'} (pid {number})"
    return None
