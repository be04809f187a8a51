"""The command line: ``modemqtt <command>``.

Each command is a module of its name with `parser`, which describes its arguments, and `run`, which carries it out; it
is loaded when it is asked for. A new command is one more module and one more line of `COMMANDS`. `_exit` says how
commands end.
"""

from __future__ import annotations

import signal
import sys
from importlib import import_module
from typing import TYPE_CHECKING, NoReturn, Protocol, cast

from modemqtt import __version__
from modemqtt.cli import _streams
from modemqtt.cli._exit import Exit, Failure, sentence_of, status_of
from modemqtt.exceptions import ModemError

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence

    from modemqtt.cli._arguments import Parser

__all__ = ["COMMANDS", "main"]

COMMANDS = {
    "demo": "show one MQTT session and its AT commands",
    "virtual": "run a virtual module until Ctrl-C",
    "pub": "publish through a module, as mosquitto_pub does",
    "sub": "subscribe through a module and print messages, as mosquitto_sub does",
    "at": "send command lines and print the answers",
    "term": "talk to a module by hand",
    "ports": "list the serial ports, and with --probe the modules on them",
    "doctor": "find out why a module does not publish",
    "replay": "play back what --record has recorded, until Ctrl-C",
    "info": "print versions and models; with --modem what the module says about itself",
    "completion": "print a script that completes commands and options in bash, zsh or fish",
}
"""The commands, in the order in which the help lists them."""

# These end with 1 if the command line is wrong, or with the code of a CONNACK, as mosquitto's programs do.
_AS_MOSQUITTO = {"pub", "sub"}


class _Command(Protocol):
    def parser(self) -> Parser: ...
    def run(self, options: Namespace) -> int: ...


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out one command line, that of the process unless given, and return the exit status."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show what a module prints must not cause an error.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    words = sys.argv[1:] if arguments is None else list(arguments)
    if not words or words[0] not in COMMANDS:
        return _without_command(words)
    name, *words = words
    command = cast("_Command", import_module(f"modemqtt.cli.{name}"))
    parser = command.parser()
    parser.usage_status = Exit.FAILED if name in _AS_MOSQUITTO else Exit.USAGE
    options = parser.parse_args(words)
    options.command = name
    try:
        _end_politely()
        status = command.run(options)
        _streams.flush()
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError:
        _streams.abandon()
        return Exit.BROKEN_PIPE
    except (Failure, ModemError, OSError) as error:
        _streams.settle()
        if options.debug:
            import traceback  # noqa: PLC0415 - it takes a while

            traceback.print_exception(error)
        elif not options.quiet:
            _streams.remark(f"modemqtt {name}: {sentence_of(error)}")
        return status_of(error, usage=parser.usage_status, refusals=name in _AS_MOSQUITTO)
    return status


def _without_command(words: Sequence[str]) -> int:
    from modemqtt.cli._arguments import Parser  # noqa: PLC0415 - argparse takes a while

    listed = "\n".join(f"    {name:<12}{summary}" for name, summary in COMMANDS.items())
    parser = Parser(
        "modemqtt",
        description="Drive the MQTT client of Quectel cellular modules over AT commands.",
        more="MODEMQTT_PORT in the environment stands for --modem. `modemqtt <command> --help` has the details.",
    )
    parser.usage = "modemqtt [--help] [--version] <command> ..."
    parser.add_argument("--version", action="version", version=f"modemqtt {__version__}")
    parser.description = f"{parser.description}\n\ncommands:\n{listed}"
    if words and words[0] == "-h":
        parser.error("-h is the host of pub, sub and others; --help shows the help")
    later = next((word for word in words if word in COMMANDS), None)
    if later and words[0].startswith("-"):
        parser.error(f"options stand behind the command, as in `modemqtt {later} {words[0].partition('=')[0]} …`")
    if words and not words[0].startswith("-"):
        parser.error(f"there is no command {words[0]!r}; the commands are {', '.join(COMMANDS)}")
    parser.parse_args(words)
    parser.error(f"a command is missing; the commands are {', '.join(COMMANDS)}")


def _end_politely() -> None:
    """Have SIGTERM and SIGHUP leave sessions and close ports, as Ctrl-C does."""

    def end(number: int, _frame: object) -> NoReturn:
        sys.exit(128 + number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, end)
