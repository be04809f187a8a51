"""The driver of a modem: its bindings, when the modem is open, its steps, and the errors in one sentence."""

from __future__ import annotations

import importlib
import re
from typing import TYPE_CHECKING, Any

import pytest

from modemqtt import CommandError, Modem, PortError
from modemqtt._claims import Claim, claim
from modemqtt.virtual import Broker, VirtualModem
from support import ser2net
from with_labgrid.conftest import network, virtual

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from with_labgrid.conftest import Make

DRIVER: dict[str, dict[str, object]] = {"ModemMqttDriver": {}}
SECRET = "correct-horse"


@pytest.fixture
def events() -> Iterator[list[Any]]:
    """The reports to labgrid's reporters."""
    steps = importlib.import_module("labgrid.step").steps
    seen: list[Any] = []
    steps.subscribe(seen.append)
    yield seen
    steps.unsubscribe(seen.append)


def driver_of(target: Any) -> Any:  # noqa: ANN401 - labgrid tells no types
    return target.get_driver("ModemMqttDriver", activate=False)


def test_every_resource_with_a_serial_port_is_bound_to(make: Make, served: VirtualModem, tmp_path: Path) -> None:
    port = int(served.port.rpartition(":")[2])
    with VirtualModem("M95", link=tmp_path / "device") as device:
        resources: list[tuple[dict[str, Any], str]] = [
            ({"RawSerialPort": {"port": device.port}}, "M95"),
            ({"QuectelModem": {"port": device.port, "model": "M95", "speed": 9600}}, "M95"),
            ({"NetworkSerialPort": {"host": "127.0.0.1", "port": port, "protocol": "raw"}}, "BC660K-GL"),
            (network(served, model="BC660K-GL"), "BC660K-GL"),
        ]
        for resource, model in resources:
            target = make(resources=resource, drivers=DRIVER)
            driver = target.get_driver("ModemMqttDriver")
            assert driver.modem.model == model
            assert driver.command("AT").final == "OK"
            target.cleanup()


def test_a_serial_port_of_udev_is_bound_to_and_waited_for(make: Make) -> None:
    target = make(resources={"USBSerialPort": {"match": {"ID_SERIAL_SHORT": "never-there"}}}, drivers=DRIVER)
    with pytest.raises(Exception, match=r"^Not all resources are available: ") as caught:
        target.activate(driver_of(target))
    assert type(caught.value).__name__ == "NoResourceFoundError"


@pytest.mark.ser2net
def test_rfc2217_sets_the_speed_of_the_port(make: Make, tmp_path: Path) -> None:
    program = ser2net.find()
    if program is None:
        pytest.skip("ser2net is not on the PATH")
    with VirtualModem("M95") as module, ser2net.run(program, tmp_path, module.port, "rfc2217") as server:
        port = int(server.url.rpartition(":")[2])
        resource = {"NetworkQuectelModem": {"host": "127.0.0.1", "port": port, "speed": 57600}}
        driver = make(resources=resource, drivers=DRIVER).get_driver("ModemMqttDriver")
        assert driver.modem.port == f"rfc2217://127.0.0.1:{port}"
        assert driver.command("AT+CSQ").lines == ("+CSQ: 20,0",)


def test_the_modem_is_the_same_object_and_is_open_while_the_driver_is_active(make: Make, served: VirtualModem) -> None:
    target = make(resources=network(served), drivers=DRIVER)
    driver = driver_of(target)
    modem = driver.modem
    assert isinstance(modem, Modem)
    assert (modem.is_open, modem.port) == (False, "labgrid:main")
    for open_it in (modem.open, modem.reopen):
        with pytest.raises(
            PortError, match=r'^labgrid:main cannot be opened yet; transition\("ready"\) of its strategy opens it'
        ):
            open_it()
    for _ in range(2):
        target.activate(driver)
        assert (driver.modem, modem.is_open, modem.port) == (modem, True, served.port)
        target.deactivate(driver)
        assert (driver.modem, modem.is_open, modem.port) == (modem, False, "labgrid:main")
    with pytest.raises(Exception, match=r"has not been activated, ModemMqttDriver\.command cannot be called"):
        driver.command("AT")


