"""The pytest plugin: modems for tests, virtual ones or those of a bench.

It is active wherever the package is installed; ``-p no:modemqtt`` turns it off. docs/pytest.md says how to use it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from modemqtt._pytest import header, lab, models, running, settings
from modemqtt._pytest.failure import told
from modemqtt._pytest.names import short_hash
from modemqtt._pytest.wire import ModemUrcs, ModemWire

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from modemqtt import Modem, MqttClient
    from modemqtt._pytest.brokers import BrokerAddress
    from modemqtt._pytest.models import Wanted
    from modemqtt._pytest.place import Place
    from modemqtt._pytest.sessions import Sessions
    from modemqtt.aio import AsyncModem, AsyncMqttClient
    from modemqtt.virtual import Broker, VirtualModem

__all__ = ["ModemUrcs", "ModemWire"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options."""
    settings.declare(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Read the options, and register the markers."""
    for marker in models.MARKERS:
        config.addinivalue_line("markers", marker)
    config.stash[settings.SETTINGS] = told = settings.read(config)
    if told.broker is not None:
        from modemqtt._pytest import brokers  # noqa: PLC0415 - loaded only where one is named

        brokers.address_of(told.broker, told.broker_from)
    running.start(config)


@pytest.hookimpl(tryfirst=True)  # before the header is written
def pytest_sessionstart(session: pytest.Session) -> None:
    """Take the modem of labgrid's target if --lg-env names one that has it: labgrid has read its environment by now."""
    config = session.config
    config.stash[settings.SETTINGS] = lab.with_target(config, settings.of(config))
    if settings.of(config).record is not None:
        from modemqtt._pytest import records  # noqa: PLC0415 - few runs are recorded

        records.check(config)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Clean up."""
    running.stop(config)


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say what the tests run on."""
    return header.header_lines(config)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for a model once on each."""
    models.multiply(metafunc)


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist looks for its groups
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Group the tests that share a module or a port."""
    models.order(config, items)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Begin a test that is not skipped, before its fixtures are set up."""
    models.check_item(item)
    running.begin(item)


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
) -> Generator[None, object, object]:
    """Keep what a fixture that outlives a test opens and sets."""
    return (yield from running.around_fixture(fixturedef, request))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Give the module the faults that a test asks for."""
    return (yield from running.around_call(item))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, None, None]:
    """Fail a test for what it left behind, and bring its modem to the known state."""
    yield from running.around_teardown(item, last=nextitem is None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the wire to the report of a test that failed."""
    return (yield from running.around_report(item, call))


def _scope(fixture_name: str, config: pytest.Config) -> Any:
    """Return the scope of the fixtures that need a module, one of pytest's five."""
    assert fixture_name  # noqa: S101 - pytest's form
    return settings.of(config).scope


@pytest.fixture(scope="session")
def _modem_wanted(request: pytest.FixtureRequest) -> Wanted | None:
    """The model that the test is to run on; ``None`` for any."""
    wanted: Wanted | None = getattr(request, "param", None)
    return wanted


@pytest.fixture(scope="session")
def _modem_virtual_only(pytestconfig: pytest.Config) -> None:
    """Skips on hardware."""
    told = settings.of(pytestconfig)
    if not told.virtual:
        pytest.skip(f"virtual_modem: needs a virtual module, and this run is on {told.where}")


@pytest.fixture(scope=_scope)
def _modem_place(request: pytest.FixtureRequest, _modem_wanted: Wanted | None) -> Iterator[Place]:
    """A module, and the port that it is on."""
    bench = running.bench_of(request.config)
    place = bench.take(_modem_wanted, lab.driver(request))
    yield place
    bench.leave(place)


@pytest.fixture(scope=_scope)
def modem(pytestconfig: pytest.Config, _modem_place: Place) -> Modem:
    """An open modem: on --modem-port, or a virtual one.

    Between tests that share it, sessions are closed, callbacks removed, client options restored and faults healed.
    """
    return running.bench_of(pytestconfig).open(_modem_place)


@pytest.fixture(scope=_scope)
def virtual_modem(_modem_virtual_only: None, _modem_place: Place) -> VirtualModem:
    """The virtual module behind ``modem``; on hardware the test is skipped.

    The test fails if something that it expects (``virtual_modem.expect(…)``) does not come.
    """
    module = _modem_place.module
    assert module is not None  # noqa: S101 - it is None on hardware only
    return module


@pytest.fixture(scope=_scope)
def modem_model(_modem_place: Place) -> str:
    """The model of the module; a test that asks for it runs once on each model."""
    return _modem_place.model


@pytest.fixture(scope=_scope)
def modem_broker(pytestconfig: pytest.Config) -> Iterator[Broker | BrokerAddress]:
    """The broker that the module can reach, with ``host`` and ``port``.

    On virtual modules it is a ``modemqtt.virtual.Broker`` of this process, unless --modem-broker names another.
    """
    from modemqtt._pytest import brokers  # noqa: PLC0415 - loaded with the first use

    with brokers.serve(pytestconfig) as broker:
        bench = running.bench_of(pytestconfig)
        bench.broker = broker
        yield broker
        bench.broker = None


@pytest.fixture
def modem_mqtt_factory(
    request: pytest.FixtureRequest, modem: Modem, modem_broker: Broker | BrokerAddress
) -> Iterator[Sessions]:
    """Connects clients: ``modem_mqtt_factory(index=1, client_id="bench-7", keepalive=60)``, each argument optional."""
    from modemqtt._pytest.sessions import Sessions as Made  # noqa: PLC0415 - loaded with the first use

    with Made(running.bench_of(request.config), modem, modem_broker, request.node.nodeid) as sessions:
        yield sessions


@pytest.fixture
def modem_mqtt(modem_mqtt_factory: Sessions) -> MqttClient:
    """A client that is connected to ``modem_broker``, with its own client id."""
    with told():
        return modem_mqtt_factory()


@pytest.fixture
def amodem(modem: Modem) -> AsyncModem:
    """The open modem, awaited. It belongs to no event loop until it is used in one."""
    from modemqtt.aio import AsyncModem as Awaited  # noqa: PLC0415 - loaded with the first use

    return Awaited.of(modem)


@pytest.fixture
def amodem_mqtt(amodem: AsyncModem, modem_mqtt: MqttClient) -> AsyncMqttClient:
    """The client of ``modem_mqtt``, awaited."""
    return amodem.mqtt(modem_mqtt.index)


@pytest.fixture
def modem_topic(request: pytest.FixtureRequest) -> str:
    """A topic, without a slash at its end, under which no other test publishes."""
    bench = running.bench_of(request.config)
    topic = f"modemqtt/{bench.run}/{bench.worker}/{short_hash(request.node.nodeid)}"
    bench.invent(topic)
    return topic


@pytest.fixture
def modem_wire(modem: Modem, pytestconfig: pytest.Config) -> ModemWire:  # noqa: ARG001 - it is that modem's wire
    """The wire of this test: ``sent``, ``received``, ``find(text)``, ``assert_sequence([…])``."""
    bench = running.bench_of(pytestconfig)
    return ModemWire(lambda: bench.test.lines()[0])


@pytest.fixture
def cap_modem_urc(modem: Modem) -> ModemUrcs:
    """The unsolicited lines of this test: ``lines``, ``find(text)``, ``wait(text)``, ``clear()``."""
    return ModemUrcs(modem)
