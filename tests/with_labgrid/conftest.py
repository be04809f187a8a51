"""Tests with labgrid, in a separate environment, because pyserial and labgrid's fork of it have the same name."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from modemqtt.virtual import VirtualModem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Make = Callable[..., Any]

HERE = Path(__file__).resolve().parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run these tests only with labgrid; the programs of labs take their time."""
    ours = [item for item in items if HERE in item.path.parents]
    for item in ours:
        item.add_marker(pytest.mark.timeout(180))
        if importlib.util.find_spec("labgrid") is None:
            item.add_marker(pytest.mark.skip("labgrid has an environment of its own: make labgrid"))


@pytest.fixture
def make() -> Iterator[Make]:
    """Makes a target of resources and drivers, as an environment file has them."""
    importlib.import_module("modemqtt.labgrid")
    factory = importlib.import_module("labgrid.factory").target_factory
    targets = []

    def made(*, resources: object = (), drivers: object) -> Any:  # noqa: ANN401 - labgrid tells no types
        target = factory.make_target("main", {"resources": resources or [], "drivers": drivers})
        targets.append(target)
        return target

    yield made
    for target in targets:
        target.cleanup()


@pytest.fixture
def served() -> Iterator[VirtualModem]:
    """A BC660K-GL behind a raw TCP port."""
    with VirtualModem("BC660K-GL", listen="127.0.0.1:0") as module:
        yield module


def network(module: VirtualModem, **more: object) -> dict[str, object]:
    """Return the resource of a module behind a raw TCP port."""
    port = int(module.port.rpartition(":")[2])
    return {"NetworkQuectelModem": {"host": "127.0.0.1", "port": port, "protocol": "raw", **more}}


def virtual(model: str = "M95", **strategy: object) -> dict[str, dict[str, object]]:
    """Return the drivers of a target without hardware."""
    return {"VirtualQuectelModemDriver": {"model": model}, "ModemMqttDriver": {}, "ModemMqttStrategy": strategy}
