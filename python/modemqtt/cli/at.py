"""``modemqtt at``: send command lines."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from modemqtt.cli._arguments import Parser, add_modem, command, data, duration
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
        "Send command lines one after the other, and print the information responses and the final result code of "
        "each. Stop at the first that the module refuses. With - for LINE, or without LINE if standard input is not a "
        "terminal, lines come from there; empty ones and those that begin with # are skipped.",
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
        type=duration,
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
        "--wait", type=duration, metavar="S", help="then print URCs until none has come for S seconds"
    )
    described.add_argument("lines", nargs="*", metavar="LINE", help="a command line, from AT on; - for standard input")
    described.set_defaults(parser=described)
    return described


def run(options: Namespace) -> int:
    """Send the command lines."""
    written: list[str] = options.lines
    if not written and sys.stdin is not None and sys.stdin.isatty():
        options.parser.error("a command line is missing: give LINE, or lines on standard input")
    if _STANDARD_INPUT in written and len(written) > 1:
        options.parser.error("- reads every line from standard input, so there can be no other LINE")
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
    """Sends lines, and passes the data to the one that asks for it."""

    def __init__(self, modem: Modem, options: Namespace) -> None:
        self._modem = modem
        self._timeout: float | None = options.timeout
        self._data: bytes | None = options.data

    def send(self, lines: Iterable[str], *, alone: bool) -> None:
        """Send them; if there is only one line, the data belongs to it."""
        wanted = self._data is not None and not alone
        for line in lines:
            try:
                response = self._modem.command(line, data=self._data if alone else None, timeout=self._timeout)
            except UsageError as error:
                if self._data is None and asks_for_data(error):
                    raise Failure(f"{line} asks for data; give it with --data", Exit.USAGE) from error
                if self._data is None or alone:
                    raise
                response = self._modem.command(line, data=self._data, timeout=self._timeout)
                self._data = None
            say("\n".join([*map(printable, response.lines), response.final]))
        if wanted and self._data is not None:
            raise UsageError("--data was given, but none of the lines asked for data")
