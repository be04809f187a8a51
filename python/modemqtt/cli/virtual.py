"""``modemqtt virtual``: run virtual modules until Ctrl-C."""

from __future__ import annotations

import contextlib
import json
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from modemqtt.cli import _control
from modemqtt.cli._arguments import Parser, command, positive, tcp_port
from modemqtt.cli._streams import remark
from modemqtt.exceptions import ScriptError, UsageError
from modemqtt.virtual import FAULT_TABLE, PROFILES, Broker, Script, VirtualModem

if TYPE_CHECKING:
    from argparse import Namespace


def parser() -> Parser:
    """Describe the arguments."""
    described = command(
        "virtual",
        "Run a virtual module on a pseudo-terminal or a TCP port, with a small MQTT broker beside it, "
        "until Ctrl-C. The first lines of the output are `port: …` and, with a broker, `broker: host:port`. With "
        "several modules each has its own `port` and `model`, in order, and all have the same broker.",
        wire=False,
        examples=(
            "modemqtt virtual --model M95 --link /tmp/module",
            "modemqtt virtual --model M95 --timing field --fault lost-ok=0.01",
            "modemqtt virtual --list-faults",
        ),
    )
    described.add_argument(
        "--model",
        action="append",
        help="M95, BC660K-GL or another that `modemqtt info` lists; repeat it for more modules; default: BC660K-GL",
    )
    described.add_argument(
        "--count",
        type=positive,
        default=1,
        metavar="N",
        help="how many modules of each model; PATH and FILE of each then end in its number, -1, -2, …, before the "
        "suffix, and PORT and seed count up; default: 1",
    )
    described.add_argument("--link", metavar="PATH", help="symbolic link to make to the pseudo-terminal until the end")
    described.add_argument("--listen", metavar="[tcp:]HOST:PORT", help="listen on TCP instead; port 0 takes a free one")
    described.add_argument(
        "--baud", type=positive, metavar="N", help="pass bytes at N bits per second; default: at once"
    )
    described.add_argument(
        "--timing",
        choices=("instant", "field"),
        default="instant",
        help="how long start, registration, commands and results take: no time, or as on the air; default: %(default)s",
    )
    described.add_argument("--revision", metavar="YEAR", help="the edition of the note that the firmware follows: 2019")
    described.add_argument("--as-seen", metavar="NAME", help="a module seen in the field, one of --list-profiles")
    described.add_argument(
        "--list-profiles", action="store_true", help="print the modules seen in the field, and where, and exit"
    )
    described.add_argument("--seed", type=int, default=0, metavar="N", help="seed of everything random; default: 0")
    described.add_argument(
        "--fault",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME[=VALUE]",
        help="a deviation that some firmware shows, one of --list-faults",
    )
    described.add_argument(
        "--script",
        metavar="FILE",
        help="script: what the host should send, and the answers; status 1 at the end if something did not come",
    )
    described.add_argument("--log", metavar="FILE", help="append the traffic of the line, secrets masked")
    described.add_argument(
        "--control",
        metavar="PATH",
        help="take orders while it runs, one a line, at a socket of this name, or from standard input with `-`: "
        "restart, power key, network off, signal 12, urc +CREG: 1, fault NAME, heal NAME; a leading number names one "
        "module",
    )
    described.add_argument(
        "--list-faults", action="store_true", help="print the faults and what their values mean, and exit"
    )
    described.add_argument("--json", action="store_true", help="print a list of objects, with a --list")
    described.add_argument(
        "--broker", choices=("embedded", "none"), default="embedded", help="run a broker as well; default: %(default)s"
    )
    described.add_argument(
        "--broker-port", type=tcp_port, metavar="N", help="TCP port of the broker on 127.0.0.1; default: a free one"
    )
    return described


