"""How a command ends: its exit status, and the sentence on standard error."""

from __future__ import annotations

import errno
from enum import IntEnum

from modemqtt.exceptions import ConnectError, ModemError, PortError, UsageError


class Exit(IntEnum):
    """The exit statuses. ``pub`` and ``sub`` end with the code of the CONNACK, 1 to 5, if the broker refused."""

    DONE = 0
    FAILED = 1
    """Anything that no other status names; for ``pub`` and ``sub`` also a wrong command line, as with mosquitto."""
    USAGE = 2
    """The command line is wrong."""
    TIMED_OUT = 27
    """``sub -W``: the time is over."""
    NO_DEVICE = 69
    """There is no such port, or it was lost."""
    BUSY = 75
    """Another program has the port."""
    INTERRUPTED = 130
    """Ctrl-C."""
    BROKEN_PIPE = 141
    """The reader of the output has left."""


_NO_DEVICE = {errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.EIO, errno.ETIMEDOUT}


class Failure(Exception):  # noqa: N818 - what ends a command
    """Ends a command with this sentence and status."""

    def __init__(self, sentence: str, status: int = Exit.FAILED) -> None:
        """Take the sentence and the status."""
        super().__init__(sentence)
        self.status = status


def status_of(error: Exception, *, usage: int, refusals: bool = False) -> int:
    """Return the exit status for an error.

    Args:
        error: what ended the command.
        usage: the command's status for a wrong command line.
        refusals: whether the code of a broker's refusal is the status.

    """
    if isinstance(error, Failure):
        return error.status
    if isinstance(error, UsageError):
        return usage
    if isinstance(error, PortError):
        if error.errno == errno.EINVAL:
            return usage
        return Exit.BUSY if error.errno == errno.EBUSY else _of_port(error)
    if refusals and isinstance(error, ConnectError) and error.return_code:
        return error.return_code
    return Exit.FAILED


def _of_port(error: PortError) -> Exit:
    return Exit.NO_DEVICE if error.errno in _NO_DEVICE else Exit.FAILED


def first_line(error: Exception) -> str:
    """Return what an error says, without the lines of the wire that follow."""
    return str(error).partition("\n")[0]


def sentence_of(error: Exception) -> str:
    """Return what an error says, on one line."""
    if isinstance(error, OSError) and not isinstance(error, ModemError):
        where = f"{error.filename}: " if error.filename is not None else ""
        return f"{where}{error.strerror or error}"
    return " ".join(str(error).split("\n"))
