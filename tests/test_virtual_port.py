"""A modem on a virtual module in the same process: ``Modem("virtual://M95")``."""

from __future__ import annotations

import gc
import os
from typing import TYPE_CHECKING

import pytest

from modemqtt import Modem, PortError, UsageError, open_modems

if TYPE_CHECKING:
    from collections.abc import Iterator

MODELS = ("M95", "BC35-G", "BC28", "BC660K-GL", "EG800Q", "EG915Q", "EG916Q")


@pytest.fixture
def modem() -> Iterator[Modem]:
    with Modem("virtual://M95") as modem:
        yield modem


def made_at(path: str) -> int | None:
    """Return when a device was made, if it is there: the number of one that is gone is given to another worker."""
    try:
        return os.stat(path).st_ctime_ns  # noqa: PTH116 - a device, not a path of ours
    except FileNotFoundError:
        return None


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("scheme", ["virtual://", "virtual:"])
def test_a_virtual_port_has_a_module_of_that_model_and_a_broker(scheme: str, model: str) -> None:
    with Modem(f"{scheme}{model}") as modem:
        broker = modem.virtual.broker
        assert (modem.port, modem.model, modem.virtual.model) == (f"{scheme}{model}", model, model)
        with modem.mqtt().session(broker.host, broker.port, client_id="bench-7") as mqtt:
            mqtt.publish("bench/t", b"21.5")
            assert broker.wait("bench/t", timeout=5).payload == b"21.5"


def test_the_module_can_be_had_before_it_is_opened() -> None:
    modem = Modem("virtual://M95")
    modem.virtual.inject("bare-error=1")
    module = modem.virtual
    with modem:
        assert modem.virtual is module


def test_the_module_runs_on_when_the_port_is_opened_again(modem: Modem) -> None:
    module = modem.virtual
    modem.reopen()
    assert modem.virtual is module
    assert modem.command("AT").final == "OK"


def test_the_module_ends_with_the_modem() -> None:
    with Modem("virtual://M95") as modem:
        path, server = modem.virtual.port, modem.virtual.broker
        made = made_at(path)
    assert made_at(path) != made
    with pytest.raises(OSError, match="closed"):
        server.publish("bench/t", b"1")
    with modem:
        assert modem.command("AT").final == "OK"


def test_two_modems_of_one_name_have_a_module_each(modem: Modem) -> None:
    with Modem("virtual://M95") as other:
        assert modem.virtual.port != other.virtual.port
        other.virtual.set_signal(7)
        assert (modem.signal(), other.signal()) != (other.signal(), other.signal())
        assert open_modems() == [modem, other] or open_modems() == [other, modem]


def test_settings_stand_behind_the_model_as_in_a_url() -> None:
    with Modem("virtual://BC28?seed=7&fault=boot-without-ok&fault=lost-ok=0.5") as modem:
        assert set(modem.virtual.faults) == {"boot-without-ok", "lost-ok=0.5"}


def test_the_edition_of_the_note_is_that_of_the_modem() -> None:
    with Modem("virtual://BC28", revision="2019") as modem:
        broker = modem.virtual.broker
        with modem.mqtt().session(broker.host, broker.port, client_id="bench-7") as mqtt:
            mqtt.publish("bench/t", bytes(range(256)))
            assert broker.wait("bench/t", timeout=5).payload == bytes(range(256))


@pytest.mark.parametrize(
    ("port", "said"),
    [
        ("virtual://M96", '"M96" is not a model of the virtual module; the known ones are .*EG916Q'),
        ("virtual://", '"" is not a model of the virtual module'),
        ("virtual://M95?speed=1", "'speed' is not a setting of a virtual module; seed, timing,"),
        ("virtual://M95?seed=soon", "seed must be a whole number, not 'soon'"),
        ("virtual://M95?timing=fast", 'timing must be instant or field, not "fast"'),
        ("virtual://M95?fault=none-such", '"none-such" is not a fault of the virtual module'),
    ],
)
def test_a_wrong_virtual_port_is_a_usage_error(port: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Modem(port).open()


def test_another_port_is_not_a_virtual_module() -> None:
    with pytest.raises(UsageError, match="/dev/null is not a virtual module"):
        _ = Modem("/dev/null").virtual


def test_a_forgotten_virtual_port_ends_its_module() -> None:
    modem = Modem("virtual://M95").open()
    path = modem.virtual.port
    made = made_at(path)
    with pytest.warns(ResourceWarning, match="virtual://M95 was not closed"):
        del modem
    gc.collect()
    assert made_at(path) != made


def test_a_client_keeps_the_modem_it_is_of() -> None:
    mqtt = Modem("virtual://M95").open().mqtt()
    assert [modem.port for modem in open_modems()] == ["virtual://M95"]
    assert mqtt.state == "closed"
    open_modems()[0].close()
    with pytest.raises(PortError):
        mqtt.open("127.0.0.1")
