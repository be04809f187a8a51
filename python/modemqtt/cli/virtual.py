"""``modemqtt virtual``: run a virtual module until Ctrl-C."""

from __future__ import annotations

import contextlib
import signal
import sys
from typing import TYPE_CHECKING

from modemqtt.cli._arguments import Commands, command, positive, tcp_port
from modemqtt.exceptions import UsageError
from modemqtt.virtual import FAULT_TABLE, Broker, VirtualModem

if TYPE_CHECKING:
    from argparse import Namespace


def add(commands: Commands) -> None:
    """Describe the arguments."""
    parser = command(
        commands,
        "virtual",
        "run a virtual module until Ctrl-C",
        description="Run a virtual module on a pseudo-terminal or a TCP port, with a small MQTT broker beside it, "
        "until Ctrl-C. The first lines of the output are `port: …` and, with a broker, `broker: host:port`.",
    )
    parser.add_argument("--model", default="BC660K-GL", help="M95 or BC660K-GL; default: %(default)s")
    parser.add_argument("--link", metavar="PATH", help="symbolic link to make to the pseudo-terminal until the end")
    parser.add_argument("--listen", metavar="HOST:PORT", help="listen on TCP instead; port 0 takes a free one")
    parser.add_argument("--baud", type=positive, metavar="N", help="pass bytes at N bits per second; default: at once")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="what anything random depends on; default: 0")
    parser.add_argument(
        "--fault",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME[=VALUE]",
        help="a deviation that some firmware shows, one of --list-faults",
    )
    parser.add_argument(
        "--list-faults", action="store_true", help="print the faults and what their values mean, and exit"
    )
    parser.add_argument(
        "--broker", choices=("embedded", "none"), default="embedded", help="run a broker as well; default: %(default)s"
    )
    parser.add_argument(
        "--broker-port", type=tcp_port, metavar="N", help="TCP port of the broker on 127.0.0.1; default: a free one"
    )
    parser.set_defaults(run=run)


def run(options: Namespace) -> int:
    """Run the virtual module."""
    if options.list_faults:
        print(_faults())
        return 0
    if options.broker == "none" and options.broker_port is not None:
        raise UsageError("--broker-port is given, and --broker none")
    # Blocked in every thread from here on, so that whichever comes is waited for below and the link is removed.
    ends = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    with contextlib.ExitStack() as stack:
        broker = stack.enter_context(Broker(port=options.broker_port or 0)) if options.broker == "embedded" else None
        module = stack.enter_context(
            VirtualModem(
                options.model,
                link=options.link,
                listen=options.listen,
                baudrate=options.baud,
                seed=options.seed,
                faults=options.fault,
            )
        )
        print(_introduction(module, broker))
        # A script reads the port from the first line.
        sys.stdout.flush()
        signal.sigwait(ends)
    return 0


def _faults() -> str:
    """Return the faults, each with its description below it."""
    entries = []
    for name, value, description in FAULT_TABLE:
        entries.append(
            f"{name}[=VALUE]\n    {description}\n    VALUE: {value}" if value else f"{name}\n    {description}"
        )
    entries.append(
        "\nBehind the semicolon stands what holds without a value. How often: a number of times from 1, or below 1 the "
        "probability on each occasion."
    )
    return "\n".join(entries)


def _introduction(module: VirtualModem, broker: Broker | None) -> str:
    port = module.port
    address = port.removeprefix("socket://")
    terminal = f"picocom {port}" if address == port else f"socat -,raw,echo=0,escape=0x03 tcp:{address}"
    lines = [f"port: {port}"]
    if broker is not None:
        lines.append(f"broker: {broker.host}:{broker.port}")
    lines += [
        f"model: {module.model}",
        "",
        "Talk to it:",
        f"  {terminal}",
        f"  modemqtt at --modem {port} ATI AT+CSQ",
        f'  python: modemqtt.Modem("{port}")',
    ]
    if broker is not None:
        lines += ["", "Connect it to the broker:", f'  AT+QMTOPEN=0,"{broker.host}",{broker.port}']
    lines += ["", "Ctrl-C ends it."]
    return "\n".join(lines)
