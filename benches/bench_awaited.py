"""Messages through `async for`, beside those of aiomqtt: the same lines and packets as in bench_messages.py."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import aiomqtt
import far_end
from rows import Row, in_turn, main

from modemqtt.aio import AsyncModem

if TYPE_CHECKING:
    from collections.abc import Iterator

MESSAGES = 60_000
OF_AIOMQTT = 10_000


async def through_the_module(port: str) -> float:
    """Return the messages a second of `async for` on a modem."""
    async with AsyncModem(port, model="M95") as modem:
        mqtt = modem.mqtt()
        await mqtt.open("broker.lab")
        await mqtt.connect("bench")
        began, count = 0.0, 0
        await modem.command(far_end.POUR.decode())
        async for message in mqtt.messages(timeout=5):
            began = began or time.perf_counter()
            if message.topic and message.payload:
                count += 1
            if count == MESSAGES:
                return MESSAGES / (time.perf_counter() - began)
        raise SystemExit(f"{MESSAGES - count} messages were lost")


async def through_aiomqtt(port: int) -> float:
    """Return the messages a second of `async for` on a client of aiomqtt."""
    async with aiomqtt.Client("127.0.0.1", port) as client:
        await client.subscribe(far_end.TOPIC)
        began, count = 0.0, 0
        async for message in client.messages:
            began = began or time.perf_counter()
            if message.topic.value and message.payload:
                count += 1
            if count == OF_AIOMQTT:
                break
        return OF_AIOMQTT / (time.perf_counter() - began)


def ours() -> float:
    with far_end.module(MESSAGES) as port:
        return asyncio.run(through_the_module(port))


def theirs() -> float:
    with far_end.broker(OF_AIOMQTT) as port:
        return asyncio.run(through_aiomqtt(port))


def measure() -> Iterator[Row]:
    mine, peer = in_turn(ours, theirs)
    behind = f"{mine:,.0f} beside {peer:,.0f} messages/s"
    yield Row("async for", "aiomqtt", mine / peer, "×", must=5, aim=20, behind=behind)


if __name__ == "__main__":
    main(measure)
