"""``modemqtt replay``: play back a recording until Ctrl-C, or turn it into a transcript."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING

from modemqtt.cli._arguments import Parser, command
from modemqtt.cli._streams import remark
from modemqtt.exceptions import ScriptError, UsageError
from modemqtt.virtual import Replay

if TYPE_CHECKING:
    from argparse import Namespace


def parser() -> Parser:
    """Describe the arguments."""
    described = command(
        "replay",
        "Play back what --record has recorded: a module on a pseudo-terminal that answers as it did, until Ctrl-C. The "
        "first line of the output is `port: …`. Status 1 at the end if the host did not send what was recorded.",
        wire=False,
        examples=(
            "modemqtt replay bench.rec --link /tmp/module",
            "modemqtt replay bench.rec --speed 1",
            "modemqtt replay bench.rec --transcript > report.at",
        ),
    )
    described.add_argument("file", metavar="FILE", help="the recording; further parts of it are found")
    described.add_argument("--link", metavar="PATH", help="symbolic link to make to the pseudo-terminal until the end")
    described.add_argument("--listen", metavar="HOST:PORT", help="listen on TCP instead; port 0 takes a free one")
    described.add_argument(
        "--speed",
        metavar="FACTOR|asap",
        default="asap",
        help="speed of the module, in multiples of the recorded one; default: asap, as fast as the host asks",
    )
    described.add_argument(
        "--transcript",
        action="store_true",
        help="print a transcript of the recording instead, with which to test host and virtual module",
    )
    return described


def run(options: Namespace) -> int:
    """Play the recording."""
    if options.transcript:
        from modemqtt.cli._recorded import of_recording  # noqa: PLC0415 - most recordings are played

        if options.link is not None or options.listen is not None or options.speed != "asap":
            raise UsageError("--link, --listen and --speed are for playing, and --transcript plays nothing")
        sys.stdout.write(of_recording(options.file))
        return 0
    # Blocked in every thread from here on: the wait below catches whichever comes, and the link is removed.
    ends = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    with Replay(options.file, link=options.link, listen=options.listen, speed=_speed(options.speed)) as replay:
        print(f"port: {replay.port}")
        print(f"model: {replay.model or 'not known'}")
        print("\nCtrl-C ends it.")
        # A script reads the port from the first line.
        sys.stdout.flush()
        signal.sigwait(ends)
        try:
            replay.check()
        except ScriptError as error:
            remark(f"modemqtt replay: {error}")
            # One who ends it in the middle is told how far the host has come.
            return 1 if replay.differences else 0
    return 0


def _speed(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text
