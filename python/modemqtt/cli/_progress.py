"""The progress of something that takes long: a bar on standard error if that is a terminal, else nothing."""

from __future__ import annotations

import shutil
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from modemqtt import UploadProgress

# Seconds between two drawings.
_PAUSE = 0.1
# Seconds before something is worth a bar.
_LONG = 0.5


class Bar:
    """A bar for what has a known size: lines, messages, bytes."""

    def __init__(self, what: str, total: int, *, quiet: bool = False) -> None:
        """Draw nothing yet."""
        self._what, self._total = what, total
        self._shown = not quiet and sys.stderr.isatty()
        self._began = time.monotonic()
        self._next = self._began + _LONG
        self._drawn = False

    def at(self, count: int) -> None:
        """Show how much is done."""
        if self._shown and time.monotonic() >= self._next:
            self._draw(count)

    def _draw(self, count: int) -> None:
        now = time.monotonic()
        self._next = now + _PAUSE
        share = min(1.0, count / self._total) if self._total else 1.0
        rate = count / (now - self._began)
        left = (self._total - count) / rate if rate else 0.0
        text = f" {share:4.0%}  {count}/{self._total} {self._what}  {rate:.0f}/s  {_clock(left)} left"
        room = max(0, min(30, shutil.get_terminal_size().columns - len(text) - 3))
        full = round(share * room)
        print(f"\r\x1b[K[{'#' * full}{'.' * (room - full)}]{text}", end="", file=sys.stderr, flush=True)
        self._drawn = True

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Take it away."""
        if self._drawn:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


class Uploads:
    """A bar for each credential on its way into the module; called with its progress."""

    def __init__(self, *, quiet: bool = False) -> None:
        """Draw nothing yet."""
        self._quiet = quiet
        self._name = ""
        self._bar: Bar | None = None

    def __call__(self, upload: UploadProgress) -> None:
        """Draw how far it is."""
        if upload.name != self._name or self._bar is None:
            self._end()
            self._name, self._bar = upload.name, Bar(f"bytes of {upload.name}", upload.total, quiet=self._quiet)
        self._bar.at(upload.sent)

    def _end(self) -> None:
        if self._bar is not None:
            self._bar.__exit__(None, None, None)
            self._bar = None

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Take the last one away."""
        self._end()


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
