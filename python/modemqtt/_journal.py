"""The log of the process: what all its modems have to say there, written by one thread.

The I/O threads never call into Python, so they put it down and this thread takes it.
"""

from __future__ import annotations

import logging
import os
import threading
import time

from modemqtt._core import Journal

logger = logging.getLogger("modemqtt")
wire_logger = logging.getLogger("modemqtt.wire")

_LEVELS = {"info": logging.INFO, "warning": logging.WARNING}

# Seconds between two warnings of the same kind.
_PAUSE = 1.0
# How long the rest is written for when the process ends.
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
        self.process = os.getpid()
        self.journal = Journal()
        self._pacer = Pacer()
        self._dropped = 0
        self._thread = threading.Thread(target=self._run, name="modemqtt-log", daemon=True)
        self._thread.start()

    def finish(self) -> None:
        """Write what is left."""
        self.journal.end()
        if threading.current_thread() is not self._thread:
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


_lock = threading.Lock()
_writer: _Writer | None = None


def journal() -> Journal:
    """Return where the modems put down what they have to say; the first one starts the thread that writes it."""
    global _writer  # noqa: PLW0603 - one for the process
    with _lock:
        # A forked child has no thread of its parent's.
        if _writer is None or _writer.process != os.getpid():
            _writer = _Writer()
        return _writer.journal


def traced() -> bool:
    """Whether anyone wants the lines of the wire."""
    return wire_logger.isEnabledFor(logging.DEBUG)


def finish() -> None:
    """End the thread before the interpreter does."""
    global _writer
    writer, _writer = _writer, None
    if writer is not None and writer.process == os.getpid():
        writer.finish()


def renew_lock() -> None:
    """Replace the lock in a forked child: a thread of the parent may have held it."""
    global _lock  # noqa: PLW0603 - one for the process
    _lock = threading.Lock()
