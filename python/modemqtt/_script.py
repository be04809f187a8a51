"""Scripts of a virtual module: what is expected of the host, and what the module does then."""

from __future__ import annotations

from dataclasses import astuple, dataclass, replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from modemqtt import _core
from modemqtt._strict import Single
from modemqtt._usage import arguments, text, whole
from modemqtt.exceptions import UsageError, UsageTypeError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from typing_extensions import Self

Step: TypeAlias = tuple[str, bytes, float]
"""The name of a step, its bytes, its seconds, as the core takes them."""

_OWN: Step = ("own", b"", 0.0)
_FINAL = ("OK", "ERROR")
_FINAL_WITH_CODE = ("+CME ERROR:", "+CMS ERROR:")
_LONGEST_DATA = 65_536

# More than anyone writes by hand, and an end to what has none, as /dev/zero.
_LONGEST = 1024 * 1024


class Answering:
    """What can be said of an expected command line. Each method adds to the answer; nothing said is `passthrough`."""

    _steps: tuple[Step, ...] | None

    def _answer(self, steps: tuple[Step, ...]) -> Self:
        raise NotImplementedError

    def respond(self, *answer: str | bytes | float, final: str | None = "OK") -> Self:
        """Print this instead of the module's own answer.

        Args:
            answer: a str is a line, printed with a line end before and after it; bytes are printed exactly; a number
                is a pause in seconds, 0 to 3600.
            final: the final result code that ends it, unless the answer ends with bytes or with a result code;
                ``None`` for no final result code.

        Raises:
            UsageError: a str contains a line end, or a number is not 0 to 3600.

        """
        steps = [_step(part) for part in answer]
        ended = bool(answer) and (isinstance(answer[-1], bytes) or _is_final(str(answer[-1])))
        if final is not None and not ended:
            steps.append(_line("line", final))
        return self._more(*steps)

    def prompt(self, count: int | None = None) -> Self:
        """Ask for data with ``> ``, and take it before anything else. The data is dropped.

        Args:
            count: how many bytes, 1 to 65,536; ``None`` for as many as the command line says, or up to Ctrl-Z. A line
                that carries its data inline gets no prompt.

        Raises:
            UsageError: `count` is not 1 to 65,536.

        """
        if count is not None:
            whole("count", count, 1, _LONGEST_DATA)
        return self._more(("prompt", b"" if count is None else str(count).encode(), 0.0))

    def pause(self, seconds: float) -> Self:
        """Wait, 0 to 3600 seconds. The module goes on meanwhile, and takes further command lines."""
        return self._more(_pause(seconds))

    def urc(self, line: str, *, after: float = 0.0) -> Self:
        """Print an unsolicited line, `after` seconds later."""
        return self._more(_pause(after), _line("urc", line))

    def passthrough(self) -> Self:
        """Let the module carry the command out and answer as usual. Further steps follow its answer."""
        return self._more(_OWN)

    def then_drop(self) -> Self:
        """Have the module lose its connections to brokers, and say so with ``+QMTSTAT``."""
        return self._more(("drop", b"", 0.0))

    def ignore(self) -> Self:
        """Do nothing: the command line is not carried out and has no answer."""
        return self._answer(())

    def _more(self, *steps: Step) -> Self:
        return self._answer((self._steps or ()) + steps)


@dataclass(frozen=True, slots=True)
class Expectation(Answering):
    """A command line that is expected, and its answer: each method returns another expectation that says more.

    ``Expectation("AT+CSQ").respond("+CSQ: 99,99")``

    Example:
        >>> script = Script((Expectation("AT+CSQ").respond("+CSQ: 99,99"),))
        >>> with VirtualModem("M95", script=script) as module, Modem(module.port) as modem:
        ...     print(modem.command("AT+CSQ").lines, modem.signal())
        ('+CSQ: 99,99',) -73

    """

    pattern: str
    """The command line without its CR. ``*`` is any run of characters, ``\\*`` itself and ``\\\\`` a backslash."""
    times: int | None = 1
    """How often it is expected; ``None`` for any number of times, none included."""
    _steps: tuple[Step, ...] | None = None

    def __post_init__(self) -> None:
        """Check what can be checked here; the rest is checked where it is used."""
        text("pattern", self.pattern, '"AT+CSQ"')
        if self.times is not None:
            whole("times", self.times, 1, 2**32 - 1)

    def _answer(self, steps: tuple[Step, ...]) -> Expectation:
        return replace(self, _steps=steps)


