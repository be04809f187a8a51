"""Twenty places that one exporter serves, with a session each: nothing is lost and nothing is confused."""

from __future__ import annotations

import contextlib
import importlib
from typing import TYPE_CHECKING

from modemqtt.virtual import Broker, VirtualModem
from support import lab as labs

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

PLACES, MESSAGES = 20, 50
MODELS = ("M95", "BC28", "BC660K-GL", "EG915Q")


def test_twenty_places_of_one_exporter_lose_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with contextlib.ExitStack() as stack:
        broker = stack.enter_context(Broker())
        modules = [
            stack.enter_context(VirtualModem(MODELS[number % len(MODELS)], listen="127.0.0.1:0"))
            for number in range(PLACES)
        ]
        names = [f"bench-{number}" for number in range(PLACES)]
        lab = stack.enter_context(labs.coordinator(tmp_path))
        resources = "".join(
            f"{name}:\n  NetworkQuectelModem: "
            f"{{host: 127.0.0.1, port: {module.port.rpartition(':')[2]}, protocol: raw, model: {module.model}}}\n"
            for name, module in zip(names, modules, strict=True)
        )
        stack.enter_context(labs.exporter(lab, "pc-1", resources))
        lab.make({name: f"pc-1/{name}/*" for name in names})
        lab.acquire(*names)
        targets = "".join(
            f"  {name}: {{resources: {{RemotePlace: {{name: {name}}}}}, drivers: {{ModemMqttDriver: {{}}}}}}\n"
            for name in names
        )
        (tmp_path / "env.yaml").write_text(
            f"targets:\n{targets}imports: [modemqtt.labgrid]\noptions: {{coordinator_address: '{lab.coordinator}'}}\n"
        )
        for name, value in lab.environment().items():
            monkeypatch.setenv(name, value)
        environment = importlib.import_module("labgrid").Environment(str(tmp_path / "env.yaml"))
        stack.callback(environment.cleanup)
        drivers = [environment.get_target(name).get_driver("ModemMqttDriver") for name in names]
        for name, driver, module in zip(names, drivers, modules, strict=True):
            assert driver.modem.model == module.model
            driver.open(broker.host, broker.port)
            driver.subscribe(f"{name}/#", 1)
        deliveries = [
            driver.modem.mqtt().publish(f"{name}/{number}", b"%d of %s" % (number, name.encode()), qos=1, wait=False)
            for number in range(MESSAGES)
            for name, driver in zip(names, drivers, strict=True)
        ]
        for delivery in deliveries:
            delivery.wait(30)
        for name, driver in zip(names, drivers, strict=True):
            came = [driver.wait_message(timeout=10) for _ in range(MESSAGES)]
            wanted = {(f"{name}/{number}", b"%d of %s" % (number, name.encode())) for number in range(MESSAGES)}
            assert {(message.topic, message.payload) for message in came} == wanted
            assert driver.modem.stats.messages_dropped == 0
