"""The strategy: from any state to any other, with power and without."""

from __future__ import annotations

import contextlib
import importlib
import threading
from typing import TYPE_CHECKING, Any

import attr
import pytest

from modemqtt.virtual import Broker, VirtualModem
from with_labgrid.conftest import network, virtual

if TYPE_CHECKING:
    from pathlib import Path

    from with_labgrid.conftest import Make

STATES = ("off", "ready", "attached", "connected")


def parts(target: Any) -> tuple[Any, Any]:  # noqa: ANN401 - labgrid tells no types
    return target.get_strategy(), target.get_driver("ModemMqttDriver", activate=False)


def state_of(driver: Any) -> str:  # noqa: ANN401
    """Return the state that the modem is seen to be in."""
    if not driver.modem.is_open:
        return "closed" if driver.port.get() else "off"
    if driver.modem.mqtt().state == "connected":
        return "connected"
    assert driver.modem.mqtt().state == "closed"
    return "attached" if driver.modem.registration() in {1, 5} else "ready"


@pytest.mark.parametrize("before", ["unknown", *STATES])
@pytest.mark.parametrize("after", STATES)
def test_every_state_is_reached_from_every_other(make: Make, before: str, after: str) -> None:
    strategy, driver = parts(make(drivers=virtual()))
    if before != "unknown":
        strategy.transition(before)
    strategy.transition(after)
    # A virtual module is registered from the start.
    assert state_of(driver) == ("attached" if after == "ready" else after)
    assert strategy.status.name == after


def test_a_module_that_was_switched_off_by_another_is_switched_on(make: Make) -> None:
    strategy, driver = parts(make(drivers=virtual()))
    driver.virtual.power_off()
    strategy.transition("attached")
    assert state_of(driver) == "attached"


def test_what_the_status_says_is_looked_at(make: Make) -> None:
    strategy, driver = parts(make(drivers=virtual()))
    strategy.transition("connected")
    driver.virtual.broker.drop_clients()
    driver.modem.command("AT")
    strategy.transition("connected")
    assert driver.modem.mqtt().state == "connected"
    driver.target.deactivate(driver)
    strategy.transition("connected")
    assert driver.modem.mqtt().state == "connected"


def test_attached_waits_for_the_network(make: Make) -> None:
    strategy, driver = parts(make(drivers=virtual(attach_timeout=0.2)))
    strategy.transition("ready")
    driver.virtual.set_registration(2)
    with pytest.raises(Exception, match="ModemMqttStrategy is in broken state") as caught:
        strategy.transition("attached")
    assert "not registered" in str(caught.value.__cause__)
    # It stays broken until somebody says what state the modem is in.
    with pytest.raises(Exception, match="ModemMqttStrategy is in broken state"):
        strategy.transition("ready")
    driver.virtual.set_registration(1)
    strategy.force("ready")
    strategy.transition("attached")


def with_a_switch(module: VirtualModem) -> type:
    """Return a power driver that cures a module, as a hub that switches its ports does."""
    labgrid = importlib.import_module("labgrid.driver")
    protocol = importlib.import_module("labgrid.protocol")

    @attr.s(eq=False)
    class Switch(labgrid.Driver, protocol.PowerProtocol):  # type: ignore[misc,name-defined]
        done: list[str] = attr.ib(factory=list)

        def on(self) -> None:
            self.done.append("on")

        def off(self) -> None:
            self.done.append("off")

        def cycle(self) -> None:
            self.done.append("cycle")
            module.heal()
            module.restart()

    return Switch


def test_a_module_that_does_not_answer_loses_its_power_once(make: Make, served: VirtualModem) -> None:
    target = make(resources=network(served), drivers={})
    switch = with_a_switch(served)(target, None)
    factory = importlib.import_module("labgrid.factory").target_factory
    driver = factory.make_driver(target, "ModemMqttDriver", None, {"timeout": 0.3})
    strategy = factory.make_driver(target, "ModemMqttStrategy", None, {"boot_timeout": 0.1})
    served.inject("mute")
    strategy.transition("ready")
    assert switch.done == ["on", "cycle"]
    assert driver.command("AT").final == "OK"
    strategy.transition("off")
    assert (switch.done[-1], driver.modem.is_open) == ("off", False)


def test_a_module_that_is_away_for_a_moment_is_waited_for(make: Make, tmp_path: Path) -> None:
    link = tmp_path / "module"
    drivers: dict[str, dict[str, object]] = {"ModemMqttDriver": {}, "ModemMqttStrategy": {"boot_timeout": 5}}
    strategy, driver = parts(make(resources={"QuectelModem": {"port": str(link)}}, drivers=drivers))
    with contextlib.ExitStack() as stack:

        def come() -> None:
            stack.enter_context(VirtualModem("M95", link=link))

        comes = threading.Timer(0.3, come)
        comes.start()
        strategy.transition("ready")
        comes.join()
        assert driver.modem.model == "M95"
        driver.target.deactivate(driver)


def test_off_without_a_power_driver_is_told_and_breaks_nothing(make: Make, served: VirtualModem) -> None:
    drivers: dict[str, dict[str, object]] = {"ModemMqttDriver": {}, "ModemMqttStrategy": {}}
    strategy, driver = parts(make(resources=network(served), drivers=drivers))
    for status, text in {
        "off": r'^target main cannot be "off": it has no power driver; add one, such as NetworkPowerDriver',
        "connected": r'^target main cannot be "connected": ModemMqttStrategy has no broker; add `broker: br',
        "shell": r"^a modem can be brought to off, ready, attached or connected, not 'shell'$",
        "unknown": r"^a modem can be brought to off, ready, attached or connected, not 'unknown'$",
    }.items():
        with pytest.raises(Exception, match=text) as caught:
            strategy.transition(status)
        assert type(caught.value).__name__ == "StrategyError"
    strategy.transition("attached")
    assert driver.modem.is_open


def test_connected_goes_to_the_broker_that_was_named(make: Make, served: VirtualModem) -> None:
    with Broker() as broker:
        strategy_of = {"broker": f"{broker.host}:{broker.port}", "client_id": "bench-7"}
        drivers = {"ModemMqttDriver": {}, "ModemMqttStrategy": strategy_of}
        strategy, _ = parts(make(resources=network(served), drivers=drivers))
        strategy.transition("connected")
        assert broker.clients == ["bench-7"]
        strategy.transition("ready")
        assert broker.clients == []


def test_a_broker_that_is_no_address_is_told(make: Make) -> None:
    with pytest.raises(
        Exception, match=r"^ModemMqttStrategy: broker must be HOST:PORT, such as broker\.lab:1883, not 'h'$"
    ):
        make(drivers=virtual(broker="h"))
