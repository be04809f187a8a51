"""A recording that is played back: a module that answers as it did."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modemqtt import _core
from modemqtt._strict import Running
from modemqtt._usage import arguments
from modemqtt.exceptions import ScriptError, UsageError, UsageTypeError

if TYPE_CHECKING:
    from os import PathLike


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference between the host and the recording.

    Example:
        >>> print(Difference(24, "AT+CREG?", "AT+COPS?"))
        line 24 of the recording
            expected AT+CREG?
            got      AT+COPS?

    """

    line: int | None
    """The line of the file that was expected; ``None`` after its end."""
    expected: str
    """What was expected, with escapes for bytes that are not printable."""
    got: str
    """What came instead."""

    def __str__(self) -> str:
        """Both, one below the other."""
        where = "after the end of the recording" if self.line is None else f"line {self.line} of the recording"
        return f"{where}\n    expected {self.expected}\n    got      {self.got}"


class Replay(Running):
    """A recording that is played back on its own port.

    Example:
        >>> import os, tempfile
        >>> file = os.path.join(tempfile.mkdtemp(), "csq.rec")
        >>> with Modem("virtual://M95", record=file) as recorded:
        ...     asked = recorded.command("AT+CSQ")
        >>> with Replay(file) as replay, Modem(replay.port) as modem:
        ...     print(modem.model, modem.command("AT+CSQ") == asked)
        ...     replay.check()
        M95 True

    The module prints what it printed, once the host has sent what it sent then. How often the host asks for the module
    while opening it makes no difference, and replaced or made-up values match any value of their kind. A line that
    differs from the recording is answered with ``ERROR``, unless it was recorded a little later: then the replay goes
    on from there. A host that begins with ``AT`` after the end starts over.

    Args:
        path: the file; further parts of the recording are found.
        link: a symbolic link to make to its pseudo-terminal.
        listen: ``"host:port"`` to listen on TCP instead of a pseudo-terminal; port 0 takes a free one.
        speed: the speed of the module, in multiples of the recorded one; ``"asap"`` prints at once.

    Raises:
        UsageError: the file is not a recording, is damaged, or is of a later version; or `speed` is not a factor.
        OSError: the file cannot be read, or the port or the link cannot be made.

    """

    def __init__(
        self,
        path: str | PathLike[str],
        *,
        link: str | PathLike[str] | None = None,
        listen: str | None = None,
        speed: float | str = "asap",
    ) -> None:
        """Start it."""
        factor = checked_speed(speed)
        with arguments():
            self._core = _core.Replay(path, link=link, listen=listen, speed=factor)

    @property
    def port(self) -> str:
        """What a host opens: the path of the pseudo-terminal, or of the link, or ``socket://host:port``."""
        return self._core.port

    @property
    def model(self) -> str | None:
        """The recorded model; ``None`` if it was never found out."""
        model: str | None = self._core.header["model"]
        return model

    @property
    def differences(self) -> list[Difference]:
        """The differences between the host and the recording, in order: the first 100."""
        return [Difference(*row) for row in self._core.report()[0]]

    def check(self) -> None:
        """Check that the host sent what was recorded, all of it and nothing else. Leaving the context does not check.

        Raises:
            ScriptError: it did not; the message shows both side by side, or what it has not sent. It is an
                :class:`AssertionError` too.
            UsageError: the recording could not be read to its end.

        """
        rows, dropped, failure = self._core.report()
        if failure is not None:
            raise UsageError(failure)
        if rows:
            shown = "\n".join(str(Difference(*row)) for row in rows[:_SHOWN])
            more = len(rows) - _SHOWN + dropped
            rest = f"\nand {more} more" if more > 0 else ""
            raise ScriptError(f"the host did not send what was recorded:\n{shown}{rest}")
        ends = time.monotonic() + _PATIENCE
        while (left := self._left()) is not None:
            # What no answer follows may be on its way.
            if time.monotonic() >= ends:
                raise ScriptError(left)
            time.sleep(0.005)

    def _left(self) -> str | None:
        """Describe what the host should send next; ``None`` once it has sent everything."""
        if (left := self._core.left()) is None:
            return None
        return f"the host has stopped before the end of the recording: line {left[0]}, {left[1]}, was not sent"

    def close(self) -> None:
        """End it. A closed one is left as it is."""
        self._core.close()

    def _repr_html_(self) -> str:
        from modemqtt import _html  # noqa: PLC0415 - only in a notebook

        left = self._core.left()
        return _html.replay_html(self.model, self.port, [str(each) for each in self.differences], left and left[1])

    def __repr__(self) -> str:
        """Model and port."""
        return f"<Replay {self.model or 'of an unknown module'} {self.port}>"


# How many differences a message shows.
_SHOWN = 5
# How long, in seconds, what the host has written may take to arrive.
_PATIENCE = 0.5


def checked_speed(speed: object) -> float | None:
    """Return the factor of a speed; ``None`` for at once.

    Raises:
        UsageTypeError: it is neither a number nor a word.
        UsageError: it is not a factor.

    """
    if speed == "asap":
        return None
    wrong = f'speed must be "asap" or a factor from 0.001 to 1000000, not {speed!r}'
    if isinstance(speed, bool) or not isinstance(speed, (int, float)):
        raise UsageError(wrong) if isinstance(speed, str) else UsageTypeError(wrong)
    if not 0.001 <= speed <= 1e6:  # noqa: PLR2004 - as the message says
        raise UsageError(wrong)
    return float(speed)
