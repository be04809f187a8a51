"""The ports of a run, and how they are named."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence

_REPLAY = "replay:"
_VIRTUAL = re.compile(r"virtual(?::(?://)?(?P<model>.*))?", re.DOTALL)


class Port(NamedTuple):
    """A port as it was given."""

    text: str
    """As it was written."""
    url: str | None
    """What :class:`modemqtt.Modem` opens, or ``usb:SERIAL``; ``None`` for a virtual module."""
    model: str | None = None
    """The model of a virtual module, where one was named."""

    @property
    def replay(self) -> str | None:
        """The recording that is played."""
        url = self.url or ""
        return url.removeprefix(_REPLAY).removeprefix("//") if url.startswith(_REPLAY) else None


def parse_ports(texts: Sequence[str], source: str) -> tuple[Port, ...]:
    """Read the ports of a pool.

    Raises:
        pytest.UsageError: one of them is not a port, or virtual modules are mixed with ports.

    """
    ports = tuple(dict.fromkeys(_parse(text, source) for text in texts))
    if len({port.url is None for port in ports}) > 1:
        shown = ", ".join(port.text for port in ports)
        raise pytest.UsageError(f"{source}: a run is on virtual modules or on ports, not on both: {shown}")
    if len({port.replay is None for port in ports}) > 1:
        shown = ", ".join(port.text for port in ports)
        raise pytest.UsageError(f"{source}: a run is on recordings or on ports, not on both: {shown}")
    return ports


def _parse(text: str, source: str) -> Port:
    if (virtual := _VIRTUAL.fullmatch(text)) is not None:
        return Port(text, None, virtual["model"] or None)
    if Port(text, text).replay == "":
        raise pytest.UsageError(f"{source}: {text} names no file; replay:bench.rec does")
    if not text.strip() or text == "usb:":
        example = "usb:0123456789 for a USB serial number" if text == "usb:" else "/dev/ttyUSB2 or virtual"
        raise pytest.UsageError(f"{source} must be a port such as {example}, not {text!r}")
    return Port(text, text)
