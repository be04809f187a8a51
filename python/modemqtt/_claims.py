"""Which process holds a port."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import stat
import tempfile
from pathlib import Path
from typing import NamedTuple

from modemqtt.exceptions import PortError


class Holder(NamedTuple):
    """The holder of a port."""

    process: int
    run: str
    worker: str

    def __str__(self) -> str:
        """Name the holder, for a message."""
        return f"process {self.process}" + ("" if self.worker == "master" else f" ({self.worker})")


class Claim:
    """A port that this process has to itself: the lock of a file, which ends with the process at the latest."""

    def __init__(self, descriptor: int) -> None:
        """Only :func:`claim` makes it."""
        self._descriptor: int | None = descriptor

    def release(self) -> None:
        """Let others have the port. The file stays: another process may have it open already."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


def claim(port: str, run: str, worker: str) -> Claim | Holder:
    """Take a port, or say who has it.

    Raises:
        PortError: the folder of the locks does not belong to this user.

    """
    name = re.sub(r"[^A-Za-z0-9.-]", "_", port if "://" in port else str(Path(port).resolve()))
    path = _folder() / f"{name}.lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        try:
            return _holder(descriptor)
        finally:
            os.close(descriptor)
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()} {run} {worker}".encode(), 0)
    return Claim(descriptor)


def _holder(descriptor: int) -> Holder:
    words = os.pread(descriptor, 200, 0).decode(errors="replace").split()
    # It may be about to write.
    process, run, worker = words if len(words) == 3 else ("0", "", "master")  # noqa: PLR2004 - as claim() writes it
    return Holder(int(process) if process.isdigit() else 0, run, worker)


def _folder() -> Path:
    """Return the folder of the locks, which belongs to this user."""
    folder = Path(tempfile.gettempdir()) / f"modemqtt-{os.getuid()}"
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise PortError(f"{folder} must be a folder that belongs to this user, for the locks of ports; remove it")
    return folder
