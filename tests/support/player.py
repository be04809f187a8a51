"""Plays the module of a transcript on a pseudo-terminal, while the package plays the host.

What Python is told by different ways (the end of a call, a callback, the state of a delivery) has no order between the
ways. Within each the order is that of the transcript, and nothing may be told before its `=` step.
"""

from __future__ import annotations

import os
import queue
import select
import threading
import time
import tty
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from modemqtt import ConnectionLost, Delivery, Modem, ModemError
from support import calls
from support.transcript import show

if TYPE_CHECKING:
    from collections.abc import Callable

    from modemqtt import Message
    from support.transcript import Step, Transcript

PATIENCE = 5.0
LONGEST_PAUSE = 0.1
CLIENTS = 6
_SENTINEL = b"+XSENTINEL: 1"
_EVENTS = (b"message", b"lost", b"urc", b"restarted")
_PROGRESS = (b"accepted", b"retransmitting", b"sent", b"acknowledged", b"unknown")


class Call:
    """A call of the program, in its own thread because it may block."""

    def __init__(self, words: list[str], run: Callable[[], Any]) -> None:
        self.word = words[0]
        self.words = words
        self.future: Future[Any] = Future()
        self.reported = False
        threading.Thread(target=self._run, args=(run,), daemon=True).start()

    def _run(self, run: Callable[[], Any]) -> None:
        try:
            self.future.set_result(run())
        except ModemError as error:
            self.future.set_exception(error)

    @property
    def delivery(self) -> Delivery | None:
        if self.future.done() and self.future.exception() is None and isinstance(self.future.result(), Delivery):
            delivery: Delivery = self.future.result()
            return delivery
        return None

    @property
    def ended(self) -> bool:
        delivery = self.delivery
        if delivery is not None:
            return delivery.state not in ("queued", "accepted", "retransmitting")
        return self.future.done()


