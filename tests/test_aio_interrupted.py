"""After an interrupt at any line, or a cancellation at any await, of opening and closing, `close()` cleans up."""

from __future__ import annotations

import asyncio
import functools
import gc
import os
import sys
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

from modemqtt import Reconnect, open_modems
from modemqtt.aio import AsyncModem
from support.held import held
from support.interrupts import Interrupt
from support.loops import go
from support.loops import until as soon
from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Generator

    from modemqtt.virtual import Broker, VirtualModem

    Program: TypeAlias = Callable[["World"], Coroutine[Any, Any, object]]

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux lists what a process has open")


class World:
    """A module, a broker, and a modem; a test interrupts what a program does with them."""

    def __init__(self, broker: Broker, module: VirtualModem) -> None:
        self.broker, self.module = broker, module
        # Start what the first modem of a process, and the first loop, start for all of them.
        self.modem = AsyncModem(module.port, model="M95")
        go(self.works, 5, debug=False)
        self.before = held()

    def renew(self) -> None:
        """Nothing is left of earlier interrupts."""
        self.modem = AsyncModem(self.module.port, model="M95")

    async def session(self) -> None:
        mqtt = self.modem.mqtt()
        plan = Reconnect(first=0.0001)
        async with mqtt.session(self.broker.host, self.broker.port, client_id="bench-7", reconnect=plan):
            await mqtt.publish("bench/t", b"1", qos=1)

    async def works(self) -> None:
        """The same object can be opened and does everything; nothing from before goes on."""
        lines: list[str] = []
        async with self.modem as modem:
            modem.on_urc = lines.append
            self.module.urc("+BENCH: 1")
            await soon(lambda: lines, "the callback")
            assert lines.count("+BENCH: 1") == 1
            for _ in range(5):
                await modem.command("AT")
            assert self.module.commands[-5:] == 5 * ["AT"], "a session goes on"
            modem.on_urc = None

    def is_as_before(self) -> bool:
        self.broker.drop_clients()
        if held() <= self.before:
            return True
        # A traceback may refer to itself.
        gc.collect()
        return held() <= self.before

    def check(self) -> None:
        """Nothing is left, and everything works."""
        assert not self.modem.is_open
        assert open_modems() == []
        until(self.is_as_before, f"an end of {held() - self.before}", 1)
        go(self.works, 5, debug=False)


async def an_open(world: World) -> None:
    async def on_urc(_: str) -> None:
        await asyncio.sleep(0)

    world.modem.on_urc = on_urc
    world.modem.mqtt().on_message = print
    await world.modem.open()


async def a_reopen(world: World) -> None:
    await world.modem.open()
    await world.modem.reopen()


async def a_session(world: World) -> None:
    async with world.modem:
        await world.session()


# `make long` interrupts every instruction of the interpreter's, a test run every line.
OPCODES = os.environ.get("MODEMQTT_OPCODES") == "1"
# Nobody can help between the instruction that makes a coroutine and the one that awaits it.
UNAWAITED = ["ignore:coroutine .* was never awaited:RuntimeWarning"] if OPCODES else []
PROGRAMS = (an_open, a_reopen, a_session)
each_program = pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)


@pytest.fixture(autouse=True)
def _nothing_is_said(caplog: pytest.LogCaptureFixture) -> Generator[None]:
    """The loop reports exceptions that nobody retrieved, and Python reports coroutines that nobody awaited."""
    yield
    gc.collect()
    assert [record.getMessage() for record in caplog.get_records("call") if record.name == "asyncio"] == []


def closed(modem: AsyncModem) -> None:
    go(modem.close, 2, debug=False)


@pytest.mark.timeout(1800 if OPCODES else 60)
@pytest.mark.filterwarnings("ignore::ResourceWarning", *UNAWAITED)
# A session opens and closes as well; the others are for `make long`.
@pytest.mark.parametrize("program", PROGRAMS if OPCODES else [a_session], ids=lambda program: program.__name__)
def test_what_an_interrupt_leaves_in_a_loop_is_cured_by_close(
    program: Program, broker: Broker, module: VirtualModem
) -> None:
    world, number = World(broker, module), 0
    while True:
        number += 1
        world.renew()
        interrupt = Interrupt(number, opcodes=OPCODES)
        with interrupt:
            asyncio.run(program(world))
        interrupt.leaves(lambda: closed(world.modem), world.check)
        if not interrupt.where:
            break
    assert number > 20, "it was not interrupted"


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@each_program
def test_what_a_cancellation_leaves_is_cured_by_close(program: Program, broker: Broker, module: VirtualModem) -> None:
    world, number, cancelled = World(broker, module), 0, True
    while cancelled:
        number += 1
        world.renew()
        cancelled = go(functools.partial(_cancelled, world, program, number), 10, debug=False)
        try:
            world.check()
        except Exception as error:
            raise AssertionError(f"cancelled at its await {number}") from error
    assert number > 1, "it was not cancelled"


async def _cancelled(world: World, program: Program, number: int) -> bool:
    """Cancel a program at the await with that number, and close; return whether there was one."""
    awaits = _Awaits(program(world), number)
    task = asyncio.create_task(_run(awaits))
    await asyncio.wait([task])
    assert task.cancelled() or task.exception() is None
    await world.modem.close()
    return awaits.left <= 0


async def _run(awaits: _Awaits) -> None:
    await awaits


class _Awaits:
    """Cancels its task at the await that waits for this long."""

    def __init__(self, awaited: Awaitable[object], number: int) -> None:
        self._awaited = awaited
        self.left = number

    def __await__(self) -> Generator[Any, Any, None]:
        steps = self._awaited.__await__()
        step: Callable[..., Any] = steps.send
        given: object = None
        while True:
            try:
                waited_for = step(given)
            except StopIteration:
                return
            self.left -= 1
            task = asyncio.current_task()
            if self.left == 0 and task is not None:
                task.cancel()
            try:
                given = yield waited_for
                step = steps.send
            except BaseException as error:  # noqa: BLE001 - it is passed on
                step, given = steps.throw, error
