"""The files in which a run records its modems."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING

import pytest

from modemqtt import UsageError
from modemqtt._pytest import settings
from modemqtt._recording import Recording, record_in

if TYPE_CHECKING:
    from pathlib import Path

    from modemqtt import Modem
    from modemqtt._pytest.settings import Settings


def check(config: pytest.Config) -> None:
    """Refuse what cannot be recorded, before any test runs.

    Raises:
        pytest.UsageError: a file of the recording exists, its folder does not, or the run has nothing to record.

    """
    told, source = settings.of(config), settings.source(config, "record")
    path = told.record
    # Workers find the files of one another.
    if path is None or hasattr(config, "workerinput"):
        return
    if told.replay is not None:
        raise pytest.UsageError(f"{source}: {told.where} is a recording already; leave one of the two out")
    if told.target is not None:
        raise pytest.UsageError(f"{source}: the modem of {told.where} is opened by labgrid; name its port instead")
    if not path.parent.is_dir():
        raise pytest.UsageError(f"{source}: {path.parent} is not a folder; make it, or name another file")
    others = re.compile(rf"{re.escape(path.stem)}(-\d+)?{re.escape(path.suffix)}")
    for file in sorted(path.parent.iterdir()):
        if others.fullmatch(file.name):
            raise pytest.UsageError(
                f"{source}: {file} exists, and a recording never replaces a file; name another, or move that one away"
            )


class Records:
    """The recordings of a process: one for each port, or for each model of virtual modules."""

    def __init__(self, told: Settings) -> None:
        """Begin without any."""
        self._settings = told
        self._recordings: dict[str, Recording] = {}

    def record(self, modem: Modem, key: str) -> None:
        """Record a modem, if the run is recorded, behind what was recorded under that key before."""
        path = self._settings.record
        if path is None:
            return
        if key not in self._recordings:
            self._recordings[key] = self._begin(path, modem.port)
        record_in(modem, self._recordings[key])

    def _begin(self, path: Path, port: str) -> Recording:
        """Make the first file that no other modem of the run has."""
        told = self._settings
        for number in itertools.count(1):
            file = path if number == 1 else path.with_name(f"{path.stem}-{number}{path.suffix}")
            if not file.exists():
                recording = Recording(
                    port, file, identities=False, model=told.model or "auto", baudrate=told.baud or settings.BAUDRATE
                )
                try:
                    recording.begun()
                except UsageError:
                    if not file.exists():
                        raise
                else:
                    return recording
        raise AssertionError  # there is no last number
