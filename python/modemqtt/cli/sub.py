"""``modemqtt sub``: subscribe and print what comes, with the flags of ``mosquitto_sub``."""

from __future__ import annotations

import argparse
import random
import re
import time
from functools import partial
from typing import TYPE_CHECKING

from modemqtt.cli import _format, _mosquitto, _refused, _streams
from modemqtt.cli._arguments import Parser, command, positive, utf8
from modemqtt.cli._exit import Exit
from modemqtt.exceptions import ModemError, ResponseTimeout

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable

    from modemqtt import Message, Modem, MqttClient

_REFUSED = 128


def parser() -> Parser:
    """Describe the arguments."""
    described = command(
        "sub",
        "Subscribe through the MQTT client of a module, and print the payload of each message on a separate line. "
        "Flags, formats and exit status are those of mosquitto_sub. A lost connection is restored.",
        examples=(
            "modemqtt sub --modem /dev/ttyUSB2 -h broker.lab -t 'bench/#' -v",
            "modemqtt sub -h broker.lab -t bench/7/temp -C 1 -W 30",
            "modemqtt sub -h broker.lab -t 'bench/#' -F %j >> messages.json",
            "modemqtt sub -h broker.lab -t 'bench/#' -F '@H:@M:@S %t %x'",
        ),
        more="Formats: %t topic, %p payload, %x %X payload in hexadecimal digits, %l its length, %m message id, %I %U "
        "time, %j JSON, %J JSON with a payload that is JSON itself, %%; %q and %r print nothing, since a module "
        "reports neither QoS nor retain; @ and a letter of strftime print a part of the time. Exit status: 0 done; 27 "
        "time is up; 1 it failed, or the command line is wrong; 1 to 5 the broker refused with that code; 69 no "
        "device; 75 the device is busy; 130 Ctrl-C.",
    )
    topics = described.add_argument_group("messages")
    topics.add_argument(
        "-t", "--topic", action="append", type=utf8, default=[], metavar="FILTER", help="subscribe; again for more"
    )
    topics.add_argument(
        "-T",
        "--filter-out",
        action="append",
        type=utf8,
        default=[],
        metavar="FILTER",
        help="do not print these",
    )
    topics.add_argument(
        "-U",
        "--unsubscribe",
        action="append",
        type=utf8,
        default=[],
        metavar="FILTER",
        help="unsubscribe, for example from topics of a kept session",
    )
    topics.add_argument("-q", "--qos", type=_mosquitto.qos, default=0, metavar="N", help="0, 1 or 2; default: 0")
    topics.add_argument("-C", dest="count", type=positive, metavar="N", help="end after N messages")
    topics.add_argument("-W", dest="wait", type=positive, metavar="S", help="end after S seconds, with status 27")
    topics.add_argument("-E", dest="end", action="store_true", help="end when the broker has granted the subscriptions")
    topics.add_argument(
        "--random-filter", type=_percentage, default=100.0, metavar="P", help="print P per cent of the messages"
    )
    output = described.add_argument_group("output")
    output.add_argument("-v", "--verbose", action="store_true", help="print the topic in front of the payload")
    output.add_argument("-F", dest="format", metavar="FORMAT", help="how a message is printed, see below")
    output.add_argument("-N", dest="no_end", action="store_true", help="print no line end after a message")
    output.add_argument("--pretty", action="store_true", help="print JSON over several lines")
    _mosquitto.add_connection(described)
    _refused.add_refused(described, _refused.SUB)
    described.set_defaults(parser=described)
    return described


def run(options: Namespace) -> int:
    """Subscribe and print."""
    parser: Parser = options.parser
    began = time.monotonic()
    _mosquitto.check_connection(parser, options)
    if (topic := _mosquitto.topic_of(options)) is not None:
        options.topic.append(topic)
    if not options.topic and not options.unsubscribe:
        parser.error("a topic is missing: -t FILTER, or one in -L")
    printer = _Printer(parser, options)
    until = None if options.wait is None else began + options.wait
    try:
        return _Subscriber(options, printer, until).run()
    except ResponseTimeout:
        if until is None or time.monotonic() < until:
            raise
    if not options.quiet:
        _streams.remark("Timed out")
    return Exit.TIMED_OUT


