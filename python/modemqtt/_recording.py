"""What goes over the line of a modem, kept in a file."""

from __future__ import annotations

import warnings
import weakref
from typing import TYPE_CHECKING

from modemqtt import _journal
from modemqtt._core import Recorder

if TYPE_CHECKING:
    from os import PathLike

_SCHEMES = {"socket": "socket", "rfc2217": "rfc2217", "virtual": "virtual", "replay": "replay"}

_of_modem: weakref.WeakKeyDictionary[object, Recording] = weakref.WeakKeyDictionary()


class Recording:
    """The recording of a modem: its first opening begins it, and later ones continue it."""

    def __init__(
        self, port: str, path: str | PathLike[str] | None, *, identities: bool, model: str, baudrate: int
    ) -> None:
        """Take the settings. Nothing is written yet."""
        self._port = port
        self._path = path
        self._identities = identities
        self._model = None if model == "auto" else model
        self._baudrate = baudrate
        # The size of a part in bytes; None for the usual one.
        self.part: int | None = None
        self._recorder: Recorder | None = None
        self._invented: list[str] = []
        self._warned = False
        # The recording of another modem, which this one continues.
        self.of: Recording | None = None

    def begun(self) -> Recorder | None:
        """Return the recording, and begin it if one is wanted.

        Raises:
            UsageError: the file already exists, or cannot be made.

        """
        if self.of is not None:
            return self.of.begun()
        if self._path is None:
            return None
        if self._recorder is None:
            self._recorder = Recorder(
                self._path,
                kind=_SCHEMES.get(self._port.partition(":")[0], "device"),
                baudrate=self._baudrate,
                model=self._model,
                identities=self._identities,
                part=self.part,
                name=self._port,
                journal=_journal.journal(),
            )
            for value in self._invented:
                self._recorder.invented(value)
        return self._recorder

    def invented(self, value: str) -> None:
        """Let a value that was made up for this run match any other when the recording is played."""
        if self.of is not None:
            self.of.invented(value)
            return
        self._invented.append(value)
        if self._recorder is not None:
            self._recorder.invented(value)

    def mark(self, name: str) -> None:
        """Begin a section, if the recording has begun."""
        if self.of is not None:
            self.of.mark(name)
        elif self._recorder is not None:
            self._recorder.mark(name)

    def finish(self) -> None:
        """Write everything so far to the file, and warn if that fails."""
        if self.of is not None:
            self.of.finish()
            return
        recorder = self._recorder
        if recorder is None:
            return
        complete = recorder.flush()
        failure = recorder.failure
        if failure is None and not complete:
            failure = "the recording is not complete: not everything could be written in 2 s"
        if failure is not None and not self._warned:
            self._warned = True
            warnings.warn(f"{self._port}: {failure}", RuntimeWarning, stacklevel=4)


def remember(modem: object, recording: Recording) -> None:
    """Let the recording of a modem be found."""
    _of_modem[modem] = recording


def record_in(modem: object, recording: Recording) -> None:
    """Record a modem that was never open in a recording that may have others before it."""
    _of_modem[modem].of = recording


def mark(modem: object, name: str) -> None:
    """Begin a section of the recording of a modem, if it has one."""
    _of_modem[modem].mark(name)


def invented(modem: object, value: str) -> None:
    """Let a value that was made up for this run match any other when the modem's recording is played."""
    _of_modem[modem].invented(value)