class Expected(Single, Answering):
    """A command line that a virtual module expects already. Each method changes the answer at once.

    Example:
        >>> expected = modem.virtual.expect("AT+CSQ")
        >>> expected = expected.respond("+CSQ: 99,99")
        >>> modem.command("AT+CSQ").lines
        ('+CSQ: 99,99',)

    """

    def __init__(self, core: _core.VirtualModem, expectation: Expectation) -> None:
        """Not for programs: :meth:`VirtualModem.expect` makes it."""
        self._core = core
        _, _, self._steps = astuple(expectation)
        with arguments():
            self._number = core.expect(_row(expectation))

    def _answer(self, steps: tuple[Step, ...]) -> Self:
        self._core.answer(self._number, steps)
        self._steps = steps
        return self


@dataclass(frozen=True, slots=True)
class Script:
    r"""Expectations, in the order in which they are looked at.

    Example:
        >>> script = Script.parse("> AT+CSQ\n< +CSQ: 99,99\n< OK")
        >>> with VirtualModem("M95", script=script) as module, Modem(module.port) as modem:
        ...     print(modem.command("AT+CSQ").lines)
        ('+CSQ: 99,99',)

    """

    expectations: tuple[Expectation, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Script:
        """Read the text of a script: ``>`` expects, ``<`` responds, ``!`` pauses, as in docs/virtual-module.md.

        Raises:
            UsageError: a line is not a script.

        """
        with arguments():
            rows = _core.parse_script(text)
        return cls(tuple(Expectation(pattern, times, tuple(steps)) for pattern, times, steps in rows))

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Script:
        """Read a file.

        Raises:
            OSError: it cannot be read.
            UsageError: a line of it is not a script.

        """
        if not isinstance(path, (str, PathLike)):
            raise UsageTypeError(f"path must be the path of a file, not {path!r}")
        try:
            with Path(path).open("rb") as file:
                script = file.read(_LONGEST + 1)
        except ValueError:  # no path has such a character
            raise UsageError(f"path must be the path of a file, not {path!r}") from None
        if len(script) > _LONGEST:
            raise UsageError(f"{path}: a script must be at most {_LONGEST} bytes long; this has more")
        try:
            text = script.decode()
        except UnicodeDecodeError as error:
            raise UsageError(f"{path}: no script in UTF-8: {error.reason}") from None
        try:
            return cls.parse(text)
        except UsageError as error:
            raise UsageError(f"{path}: {error}") from None

    def __iter__(self) -> Iterator[Expectation]:
        """Each in turn."""
        return iter(self.expectations)


def rows(script: Iterable[Expectation] | str | PathLike[str]) -> list[tuple[str, int | None, tuple[Step, ...]]]:
    """Give what the core takes."""
    expectations = tuple(Script.load(script) if isinstance(script, (str, PathLike)) else script)
    for expectation in expectations:
        if not isinstance(expectation, Expectation):
            raise UsageError(f"script: {expectation!r} is no Expectation")
    return [_row(expectation) for expectation in expectations]


def _row(expectation: Expectation) -> tuple[str, int | None, tuple[Step, ...]]:
    pattern, times, steps = astuple(expectation)
    return pattern, times, (_OWN,) if steps is None else steps


def urc_line(line: str) -> bytes:
    """Give the bytes of an unsolicited line."""
    if not isinstance(line, str) or not line:
        raise UsageError(f"line must be the text of an unsolicited line, such as '+CREG: 1', not {line!r}")
    return _line("urc", line)[1]


def _step(part: str | bytes | float) -> Step:
    match part:
        case str():
            return _line("line", part)
        case bytes():
            return "bytes", part, 0.0
        case int() | float() if not isinstance(part, bool) and 0 <= part <= 3600:  # noqa: PLR2004 - as documented
            return "pause", b"", float(part)
    wrong = UsageError if isinstance(part, (int, float)) else UsageTypeError
    raise wrong(f"answer: {part!r} is neither a line, nor bytes, nor a pause of 0 to 3600 seconds")


def _pause(seconds: float) -> Step:
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        raise UsageTypeError(f"a pause must be 0 to 3600 seconds, not {seconds!r}")
    return _step(seconds)


def _is_final(line: str) -> bool:
    return line in _FINAL or line.startswith(_FINAL_WITH_CODE)


def _line(kind: str, line: str) -> Step:
    if not isinstance(line, str):
        raise UsageTypeError(f"answer: a line must be a text, not {line!r}")
    if "\r" in line or "\n" in line:
        raise UsageError(f"answer: {line!r} contains a line end; give bytes for what should be printed exactly")
    try:
        return kind, line.encode(), 0.0
    except UnicodeEncodeError as error:
        raise UsageError(f"answer: the text cannot be encoded in UTF-8: {error.reason}") from None
