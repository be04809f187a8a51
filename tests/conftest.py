"""The other end of the line for every test: a virtual module, and a broker behind it. No fixed ports, no hardware."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modemqtt import Modem, MqttClient
from modemqtt.virtual import Broker, VirtualModem
from support import mosquitto as real_broker

if TYPE_CHECKING:
    from collections.abc import Iterator

MODELS = ("M95", "BC660K-GL")


@pytest.fixture
def broker() -> Iterator[Broker]:
    with Broker() as broker:
        yield broker


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
def virtual_modem(model: str) -> Iterator[VirtualModem]:
    with VirtualModem(model) as module:
        yield module


@pytest.fixture
def modem(virtual_modem: VirtualModem) -> Iterator[Modem]:
    with Modem(virtual_modem.port) as modem:
        yield modem


@pytest.fixture
def mqtt(modem: Modem, broker: Broker) -> MqttClient:
    """Client 0, connected to `broker`."""
    client = modem.mqtt()
    client.open(broker.host, broker.port)
    client.connect("bench-7")
    return client
