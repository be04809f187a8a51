"""The command line: ``modemqtt <command>``.

Each command is a module with `add`, which describes its arguments, and `run`, which carries it out. A further command
is one more module and one more entry in `_COMMANDS`.

Exit status: 0 done; 1 the module, the port or the broker failed; 2 the command line was wrong; 130 Ctrl-C.
"""

from __future__ import annotations

import os
import sys
import traceback
from typing import TYPE_CHECKING

from modemqtt import __version__
from modemqtt.cli import at, demo, info, virtual
from modemqtt.cli._arguments import Parser
from modemqtt.exceptions import ModemError, UsageError

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence

__all__ = ["main"]

# In the order in which the help lists them.
_COMMANDS = (demo, virtual, at, info)

_FAILED, _USAGE, _INTERRUPTED = 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out one command line, that of the process unless given, and return the exit status."""
    for stream in (sys.stdout, sys.stderr):
        # What a module prints must not fail on a terminal that cannot show it.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    options = _parser().parse_args(arguments)
    try:
        status: int = options.run(options)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has left; Python must not try to flush the rest at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _FAILED
    except UsageError as error:
        return _fail(options, error, _USAGE)
    except (ModemError, OSError) as error:
        return _fail(options, error, _FAILED)
    return status


def _parser() -> Parser:
    parser = Parser(
        prog="modemqtt",
        description="Drive the MQTT client of Quectel cellular modules over AT commands.",
        epilog="MODEMQTT_PORT in the environment stands for --modem. `modemqtt <command> --help` has the details.",
    )
    parser.add_argument("--version", action="version", version=f"modemqtt {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="<command>", dest="command", required=True)
    for command in _COMMANDS:
        command.add(commands)
    return parser


def _fail(options: Namespace, error: Exception, status: int) -> int:
    if options.debug:
        traceback.print_exception(error)
    else:
        print(f"modemqtt {options.command}: {error}", file=sys.stderr)
    return status
