"""The recordings of a run that has them in place of modules."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from modemqtt import _core
from modemqtt._pytest.failure import fail
from modemqtt._pytest.names import TEST
from modemqtt._replay import Difference
from modemqtt._usage import arguments

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modemqtt._pytest.models import Wanted

# How many differences from a recording a failure shows.
_SHOWN = 5


class Contents(NamedTuple):
    """What one file holds."""

    file: str
    header: dict[str, Any]
    sections: list[tuple[str, tuple[int, int, int]]]

    @property
    def model(self) -> str:
        """The model, as far as it was found out."""
        return self.header["model"] or ""

    @property
    def dialect(self) -> str:
        """Its dialect."""
        return self.header["dialect"] or ""


def contents(file: str, where: str) -> Contents:
    """Read a recording once, or fail."""
    try:
        with arguments():
            return Contents(file, *_core.sections(file))
    except OSError as error:
        fail(f"{where}: {error.strerror or error}")


class Played:
    """The recordings of a run, played on one port.

    A run records a section for each test, and for what fixtures of a wider scope do. Each is played when its turn
    comes, whatever was played before it: tests may run in any order, and any of them may be left out. A recording
    without sections, such as that of a program, is played from its beginning to its end.
    """

    def __init__(self, recordings: Sequence[Contents], where: str) -> None:
        """Start to play them."""
        self.where = where
        self._recordings = recordings
        self._current = recordings[0]
        self._sections: dict[str, list[tuple[Contents, tuple[int, int, int]]]] = {}
        for one in recordings:
            for name, begins in one.sections:
                self._sections.setdefault(name, []).append((one, begins))
        # Whatever stands between sections has no name.
        self._sections.pop("", None)
        self._times: Counter[str] = Counter()
        self._seen = 0
        self._in_section = False
        self._core = _core.Replay(self._current.file, link=None, listen=None, speed=None)

    @property
    def port(self) -> str:
        """What a modem opens."""
        return self._core.port

    def opening(self, wanted: Wanted | None, test: str) -> None:
        """Go on where a modem is opened, or skip the test.

        Args:
            wanted: the model that the test wants.
            test: its name. Where several recordings fit, one that has it is taken.

        """
        fits = [one for one in self._recordings if wanted is None or wanted.fits(one.model, one.dialect)]
        if not fits:
            there = ", ".join(dict.fromkeys(one.model or "an unknown model" for one in self._recordings))
            pytest.skip(f"needs {wanted}; there is {there} in {self.where}")
        having = [one for one, _ in self._sections.get(f"{TEST}{test}", ())]
        self._current = next((one for one in fits if one in having), fits[0])
        self._in_section = False
        if self._sections:
            self._core.play(self._current.file, None)

    def suits(self, test: str) -> bool:
        """Whether the module that is played is of a model on which a test was recorded, if it was."""
        having = self._sections.get(f"{TEST}{test}", ())
        return not having or any(one.model == self._current.model for one, _ in having)

    def has(self, name: str) -> bool:
        """Whether a section is there; a recording without sections may have anything."""
        return not self._sections or bool(self._places(name))

    def _places(self, name: str) -> list[tuple[Contents, tuple[int, int, int]]]:
        model = self._current.model
        return [place for place in self._sections.get(name, ()) if place[0].model == model]

    def begin(self, name: str) -> None:
        """Go on with a section: the second time, as when a test is run again, with its second recording."""
        self.end()
        if places := self._places(name):
            recording, begins = places[min(self._times[name], len(places) - 1)]
            self._times[name] += 1
            self._core.play(recording.file, begins)
            self._in_section = True

    def begin_test(self, test: str) -> None:
        """Go on with the section of a test, or fail."""
        name = f"{TEST}{test}"
        if not self.has(name):
            tests = [each.removeprefix(TEST) for each in self._sections if each.startswith(TEST)]
            example = f", such as {tests[0]}" if tests else ""
            count = f"{len(tests)} test{'s' if len(tests) > 1 else ''}" if tests else "no test"
            fail(f"{self.where} has {count}{example}, and not {test}; record the suite again")
        self.begin(name)

    def end(self) -> None:
        """End a section: anything it still expects is a difference, and so is anything sent before the next one."""
        if self._in_section:
            self._in_section = False
            self._core.play(None, None)

    def differences(self) -> str | None:
        """Describe the differences since the last call; ``None`` if there are no new ones."""
        rows, dropped, failure = self._core.report()
        seen, self._seen = self._seen, len(rows) + dropped
        if failure is not None:
            return f"{self.where}: {failure}"
        if self._seen == seen:
            return None
        shown = "\n".join(str(Difference(*row)) for row in rows[seen:][:_SHOWN]) or "(more than a run shows)"
        what = (
            "record it again if it has changed, and run it after the same tests if it depends on them"
            if self._sections
            else "run on it what was recorded, in the same order"
        )
        return f"{self.where}: the test did not send what was recorded; {what}:\n{shown}"

    def close(self) -> None:
        """End it."""
        self._core.close()
