"""``modemqtt pub``: publish, with the flags of ``mosquitto_pub``."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

from modemqtt.cli import _mosquitto, _refused, _streams
from modemqtt.cli._arguments import Parser, command, duration, positive, utf8
from modemqtt.cli._exit import Exit, Failure, sentence_of, status_of
from modemqtt.cli._progress import Bar
from modemqtt.exceptions import CommandError, ConnectionLost, ModemError, ModuleRestarted

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator

    from modemqtt import Delivery, MqttClient

# Publishes under way at the same time: enough for the window of each dialect, and few to be refused after a loss.
_AHEAD = 16
_ENDS = {"sent", "acknowledged", "failed", "unknown"}


def parser() -> Parser:
    """Describe the arguments."""
    described = command(
        "pub",
        "Publish a message, or one for each line of standard input, through the MQTT client of a module. Flags and "
        "exit status are those of mosquitto_pub.",
        examples=(
            "modemqtt pub --modem /dev/ttyUSB2 -h broker.lab -t bench/7/temp -m 21.5 -q 1",
            "modemqtt pub -h broker.lab -t bench/7/image -f image.bin",
            "sensor | modemqtt pub -h broker.lab -t bench/7/log -l -q 1",
            "modemqtt pub -h broker.lab -t bench/7/tick -m tick --repeat 3 --repeat-delay 0.5",
            "modemqtt pub --modem virtual://M95 -t bench/7/temp -m 21.5 -d",
        ),
        more="Exit status: 0 the module has the message, with QoS 1 and 2 the broker as well; 1 it failed, or the "
        "command line is wrong; 1 to 5 the broker refused with that code; 69 no device; 75 the device is busy; 130 "
        "Ctrl-C.",
    )
    message = described.add_argument_group("message")
    message.add_argument("-t", "--topic", type=utf8, help="topic")
    message.add_argument("-m", "--message", metavar="TEXT", help="publish this")
    message.add_argument("-f", "--file", metavar="FILE", help="publish the contents of the file")
    message.add_argument("-s", "--stdin-file", action="store_true", help="publish standard input as one message")
    message.add_argument("-l", "--stdin-line", action="store_true", help="publish each line of standard input")
    message.add_argument("-n", "--null-message", action="store_true", help="publish an empty message")
    message.add_argument("-q", "--qos", type=_mosquitto.qos, default=0, metavar="N", help="0, 1 or 2; default: 0")
    message.add_argument("-r", "--retain", action="store_true", help="have the broker keep it for later subscribers")
    message.add_argument("--repeat", type=positive, default=1, metavar="N", help="publish it N times")
    message.add_argument("--repeat-delay", type=duration, default=0.0, metavar="S", help="wait S seconds between them")
    _mosquitto.add_connection(described)
    _refused.add_refused(described, _refused.PUB)
    described.set_defaults(parser=described)
    return described


def run(options: Namespace) -> int:
    """Publish."""
    parser: Parser = options.parser
    _mosquitto.check_connection(parser, options)
    if options.topic is None:
        options.topic = _mosquitto.topic_of(options)
    if options.topic is None:
        parser.error("a topic is missing: -t TOPIC, or one in -L")
    sources = (options.message, options.file, options.stdin_file, options.stdin_line, options.null_message)
    given = sum(source not in {None, False} for source in sources)
    if given != 1:
        what = "a message is missing" if not given else "there can be only one message"
        parser.error(f"{what}: one of -m TEXT, -f FILE, -l, -s and -n")
    if options.stdin_line and (options.repeat > 1 or options.repeat_delay):
        parser.error("--repeat and --repeat-delay go with one message, not with -l")
    payloads = _streams.lines() if options.stdin_line else _repeated(_payload(parser, options), options)
    with _mosquitto.session(options, reconnect=options.stdin_line) as (_, mqtt):
        _Publisher(mqtt, options).publish(payloads)
    return 0


def _payload(parser: Parser, options: Namespace) -> bytes:
    """Return the one message. A file that cannot be read ends the program."""
    if options.message is not None:
        return os.fsencode(options.message)
    if options.file is not None:
        try:
            return Path(options.file).read_bytes()
        except OSError as error:
            parser.error(f"-f: {options.file} cannot be read: {error.strerror}")
    if options.stdin_file:
        payload = _streams.everything()
        if not payload:
            parser.error("-s: standard input is empty; -n publishes an empty message")
        return payload
    return b""


def _repeated(payload: bytes, options: Namespace) -> Iterator[bytes]:
    began = time.monotonic()
    for number in range(options.repeat):
        # Counted from the first, so that they do not drift.
        due = began + number * options.repeat_delay
        while (left := due - time.monotonic()) > 0:
            time.sleep(left)
        yield payload


class _Publisher:
    """Publishes one after the other, some ahead of their results.

    With ``-l`` it goes on when a lost connection was restored: it then publishes what was not sent, and with QoS 1 what
    may not have arrived; with QoS 0 that is lost, and with QoS 2 nobody can tell, which ends it.
    """

    def __init__(self, mqtt: MqttClient, options: Namespace) -> None:
        self._mqtt = mqtt
        self._options = options
        self._under_way: deque[tuple[Delivery, bytes]] = deque()
        self._arrived = 0
        self._lost = 0

    def publish(self, payloads: Iterator[bytes]) -> None:
        """Publish them all, and wait for their results."""
        options = self._options
        total, size = self._total()
        done = 0
        with Bar("bytes" if size else "messages", total, quiet=options.quiet) as bar:
            try:
                for payload in payloads:
                    while self._under_way and (len(self._under_way) >= _AHEAD or self._next_has_ended):
                        self._wait()
                    self._send(payload)
                    done += len(payload) + 1 if size else 1
                    bar.at(done)
                while self._under_way:
                    self._wait()
            except ModemError as error:
                self._rest()
                if options.debug or not self._several:
                    raise
                told = f"{sentence_of(error)}; {_messages(self._arrived)} arrived"
                raise Failure(told, status_of(error, usage=Exit.FAILED)) from error
        if self._lost and not options.quiet:
            lost = _messages(self._lost)
            _streams.remark(f"modemqtt pub: {lost} may have been lost with the connection, as QoS 0 allows")

    @property
    def _several(self) -> bool:
        return bool(self._options.stdin_line or self._options.repeat > 1)

    @property
    def _next_has_ended(self) -> bool:
        return self._under_way[0][0].state in _ENDS

    def _total(self) -> tuple[int, bool]:
        """Return how much there is, and whether that is bytes; 0 if it is not known."""
        if not self._options.stdin_line:
            return self._options.repeat, False
        about = os.fstat(sys.stdin.fileno())
        return (about.st_size, True) if stat.S_ISREG(about.st_mode) else (0, False)

    def _send(self, payload: bytes) -> None:
        options = self._options
        if options.stdin_line and self._mqtt.state != "connected":
            # A publish to a client without a connection is refused, and keeps the next one waiting.
            self._mqtt.wait_connected()
        delivery = self._mqtt.publish(options.topic, payload, options.qos, options.retain, wait=False)
        self._under_way.append((delivery, payload))

    def _wait(self) -> None:
        """Wait for the next one; if the connection was lost, for all of them and for the connection."""
        again = [payload for payload in (self._result(),) if payload is not None]
        if again:
            while self._under_way:
                if (payload := self._result()) is not None:
                    again.append(payload)
            for payload in again:
                self._send(payload)

    def _result(self) -> bytes | None:
        """Wait for the next one, and return its payload if it must be published once more."""
        delivery, payload = self._under_way.popleft()
        try:
            delivery.wait()
        except (ConnectionLost, ModuleRestarted, CommandError) as error:
            # A refusal without a connection came before the loss was known.
            other = isinstance(error, CommandError) and self._mqtt.state == "connected"
            if not self._options.stdin_line or other:
                raise
            if delivery.state == "failed" or self._options.qos == 1:
                return payload
            if self._options.qos:
                raise
            self._lost += 1
        else:
            self._arrived += 1
        return None

    def _rest(self) -> None:
        """Count those that arrive after one that did not."""
        while self._under_way:
            with contextlib.suppress(ModemError):
                self._under_way.popleft()[0].wait()
                self._arrived += 1


def _messages(count: int) -> str:
    return f"{count} message{'' if count == 1 else 's'}"
