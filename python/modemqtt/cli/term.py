"""``modemqtt term``: talk to a module by hand.

A separate thread reads the keys and keeps the line being typed; the main thread sends the lines, so that Ctrl-C ends
the wait for an answer. Callbacks show what comes unasked.
"""

from __future__ import annotations

import codecs
import contextlib
import logging
import os
import queue
import select
import signal
import sys
import threading
import time
from argparse import ArgumentTypeError
from typing import TYPE_CHECKING

from modemqtt.cli._arguments import Parser, add_modem, command, data
from modemqtt.cli._device import asks_for_data, opened
from modemqtt.cli._editor import Editor, Key
from modemqtt.cli._exit import first_line
from modemqtt.cli._screen import Screen, raw
from modemqtt.exceptions import ModemError, PortError, ResponseTimeout, UsageError

if TYPE_CHECKING:
    from argparse import Namespace

    from modemqtt import Message, Modem, MqttClient

_HELP = (
    "ctrl-t q or ctrl-d  leave",
    "ctrl-t t            show or hide the time of each line",
    "ctrl-t l, ctrl-l    clear the screen",
    "ctrl-c              end the wait for an answer; drop the line being typed",
    "up, down            earlier lines",
    "> sent by you       * came unasked       ! refused       - said by modemqtt",
)
# The most clients that a module has.
_CLIENTS = 6
# Seconds between attempts to open a port that is gone, each of which takes as long at most.
_AGAIN = 0.3
_PATIENCE = 3.0


def parser() -> Parser:
    """Describe the arguments."""
    described = command(
        "term",
        "Talk to a module: type a command line, see the answer. Unsolicited lines are shown apart, wherever they fall. "
        "When an adapter is unplugged and comes back, its port is opened again. After a line that asks for data, type "
        "the data, with the escapes of C. ctrl-t q leaves, ctrl-t ? lists the other keys.",
        examples=(
            "modemqtt term --modem /dev/ttyUSB2",
            "modemqtt term --modem /dev/ttyUSB2 -b 9600 --times --log wire.log",
            "modemqtt term --modem virtual://M95",
        ),
    )
    add_modem(described)
    described.add_argument("-t", "--times", action="store_true", help="show the time of each line from the start")
    described.set_defaults(parser=described)
    return described


def run(options: Namespace) -> int:
    """Talk."""
    if sys.stdin is None or sys.stdout is None or not (sys.stdin.isatty() and sys.stdout.isatty()):
        options.parser.error("term needs a terminal for input and output; `modemqtt at` takes lines from a pipe")
    with opened(options) as modem:
        _Terminal(modem, times=options.times).run(options.baud)
    return 0