def test_its_steps_make_a_session_and_the_deactivation_ends_it(make: Make, served: VirtualModem) -> None:
    target = make(resources=network(served), drivers=DRIVER)
    driver = target.get_driver("ModemMqttDriver")
    with Broker() as broker:
        client = driver.open(broker.host, broker.port, keepalive=60)
        assert broker.clients == ["modemqtt-main"]
        assert driver.subscribe("bench/#", 1) == [1]
        assert driver.publish("bench/7", b"21.5", 1).state == "acknowledged"
        assert driver.wait_message(timeout=5).payload == b"21.5"
        with pytest.raises(TimeoutError):
            driver.wait_message(timeout=0.05)
        target.deactivate(driver)
        assert (client.state, broker.clients) == ("closed", [])


def test_the_wire_reaches_the_console_and_no_secret_reaches_a_log(
    make: Make, served: VirtualModem, events: list[Any]
) -> None:
    driver = make(resources=network(served), drivers=DRIVER).get_driver("ModemMqttDriver")
    driver.command("AT+CSQ")
    with Broker() as broker:
        driver.open(broker.host, broker.port, username="u", password=SECRET)
        driver.close()
    with pytest.raises(CommandError):
        driver.command(f'AT+QMTCONN=5,"c","u","{SECRET}"')
    console = [event for event in events if event.step.tag == "console"]
    read = b"".join(
        event.step.result for event in console if event.step.title == "read" and event.data["state"] == "stop"
    )
    assert b"AT+CSQ\r\n+CSQ: 20,0\r\nOK\r\n" in read
    written = b"".join(event.step.args["data"] for event in console if event.data.get("args"))
    assert b"AT+CSQ\r\n" in written
    assert b"+CSQ:" not in written
    assert b"AT+QMTCONN=0" in read
    titles = [event.step.title for event in events if event.step.tag is None and event.data["state"] == "start"]
    assert titles == ["command", "open", "close", "command"]
    everything = " ".join(f"{event.data} {event.step.args} {event.step.result}" for event in events)
    assert SECRET not in everything


def test_what_is_told_to_the_console_is_told_once(make: Make, events: list[Any]) -> None:
    target = make(drivers=virtual())
    driver = target.get_driver("ModemMqttDriver")
    for _ in range(50):
        driver.modem.command("AT+CSQ")
    driver.command("AT+CIMI")
    target.deactivate(driver)
    target.activate(driver)
    driver.command("AT+CIMI")
    read = b"".join(
        event.data["result"] for event in events if event.data.get("result") and event.step.tag == "console"
    )
    assert (read.count(b"AT+CSQ\r\n"), read.count(b"AT+CIMI\r\n"), read.count(b"ATE0\r\n")) == (50, 2, 2)


@pytest.mark.parametrize(("name", "told"), [("model", "M95"), ("imei", "123456789012345")])
def test_a_module_that_is_not_the_one_of_its_resource_is_told(
    make: Make, served: VirtualModem, name: str, told: str
) -> None:
    target = make(resources=network(served, **{name: told}), drivers=DRIVER)
    driver = driver_of(target)
    with pytest.raises(
        Exception, match=rf"^socket://\S+: the resource says {name} {told}, and the module says \w.*; correct Net"
    ) as caught:
        target.activate(driver)
    assert type(caught.value).__name__ == "ExecutionError"
    # Nothing is left: another process may have the port.
    assert (driver.modem.is_open, driver.modem.port) == (False, "labgrid:main")
    claimed = claim(served.port, "another", "master")
    assert isinstance(claimed, Claim)
    claimed.release()


def test_the_right_module_is_told_by_its_number(make: Make, served: VirtualModem) -> None:
    with Modem(served.port) as modem:
        imei = int(modem.imei)
    # YAML reads a number.
    driver = make(resources=network(served, model="BC660K-GL", imei=imei), drivers=DRIVER).get_driver("ModemMqttDriver")
    assert driver.is_active


