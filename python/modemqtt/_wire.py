"""What went over the line."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from modemqtt._usage import whole
from modemqtt._values import WireLine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modemqtt._line import Line


class WireLog:
    """What went over the line: the last lines that find room in ``Modem(wire_size=…)``, secrets masked."""

    def __init__(self, line: Line) -> None:
        """Not for programs: it is :attr:`Modem.wire`."""
        self._line = line

    def tail(self, count: int = 20) -> list[WireLine]:
        """Return the last lines, oldest first; `count` of them, 0 or more."""
        whole("count", count, 0, sys.maxsize)
        engine = self._line.last_engine
        return [] if engine is None else [WireLine(*line) for line in engine.wire(count)]

    def __iter__(self) -> Iterator[WireLine]:
        """Every line that is kept, oldest first."""
        return iter(self.tail(sys.maxsize))

    def __str__(self) -> str:
        """Every line that is kept."""
        return "\n".join(map(str, self))
