"""``modemqtt info``: versions, models, and the state of a module."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING

from modemqtt import Modem, __version__, _core
from modemqtt.cli._arguments import Parser, add_modem, command
from modemqtt.cli._device import opened, tell
from modemqtt.cli._streams import printable, say
from modemqtt.exceptions import CommandError

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable

# <stat> of AT+CREG and AT+CEREG (3GPP TS 27.007, 7.2 and 10.1.22).
_REGISTRATION = (
    "not registered",
    "registered, home network",
    "searching",
    "denied",
    "unknown",
    "registered, roaming",
)


def parser() -> Parser:
    """Describe the arguments."""
    described = command("info", "Print versions and models; with --modem what the module says of itself.")
    add_modem(described)
    return described


def run(options: Namespace) -> int:
    """Print what is known."""
    _print("modemqtt", __version__)
    _print("Python", f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    for model, dialect, experimental in _core.models():
        _print("model", f"{model}, dialect {dialect}{', experimental' if experimental else ''}")
    if options.modem is not None:
        tell(options)
        with opened(options) as modem:
            _module(modem)
    return 0


def _module(modem: Modem) -> None:
    say("")
    _print("port", modem.port)
    _print("model", f"{modem.model}, dialect {modem.dialect}")
    _print("identity", _said(lambda: ", ".join(modem.identity)))
    _print("signal", _said(lambda: _signal(modem)))
    _print("registration", _said(lambda: _registration(modem)))


def _signal(modem: Modem) -> str:
    strength = modem.signal()
    return "not known" if strength is None else f"{strength} dBm"


def _registration(modem: Modem) -> str:
    stat = modem.registration()
    return f"{stat} ({_REGISTRATION[stat] if stat < len(_REGISTRATION) else 'reserved'})"


def _said(ask: Callable[[], str]) -> str:
    """Return the answer, or that the module refused to give it: one refusal does not end the list."""
    try:
        return ask()
    except CommandError as error:
        return str(error)


def _print(name: str, value: str) -> None:
    say(f"{name + ':':14}{printable(value)}")
