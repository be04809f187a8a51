"""What went over the line."""

from __future__ import annotations

import operator
import sys
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, overload

from modemqtt._usage import text as checked_text
from modemqtt._usage import whole
from modemqtt._values import WireLine
from modemqtt.exceptions import UsageError, UsageTypeError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd
    from matplotlib.axes import Axes

    from modemqtt._line import Line


class WireLog(Sequence[WireLine]):
    """What went over the line: the last lines that fit into ``Modem(wire_size=…)``, secrets masked.

    It is a sequence of :class:`WireLine`, oldest first, and grows as lines come. A slice is a snapshot that does not
    grow.

        print(modem.wire[-5:])                # the last five lines
        modem.wire.find("+QMTSTAT")           # the lines that hold a text
        [line.text for line in modem.wire if line.sent]

    Example:
        >>> modem.command("AT+CSQ").final
        'OK'
        >>> print(modem.wire[-3:])
        > AT+CSQ
        < +CSQ: 20,0
        < OK
        >>> [line.text for line in modem.wire.find("+CSQ") if line.sent]
        ['AT+CSQ']

    """

    __slots__ = ("_source",)

    def __init__(self, source: Line | tuple[WireLine, ...]) -> None:
        """Not for programs: it is :attr:`Modem.wire`."""
        self._source = source

    def _last(self, count: int) -> tuple[WireLine, ...]:
        source = self._source
        if isinstance(source, tuple):
            return source[len(source) - min(count, len(source)) :]
        engine = source.last_engine
        return () if engine is None else tuple(WireLine(*line) for line in engine.wire(count))

    def tail(self, count: int = 20) -> list[WireLine]:
        """Return the last lines, oldest first; `count` of them, 0 or more."""
        whole("count", count, 0, sys.maxsize)
        return list(self._last(count))

    def find(self, text: str) -> list[WireLine]:
        """Return the lines that hold a text, oldest first.

        Args:
            text: what they hold: ``"+QMTSTAT"``. Upper and lower case differ.

        Raises:
            UsageTypeError: `text` is not a str.

        """
        checked_text("text", text, '"OK"')
        return [line for line in self if text in line.text]

    def save(self, path: str | PathLike[str]) -> None:
        """Write the lines to a file, as ``Modem(log=…)`` does: seconds since 1970, ``>`` or ``<``, the line.

        A payload is written as :attr:`modemqtt.WireLine.text` has it: its head and its length.

        Args:
            path: the file, which must not exist.

        Raises:
            UsageError: it exists.
            UsageTypeError: `path` is not a path.
            OSError: it cannot be written.

        """
        if not isinstance(path, (str, PathLike)):
            raise UsageTypeError(f"path must be the path of a file, not {path!r}")
        lines = "".join(f"{line.timestamp:.6f} {line}\n" for line in self)
        try:
            with Path(path).open("x", encoding="utf-8", newline="\n") as file:
                file.write(lines)
        except FileExistsError:
            raise UsageError(f"path must be that of a new file; {str(path)!r} exists") from None
        except ValueError:  # no path has such a character
            raise UsageError(f"path must be the path of a file, not {path!r}") from None

    def to_pandas(self) -> pd.DataFrame:
        """Return a table of the lines: ``timestamp``, a datetime in UTC, ``sent`` and ``text``.

        Raises:
            ImportError: pandas is not installed; ``pip install 'modemqtt[notebook]'`` brings it.

        """
        from modemqtt import _plots  # noqa: PLC0415 - only where tables and pictures are made

        return _plots.table_of_wire(self)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the lines over time: a row for each kind, the host's above, the module's below.

        Args:
            ax: where to draw; ``None`` for a new figure.

        Returns:
            The axes.

        Raises:
            UsageTypeError: `ax` is not an Axes.
            ImportError: matplotlib is not installed; ``pip install 'modemqtt[notebook]'`` brings it.

        """
        from modemqtt import _plots  # noqa: PLC0415 - only where tables and pictures are made

        return _plots.plot_wire(self, ax)

    def __len__(self) -> int:
        """How many lines are kept."""
        return len(self._last(sys.maxsize))

    @overload
    def __getitem__(self, index: int) -> WireLine: ...

    @overload
    def __getitem__(self, index: slice) -> WireLog: ...

    def __getitem__(self, index: int | slice) -> WireLine | WireLog:
        """Return a line, counted from the oldest or, with a negative index, from the end; or the lines of a slice."""
        if isinstance(index, slice):
            return WireLog(self._last(sys.maxsize)[index])
        try:
            operator.index(index)
        except TypeError:
            raise UsageTypeError(f"an index of the wire must be a whole number or a slice, not {index!r}") from None
        # In a long log the last line is the one that is looked at.
        return self._last(1)[-1] if index == -1 else self._last(sys.maxsize)[index]

    def __iter__(self) -> Iterator[WireLine]:
        """Every line that is kept, oldest first."""
        return iter(self._last(sys.maxsize))

    def __reversed__(self) -> Iterator[WireLine]:
        """Every line that is kept, the last one first."""
        return reversed(self._last(sys.maxsize))

    def index(self, value: WireLine, start: int = 0, stop: int = sys.maxsize) -> int:
        """Return the index of a line.

        Raises:
            ValueError: it is not among the lines that are kept.

        """
        return self._last(sys.maxsize).index(value, start, stop)

    def __str__(self) -> str:
        """Every line that is kept."""
        return "\n".join(map(str, self))

    def __repr__(self) -> str:
        """Return the port, or the number of lines of a slice."""
        source = self._source
        return f"<WireLog of {len(source)} lines>" if isinstance(source, tuple) else f"<WireLog of {source.port}>"

    def _repr_html_(self) -> str:
        from modemqtt import _html  # noqa: PLC0415 - only in a notebook

        return _html.wire(self)
