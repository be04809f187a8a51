"""The log of the process: what all its modems report, written by one thread.

The I/O threads never call into Python, so they queue their lines and this thread writes them.
"""

from __future__ import annotations

import logging
import threading
import time

from modemqtt._core import Journal

logger = logging.getLogger("modemqtt")
wire_logger = logging.getLogger("modemqtt.wire")

_LEVELS = {"info": logging.INFO, "warning": logging.WARNING}

# Seconds between two warnings of the same kind.
_PAUSE = 1.0
# How many seconds the process spends on the rest when it ends.
_FAREWELL = 1.0


class Pacer:
    """Lets a kind of warning through once a second at most."""

    def __init__(self) -> None:
        """Let the first one through."""
        self._next = 0.0

    def ready(self) -> bool:
        """Whether the time has come for the next."""
        return time.monotonic() >= self._next

    def passed(self) -> None:
        """Note that it was let through."""
        self._next = time.monotonic() + _PAUSE


class _Writer:
    """The thread and what it writes."""

    def __init__(self) -> None:
        self.journal = Journal()
        self._pacer = Pacer()
        self._dropped = 0
        self._thread = threading.Thread(target=self._run, name="modemqtt-log", daemon=True)

    def start(self) -> None:
        """Begin, unless it has begun."""
        self.journal.write(self._thread.start)

    def finish(self) -> None:
        """Write what is left."""
        self.journal.end()
        if self._thread.ident is not None and threading.current_thread() is not self._thread:
            self._thread.join(_FAREWELL)

    def _run(self) -> None:
        while (remarks := self.journal.next()) is not None:
            for port, kind, text in remarks:
                if kind == "wire":
                    wire_logger.debug("%s %s", port, text)
                else:
                    logger.log(_LEVELS[kind], "%s: %s", port, text)
            self._dropped += self.journal.take_dropped()
            if self._dropped and self._pacer.ready():
                logger.warning("%d lines of the log were dropped, its handlers are too slow", self._dropped)
                self._dropped = 0
                self._pacer.passed()


_writer = _Writer()


def journal() -> Journal:
    """Return the queue for the modems' lines; the first modem starts the thread that writes them."""
    writer = _writer
    writer.start()
    return writer.journal


def traced() -> bool:
    """Whether anyone wants the lines of the wire."""
    return wire_logger.isEnabledFor(logging.DEBUG)


def finish() -> None:
    """End the thread before the interpreter does."""
    global _writer
    writer, _writer = _writer, _Writer()
    writer.finish()


def renew() -> None:
    """Make a new writer in a forked child, which does not have its parent's thread."""
    global _writer  # noqa: PLW0603 - one for the process
    _writer = _Writer()
