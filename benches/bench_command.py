"""A command and its answer over a pseudo-terminal: ours, pyserial's `readline`, and `os.write` with `os.read`.

A process at the other end answers at once. The three are measured in turn on ports of their own.
"""

from __future__ import annotations

import os
import statistics
import time
import tty
from contextlib import ExitStack
from typing import TYPE_CHECKING

import far_end
import serial
from rows import Row, main

from modemqtt import Modem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

COMMANDS = 3_000
ROUNDS = 7


def timed(command: Callable[[], object]) -> tuple[float, float]:
    """Return the median time of a command and its processor time, all threads of the process, in microseconds."""
    times = []
    used = time.process_time()
    for _ in range(COMMANDS):
        began = time.perf_counter()
        command()
        times.append(time.perf_counter() - began)
    return 1e6 * statistics.median(times), 1e6 * (time.process_time() - used) / COMMANDS


def with_pyserial(port: serial.Serial) -> None:
    port.write(b"AT\r")
    while port.readline() != b"OK\r\n":
        pass


def with_os(port: int) -> None:
    os.write(port, b"AT\r")
    read = b""
    while not read.endswith(far_end.OK):
        read += os.read(port, 4096)


def measure() -> Iterator[Row]:
    with ExitStack() as stack:
        ports = [stack.enter_context(far_end.module()) for _ in range(3)]
        theirs = stack.enter_context(serial.Serial(ports[1], 115_200, timeout=5))
        plain = os.open(ports[2], os.O_RDWR | os.O_NOCTTY)
        stack.callback(os.close, plain)
        tty.setraw(plain)
        modem = stack.enter_context(Modem(ports[0], model="M95"))
        commands = (lambda: modem.command("AT"), lambda: with_pyserial(theirs), lambda: with_os(plain))
        rounds = [[timed(command) for command in commands] for _ in range(ROUNDS)]
    (ours, ours_used), (pyserial, pyserial_used), (bare, _) = (
        [statistics.median(figures) for figures in zip(*column, strict=True)] for column in zip(*rounds, strict=True)
    )
    what = 'command("AT"), p50'
    behind = f"{ours:.1f} beside {pyserial:.1f} µs"
    yield Row(what, "pyserial readline", ours / pyserial, "×", must=0.8, aim=0.5, at_most=True, behind=behind)
    behind = f"{ours:.1f} beside {bare:.1f} µs"
    yield Row(what, "os.write + os.read", ours / bare, "×", must=2.5, aim=1.5, at_most=True, behind=behind)
    behind = f"{ours_used:.1f} beside {pyserial_used:.1f} µs"
    figure = ours_used / pyserial_used
    yield Row("CPU per command", "pyserial readline", figure, "×", must=0.7, aim=0.4, at_most=True, behind=behind)


if __name__ == "__main__":
    main(measure)
