"""The terminal of ``modemqtt term``: incoming lines scroll up, the line being typed stays below them."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import termios
import threading
import time
import tty
from typing import TYPE_CHECKING, Any

from modemqtt.cli._streams import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modemqtt.cli._editor import Editor

# The look of unsolicited lines, and of our own remarks, on a terminal with colours.
_STYLES = {"urc": "\x1b[36m", "error": "\x1b[31m", "remark": "\x1b[2m", "sent": "\x1b[1m"}
_MARKS = {"urc": "* ", "error": "! ", "remark": "- ", "sent": "> "}
_OFF = "\x1b[0m"
_ERASE = "\r\x1b[K"


class Screen:
    """Writes from any thread."""

    def __init__(self, editor: Editor, *, times: bool) -> None:
        """Draw nothing yet."""
        self._editor = editor
        self._lock = threading.RLock()
        self._colours = not os.environ.get("NO_COLOR")
        self.times = times
        self.prompt = ""
        """The prompt before the line being typed."""

    def show(self, text: str, kind: str = "", *, at: float | None = None) -> None:
        """Write a line above the one being typed.

        Args:
            text: the line; anything that would act on the terminal is escaped.
            kind: ``""`` for an answer, ``"urc"``, ``"error"``, ``"remark"`` or ``"sent"``, told apart by a mark too.
            at: its time in seconds since 1970; ``None`` for now.

        """
        moment = time.time() if at is None else at
        stamp = (
            f"{time.strftime('%H:%M:%S', time.localtime(moment))}.{int(moment % 1 * 1000):03} " if self.times else ""
        )
        written = f"{_MARKS.get(kind, '')}{printable(text)}"
        if self._colours and kind in _STYLES:
            written = f"{_STYLES[kind]}{written}{_OFF}"
        with self._lock:
            self._write(f"{_ERASE}{stamp}{written}\r\n{self._typed()}")

    def draw(self) -> None:
        """Redraw the line being typed."""
        with self._lock:
            self._write(f"{_ERASE}{self._typed()}")

    def clear(self) -> None:
        """Clear all of it."""
        with self._lock:
            self._write(f"\x1b[H\x1b[2J{self._typed()}")

    def _typed(self) -> str:
        """Return as much of the line being typed as there is room for, and the way to its cursor."""
        room = max(shutil.get_terminal_size().columns - len(self.prompt) - 1, 1)
        start = max(self._editor.cursor - room, 0)
        shown = self._editor.text[start : start + room]
        back = len(shown) - (self._editor.cursor - start)
        return f"{self.prompt}{shown}" + (f"\x1b[{back}D" if back else "")

    def _write(self, text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()


@contextlib.contextmanager
def raw() -> Iterator[None]:
    """Pass every key on as it is, even Ctrl-C, and restore the terminal at the end."""
    descriptor = sys.stdin.fileno()
    before: list[Any] = termios.tcgetattr(descriptor)
    tty.setraw(descriptor)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
        sys.stdout.write(_ERASE)
        sys.stdout.flush()
