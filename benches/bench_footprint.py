"""What an open modem takes that does nothing: memory, wake-ups, and the time to close it."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import far_end
from rows import Row, main

from modemqtt import Modem

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from support.switches import between, switches

if TYPE_CHECKING:
    from collections.abc import Iterator

WARM = 8
MODEMS = 100
IDLE = 4.0
CLOSES = 300
TRAFFIC = 5.0


def memory() -> float:
    """Return the resident memory of this process in KiB."""
    gc.collect()
    status = Path("/proc/self/status").read_text()
    return float(status.split("VmRSS:")[1].split()[0])


def opened(stack: contextlib.ExitStack, ports: list[str]) -> list[Modem]:
    return [stack.enter_context(Modem(port, model="M95")) for port in ports]


def measure_memory() -> Iterator[Row]:
    with far_end.modules(WARM + MODEMS) as (ports, far), contextlib.ExitStack() as stack:
        modems = opened(stack, ports[:WARM])
        before = memory()
        modems += opened(stack, ports[WARM:])
        idle = (memory() - before) / MODEMS
        yield Row("memory per modem, idle", "", idle, "KiB", must=96, aim=40, at_most=True)
        far.send((TRAFFIC, len(far_end.LINE)))
        taken, clients = 0, [modem.mqtt() for modem in modems]
        while not far.poll(0.02):
            taken += sum(1 for client in clients for _ in client.messages(timeout=0))
        due = far.recv()
        taken += sum(1 for client in clients for _ in client.messages(timeout=0.1))
        if taken != due:
            sys.exit(f"{due - taken} messages were lost")
        for modem in modems:
            for _ in range(100):
                modem.command("AT")
        after = (memory() - before) / MODEMS
        behind = f"{due // len(modems):,} messages taken by messages() as they came, 100 commands each"
        yield Row("memory per modem, after traffic", "", after, "KiB", must=128, aim=48, at_most=True, behind=behind)


def measure_wakeups() -> Iterator[Row]:
    with far_end.modules(4) as (ports, _), contextlib.ExitStack() as stack:
        modems = opened(stack, ports)
        for modem in modems[::2]:
            modem.mqtt().on_message = print
        time.sleep(0.5)
        before, woken = switches(), sum(modem.stats.wakeups for modem in modems)
        time.sleep(IDLE)
        threads = sum(between(before, switches()).values())
        io = sum(modem.stats.wakeups for modem in modems) - woken
        behind = f"four open for {IDLE:g} s, two with callbacks: all threads, {io} of them the I/O threads'"
        yield Row("wake-ups of idle open modems", "", threads, "", must=0, aim=0, at_most=True, behind=behind)


def measure_closing() -> Iterator[Row]:
    times = []
    with far_end.module() as port:
        for _ in range(CLOSES):
            modem = Modem(port, model="M95").open()
            began = time.perf_counter()
            modem.close()
            times.append(1000 * (time.perf_counter() - began))
    p99 = statistics.quantiles(times, n=100)[-1]
    behind = f"p50 {statistics.median(times):.2f} ms, {CLOSES} times"
    yield Row("close(), p99", "", p99, "ms", must=1, aim=1, at_most=True, behind=behind)


def measure() -> Iterator[Row]:
    # Memory first: what was used before would be used again.
    yield from measure_memory()
    yield from measure_wakeups()
    yield from measure_closing()


if __name__ == "__main__":
    # Arenas of malloc are given back by nobody else.
    ctypes.CDLL(None).malloc_trim(0)
    main(measure)
