"""The awaited fixtures of the pytest plugin, under both plugins that run coroutines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from support.suites import Suite

AWAITED = """
    import pytest
    {mark}

    async def test_one(amodem, amodem_mqtt, modem_topic):
        await amodem_mqtt.subscribe(modem_topic)
        await amodem_mqtt.publish(modem_topic, b"1", qos=1)
        assert (await amodem_mqtt.receive(5)).payload == b"1"
        assert (await amodem.command("AT")).final == "OK"

    async def test_two(amodem_mqtt, modem_topic):
        import asyncio
        told = asyncio.Queue()
        amodem_mqtt.on_delivery = told.put_nowait
        await amodem_mqtt.publish(modem_topic, b"1", qos=1)
        assert (await asyncio.wait_for(told.get(), 5)).state == "acknowledged"

    def test_three(modem_mqtt, modem_topic):
        import threading
        told = threading.Event()
        modem_mqtt.on_delivery = lambda _: told.set()
        modem_mqtt.publish(modem_topic, b"1", qos=1)
        assert told.wait(5)
"""
RUNNERS = {
    "pytest-asyncio, strict": ("pytestmark = pytest.mark.asyncio", ("-p", "no:anyio", "-o", "asyncio_mode=strict")),
    "pytest-asyncio, auto": ("", ("-p", "no:anyio", "-o", "asyncio_mode=auto")),
    "anyio": (
        "pytestmark = pytest.mark.anyio\n    @pytest.fixture\n    def anyio_backend(): return 'asyncio'",
        (),
    ),
}


@pytest.mark.parametrize("scope", ["function", "module"])
@pytest.mark.parametrize("runner", RUNNERS)
def test_a_modem_is_awaited_in_the_loop_of_each_test_under(suite: Suite, runner: str, scope: str) -> None:
    mark, options = RUNNERS[runner]
    synchronous = AWAITED.replace("    def test_three", "    @pytest.mark.filterwarnings('ignore')\n    def test_three")
    suite.write(synchronous.replace("{mark}", mark))
    result = suite.run_apart(f"--modem-scope={scope}", *options)
    assert result.parseoutcomes()["passed"] == 3, result.stdout.str()
