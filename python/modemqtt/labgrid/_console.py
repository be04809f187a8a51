"""The wire as labgrid's console: steps that its live log shows, and that ``--lg-log`` writes to a file."""

from __future__ import annotations

import sys
from itertools import groupby
from typing import TYPE_CHECKING

import attr

from modemqtt.labgrid._foreign import Driver, step

if TYPE_CHECKING:
    from modemqtt import Modem, WireLine

_FIRST_LOOK = 32


@attr.s(eq=False)
class Console(Driver):
    """A driver that shows labgrid what went over the wire.

    labgrid's files hold only what is read, since a console echoes what is written. The module's echo is off, so sent
    lines are reported as echoes too.
    """

    def __attrs_post_init__(self) -> None:
        """Begin with nothing shown."""
        self._told: WireLine | None = None
        super().__attrs_post_init__()

    def tell(self, modem: Modem) -> None:
        """Show what went over the wire since the last time, as far as the modem keeps it."""
        for sent, group in groupby(self._untold(modem), key=lambda line: line.sent):
            data = "".join(f"{line.text}\r\n" for line in group).encode()
            if sent:
                self._write(data)
            self._read(data)

    def _untold(self, modem: Modem) -> list[WireLine]:
        count = _FIRST_LOOK
        while True:
            lines = modem.wire.tail(count)
            for place in range(len(lines) - 1, -1, -1):
                if lines[place] == self._told:
                    self._told = lines[-1]
                    return lines[place + 1 :]
            if len(lines) < count or count == sys.maxsize:
                self._told = lines[-1] if lines else None
                return lines
            count = sys.maxsize

    @step(title="write", args=["data"], tag="console")
    def _write(self, data: bytes) -> None:
        """Be seen."""

    @step(title="read", result=True, tag="console")
    def _read(self, data: bytes) -> bytes:
        return data
