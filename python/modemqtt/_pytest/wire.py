"""What a test sees of the line: its part of the wire, and its unsolicited lines."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from modemqtt import Modem, WireLine


_ESCAPED = {r"\*": "*", r"\\": "\\"}


def pattern(text: str) -> re.Pattern[str]:
    r"""Read a pattern like :meth:`VirtualModem.expect`: ``*`` is any run of characters, ``\*`` itself."""
    parts = re.findall(r"\\[*\\]|\*|[^*\\]+|\\", text)
    return re.compile(
        "".join(".*" if part == "*" else re.escape(_ESCAPED.get(part, part)) for part in parts), re.DOTALL
    )


class ModemWire:
    """The wire of this test: a view that grows as lines come. Secrets are masked."""

    def __init__(self, lines: Callable[[], list[WireLine]]) -> None:
        """Not for programs, which use the fixture ``modem_wire``."""
        self._lines = lines

    def __iter__(self) -> Iterator[WireLine]:
        """Every line, oldest first."""
        return iter(self._lines())

    def __len__(self) -> int:
        """How many lines there are."""
        return len(self._lines())

    @property
    def sent(self) -> list[str]:
        """What the host sent, a text a line."""
        return [line.text for line in self._lines() if line.sent]

    @property
    def received(self) -> list[str]:
        """What the module sent, a text a line."""
        return [line.text for line in self._lines() if not line.sent]

    def find(self, text: str) -> list[WireLine]:
        """Return the lines that hold a text."""
        return [line for line in self._lines() if text in line.text]

    def assert_sequence(self, expected: Sequence[str]) -> None:
        r"""Check that these lines went over the wire in this order, perhaps with others in between.

        Args:
            expected: each a whole line, in which ``*`` is any run of characters and ``\*`` itself. One that begins with
                ``"> "`` must come from the host, with ``"< "`` from the module.

        Raises:
            AssertionError: one is missing; the message says which, and has the lines.

        """
        __tracebackhide__ = True
        lines = self._lines()
        rest = iter(lines)
        for place, each in enumerate(expected):
            wanted = pattern(each)
            if not any(wanted.fullmatch(line.text) or wanted.fullmatch(str(line)) for line in rest):
                behind = f" after {expected[place - 1]!r}" if place else ""
                shown = "\n".join(f"  {line}" for line in lines) or "  nothing"
                raise AssertionError(f"{each!r} did not go over the wire{behind}:\n{shown}")

    def __str__(self) -> str:
        """Every line."""
        return "\n".join(map(str, self._lines()))

    def __repr__(self) -> str:
        """How many lines there are."""
        return f"<ModemWire of {len(self)} lines>"


class ModemUrcs:
    """The unsolicited lines of this test.

    Looking takes them from :meth:`Modem.urcs`; :attr:`Modem.on_urc` is free for the test.
    """

    def __init__(self, modem: Modem) -> None:
        """Not for programs, which use the fixture ``cap_modem_urc``."""
        self._modem = modem
        self._kept: list[str] = []
        self.clear()

    @property
    def lines(self) -> list[str]:
        """Each that has come, oldest first."""
        if self._modem.is_open:
            self._kept += self._modem.urcs(timeout=0)
        return list(self._kept)

    def find(self, text: str) -> list[str]:
        """Return those that hold a text."""
        return [line for line in self.lines if text in line]

    def wait(self, text: str, timeout: float = 5.0) -> str:
        """Wait for one that holds a text, and return it; one that has come already counts.

        Args:
            text: what it must hold.
            timeout: seconds.

        Raises:
            AssertionError: none came in time; the message lists those that came.

        """
        __tracebackhide__ = True
        deadline = time.monotonic() + timeout
        while not (found := self.find(text)):
            left = deadline - time.monotonic()
            if left <= 0:
                came = ", ".join(self._kept) or "nothing"
                raise AssertionError(f"no unsolicited line with {text!r} came within {timeout:g} s; came: {came}")
            for line in self._modem.urcs(timeout=left):
                self._kept.append(line)
                break
        return found[0]

    def clear(self) -> None:
        """Forget those that have come."""
        _ = self.lines
        self._kept.clear()

    def __repr__(self) -> str:
        """Those that have come."""
        return f"<ModemUrcs {self.lines}>"
