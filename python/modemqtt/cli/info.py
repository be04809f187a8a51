"""``modemqtt info``: versions, models, and the state of a module."""

from __future__ import annotations

import json
import platform
from typing import TYPE_CHECKING

from modemqtt import Modem, __version__
from modemqtt.cli._arguments import Parser, add_modem, command
from modemqtt.cli._device import opened, tell
from modemqtt.cli._models import models
from modemqtt.cli._streams import printable, say
from modemqtt.exceptions import CommandError, ProtocolError

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Iterator

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
    described = command(
        "info",
        "Print versions and models; with --modem what the module says about itself, its card and its network.",
        examples=("modemqtt info", "modemqtt info --modem /dev/ttyUSB2", "modemqtt info --modem /dev/ttyUSB2 --json"),
    )
    add_modem(described)
    described.add_argument("--json", action="store_true", help="print one object")
    return described


def run(options: Namespace) -> int:
    """Print what is known."""
    known: dict[str, object] = {
        "modemqtt": __version__,
        "Python": f"{platform.python_version()} on {platform.system()} {platform.machine()}",
    }
    if options.json:
        known["models"] = [{"model": name, **about._asdict()} for name, about in models().items()]
    else:
        for name, text in known.items():
            _print(name, str(text))
        for name, about in models().items():
            _print("model", f"{name}, dialect {about.dialect}{', experimental' if about.experimental else ''}")
    if options.modem is not None:
        tell(options)
        with opened(options) as modem:
            if options.json:
                known["module"] = dict(_said_of(modem))
            else:
                say("")
                for name, text in _said_of(modem):
                    _print(name, text)
    if options.json:
        say(json.dumps(known, indent=2))
    return 0


def _said_of(modem: Modem) -> Iterator[tuple[str, str]]:
    """Yield what the module says, each as soon as it is known."""
    yield "port", modem.port
    yield "model", f"{modem.model}, dialect {modem.dialect}"
    yield "identity", _said(lambda: ", ".join(modem.identity))
    yield "IMEI", _said(lambda: modem.imei)
    yield "ICCID", _said(lambda: modem.iccid)
    yield "signal", _said(lambda: _signal(modem))
    yield "registration", _said(lambda: _registration(modem))


def _signal(modem: Modem) -> str:
    strength = modem.signal()
    return "not known" if strength is None else f"{strength} dBm"


def _registration(modem: Modem) -> str:
    stat = modem.registration()
    return f"{stat} ({_REGISTRATION[stat] if stat < len(_REGISTRATION) else 'reserved'})"


def _said(ask: Callable[[], str]) -> str:
    """Return the answer, or that the module refused it: one refusal does not end the list."""
    try:
        return ask()
    except (CommandError, ProtocolError) as error:
        return str(error)


def _print(name: str, value: str) -> None:
    say(f"{name + ':':14}{printable(value)}")
