"""What the commands share: the parser, the arguments that name a module, and the way to it."""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

from modemqtt import Modem
from modemqtt.exceptions import UsageError

if TYPE_CHECKING:
    from argparse import Namespace

ENVIRONMENT = "MODEMQTT_PORT"

# What `add_subparsers` returns; argparse has no public name for it.
Commands: TypeAlias = Any


class Parser(argparse.ArgumentParser):
    """An argument parser whose help is ``--help`` alone and whose errors are one line.

    ``-h`` is the host, as in ``mosquitto_pub``.
    """

    def __init__(self, **settings: Any) -> None:
        """Take the settings of `argparse.ArgumentParser`."""
        super().__init__(**settings, add_help=False, allow_abbrev=False)
        self.add_argument("--help", action="help", help="show this help and exit")

    def error(self, message: str) -> NoReturn:
        """Print one line and exit with status 2."""
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


def command(commands: Commands, name: str, summary: str, **settings: Any) -> Parser:
    """Add the parser of one command."""
    settings.setdefault("description", f"{summary[0].upper()}{summary[1:]}.")
    parser: Parser = commands.add_parser(name, help=summary, **settings)
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error, with the last wire lines")
    return parser


def add_modem(parser: Parser) -> None:
    """Add the arguments that name a module."""
    parser.add_argument(
        "--modem",
        metavar="URL",
        default=os.environ.get(ENVIRONMENT) or None,
        help=f"port of the module: /dev/ttyUSB2, socket://host:port, rfc2217://host:port; default: {ENVIRONMENT}",
    )
    parser.add_argument("--model", help="M95, BC660K-GL or another, one of `modemqtt info`; default: ask the module")
    parser.add_argument(
        "--baud", type=positive, default=115_200, metavar="N", help="bits per second; default: %(default)s"
    )


def modem_of(options: Namespace) -> Modem:
    """Return the module that was named, not open yet."""
    if options.modem is None:
        raise UsageError(f"no module is named; give --modem URL or set {ENVIRONMENT}")
    return Modem(options.modem, model=options.model or "auto", baudrate=options.baud)


def positive(text: str) -> int:
    """Return a whole number above 0."""
    number = _whole(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number above 0")
    return number


def tcp_port(text: str) -> int:
    """Return a TCP port."""
    highest = 65_535
    number = _whole(text)
    if not 1 <= number <= highest:
        raise argparse.ArgumentTypeError(f"{text!r} is no TCP port; 1 to {highest} is allowed")
    return number


def seconds(text: str) -> float:
    """Return a time."""
    try:
        number = float(text)
    except ValueError:
        number = -1
    if not number >= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no time in seconds")
    return number


def data(text: str) -> bytes:
    """Return bytes that are written with the escapes of C, or are those of a file: ``@FILE``."""
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
        raise argparse.ArgumentTypeError(f"{os.fsdecode(escape[0])} is no escape; \\r \\n \\t \\0 \\\\ and \\xNN are")
    return _LETTERS[word]


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        return -1