def run(options: Namespace) -> int:
    """Run the virtual module."""
    if options.json:
        listed = PROFILES if options.list_profiles else FAULT_TABLE if options.list_faults else None
        if listed is None:
            raise UsageError("--json goes with --list-faults and --list-profiles")
        print(json.dumps([row._asdict() for row in listed], indent=2))
        return 0
    if options.list_profiles:
        for profile in PROFILES:
            print(f"{profile.name} ({', '.join(profile.models)})")
            print(f"    {profile.description}\n    seen: {profile.source}")
        return 0
    if options.list_faults:
        print(_faults())
        return 0
    if options.broker == "none" and options.broker_port is not None:
        raise UsageError("--broker-port needs a broker, but --broker is none")
    models = [model for model in options.model or ["BC660K-GL"] for _ in range(options.count)]
    script = _script(options.script)
    # Blocked in every thread from here on: the wait below catches whichever comes, and the link is removed.
    ends = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    with contextlib.ExitStack() as stack:
        broker = stack.enter_context(Broker(port=options.broker_port or 0)) if options.broker == "embedded" else None
        modules = [
            stack.enter_context(_module(options, model, number, len(models), script))
            for number, model in enumerate(models)
        ]
        stack.enter_context(_control.control(options.control, modules))
        print(_introduction(modules, broker))
        # A script reads the port from the first line.
        sys.stdout.flush()
        signal.sigwait(ends)
        return sum([_unmet(module) for module in modules]) and 1


def _script(path: str | None) -> Script:
    """Read the script. One that cannot be used is a mistake of the command line."""
    try:
        return Script.load(path) if path else Script()
    except OSError as error:
        raise UsageError(f"--script {path}: {error.strerror or error}") from None


def _module(options: Namespace, model: str, number: int, count: int, script: Script) -> VirtualModem:
    """Start one of several. A log that cannot be used is a mistake of the command line."""
    try:
        return VirtualModem(
            model,
            link=_numbered(options.link, number, count),
            listen=_counted(options.listen, number),
            baudrate=options.baud,
            seed=options.seed + number,
            timing=options.timing,
            revision=options.revision,
            as_seen=options.as_seen,
            faults=options.fault,
            script=script,
            log=_numbered(options.log, number, count),
        )
    except OSError as error:
        if getattr(error, "is_log", False):
            raise UsageError(f"--log: {error}") from None
        raise


def _numbered(path: str | None, number: int, count: int) -> str | None:
    """Return the path of one of several modules."""
    if path is None or count == 1:
        return path
    whole = Path(path)
    return str(whole.with_name(f"{whole.stem}-{number + 1}{whole.suffix}"))


def _counted(address: str | None, number: int) -> str | None:
    """Return the address of one of several modules; the module judges anything that is not an address."""
    host, _, port = (address or "").rpartition(":")
    return f"{host}:{int(port) + number}" if port.isascii() and port.isdigit() and int(port) else address


def _unmet(module: VirtualModem) -> bool:
    """Say what was expected but did not come, if anything."""
    try:
        module.check()
    except ScriptError as error:
        remark(f"{module.port}: {error}")
        return True
    return False


def _faults() -> str:
    """Return the faults, each with its description below it."""
    entries = []
    for name, value, description in FAULT_TABLE:
        entries.append(
            f"{name}[=VALUE]\n    {description}\n    VALUE: {value}" if value else f"{name}\n    {description}"
        )
    entries.append(
        "\nAfter the semicolon: what applies without a value. How often: from 1, a number of times; below 1, the "
        "probability on each occasion."
    )
    return "\n".join(entries)


def _introduction(modules: list[VirtualModem], broker: Broker | None) -> str:
    lines = [f"port: {module.port}" for module in modules]
    if broker is not None:
        lines.append(f"broker: {broker.host}:{broker.port}")
    lines += [f"model: {module.model}" for module in modules]
    port = modules[0].port
    lines += [
        "",
        "Talk to it:" if len(modules) == 1 else "Talk to the first, and to the others likewise:",
        *(f"  {way}" for way in _ways(port)),
        f"  modemqtt at --modem {port} ATI AT+CSQ",
        f'  python: modemqtt.Modem("{port}")',
    ]
    if broker is not None:
        lines += ["", "Connect it to the broker:", f'  AT+QMTOPEN=0,"{broker.host}",{broker.port}']
    lines += ["", "Ctrl-C ends it."]
    return "\n".join(lines)


def _ways(port: str) -> list[str]:
    """Return how programs outside this package open the port."""
    address = port.removeprefix("socket://")
    if address != port:
        return [f"socat -,raw,echo=0,escape=0x03 tcp:{address}", f'python: serial.serial_for_url("{port}")']
    return [f"picocom {port}", f"minicom -D {port}", f'python: serial.Serial("{port}", 115200)']
