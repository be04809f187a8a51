"""``modemqtt at``: send command lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modemqtt._usage import printable
from modemqtt.cli._arguments import Commands, add_modem, command, modem_of, seconds

if TYPE_CHECKING:
    from argparse import Namespace


def add(commands: Commands) -> None:
    """Describe the arguments."""
    parser = command(
        commands,
        "at",
        "send command lines and print the answers",
        description="Send command lines one after the other. Of each, the information responses and the final result "
        "code are printed. The first that the module refuses ends it.",
        epilog="""example: modemqtt at --modem /dev/ttyUSB2 AT+CSQ 'AT+QMTCFG="keepalive",0,60'""",
    )
    add_modem(parser)
    parser.add_argument(
        "--timeout",
        type=seconds,
        metavar="S",
        help="seconds to find the module, and for each line; default: 5 and by command",
    )
    parser.add_argument("--wait", type=seconds, metavar="S", help="then print URCs until none has come for S seconds")
    parser.add_argument("lines", nargs="+", metavar="LINE", help="a command line, from AT on")
    parser.set_defaults(run=run)


def run(options: Namespace) -> int:
    """Send the command lines."""
    with modem_of(options).open(timeout=options.timeout) as modem:
        for line in options.lines:
            response = modem.command(line, timeout=options.timeout)
            print(*map(printable, response.lines), response.final, sep="\n", flush=True)
        if options.wait is not None:
            for urc in modem.urcs(options.wait):
                print(printable(urc), flush=True)
    return 0