def test_an_address_is_that_of_the_proxy(make: Make, served: VirtualModem, monkeypatch: pytest.MonkeyPatch) -> None:
    target = make(
        resources={"NetworkQuectelModem": {"host": "bench-pc", "port": 4001, "protocol": "raw"}}, drivers=DRIVER
    )
    driver = driver_of(target)
    driver.port.extra = {"proxy_required": True, "proxy": "gate"}
    asked = []

    def forward(*hop: object) -> int:
        asked.append(hop)
        return int(served.port.rpartition(":")[2])

    manager = importlib.import_module("labgrid.util.ssh").sshmanager
    monkeypatch.setattr(manager, "request_forward", forward)
    target.activate(driver)
    assert driver.modem.port == f"socket://localhost:{served.port.rpartition(':')[2]}"
    assert asked == [("gate", "bench-pc", 4001)]


NETWORK = {"host": "127.0.0.1", "port": 4001}


@pytest.mark.parametrize(
    ("resource", "driver", "text"),
    [
        ({"QuectelModem": {}}, {}, "QuectelModem needs port, a device such as /dev/ttyUSB2, not None"),
        ({"NetworkQuectelModem": {"port": 1}}, {}, "NetworkQuectelModem needs host, the name of a machine, not None"),
        (
            {"NetworkQuectelModem": {"host": "h"}},
            {},
            "NetworkQuectelModem needs port, a TCP port from 1 to 65535, not None",
        ),
        (
            {"NetworkQuectelModem": {**NETWORK, "protocol": "telnet"}},
            {},
            "NetworkQuectelModem: protocol must be raw or rfc2217, not 'telnet'",
        ),
        ({"NetworkQuectelModem": NETWORK}, {"timeout": 0}, "ModemMqttDriver: timeout must be more than 0 s, not 0"),
        (
            {"NetworkQuectelModem": NETWORK},
            {"settings": {"prompt_delay": 99}},
            "ModemMqttDriver: prompt_delay must be 0 to 60 s, not 99",
        ),
    ],
)
def test_a_wrong_environment_is_told_in_one_sentence(
    make: Make, resource: dict[str, Any], driver: dict[str, Any], text: str
) -> None:
    with pytest.raises(Exception, match=f"^{re.escape(text)}$") as caught:
        make(resources=resource, drivers={"ModemMqttDriver": driver})
    assert type(caught.value).__name__ == "InvalidConfigError"


def test_a_port_that_is_served_only_while_its_place_is_acquired_is_told(make: Make) -> None:
    target = make(resources={"NetworkSerialPort": {"host": "h", "port": None}}, drivers=DRIVER)
    with pytest.raises(
        Exception, match=r"^NetworkSerialPort of target main has no port: its exporter serves"
    ) as caught:
        target.activate(driver_of(target))
    assert type(caught.value).__name__ == "NoResourceFoundError"


def test_a_target_without_the_driver_is_labgrids_own_error(make: Make, served: VirtualModem) -> None:
    target = make(resources=network(served), drivers={})
    with pytest.raises(Exception, match=r"^no ModemMqttDriver driver found in ") as caught:
        target.get_driver("ModemMqttDriver")
    assert type(caught.value).__name__ == "NoDriverFoundError"


def test_a_broker_that_is_missing_on_hardware_is_told(make: Make, served: VirtualModem) -> None:
    driver = make(resources=network(served), drivers=DRIVER).get_driver("ModemMqttDriver")
    with pytest.raises(Exception, match=r"^host is missing: a broker that the module can reach, such as broker\.lab$"):
        driver.open()


def test_a_wrong_virtual_module_is_told(make: Make) -> None:
    target = make(drivers={"VirtualQuectelModemDriver": {"model": "M96"}, "ModemMqttDriver": {}})
    with pytest.raises(Exception, match=r"^VirtualQuectelModemDriver: .*M96") as caught:
        target.get_driver("ModemMqttDriver")
    assert type(caught.value).__name__ == "InvalidConfigError"
