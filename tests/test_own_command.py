"""A caller writes its own command and reads its answer; the I/O thread does what is left."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from modemqtt import Modem
from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

COMMANDS = 100
# Several reads at the beginning of a line's life.
LINES = 500
OK = b"\r\nOK\r\n"


class Module:
    """A module on TCP that echoes the number of each command."""

    def __init__(self) -> None:
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = f"socket://127.0.0.1:{self.server.getsockname()[1]}"
        self.lines: list[bytes] = []
        # Nothing is read until this is set.
        self.reads = threading.Event()
        self.reads.set()
        # What is done before and after the answer to a line.
        self.around: dict[bytes, tuple[Callable[[], None], Callable[[], None]]] = {}
        # What is said ahead of an answer.
        self.ahead = b""
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        client, _ = self.server.accept()
        unread = b""
        with client:
            while read := client.recv(65536):
                unread += read
                *lines, unread = unread.split(b"\r")
                for line in lines:
                    self.lines.append(line)
                    before, after = self.around.get(line, (lambda: None, lambda: None))
                    before()
                    client.sendall(self.ahead + self._answer(line))
                    after()
                self.reads.wait()

    @staticmethod
    def _answer(line: bytes) -> bytes:
        if line == b"AT+CMEE?":
            return b"\r\n+CMEE: 1\r\n" + OK
        if line == b"AT+LINES":
            return OK + b"".join(b"\r\n+LINE: %d\r\n" % number for number in range(LINES))
        number = re.fullmatch(rb"AT\+N=(\d+).*", line)
        return b"\r\n+N: %s\r\n%s" % (number[1], OK) if number else OK


@pytest.fixture
def module() -> Iterator[Module]:
    module = Module()
    with module.server:
        yield module


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the I/O thread reads every answer")
def test_the_io_thread_sleeps_through_a_row_of_commands(module: Module) -> None:
    with Modem(module.port, model="M95") as modem:
        before = modem.stats.wakeups
        for number in range(COMMANDS):
            # As any module, it does not answer before the caller waits.
            module.around[f"AT+N={number}".encode()] = (lambda: time.sleep(0.002), lambda: None)
            assert modem.command(f"AT+N={number}").lines == (f"+N: {number}",)
        # It wakes for the first ones, whose deadlines it must watch. A busy machine may have it read an answer.
        assert modem.stats.wakeups - before < COMMANDS / 2


def test_what_comes_behind_an_answer_is_read_without_waiting_for_more(module: Module) -> None:
    with Modem(module.port, model="M95") as modem:
        assert modem.command("AT+LINES").lines == ()
        deadline = time.monotonic() + 5
        # Nobody else reads, and nothing else comes.
        while modem.stats.urcs < LINES:
            assert time.monotonic() < deadline, modem.stats
            time.sleep(0.01)
        assert list(modem.urcs(timeout=0)) == [f"+LINE: {number}" for number in range(LINES)]


def test_commands_of_many_threads_go_out_whole_and_each_gets_its_own_answer(module: Module) -> None:
    with Modem(module.port, model="M95") as modem, ThreadPoolExecutor(8) as threads:
        begun = len(module.lines)
        answers = threads.map(lambda number: modem.command(f"AT+N={number}").lines, range(COMMANDS))
        assert list(answers) == [(f"+N: {number}",) for number in range(COMMANDS)]
        assert sorted(module.lines[begun:]) == sorted(b"AT+N=%d" % number for number in range(COMMANDS))


def test_what_the_port_does_not_take_at_once_is_left_to_the_thread(module: Module) -> None:
    with Modem(module.port, model="M95") as modem, ThreadPoolExecutor(1) as threads:
        module.reads.clear()
        modem.command("AT+N=1")
        long = "x" * 8_000_000
        waiting = threads.submit(modem.command, f'AT+N=2,"{long}"', timeout=30)
        # The buffers of the system are full, and the program goes on.
        until(lambda: 0 < modem.stats.bytes_sent < len(long), "a part of the line")
        assert not waiting.done()
        module.reads.set()
        assert waiting.result().lines == ("+N: 2",)
        assert module.lines[-1].endswith(f'{long}"'.encode())


def test_a_pause_between_commands_is_kept_and_the_thread_wakes_for_its_end(module: Module) -> None:
    with Modem(module.port, model="M95", command_gap=0.05) as modem:
        for number in range(4):
            modem.command(f"AT+N={number}")
        lines = [line for line in modem.wire if line.text.startswith(("AT+N", "OK"))]
        answered = {line.text: lines[at - 1].timestamp for at, line in enumerate(lines) if line.sent and at}
        gaps = [line.timestamp - answered[line.text] for line in lines if line.text in answered]
        assert len(gaps) == 4
        assert min(gaps) >= 0.0499


PROGRAM = """
import sys, threading
from modemqtt import Modem, ModemError

with Modem(sys.argv[1], model="M95") as modem:
    asked = threading.Event()
    def others():
        while not asked.is_set():
            try: modem.command("AT", timeout=0.0002)
            except ModemError: pass
    threads = [threading.Thread(target=others) for _ in range(4)]
    for thread in threads: thread.start()
    try: print(modem.command("AT+N=7", timeout=1).lines, flush=True)
    finally:
        asked.set()
        for thread in threads: thread.join()
"""


@pytest.mark.parametrize("lines", [0, 2000], ids=["alone", "behind others"])
def test_an_answer_that_came_while_the_program_was_stopped_is_in_time(module: Module, lines: int) -> None:
    command = [sys.executable, "-c", PROGRAM, module.port]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:  # noqa: S603 - our own

        def stop() -> None:
            program.send_signal(signal.SIGSTOP)
            module.ahead = b"\r\n+QIND: 1\r\n" * lines

        def go_on() -> None:
            time.sleep(1.2)  # longer than the program's timeout; it is the program that has to sleep
            program.send_signal(signal.SIGCONT)

        module.around[b"AT+N=7"] = (stop, go_on)
        out, _ = program.communicate(timeout=30)
    assert out == "('+N: 7',)\n"
