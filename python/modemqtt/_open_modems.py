"""The open modems of the process."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from modemqtt._base_modem import every_modem
from modemqtt._registry import members

if TYPE_CHECKING:
    from modemqtt._modem import Modem
    from modemqtt.aio._modem import AsyncModem


def open_modems() -> list[Modem | AsyncModem]:
    """Return the open modems of this process, by port. An :class:`modemqtt.aio.AsyncModem` is one of them."""
    modems = (modem for modem in members(every_modem) if modem.is_open)
    return cast("list[Modem | AsyncModem]", sorted(modems, key=lambda modem: modem.port))
