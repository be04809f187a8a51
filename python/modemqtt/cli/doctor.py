"""``modemqtt doctor``: find out why a module does not publish."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

from modemqtt.cli import _mosquitto
from modemqtt.cli._arguments import PORT, Parser, command, duration
from modemqtt.cli._device import is_virtual, log_of, tell
from modemqtt.cli._examination import CHECKS, Finding, Plan, examine
from modemqtt.cli._streams import printable, say
from modemqtt.exceptions import UsageError

if TYPE_CHECKING:
    from argparse import Namespace

    from modemqtt import Modem


def parser() -> Parser:
    """Describe the arguments."""
    described = command(
        "doctor",
        "Check everything between the port and the broker, in the order in which a lab would: rights, holder, baud "
        "rate, echo, model, SIM, signal, registration, attach, address, clock, a connection to the broker, a login, a "
        "message that comes back. Each check says ok, trouble or not checked, and each trouble what to do next.",
        examples=(
            "modemqtt doctor --modem /dev/ttyUSB2",
            "modemqtt doctor --modem /dev/ttyUSB2 -h broker.lab -u bench",
            "modemqtt doctor -h broker.lab --cafile ca.pem --json",
            "modemqtt doctor --modem 'virtual://M95?fault=return-code=5'",
        ),
        more="Exit status: 0 nothing is wrong; 1 there is trouble; 2 the command line is wrong; 130 Ctrl-C.",
    )
    described.add_argument("--json", action="store_true", help="print a list of {check, verdict, detail, next}")
    described.add_argument(
        "--timeout",
        type=duration,
        default=5.0,
        metavar="S",
        help="seconds for the module to answer; default: 5",
    )
    described.add_argument(
        "--wait", type=duration, default=30.0, metavar="S", help="seconds for it to be registered; default: 30"
    )
    _mosquitto.add_connection(described)
    described.set_defaults(parser=described)
    return described


def run(options: Namespace) -> int:
    """Examine a module."""
    _mosquitto.check_connection(options.parser, options)
    if options.modem is None:
        raise UsageError(f"no module is named; give --modem URL or set {PORT}; `modemqtt ports` lists the ports")
    tell(options)
    named = options.host is not None or is_virtual(options)

    def broker(modem: Modem) -> tuple[str, int] | None:
        return _mosquitto.server_of(options, modem) if named else None

    plan = Plan(
        port=options.modem,
        model=options.model,
        baudrate=options.baud,
        log=log_of(options),
        record=options.record,
        record_identities=options.record_identities,
        recover=options.recover,
        patience=options.timeout,
        registration=options.wait,
        index=options.client,
        broker=broker,
        login=(options.id, options.username, options.pw),
        invented=vars(options).get("invented", ()),
        options=_mosquitto.configuration(options),
    )
    findings = []
    for finding in examine(plan):
        findings.append(finding)
        if not options.json:
            say(_finding_row(finding))
    if options.json:
        say(json.dumps([dataclasses.asdict(finding) for finding in findings], indent=2))
    return int(any(finding.verdict == "trouble" for finding in findings))


def _finding_row(finding: Finding) -> str:
    width = max(map(len, CHECKS)) + 1
    line = f"{finding.verdict:<13}{finding.check:<{width}}{printable(finding.detail)}"
    return line if finding.next is None else f"{line}\n{'':<13}{'':<{width}}next: {printable(finding.next)}"