class Player:
    """One transcript under way."""

    def __init__(self, transcript: Transcript) -> None:
        self.transcript = transcript
        self.place = transcript.name
        self.calls: list[Call] = []
        self.events: queue.Queue[list[bytes]] = queue.Queue()
        self.master, self.slave = os.openpty()
        tty.setraw(self.slave)
        self.modem = Modem(os.ttyname(self.slave), model=transcript.model, revision=transcript.revision)

    overruns = 0

    def play(self) -> None:
        """Raise `AssertionError` if the package does something else."""
        try:
            self.set_up()
            steps = self.transcript.steps
            for step, following in zip(steps, [*steps[1:], None], strict=True):
                self.place = step.place
                self.do(step, following)
            self.finish()
        finally:
            self.modem.close()
            os.close(self.master)
            os.close(self.slave)

    def set_up(self) -> None:
        opening = Call(["set up"], self.modem.open)
        for command in (b"AT\r", b"ATE0\r", b"AT+CMEE=1\r"):
            self.expect_sent(command)
            self.feed(b"\r\nOK\r\n")
        self.expect_sent(b"AT+CMEE?\r")
        self.feed(b"\r\n+CMEE: 1\r\n\r\nOK\r\n")
        opening.future.result(PATIENCE)
        self.modem.on_urc = lambda line: self.events.put([b"urc", line.encode()])
        self.modem.on_restart = lambda: self.events.put([b"restarted"])
        for index in range(CLIENTS):
            self.modem.mqtt(index).on_message = self.on_message
            self.modem.mqtt(index).on_connection_lost = self.on_lost(index)

    def on_message(self, message: Message) -> None:
        words = [b"message", b"%d" % message.client, b"%d" % message.message_id, message.topic.encode()]
        self.events.put([*words, message.payload, *([] if message.complete else [b"incomplete"])])

    def on_lost(self, index: int) -> Callable[[ConnectionLost], None]:
        return lambda error: self.events.put([b"lost", b"%d" % index, b"%d" % error.code])

    def do(self, step: Step, following: Step | None) -> None:
        match step.mark:
            case "*":
                self.calls.append(Call(step.texts, calls.prepare(self.modem, list(step.words))))
            case ">":
                self.expect_sent(step.data)
            case "<":
                self.expect_nothing_more()
                self.feed(step.data)
            case "=":
                self.expect_report(list(step.words))
            case _ if step.texts[0] == "elapse" and following is not None and following.mark == "<":
                # Before a report there is no need: waiting for it is waiting long enough. Nor is there while the
                # module starts again, which is what the longer pauses are about.
                time.sleep(min(float(step.texts[1]), LONGEST_PAUSE))

    def feed(self, data: bytes) -> None:
        assert os.write(self.master, data) == len(data)

    def expect_sent(self, expected: bytes) -> None:
        sent = b""
        deadline = time.monotonic() + PATIENCE
        while len(sent) < len(expected) and expected.startswith(sent):
            readable, _, _ = select.select([self.master], [], [], max(0.0, deadline - time.monotonic()))
            if not readable:
                break
            sent += os.read(self.master, len(expected) - len(sent))
        assert sent == expected, f"{self.place}: sent {sent!r}, expected {expected!r}"

    def expect_nothing_more(self) -> None:
        """Check that the program has heard nothing beyond the reports so far."""
        readable, _, _ = select.select([self.master], [], [], 0)
        more = os.read(self.master, 4096) if readable else b""
        assert more == b"", f"{self.place}: also sent {more!r}"
        early = [call.words for call in self.calls if call.ended and not call.reported]
        assert early == [], f"{self.place}: ended without a report: {early}"
        assert self.events.empty(), f"{self.place}: also told {show(self.events.get())}"

    def expect_report(self, expected: list[bytes]) -> None:
        word = expected[0]
        if word == b"overrun":
            told = self.overrun(expected)
        elif word in _EVENTS:
            told = self.next_event(expected)
        elif word in _PROGRESS or expected[:2] == [b"failed", b"publish"]:
            told = self.publish_report(expected)
        else:
            told = self.call_report(expected)
        assert told == expected, f"{self.place}: told {show(told)}, expected {show(expected)}"

    def overrun(self, expected: list[bytes]) -> list[bytes]:
        """It is counted and logged."""
        self.overruns += 1
        deadline = time.monotonic() + PATIENCE
        while self.modem.stats.overruns < self.overruns and time.monotonic() < deadline:
            time.sleep(0.001)
        return expected if self.modem.stats.overruns == self.overruns else [b"nothing"]

    def next_event(self, expected: list[bytes]) -> list[bytes]:
        try:
            return self.events.get(timeout=PATIENCE)
        except queue.Empty:
            raise AssertionError(f"{self.place}: nothing was told, expected {show(expected)}") from None

    def call_report(self, expected: list[bytes]) -> list[bytes]:
        """Tell how the oldest call of that kind has ended."""
        word = calls.word_of(expected)
        waiting = [call for call in self.calls if call.word == word and not call.reported]
        assert waiting, f"{self.place}: no call that {show(expected)} could be about"
        call = waiting[0]
        call.reported = True
        return calls.report(call.words, self.ended(call, expected), expected)

    def ended(self, call: Call, expected: list[bytes]) -> Any:  # noqa: ANN401 - each call its own
        try:
            return call.future.result(PATIENCE)
        except ModemError as error:
            return error
        except TimeoutError:
            raise AssertionError(f"{self.place}: the call goes on, expected {show(expected)}") from None

    def publish_report(self, expected: list[bytes]) -> list[bytes]:
        deadline = time.monotonic() + PATIENCE
        while True:
            told = None
            for call in self.calls:
                if call.word == "publish" and not call.reported:
                    told = calls.publish_report(call.words, call.delivery, self.failure(call), expected)
                    if told == expected:
                        call.reported = expected[0] not in (b"accepted", b"retransmitting")
                        return told
            if time.monotonic() > deadline:
                return told or [b"nothing"]
            time.sleep(0.001)

    @staticmethod
    def failure(call: Call) -> ModemError | None:
        error = call.future.exception() if call.future.done() else None
        return error if isinstance(error, ModemError) else None

    def finish(self) -> None:
        """Make the package report one more line: everything before it has then been reported."""
        self.place += " and after"
        self.feed(b"\r\n" + _SENTINEL + b"\r\n")
        told = self.next_event([b"urc", _SENTINEL])
        assert told == [b"urc", _SENTINEL], f"{self.place}: also told {show(told)}"
        self.expect_nothing_more()
