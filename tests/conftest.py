"""The other end of the line for every test: a virtual module, and a broker behind it. No fixed ports, no hardware."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from modemqtt._pytest.models import Wanted
from modemqtt.virtual import VirtualModem
from support import mosquitto as real_broker
from support.suites import Suite

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modemqtt import Modem, MqttClient
    from modemqtt.virtual import Broker

pytest_plugins = ["pytester"]

MODELS = ("M95", "BC660K-GL")


@pytest.fixture
def broker(modem_broker: Broker) -> Broker:
    return modem_broker


@pytest.fixture(scope="session")
def mosquitto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[real_broker.Address]:
    program = real_broker.find()
    if program is None:
        pytest.skip("mosquitto is not on the PATH")
    with real_broker.run(program, tmp_path_factory.mktemp("mosquitto")) as address:
        yield address


@pytest.fixture(params=MODELS)
def model(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def _modem_wanted(model: str) -> Wanted:
    """`modem` and `virtual_modem` are those of the plugin, on the model of the test."""
    return Wanted(model)


@pytest.fixture
def module() -> Iterator[VirtualModem]:
    """An M95, for behaviour that all models share."""
    with VirtualModem("M95") as module:
        yield module


@pytest.fixture
def mqtt(modem: Modem, broker: Broker) -> MqttClient:
    """Client 0, connected to `broker`."""
    client = modem.mqtt()
    client.open(broker.host, broker.port)
    client.connect("bench-7")
    return client


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Suite:
    """An empty suite of a user, whose environment says nothing of modems."""
    for name in [name for name in os.environ if name.startswith("MODEMQTT_")]:
        monkeypatch.delenv(name)
    return Suite(pytester)
