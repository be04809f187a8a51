"""A program in a terminal: the system's pseudo-terminal, and as much of a screen as the program draws on."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from typing import TYPE_CHECKING, Any

from support import shell

if TYPE_CHECKING:
    from typing_extensions import Self

_SEQUENCE = re.compile(r"\x1b\[([0-9;]*)([A-Za-z])")
COLUMNS = 100


class Terminal:
    """Runs a program until the end of the block, and has its output as lines."""

    def __init__(self, *arguments: str, **more: str) -> None:
        """Start it."""
        self._main, self._inner = pty.openpty()
        fcntl.ioctl(self._main, termios.TIOCSWINSZ, struct.pack("HHHH", 40, COLUMNS, 0, 0))
        self.settings: list[Any] = termios.tcgetattr(self._inner)
        self.process = subprocess.Popen(  # noqa: S603 - our own
            shell.command(*arguments),
            stdin=self._inner,
            stdout=self._inner,
            stderr=self._inner,
            start_new_session=True,
            env=shell.environment(TERM="xterm", **more),
        )
        self._written = ""

    @property
    def settings_now(self) -> list[Any]:
        """The settings of the terminal."""
        return termios.tcgetattr(self._inner)

    @property
    def raw(self) -> str:
        """Everything that came, unchanged."""
        return self._written

    @property
    def lines(self) -> list[str]:
        """The lines as they stand, the one with the cursor last."""
        done: list[str] = []
        line: list[str] = []
        at = place = 0
        text = self._written
        while at < len(text):
            if found := _SEQUENCE.match(text, at):
                at = found.end()
                if found[2] == "K":
                    del line[place:]
                elif found[2] == "D":
                    place -= int(found[1] or 1)
                elif found[2] == "J":
                    done, line, place = [], [], 0
                continue
            character, at = text[at], at + 1
            if character == "\r":
                place = 0
            elif character == "\n":
                done.append("".join(line))
                line = []
            else:
                line[place : place + 1] = [character]
                place += 1
        return [*done, "".join(line)]

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._main, keys.encode())

    def wait(self, pattern: str, *, line: bool = True) -> str:
        """Wait for a line, or for something anywhere, that fits, and return it."""
        deadline = time.monotonic() + shell.PATIENCE
        while True:
            for each in self.lines if line else [self._written]:
                if re.search(pattern, each):
                    return each
            left = deadline - time.monotonic()
            ready, _, _ = select.select([self._main], [], [], max(left, 0))
            assert ready, f"{pattern!r} has not come:\n" + "\n".join(self.lines)
            self._written += os.read(self._main, 65_536).decode(errors="replace")

    def end(self) -> int:
        """Wait for the end of the program, and return its status."""
        # There must be room for what it still writes.
        while self.process.poll() is None:
            ready, _, _ = select.select([self._main], [], [], 0.02)
            if ready:
                self._written += os.read(self._main, 65_536).decode(errors="replace")
        return self.process.returncode

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._main)
        os.close(self._inner)
