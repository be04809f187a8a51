"""``modemqtt at``: send command lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modemqtt.cli._arguments import Parser, add_modem, command, data, seconds
from modemqtt.cli._device import opened, tell
from modemqtt.cli._output import printable, say
from modemqtt.exceptions import UsageError

if TYPE_CHECKING:
    from argparse import Namespace


def parser() -> Parser:
    """Describe the arguments."""
    described = command(
        "at",
        "Send command lines one after the other. Of each, the information responses and the final result "
        "code are printed. The first that the module refuses ends it.",
        examples=("""modemqtt at --modem /dev/ttyUSB2 AT+CSQ 'AT+QMTCFG="keepalive",0,60'""",),
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
        "--recover",
        action="store_true",
        help="where no module answers, end what a former program may have left: a data phase, PPP",
    )
    described.add_argument(
        "--wait", type=seconds, metavar="S", help="then print URCs until none has come for S seconds"
    )
    described.add_argument("lines", nargs="+", metavar="LINE", help="a command line, from AT on")
    return described


def run(options: Namespace) -> int:
    """Send the command lines."""
    given: bytes | None = options.data
    tell(options)
    with opened(options, timeout=options.timeout, recover=options.recover) as modem:
        for line in options.lines:
            try:
                # Where there is but one line, the data can be no other's.
                alone = given if len(options.lines) == 1 else None
                response = modem.command(line, data=alone, timeout=options.timeout)
            except UsageError:
                if given is None or alone is not None:
                    raise
                response = modem.command(line, data=given, timeout=options.timeout)
                given = None
            say("\n".join([*map(printable, response.lines), response.final]))
        if given is not None and len(options.lines) > 1:
            raise UsageError("--data was given, and none of the lines has asked for data")
        if options.wait is not None:
            for urc in modem.urcs(options.wait):
                say(printable(urc))
    return 0
