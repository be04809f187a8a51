"""64 and 1,000 modems in one process, each sent messages at the full speed of its line.

One process at the other end plays all modules, by the clock: what a port does not take in time is lost, as on a line.
64 ports are given line by line, and a callback takes the messages of each. 1,000 are given what a USB adapter hands
over at a time, which is what comes in 16 ms, and coroutines of one loop take them.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
import time
from typing import TYPE_CHECKING

import far_end
from rows import Row, main

from modemqtt import Modem
from modemqtt.aio import AsyncModem
from modemqtt.exceptions import PortError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modemqtt import Message

SECONDS = 5.0
SETTLING = 1.0
USB = round(0.016 * far_end.SPEED)


class Counter:
    """Counts messages."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, _message: Message) -> None:
        self.count += 1


def with_callbacks(modems: int, size: int) -> tuple[float, int, int, float]:
    """Return the share of one core, the messages that were due, those that were lost, and how long it took."""
    with far_end.modules(modems) as (ports, far), contextlib.ExitStack() as stack:
        counters = []
        for port in ports:
            modem = stack.enter_context(Modem(port, model="M95"))
            counters.append(Counter())
            modem.mqtt().on_message = counters[-1]
        used, began = time.process_time(), time.monotonic()
        far.send((SECONDS, size))
        due = far.recv()
        used, took = time.process_time() - used, time.monotonic() - began
        deadline = time.monotonic() + SETTLING
        while sum(counter.count for counter in counters) < due and time.monotonic() < deadline:
            time.sleep(0.01)
        return 100 * used / took, due, due - sum(counter.count for counter in counters), took


async def awaited(modems: int, size: int) -> tuple[float, int, int, float]:
    """Return the same of coroutines."""
    count = 0

    async def take(modem: AsyncModem) -> None:
        nonlocal count
        with contextlib.suppress(PortError):
            async for _ in modem.mqtt().messages():
                count += 1

    loop = asyncio.get_running_loop()
    with far_end.modules(modems) as (ports, far):
        async with contextlib.AsyncExitStack() as stack:
            tasks = []
            for port in ports:
                modem = await stack.enter_async_context(AsyncModem(port, model="M95"))
                tasks.append(asyncio.create_task(take(modem)))
            used, began = time.process_time(), time.monotonic()
            far.send((SECONDS, size))
            due = await loop.run_in_executor(None, far.recv)
            used, took = time.process_time() - used, time.monotonic() - began
            deadline = time.monotonic() + SETTLING
            while count < due and time.monotonic() < deadline:  # noqa: ASYNC110 - at most a second
                await asyncio.sleep(0.01)
        await asyncio.gather(*tasks)
    return 100 * used / took, due, due - count, took


def measure() -> Iterator[Row]:
    # A port and two ends of a pipe for each.
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    share, due, lost, took = with_callbacks(64, len(far_end.LINE))
    behind = f"{due / took:,.0f} messages/s, {lost} lost"
    yield Row("64 modems at 115,200, callbacks", "one core", share, "%", must=15, aim=8, at_most=True, behind=behind)
    share, due, lost, took = asyncio.run(awaited(1000, USB))
    behind = f"of {due:,}, at {100 * SECONDS / took:.0f} % of the speed; {share:.0f} % of one core"
    yield Row("1,000 modems at 115,200: lost", "", lost, "", must=0, aim=0, at_most=True, behind=behind)


if __name__ == "__main__":
    main(measure)
