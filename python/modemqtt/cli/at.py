"""``modemqtt at``: send command lines."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from modemqtt.cli._arguments import Parser, add_modem, command, data, seconds
from modemqtt.cli._device import asks_for_data, opened, tell
from modemqtt.cli._exit import Exit, Failure
from modemqtt.cli._streams import lines, printable, say
from modemqtt.exceptions import UsageError

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterable

    from modemqtt import Modem

_STANDARD_INPUT = "-"


def parser() -> Parser:
    """Describe the arguments."""
    described = command(
        "at",
        "Send command lines one after the other. Of each, the information responses and the final result code are "
        "printed. The first that the module refuses ends it. Lines come from standard input with - for a LINE, or with "
        "none where standard input is no terminal; there an empty line, or one that begins with #, is left out.",
        examples=(
            "modemqtt at --modem /dev/ttyUSB2 AT+CSQ 'AT+QMTCFG=\"keepalive\",0,60'",
            "modemqtt at < bring-up.txt",
            "modemqtt at 'AT+QMTPUB=0,0,0,0,\"bench/7\",4' --data 21.5",
            "modemqtt at --wait 5 AT+CEREG=1",
        ),
    )
    add_modem(described)
    described.add_argument(
        "--timeout",
        type=seconds,
        metavar="S",
        help="seconds to find the module, and for each line; default: 5 and by command",
    )
    described.add_argument(
        "--data",
        type=data,
        metavar="TEXT",
        help="bytes for the one line that asks for data, with the escapes of C such as \\r and \\x1a; "
        "@FILE for the bytes of a file",
    )
    described.add_argument(
        "--wait", type=seconds, metavar="S", help="then print URCs until none has come for S seconds"
    )
    described.add_argument("lines", nargs="*", metavar="LINE", help="a command line, from AT on; - for standard input")
    described.set_defaults(parser=described)
    return described


def run(options: Namespace) -> int:
    """Send the command lines."""
    written: list[str] = options.lines
    if not written and sys.stdin is not None and sys.stdin.isatty():
        options.parser.error("a command line is missing: give LINE, or have them come from standard input")
    if _STANDARD_INPUT in written and len(written) > 1:
        options.parser.error("- stands for every line, and no other goes with it")
    given = written if written and written != [_STANDARD_INPUT] else _standard_input()
    tell(options)
    with opened(options, timeout=options.timeout) as modem:
        _Sender(modem, options).send(given, alone=given is written and len(written) == 1)
        if options.wait is not None:
            for urc in modem.urcs(options.wait):
                say(printable(urc))
    return 0


def _standard_input() -> Iterable[str]:
    for line in lines():
        written = os.fsdecode(line).rstrip("\r")
        if written.strip() and not written.startswith("#"):
            yield written


class _Sender:
    """Sends lines, and hands the data to the one that asks for it."""

    def __init__(self, modem: Modem, options: Namespace) -> None:
        self._modem = modem
        self._timeout: float | None = options.timeout
        self._data: bytes | None = options.data

    def send(self, lines: Iterable[str], *, alone: bool) -> None:
        """Send them; where there is but one line, the data can be no other's."""
        wanted = self._data is not None and not alone
        for line in lines:
            try:
                response = self._modem.command(line, data=self._data if alone else None, timeout=self._timeout)
            except UsageError as error:
                if self._data is None and asks_for_data(error):
                    raise Failure(f"{line} asks for data; give it by --data", Exit.USAGE) from error
                if self._data is None or alone:
                    raise
                response = self._modem.command(line, data=self._data, timeout=self._timeout)
                self._data = None
            say("\n".join([*map(printable, response.lines), response.final]))
        if wanted and self._data is not None:
            raise UsageError("--data was given, and none of the lines has asked for data")