class _Subscriber:
    def __init__(self, options: Namespace, printer: _Printer, until: float | None) -> None:
        self._options = options
        self._printer = printer
        self._until = until
        # The same by the clock that messages have.
        self._ends = None if until is None else time.time() + until - time.monotonic()
        self._given_up: ModemError | None = None

    def run(self) -> int:
        with _mosquitto.session(self._options, reconnect=True, until=self._until) as (modem, mqtt):
            mqtt.on_reconnect_failed = partial(self._give_up, modem)
            self._subscribe(mqtt)
            if self._options.end:
                return Exit.DONE
            try:
                return self._print(mqtt)
            except ModemError:
                if self._given_up is not None:
                    raise self._given_up from None
                raise

    def _give_up(self, modem: Modem, error: ModemError) -> None:
        """End the wait for messages; those that have come are printed first."""
        self._given_up = error
        modem.close()

    def _left(self) -> float | None:
        return None if self._until is None else max(0.0, self._until - time.monotonic())

    def _subscribe(self, mqtt: MqttClient) -> None:
        options = self._options
        if options.topic:
            granted = mqtt.subscribe([(topic, options.qos) for topic in options.topic], timeout=self._left())
            for topic, qos in zip(options.topic, granted, strict=True):
                if qos == _REFUSED and not options.quiet:
                    _streams.remark(f"modemqtt sub: the broker refused the subscription to {topic}")
        if options.unsubscribe:
            mqtt.unsubscribe(options.unsubscribe, timeout=self._left())

    def _print(self, mqtt: MqttClient) -> int:
        count = 0
        while True:
            message = mqtt.receive(self._left())
            if self._ends is not None and message.timestamp > self._ends:
                # A stream that does not pause ends as well.
                raise ResponseTimeout("the time is over")
            if self._printer.show(message):
                count += 1
                if count == self._options.count:
                    return Exit.DONE


class _Printer:
    def __init__(self, parser: Parser, options: Namespace) -> None:
        self._quiet: bool = options.quiet
        self._share: float = options.random_filter / 100
        self._out = [_matcher(written) for written in options.filter_out]
        end = b"" if options.no_end else b"\n"
        if options.format is None:
            self._piece = _format.default(verbose=options.verbose, end=end)
        else:
            try:
                self._piece = _format.compiled(options.format, pretty=options.pretty, end=end)
            except _format.FormatError as error:
                parser.error(f"-F: {error}")

    def show(self, message: Message) -> bool:
        """Print a message, and return whether it counts."""
        if any(matches(message.topic) for matches in self._out) or random.random() >= self._share:  # noqa: S311 - a sample
            return False
        if not message.complete:
            self._warn(f"the end of a message on {_streams.printable(message.topic)} is in doubt; it may be cut short")
        try:
            _streams.write(self._piece(message))
        except _format.NotJson:
            self._warn(f"a message on {_streams.printable(message.topic)} is not JSON, which %J asks for")
            _streams.write(b"\n")
        return True

    def _warn(self, text: str) -> None:
        if not self._quiet:
            _streams.remark(f"modemqtt sub: {text}")


def _matcher(written: str) -> Callable[[str], bool]:
    """Return whether a topic matches a filter (MQTT 3.1.1, 4.7)."""
    levels = ["[^/]*" if level == "+" else re.escape(level) for level in written.split("/")]
    if levels[-1] == re.escape("#"):
        # It also matches the level above.
        pattern = "/".join(levels[:-1]) + "(/.*)?" if levels[:-1] else ".*"
    else:
        pattern = "/".join(levels)
    whole = re.compile(pattern, re.DOTALL)

    def matches(topic: str) -> bool:
        return whole.fullmatch(topic) is not None and (written[:1] not in "+#" or not topic.startswith("$"))

    return matches


def _percentage(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0.0 < number <= 100.0:  # noqa: PLR2004 - per cent
        raise argparse.ArgumentTypeError(f"{text!r} is not a percentage above 0 and up to 100")
    return number