class _Terminal:
    def __init__(self, modem: Modem, *, times: bool) -> None:
        self._modem = modem
        self._editor = Editor()
        self._screen = Screen(self._editor, times=times)
        # Lines to send, each with its number; None to look for other work.
        self._lines: queue.SimpleQueue[tuple[int, str] | None] = queue.SimpleQueue()
        self._left = threading.Event()
        self._lost = threading.Event()
        # The numbers of the last line typed and of the last that Ctrl-C is for; the thread that reads keys sets them.
        self._typed = self._dropped = 0
        # The numbers of the line being sent, if any, and of the last that has ended; the main thread sets them.
        self._sending: int | None = None
        self._ended = 0
        # The line that waits for its data.
        self._asking: str | None = None
        self._clients: list[MqttClient] = []

    def run(self, baudrate: int) -> None:
        self._listen()
        wake, waker = os.pipe()
        keys = threading.Thread(target=self._read_keys, args=(wake,), name="modemqtt-keys", daemon=True)
        before = signal.signal(signal.SIGINT, self._interrupt)
        with raw():
            self._screen.show(
                f"{self._modem.model} on {self._modem.port}, {baudrate} bit/s; ctrl-t q leaves, ctrl-t ? helps",
                "remark",
            )
            keys.start()
            try:
                self._send_lines()
            finally:
                self._left.set()
                os.close(waker)
                keys.join()
                os.close(wake)
                signal.signal(signal.SIGINT, before)

    def _listen(self) -> None:
        """Show what comes unasked."""
        modem, screen = self._modem, self._screen
        for index in range(_CLIENTS):
            client = modem.mqtt(index)
            client.on_message = self._message
            self._clients.append(client)
        modem.on_port_lost = self._port_lost
        modem.on_urc = lambda line: screen.show(line, "urc")
        # The log reports what was lost, and restarts of the module.
        logger = logging.getLogger("modemqtt")
        logger.propagate = False
        logger.addHandler(_RemarksOnScreen(screen))

    def _message(self, message: Message) -> None:
        doubt = "" if message.complete else ", its end in doubt"
        text = message.payload.decode("utf-8", "backslashreplace")
        about = f"message for client {message.client}, {len(message.payload)} bytes{doubt}: {message.topic} {text}"
        self._screen.show(about, "urc", at=message.timestamp)

    def _port_lost(self, error: PortError) -> None:
        self._screen.show(f"{first_line(error)}; waiting for it to come back", "error")
        self._lost.set()
        self._lines.put(None)

    def _send_lines(self) -> None:
        while not self._left.is_set():
            numbered = self._lines.get()
            if self._lost.is_set():
                self._reopen()
            if numbered is None:
                continue
            number, line = numbered
            with contextlib.suppress(KeyboardInterrupt):
                self._sending = number
                if number > self._dropped and not self._left.is_set():
                    self._send(line)
                self._sending = None
            self._ended = number

    def _interrupt(self, _number: int, _frame: object) -> None:
        """End the wait for an answer, wherever the signal finds the main thread: a line dropped is not sent later."""
        sending, self._sending = self._sending, None
        if sending is not None and sending <= self._dropped:
            raise KeyboardInterrupt
        self._sending = sending

    def _reopen(self) -> None:
        """Open the port again as soon as it is back."""
        while not self._left.is_set():
            try:
                self._modem.reopen(timeout=_PATIENCE)
            except (PortError, ResponseTimeout):
                time.sleep(_AGAIN)
            except ModemError as error:
                self._screen.show(first_line(error), "error")
                time.sleep(_PATIENCE)
            else:
                self._lost.clear()
                self._screen.show(f"{self._modem.model} is back on {self._modem.port}", "remark")
                return

    def _send(self, line: str) -> None:
        """Send a line, or the data that the previous one asked for."""
        asking, self._asking = self._asking, None
        self._screen.prompt = ""
        try:
            response = self._modem.command(line) if asking is None else self._modem.command(asking, data=data(line))
        except UsageError as error:
            if asking is None and asks_for_data(error):
                self._asking = line
                self._screen.prompt = "data> "
                self._screen.draw()
            else:
                self._screen.show(first_line(error), "error")
        except (ModemError, ArgumentTypeError) as error:
            if not self._left.is_set():
                self._screen.show(first_line(error), "error")
        else:
            for answer in (*response.lines, response.final):
                self._screen.show(answer)

    def _read_keys(self, wake: int) -> None:
        """Take keys until the terminal is left, or gone."""
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        keyboard = sys.stdin.fileno()
        while not self._left.is_set():
            ready, _, _ = select.select([keyboard, wake], [], [])
            if wake in ready:
                return
            try:
                typed = os.read(keyboard, 1024)
            except OSError:
                typed = b""
            if not typed:
                self._leave()
                return
            for character in decoder.decode(typed):
                if (key := self._editor.key(character)) is not None:
                    self._act(key)
            self._screen.draw()

    def _act(self, key: Key) -> None:
        match key:
            case Key.LINE:
                self._take(self._editor.line)
            case Key.INTERRUPT if self._typed > max(self._ended, self._dropped):
                self._dropped = self._typed
                self._screen.show("no longer waiting; the module may still answer", "remark")
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            case Key.LEAVE:
                self._leave()
            case Key.HELP:
                for line in _HELP:
                    self._screen.show(line, "remark")
            case Key.TIMES:
                self._screen.times = not self._screen.times
            case Key.CLEAR:
                self._screen.clear()

    def _take(self, line: str) -> None:
        if self._asking is not None:
            self._editor.forget()
            self._screen.show(f"<{len(line)} characters of data>", "sent")
        elif line.strip():
            self._screen.show(line, "sent")
        else:
            return
        self._typed += 1
        self._lines.put((self._typed, line))

    def _leave(self) -> None:
        """End the main thread, whatever it waits for."""
        self._left.set()
        self._lines.put(None)
        self._modem.close()


class _RemarksOnScreen(logging.Handler):
    """Shows the warnings of the package."""

    def __init__(self, screen: Screen) -> None:
        super().__init__(logging.WARNING)
        self._screen = screen

    def emit(self, record: logging.LogRecord) -> None:
        """Show one remark."""
        self._screen.show(record.getMessage(), "remark", at=record.created)
