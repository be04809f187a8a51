"""Messages through `async for`, side by side with aiomqtt on a mosquitto broker.

A program at the other end of a pseudo-terminal answers what a session asks, then pours lines into it. aiomqtt is given
as many messages of the same size by mosquitto_pub, through mosquitto. Both are read in this process, one after the
other, five times; the medians and their ratio are printed. `python benches/bench_awaited.py [MESSAGES]`.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
import tty
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from modemqtt.aio import AsyncModem
from support import mosquitto

ROUNDS = 5
PAYLOAD = b"x" * 80
TOPIC = "bench/t"

# What a session asks, by how the line begins, and what it is answered.
ANSWERS = {
    b"AT+CGMM": b"\r\nQuectel_M95\r\n",
    b"AT+QMTOPEN": b"\r\nOK\r\n\r\n+QMTOPEN: 0,0\r\n",
    b"AT+QMTCONN": b"\r\nOK\r\n\r\n+QMTCONN: 0,0,0\r\n",
    b"AT+QMTDISC": b"\r\nOK\r\n\r\n+QMTDISC: 0,0\r\n",
}


def module(master: int, messages: int) -> None:
    """Answer, and pour the messages out when it is asked for the signal."""
    line = b'\r\n+QMTRECV: 0,0,"%s","%s"\r\n' % (TOPIC.encode(), PAYLOAD)
    unread = b""
    while True:
        unread += os.read(master, 4096)
        *commands, unread = unread.split(b"\r")
        for command in commands:
            answer = next((said for begins, said in ANSWERS.items() if command.startswith(begins)), b"")
            os.write(master, answer if b"OK" in answer else answer + b"\r\nOK\r\n")
            if command == b"AT+CSQ":
                poured = memoryview(line * messages)
                while poured:
                    poured = poured[os.write(master, poured[:4096]) :]


async def through_the_module(messages: int) -> float:
    """Return the messages a second of `async for` on a modem."""
    master, slave = os.openpty()
    tty.setraw(slave)
    other = multiprocessing.get_context("fork").Process(target=module, args=(master, messages), daemon=True)
    other.start()
    try:
        async with AsyncModem(os.ttyname(slave), model="M95") as modem:
            mqtt = modem.mqtt()
            await mqtt.open("broker.lab")
            await mqtt.connect("bench")
            await modem.command("AT+CSQ")
            start, count = time.perf_counter(), 0
            async for _ in mqtt.messages():
                count += 1
                if count == messages - modem.stats.messages_dropped:
                    break
            took = time.perf_counter() - start
            if modem.stats.messages_dropped:
                sys.exit(f"{modem.stats.messages_dropped} messages were dropped")
            return messages / took
    finally:
        other.kill()
        other.join()
        os.close(master)
        os.close(slave)


async def through_aiomqtt(messages: int, address: mosquitto.Address) -> float:
    """Return the messages a second of `async for` on a client of aiomqtt."""
    import aiomqtt  # noqa: PLC0415 - only the bench needs it

    async with aiomqtt.Client(address.host, address.port) as receiver:
        await receiver.subscribe(TOPIC)
        command = ["mosquitto_pub", "-h", address.host, "-p", str(address.port), "-t", TOPIC, "-l"]
        sender = subprocess.Popen(command, stdin=subprocess.PIPE)  # noqa: S603, ASYNC220 - it starts at once
        pouring = asyncio.get_running_loop().run_in_executor(None, sender.communicate, (PAYLOAD + b"\n") * messages)
        start, count = 0.0, 0
        async for _ in receiver.messages:
            start = start or time.perf_counter()
            count += 1
            if count == messages:
                break
        took = time.perf_counter() - start
        await pouring
        return messages / took


def main() -> None:
    """Run both in turn."""
    messages = int(sys.argv[1]) if len(sys.argv) > 1 else 8_000
    program = mosquitto.find()
    if program is None:
        sys.exit("mosquitto is needed")
    ours, theirs = [], []
    with tempfile.TemporaryDirectory() as folder, mosquitto.run(program, Path(folder)) as address:
        for _ in range(ROUNDS):
            ours.append(asyncio.run(through_the_module(messages)))
            theirs.append(asyncio.run(through_aiomqtt(messages, address)))
    mine, peer = statistics.median(ours), statistics.median(theirs)
    print(f"async for on a pseudo-terminal   {mine:>9,.0f} messages/s")
    print(f"async for of aiomqtt             {peer:>9,.0f} messages/s")
    print(f"ratio                            {mine / peer:>9.1f}")


if __name__ == "__main__":
    main()
