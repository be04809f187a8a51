"""The awaited modem and its process: the end of the interpreter, Ctrl-C and forked children."""

from __future__ import annotations

import pytest

from support.programs import run

PROGRAM = """
import asyncio, os, signal, sys
from modemqtt.aio import AsyncModem

async def main():
    modem = AsyncModem(module.port, model="M95")
    await modem.open()
    mqtt = modem.mqtt()
    async with mqtt.session(broker.host, broker.port, client_id="bench-7"):
        await mqtt.subscribe("bench/#")
        {body}
"""


@pytest.mark.parametrize(
    "body",
    [
        "mqtt.on_message = lambda message: None; asyncio.ensure_future(mqtt.receive()); sys.exit(0)",
        "async for _ in mqtt.messages(timeout=0.01): pass\n        os._exit(0)",
        "tasks = [asyncio.ensure_future(mqtt.publish('bench/t', b'1', qos=1)) for _ in range(50)]; sys.exit(0)",
    ],
)
def test_the_interpreter_ends_cleanly_though_nothing_was_closed(body: str) -> None:
    program = PROGRAM.format(body=body) + "import logging; logging.disable()\nasyncio.run(main())\n"
    for _ in range(3):
        outcome = run(program)
        assert (outcome.returncode, outcome.output) == (0, "")
        assert "Traceback" not in outcome.errors


@pytest.mark.parametrize(
    "wait", ["await mqtt.receive()", "module.inject('mute'); await modem.command('AT')", "await asyncio.sleep(60)"]
)
def test_ctrl_c_leaves_the_session_within_a_second(wait: str) -> None:
    body = f"asyncio.get_running_loop().call_later(0.2, os.kill, os.getpid(), signal.SIGINT)\n        {wait}"
    program = PROGRAM.format(body=body) + (
        "start = time.monotonic()\n"
        "try:\n    asyncio.run(main())\n"
        "except KeyboardInterrupt:\n    print('interrupted', time.monotonic() - start < 5)\n"
    )
    outcome = run(program)
    assert (outcome.returncode, outcome.output) == (0, "interrupted True\n"), outcome.errors


def test_a_forked_child_is_told_that_the_modem_is_its_parents() -> None:
    body = """
        child = os.fork()
        if child == 0:
            try:
                await modem.command("AT")
            except Exception as error:
                print(type(error).__name__, flush=True)
            os._exit(0)
        os.waitpid(child, 0)
        print((await modem.command("AT")).final)
"""
    outcome = run(PROGRAM.format(body=body.strip()) + "asyncio.run(main())\n")
    assert outcome.output == "UsageError\nOK\n", outcome.errors
