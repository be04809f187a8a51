"""What a module says of its network."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from modemqtt.exceptions import ResponseTimeout

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modemqtt._modem import Modem
    from modemqtt._values import Response

# Registered and roaming (3GPP TS 27.007, 10.1.22).
_REGISTERED = (1, 5)


def signal(modem: Modem, timeout: float | None) -> int | None:
    """Ask for the signal strength in dBm."""
    rssi = _number_in(modem.command("AT+CSQ", timeout=timeout), r"\+CSQ:\s*(\d+)")
    unknown = 99
    return None if rssi is None or rssi >= unknown else 2 * rssi - 113


def registration(modem: Modem, known: Sequence[str], timeout: float | None) -> int:
    """Ask for the registration with one of the commands that the family is known to have."""
    command = "AT+CEREG?" if "CEREG" in known or not known else f"AT+{known[0]}?"
    stat = _number_in(modem.command(command, timeout=timeout), r"\+CE?REG:\s*\d+,\s*(\d+)")
    unknown = 4
    return unknown if stat is None else stat


def wait_registered(modem: Modem, allowed: float) -> int:
    """Ask for the registration once a second, for that many seconds."""
    deadline = time.monotonic() + allowed
    while (stat := modem.registration()) not in _REGISTERED:
        left = deadline - time.monotonic()
        if left <= 0:
            raise ResponseTimeout(f"not registered with a network within {allowed:g} s; the last state was {stat}")
        time.sleep(min(1.0, left))
    return stat


def _number_in(response: Response, pattern: str) -> int | None:
    for line in response.lines:
        found = re.match(pattern, line)
        if found:
            return int(found[1])
    return None
