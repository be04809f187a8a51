"""The modem, awaited: callbacks, loops, ports that are opened, lost and closed."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import threading
import time
import weakref
from typing import TYPE_CHECKING, Any

import pytest

import modemqtt
from modemqtt import (
    Modem,
    ModemError,
    PortError,
    PublishError,
    ResponseTimeout,
)
from modemqtt.aio import AsyncModem
from modemqtt.virtual import Broker, VirtualModem
from support.loops import go, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path
    from types import FrameType


def test_callbacks_are_called_in_the_loop_and_may_be_coroutines(broker: Broker, module: VirtualModem) -> None:
    async def program() -> None:
        here = threading.get_ident()
        called: list[tuple[str, int, object]] = []

        async def on_message(message: modemqtt.Message) -> None:
            await asyncio.sleep(0)
            called.append(("message", threading.get_ident(), message.payload))

        async with AsyncModem(module.port) as modem:
            mqtt = modem.mqtt()
            mqtt.on_message = on_message
            mqtt.on_delivery = lambda delivery: called.append(("delivery", threading.get_ident(), delivery.state))
            mqtt.on_connection_lost = lambda error: called.append(("lost", threading.get_ident(), type(error).__name__))
            modem.on_urc = lambda line: called.append(("urc", threading.get_ident(), line))
            async with mqtt.session(broker.host, broker.port, client_id="bench-7"):
                await mqtt.subscribe("bench/#")
                await mqtt.publish("bench/t", b"1", qos=1)
                module.urc("+BENCH: 1")
                await until(lambda: len(called) == 3, "the callbacks")
                broker.drop_clients()
                await until(lambda: len(called) == 4, "the loss")
        assert {thread for _, thread, _ in called} == {here}
        assert {(name, value) for name, _, value in called} == {
            ("message", b"1"),
            ("delivery", "acknowledged"),
            ("urc", "+BENCH: 1"),
            ("lost", "ConnectionLost"),
        }
        assert not [thread for thread in threading.enumerate() if thread.name.startswith("modemqtt-pts")]

    go(program)


def test_an_awaited_modem_is_one_of_the_open_modems_of_the_process(module: VirtualModem) -> None:
    async def program() -> None:
        modem = AsyncModem(module.port)
        assert modemqtt.open_modems() == []
        async with modem:
            assert modemqtt.open_modems() == [modem]
        assert modemqtt.open_modems() == []

    go(program)
    with Modem(module.port) as modem:
        AsyncModem.of(modem)
        assert modemqtt.open_modems() == [modem]


def test_a_callback_that_raises_is_logged_and_counted(module: VirtualModem, caplog: pytest.LogCaptureFixture) -> None:
    async def program() -> int:
        async def later(line: str) -> None:
            raise ValueError(line)

        async with AsyncModem(module.port) as modem:
            for callback in (later, lambda _: 1 / 0):
                modem.on_urc = callback
                before = modem.stats.callback_errors
                module.urc("+BENCH: 1")
                await until(lambda before=before: modem.stats.callback_errors > before, "the error")  # type: ignore[misc]
            return modem.stats.callback_errors

    assert go(program) == 2
    assert [record.getMessage() for record in caplog.records].count("a callback for 'urc' raised") == 2
    # These were meant to be logged.
    caplog.clear()


def test_the_loss_of_the_port_is_told_and_ends_every_wait(broker: Broker) -> None:
    async def program() -> None:
        lost: list[PortError] = []
        with VirtualModem("M95") as module:
            async with AsyncModem(module.port) as modem:
                modem.on_port_lost = lost.append
                mqtt = modem.mqtt()
                await mqtt.open(broker.host, broker.port)
                await mqtt.connect("bench-7")
                broker.withhold_acks()
                waits = [
                    asyncio.ensure_future(wait)
                    for wait in (mqtt.receive(), mqtt.publish("bench/t", b"1", qos=1), anext_of(modem.urcs()))
                ]
                await asyncio.sleep(0.05)
                module.close()
                for wait in waits:
                    with pytest.raises(PortError):
                        await wait
                await until(lambda: lost, "the news of the port")
        assert len(lost) == 1

    go(program)


async def anext_of(iterator: AsyncIterator[Any]) -> Any:  # noqa: ANN401 - of an iterator of anything
    """Return the next of an iterator; the builtin `anext` is not a coroutine."""
    return await iterator.__anext__()


def test_a_modem_is_used_in_one_loop_after_another(module: VirtualModem, broker: Broker) -> None:
    modem = AsyncModem(module.port)
    urcs: list[str] = []

    async def first() -> None:
        await modem.open()
        modem.on_urc = urcs.append
        await modem.mqtt().open(broker.host, broker.port)

    async def second() -> None:
        await modem.mqtt().connect("bench-7")
        module.urc("+BENCH: 2")
        await until(lambda: urcs, "the line")

    async def third() -> None:
        await modem.close()

    for program in (first, second, third):
        go(program)
    assert urcs == ["+BENCH: 2"]


def test_a_loop_whose_calls_are_over_before_they_are_awaited_calls_the_callbacks(module: VirtualModem) -> None:
    modem = AsyncModem(module.port)
    urcs: list[str] = []

    def slowly(frame: FrameType, *_: object) -> None:
        # The answer comes before anyone looks for it.
        if frame.f_code.co_name == "finished":
            time.sleep(0.05)

    async def first() -> None:
        await modem.open()
        modem.on_urc = urcs.append

    async def second() -> None:
        sys.settrace(slowly)
        await modem.command("AT")
        sys.settrace(None)
        module.urc("+BENCH: 2")
        await until(lambda: urcs, "the line")

    for program in (first, second, modem.close):
        go(program)
    assert urcs == ["+BENCH: 2"]


def test_what_came_while_no_loop_ran_is_told_in_the_next(module: VirtualModem) -> None:
    modem = AsyncModem(module.port)
    urcs: list[str] = []

    async def first() -> None:
        await modem.open()
        modem.on_urc = urcs.append

    async def second() -> None:
        async for _ in modem.urcs(timeout=5):
            break
        await until(lambda: urcs, "the line")

    go(first)
    module.urc("+BENCH: 1")
    for program in (second, modem.close):
        go(program)
    assert urcs == ["+BENCH: 1"]


def test_several_loops_run_at_once_in_threads_on_one_modem_and_on_many() -> None:
    with VirtualModem("M95") as shared:
        modem = AsyncModem(shared.port)
        go(modem.open)
        errors: list[BaseException] = []

        def run() -> None:
            async def program() -> None:
                async with AsyncModem("virtual://M95") as own:
                    for _ in range(20):
                        assert (await modem.command("AT")).final == (await own.command("AT")).final == "OK"

            try:
                asyncio.run(asyncio.wait_for(program(), 20))
            except BaseException as error:  # noqa: BLE001 - it is looked at below
                errors.append(error)

        threads = [threading.Thread(target=run) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        go(modem.close)
        assert errors == []


def test_a_forgotten_modem_is_closed_with_a_warning(module: VirtualModem) -> None:
    async def program() -> None:
        modem = await AsyncModem(module.port).open()
        gone = weakref.ref(modem)
        with pytest.warns(ResourceWarning, match="was not closed"):  # noqa: PT031 - two ways to forget it
            del modem
            gc.collect()
        assert gone() is None
        async with AsyncModem(module.port) as again:
            assert (await again.command("AT")).final == "OK"

    go(program)


def test_opening_is_given_up_when_it_is_cancelled(tmp_path: Path) -> None:
    master, slave = os.openpty()

    async def program() -> None:
        modem = AsyncModem(os.ttyname(slave))
        start = time.monotonic()
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(modem.open(), 0.2)
        assert time.monotonic() - start < 2
        assert not modem.is_open
        with pytest.raises(ResponseTimeout, match="nothing came"):
            await modem.open(timeout=0.3)
        with pytest.raises(PortError, match="no-port"):
            await AsyncModem(str(tmp_path / "no-port")).open()

    go(program)
    os.close(master)
    os.close(slave)


def test_a_port_that_is_held_is_waited_for(module: VirtualModem) -> None:
    async def program() -> None:
        held = Modem(module.port).open()
        with pytest.raises(PortError, match="in use by this process"):
            await AsyncModem(module.port).open()
        waiting = asyncio.ensure_future(AsyncModem(module.port).open(timeout=10))
        await asyncio.sleep(0.15)
        held.close()
        await (await waiting).close()

    go(program)


def test_an_open_modem_may_be_awaited_as_well(broker: Broker, module: VirtualModem) -> None:
    with Modem(module.port) as modem:
        awaited = AsyncModem.of(modem)

        async def program() -> None:
            urcs: list[str] = []
            awaited.on_urc = urcs.append
            async with awaited.mqtt().session(broker.host, broker.port, client_id="bench-7") as mqtt:
                assert modem.mqtt().state == mqtt.state == "connected"
                module.urc("+BENCH: 4")
                await until(lambda: urcs, "the line")

        go(program)
        assert modem.command("AT").final == "OK"


def test_closing_ends_what_waits(module: VirtualModem) -> None:
    async def program() -> None:
        async with AsyncModem(module.port) as modem:
            waiting = asyncio.ensure_future(modem.mqtt().receive())
            await asyncio.sleep(0.01)
        with pytest.raises(PortError):
            await waiting
        with pytest.raises(PortError, match="is not open"):
            await modem.command("AT")

    go(program)


def test_reopening_goes_on_with_callbacks_and_sessions(broker: Broker, module: VirtualModem) -> None:
    async def program() -> None:
        again = modemqtt.Reconnect(first=0.01)
        async with AsyncModem(module.port) as modem:
            urcs: list[str] = []
            modem.on_urc = urcs.append
            mqtt = modem.mqtt()
            async with mqtt.session(broker.host, broker.port, client_id="bench-7", reconnect=again):
                await modem.reopen(timeout=5)
                await mqtt.wait_connected(10)
                module.urc("+BENCH: 3")
                await until(lambda: "+BENCH: 3" in urcs, "the line")

    go(program)


def test_a_refused_publish_raises_as_in_the_blocking_api(broker: Broker) -> None:
    async def program() -> None:
        with VirtualModem("M95", faults=["packet-result=2"]) as module:
            async with (
                AsyncModem(module.port) as modem,
                modem.mqtt().session(broker.host, broker.port, client_id="bench-7") as mqtt,
            ):
                with pytest.raises((PublishError, ModemError)):
                    await mqtt.publish("bench/t", b"1", qos=1)

    go(program)


def test_a_hundred_modems_are_awaited_in_one_loop_without_a_thread_a_wait() -> None:
    async def program() -> None:
        modems = [AsyncModem("virtual://M95") for _ in range(100)]
        await asyncio.gather(*(modem.open() for modem in modems))
        answers = await asyncio.gather(*(modem.command("AT") for modem in modems for _ in range(5)))
        assert {answer.final for answer in answers} == {"OK"}
        waits = [asyncio.ensure_future(modem.mqtt().receive()) for modem in modems]
        await asyncio.sleep(0)
        # Python has only its own thread and the one that writes the log.
        assert len([thread for thread in threading.enumerate() if thread.name != "modemqtt-log"]) <= 2
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
        await asyncio.gather(*(modem.close() for modem in modems))

    go(program, within=60)
