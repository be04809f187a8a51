"""What the commands share: the parser, the arguments that name a module, and the way to it."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from modemqtt.cli._exit import Exit

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PORT, BAUD, MODEL = "MODEMQTT_PORT", "MODEMQTT_BAUD", "MODEMQTT_MODEL"


class _Help(argparse.RawDescriptionHelpFormatter):
    """Keeps the lines of the description and of the examples as they are."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=30, width=_width())


def _width() -> int:
    return min(shutil.get_terminal_size().columns, 100)


class Parser(argparse.ArgumentParser):
    """An argument parser like that of mosquitto's programs.

    Only ``--help`` shows the help, since ``-h`` is the host. Its errors are one line. An option takes the next word as
    it is, even if that begins with ``-``.
    """

    usage_status: int = Exit.USAGE

    def __init__(self, prog: str, *, description: str, examples: Sequence[str] = (), more: str = "") -> None:
        """Take the name of the program, and the text of its help besides its arguments."""
        epilog = [textwrap.fill(more, _width())] if more else []
        if examples:
            epilog.append("\n".join(["examples:", *(f"  {example}" for example in examples)]))
        super().__init__(
            prog=prog,
            description=textwrap.fill(description, _width()),
            epilog="\n\n".join(epilog),
            formatter_class=_Help,
            add_help=False,
            allow_abbrev=False,
        )
        self.examples = examples
        self.add_argument("--help", action="help", help="show this help and exit")
        self.set_defaults(quiet=False)

    def parse_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> Any:  # type: ignore[override]
        """Parse a command line, that of the process unless given."""
        given = sys.argv[1:] if args is None else args
        return super().parse_args(list(self._joined(given)), namespace)

    def _joined(self, arguments: Sequence[str]) -> Iterator[str]:
        """Join each option and its one value into one word, ``--message=-5``."""
        words = iter(arguments)
        for word in words:
            if word == "--":
                yield word
                yield from words
                return
            action = self._option_string_actions.get(word)
            if action is None or action.nargs is not None or (value := next(words, None)) is None:
                yield word
            else:
                yield f"{max(action.option_strings, key=len)}={value}"

    def error(self, message: str) -> NoReturn:
        """Print one line and exit."""
        self.exit(self.usage_status, f"{self.prog}: {message}; see {self.prog} --help\n")


def command(name: str, description: str, *, wire: bool = True, **settings: Any) -> Parser:
    """Return the parser of one command; `wire` says whether its debug output has what goes over the line."""
    parser = Parser(f"modemqtt {name}", description=description, **settings)
    shown = "what goes over the line, and the traceback of an error" if wire else "the traceback of an error"
    parser.add_argument("-d", "--debug", action="store_true", help=f"show {shown}")
    return parser


def add_modem(parser: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """Add the arguments that name a module."""
    parser.add_argument(
        "--modem",
        metavar="URL",
        default=os.environ.get(PORT) or None,
        help="port of the module: /dev/ttyUSB2, socket://host:port, rfc2217://host:port, virtual://M95; "
        f"default: {PORT}",
    )
    parser.add_argument(
        "--model",
        default=os.environ.get(MODEL) or None,
        help=f"M95, BC660K-GL or another model that `modemqtt info` lists; default: {MODEL}, or ask the module",
    )
    parser.add_argument(
        "-b",
        "--baud",
        type=positive,
        default=default_baud(),
        metavar="N",
        help=f"bits per second; default: {BAUD}, or 115200",
    )
    parser.add_argument("--log", metavar="FILE", help="append what goes over the line, secrets masked")
    parser.add_argument(
        "--record",
        metavar="FILE",
        help="record what goes over the line in a new file, for `modemqtt replay`; secrets are masked, and the numbers "
        "and addresses of module, card and people replaced",
    )
    parser.add_argument(
        "--record-identities", action="store_true", help="leave numbers and addresses in the recording as they are"
    )
    parser.add_argument(
        "--recover",
        action="store_true",
        help="if no module answers, end what an earlier program may have left: a data phase, PPP",
    )


def default_baud() -> str:
    """Return the rate without ``--baud``: a text, which is checked like a given one."""
    return os.environ.get(BAUD) or "115200"


def options_of(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """Return the actions of a parser, except its help."""
    return [action for action in parser._actions if not isinstance(action, argparse._HelpAction)]  # noqa: SLF001


def utf8(text: str) -> str:
    """Return a text that MQTT can carry."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise argparse.ArgumentTypeError(f"{os.fsencode(text)!r} is not UTF-8, which texts in MQTT must be") from None
    return text


def integer(text: str) -> int:
    """Return a whole number."""
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None


def positive(text: str) -> int:
    """Return a whole number above 0."""
    number = _whole(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return number


def tcp_port(text: str) -> int:
    """Return a TCP port."""
    highest = 65_535
    number = _whole(text)
    if not 1 <= number <= highest:
        raise argparse.ArgumentTypeError(f"{text!r} is not a TCP port, 1 to {highest}")
    return number


def duration(text: str) -> float:
    """Return a time."""
    try:
        number = float(text)
    except ValueError:
        number = -1
    if not number >= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time in seconds")
    return number


def data(text: str) -> bytes:
    """Return bytes written with the escapes of C, or the bytes of a file: ``@FILE``."""
    if text.startswith("@"):
        try:
            return Path(text[1:]).read_bytes()
        except OSError as error:
            raise argparse.ArgumentTypeError(f"{text[1:]} cannot be read: {error.strerror}") from None
    return _ESCAPE.sub(_unescaped, os.fsencode(text))


# An escape, or a backslash that begins none.
_ESCAPE = re.compile(rb"\\(x[0-9A-Fa-f]{2}|.|$)", re.DOTALL)
_LETTERS = {b"r": b"\r", b"n": b"\n", b"t": b"\t", b"0": b"\0", b"\\": b"\\"}


def _unescaped(escape: re.Match[bytes]) -> bytes:
    word = escape[1]
    if len(word) > 1:
        return bytes.fromhex(word[1:].decode())
    if word not in _LETTERS:
        raise argparse.ArgumentTypeError(
            f"{os.fsdecode(escape[0])} is not an escape; \\r \\n \\t \\0 \\\\ and \\xNN are"
        )
    return _LETTERS[word]


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        return -1
