"""After Ctrl-C at any line of opening and closing, `close()` cleans up."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, TypeAlias

import pytest

from modemqtt import Modem, Reconnect, open_modems
from modemqtt.virtual import Broker, VirtualModem
from support.held import held
from support.interrupts import Interrupt
from support.sessions import session
from support.waiting import in_thread, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Call: TypeAlias = Callable[[], object]

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux lists what a process has open")

# `make long` interrupts every instruction of the interpreter's, a test run every line.
OPCODES = os.environ.get("MODEMQTT_OPCODES") == "1"

# If a session goes on, it reconnects at once.
AT_ONCE = Reconnect(first=0.0001)


class World:
    """A module, a broker and a modem; a test interrupts something that uses them."""

    def __init__(self, broker: Broker, module: VirtualModem) -> None:
        self.broker, self.module = broker, module
        self.others: list[Modem] = []
        # A session without references is left.
        self.entered: object = None
        # Start what the first modem of a process starts for all of them.
        with self.other():
            pass
        self.broker.drop_clients()
        # A module without a host has its own end of the line open, a moment after the host has left.
        until(lambda: held()[self.module.port] == 1, "the module's own end of the line")
        self.before = held()
        self.modem = self.other()

    def other(self) -> Modem:
        return Modem(self.module.port, model="M95")

    def opened(self) -> Modem:
        return self.modem.open()

    def callbacks(self) -> None:
        self.modem.on_urc = lambda _: None
        self.modem.mqtt().on_message = lambda _: None

    def session(self) -> None:
        with session(self.modem.mqtt(), self.broker, AT_ONCE):
            pass

    def is_as_before(self) -> bool:
        self.broker.drop_clients()
        return held() <= self.before

    def check(self) -> None:
        """Close, and see that nothing is left and everything works."""
        for modem in (self.modem, *self.others):
            modem.close()
        assert not self.modem.is_open
        assert open_modems() == []
        # The module's own connection does not count.
        until(self.is_as_before, f"an end of {held() - self.before}", 1)
        # Nothing is locked for other threads.
        in_thread(self.modem.close).result(1)
        with self.other() as other:
            assert other.command("AT").final == "OK"
        lines: list[str] = []
        with self.modem as modem:
            modem.on_urc = lines.append
            self.module.urc("+CREG: 1")
            until(lambda: lines, "the callback", 1)
            self.broker.drop_clients()
            for _ in range(5):
                modem.command("AT")
            assert lines.count("+CREG: 1") == 1
            assert self.module.commands[-5:] == 5 * ["AT"], "a session goes on"
            self.session()
        self.modem.on_urc = None


# Each takes a world, prepares it and returns the code to interrupt.
def an_open(world: World) -> Call:
    return world.modem.open


def an_open_with_callbacks(world: World) -> Call:
    world.callbacks()
    return world.modem.open


def an_open_behind_a_modem_that_was_forgotten(world: World) -> Call:
    world.other().open()
    return world.modem.open


def an_open_that_takes_over(world: World) -> Call:
    world.others = [world.other().open()]
    return lambda: world.modem.open(take_over=True)


def a_close(world: World) -> Call:
    return world.opened().close


def a_close_within_a_session(world: World) -> Call:
    world.callbacks()
    entered = session(world.opened().mqtt(), world.broker, AT_ONCE)
    entered.__enter__()
    world.entered = entered
    return world.modem.close


def a_reopen(world: World) -> Call:
    return world.opened().reopen


def a_reopen_within_a_session(world: World) -> Call:
    world.callbacks()
    entered = session(world.opened().mqtt(), world.broker, AT_ONCE)
    entered.__enter__()
    world.entered = entered
    return lambda: world.modem.reopen(timeout=5)


def a_session(world: World) -> Call:
    world.opened()
    return world.session


def a_modem_and_its_session(world: World) -> Call:
    def both() -> None:
        with world.modem:
            world.session()

    return both


CALLS = (
    an_open,
    an_open_with_callbacks,
    an_open_behind_a_modem_that_was_forgotten,
    an_open_that_takes_over,
    a_close,
    a_close_within_a_session,
    a_reopen,
    a_reopen_within_a_session,
    a_session,
    a_modem_and_its_session,
)


@pytest.fixture
def module() -> Iterator[VirtualModem]:
    with VirtualModem("M95") as module:
        yield module


@pytest.mark.timeout(1800 if OPCODES else 60)
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("prepare", CALLS, ids=lambda call: call.__name__)
def test_what_an_interrupt_leaves_is_cured_by_close(
    prepare: Callable[[World], Call], broker: Broker, module: VirtualModem
) -> None:
    number = 0
    while True:
        number += 1
        world = World(broker, module)
        call = prepare(world)
        interrupt = Interrupt(number, opcodes=OPCODES)
        with interrupt:
            call()
        interrupt.leaves(world.check)
        if not interrupt.where:
            break
    assert number > 20, "it was not interrupted"


# The code of the other end to interrupt, on a port and with a link that must be free afterwards.
def a_broker(port: int, link: Path) -> None:
    del link
    with Broker(port=port) as broker:
        broker.stop()
        broker.start()


def a_module(port: int, link: Path) -> None:
    del port
    with VirtualModem("M95", link=link):
        pass


def a_module_on_tcp(port: int, link: Path) -> None:
    del link
    with VirtualModem("M95", listen=f"127.0.0.1:{port}"):
        pass


@pytest.mark.parametrize("call", [a_broker, a_module, a_module_on_tcp], ids=lambda call: call.__name__)
def test_an_interrupt_leaves_nothing_of_a_broker_or_a_module(call: Callable[[int, Path], None], tmp_path: Path) -> None:
    with Broker() as free:
        port = free.port
    link = tmp_path / "modem"
    before = held()
    number = 0
    while True:
        number += 1
        interrupt = Interrupt(number, opcodes=OPCODES)
        with interrupt:
            call(port, link)
        until(lambda: held() <= before, f"an end of {held() - before}, interrupted at {interrupt.where},", 1)
        call(port, link)
        if not interrupt.where:
            break
    assert number > 10, "it was not interrupted"


def test_an_interrupt_of_a_virtual_port_is_cured_by_close() -> None:
    with Modem("virtual://M95"):
        pass
    before = held()
    number = 0
    while True:
        number += 1
        modem = Modem("virtual://M95")
        interrupt = Interrupt(number, opcodes=OPCODES)
        with interrupt, modem:
            modem.virtual.broker.publish("bench/t", b"1")
        modem.close()
        until(lambda: held() <= before, f"an end of {held() - before}, interrupted at {interrupt.where},", 1)
        with modem:
            assert modem.command("AT").final == "OK"
        if not interrupt.where:
            break
    assert number > 20, "it was not interrupted"
