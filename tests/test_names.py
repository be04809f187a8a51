"""Misspelt names, and callbacks that cannot be called, are errors at once."""

from __future__ import annotations

import inspect
import subprocess
import sys
import typing
from typing import TYPE_CHECKING, Any

import pytest

import modemqtt
from modemqtt import Modem, Options, UsageError
from modemqtt._base_modem import BaseModem
from modemqtt.aio import AsyncModem

if TYPE_CHECKING:
    from pathlib import Path

CALLBACKS = {
    "modem": ("on_urc", "on_restart", "on_port_lost"),
    "client": ("on_message", "on_connection_lost", "on_delivery", "on_reconnected", "on_reconnect_failed"),
}


def of(kind: str) -> Any:  # noqa: ANN401 - either of two
    modem = Modem("/dev/ttyUSB2")
    return modem if kind == "modem" else modem.mqtt()


def test_a_misspelt_callback_is_an_error_that_names_the_right_one() -> None:
    with pytest.raises(AttributeError, match=r"MqttClient has no attribute 'on_mesage'; did you mean 'on_message'\?"):
        of("client").on_mesage = print
    with pytest.raises(AttributeError, match=r"Modem has no attribute 'on_restarted'; did you mean 'on_restart'\?"):
        of("modem").on_restarted = print
    with pytest.raises(AttributeError, match=r"MqttClient has no attribute 'colour'$"):
        of("client").colour = 3


@pytest.mark.parametrize("named", [Modem, AsyncModem])
def test_a_misspelt_setting_is_an_error_of_the_class_that_was_called(named: Any) -> None:  # noqa: ANN401 - either
    with pytest.raises(TypeError, match=rf"^{named.__name__}\.__init__\(\) got an unexpected keyword argument 'baud'"):
        named("/dev/ttyUSB2", baud=9600)
    with pytest.raises(TypeError, match=rf"^{named.__name__}\.__init__\(\) missing .* argument: 'port'$"):
        named()
    assert inspect.signature(named) == inspect.signature(BaseModem)


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, names in CALLBACKS.items() for name in names])
def test_what_cannot_be_called_is_no_callback(kind: str, name: str) -> None:
    owner = of(kind)
    wrong: object
    for wrong in (3, "print", []):
        with pytest.raises(TypeError, match=f"{name} must be a callable or None, not ") as caught:
            setattr(owner, name, wrong)
        assert isinstance(caught.value, UsageError)
    setattr(owner, name, print)
    assert getattr(owner, name) is print
    setattr(owner, name, None)


def test_a_method_can_be_replaced_for_a_test(monkeypatch: pytest.MonkeyPatch) -> None:
    modem = of("modem")
    monkeypatch.setattr(modem, "signal", lambda: -51)
    assert modem.signal() == -51


def test_the_options_can_be_looked_at_while_a_program_runs() -> None:
    hints = typing.get_type_hints(Options)
    assert hints["keepalive"] is int
    assert hints["will"] == modemqtt.Will | None


def test_a_type_checker_knows_every_option(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        """from modemqtt import Modem
mqtt = Modem("/dev/ttyUSB2").mqtt()
mqtt.configure(keepalive=60, version="3.1.1")
mqtt.configure(keep_alive=60)
with mqtt.session("broker.lab", client_id="bench-7", retries="3"):
    pass
"""
    )
    checked = subprocess.run(  # noqa: S603 - our own
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path), str(program)],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    errors = [
        line.partition(": error: ")[0].rpartition(":")[2] for line in checked.stdout.splitlines() if "error" in line
    ]
    assert errors[:2] == ["4", "5"], checked.stdout + checked.stderr
