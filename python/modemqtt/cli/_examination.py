"""The checks of ``modemqtt doctor``, from the port to the broker and back: a method each, which says what it found."""

from __future__ import annotations

import contextlib
import errno
import grp
import os
import re
import time
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from modemqtt import Modem
from modemqtt._recording import invented
from modemqtt.cli._exit import first_line
from modemqtt.exceptions import (
    CommandError,
    ConnectError,
    ModemError,
    ModuleRestarted,
    OpenError,
    PortError,
    RegistrationError,
    ResponseTimeout,
    UsageError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from modemqtt import MqttClient, Options

CHECKS = (
    "rights",
    "holder",
    "baud rate",
    "echo",
    "model",
    "SIM",
    "signal",
    "registration",
    "attach",
    "address",
    "clock",
    "open",
    "connect",
    "publish",
)
"""In the order in which a lab would look."""

_RATES = (115_200, 9_600, 57_600, 38_400, 19_200, 230_400, 460_800, 921_600, 4_800)
# Seconds for each rate at most, and for a message to come back.
_ONE_RATE = 0.7
_BACK = 15.0
# The least dBm for each word about the signal; below the last one it is too weak.
_STRENGTHS = ((-73, "good"), (-85, "fair"), (-97, "weak"))
_HARDLY = -107
_AWAY = timedelta(days=1)
_STATES = {0: "not registered, and not searching", 2: "searching", 3: "denied", 4: "unknown"}
_HOME_OR_ROAMING = {1: "home network", 5: "roaming"}
# <err> of 3GPP TS 27.007, 9.2.1.
_SIM_ERRORS = {
    10: ("there is no SIM card", "put one in; check that the holder closes and the contacts are clean"),
    13: ("the SIM card has failed", "try the card in a telephone, and another card here"),
    14: ("the SIM card is busy", "wait for ten seconds and try again"),
    15: ("the SIM card is of the wrong kind", "use a card of the module's operator"),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """The finding of a check."""

    check: str
    verdict: Literal["ok", "trouble", "not checked"]
    detail: str
    next: str | None = None
    """What to do about it."""


class _Over(Exception):  # noqa: N818 - the end of the examination
    """Nothing after this check can be examined."""

    def __init__(self, finding: Finding, why: str) -> None:
        super().__init__(why)
        self.finding = finding
        self.why = why


@dataclass(frozen=True, slots=True)
class Plan:
    """What is examined."""

    port: str
    model: str | None
    baudrate: int
    log: str | None
    record: str | None
    record_identities: bool
    recover: bool
    """Whether to try everything if no module answers."""
    patience: float
    """Seconds for the module to be found."""
    registration: float
    """Seconds for it to be registered."""
    index: int
    """The client."""
    broker: Callable[[Modem], tuple[str, int] | None]
    login: tuple[str, str | None, str | None]
    """Client id, user name and password."""
    invented: tuple[str, ...]
    """Which of those were made up for this run."""
    options: Options


def examine(plan: Plan) -> Iterator[Finding]:
    """Yield what each check has found, in the order of `CHECKS`."""
    done = 0
    with contextlib.ExitStack() as stack:
        patient = _Patient(plan, stack)
        try:
            for name, check in zip(CHECKS, patient.checks(), strict=True):
                yield _carried_out(name, check)
                done += 1
        except _Over as over:
            yield over.finding
            for name in CHECKS[done + 1 :]:
                yield Finding(name, "not checked", over.why)


def _carried_out(name: str, check: Callable[[], Finding]) -> Finding:
    """Carry out a check; an unforeseen end of it is trouble."""
    try:
        return check()
    except UsageError:
        raise
    except ModemError as error:
        found = Finding(name, "trouble", first_line(error), "`modemqtt doctor -d` shows what went over the line")
        if isinstance(error, (PortError, ModuleRestarted)):
            raise _Over(found, "the module was lost") from None
        return found


class _Patient:
    """The module under examination, as far as it is known."""

    def __init__(self, plan: Plan, stack: contextlib.ExitStack) -> None:
        self._plan = plan
        self._stack = stack
        self._found: Modem | None = None
        # Why it could not be opened.
        self._silence: ResponseTimeout | None = None
        self._foreign: UsageError | None = None

    def checks(self) -> tuple[Callable[[], Finding], ...]:
        """Return the checks, one for each of `CHECKS`."""
        return (
            self._rights,
            self._holder,
            self._baud_rate,
            self._echo,
            self._model,
            self._sim,
            self._signal,
            self._registration,
            self._attach,
            self._address,
            self._clock,
            self._open,
            self._connect,
            self._publish,
        )

    @property
    def _modem(self) -> Modem:
        assert self._found is not None  # noqa: S101 - without it the examination is over
        return self._found

    @property
    def _mqtt(self) -> MqttClient:
        return self._modem.mqtt(self._plan.index)

    def _rights(self) -> Finding:
        port = self._plan.port
        if ":" in port:
            return Finding("rights", "not checked", f"{port} is not a device of this machine")
        path = Path(port)
        if not path.exists():
            advice = "check `modemqtt ports`, the cable and the power of the module"
            raise _Over(Finding("rights", "trouble", f"{port}: there is no such device", advice), "there is no port")
        if not os.access(path, os.R_OK | os.W_OK):
            group = _group(path)
            advice = f"sudo usermod -aG {group} $USER, and log in again" if group else "run this as a user who may"
            found = Finding("rights", "trouble", f"{port}: this user may not read and write it", advice)
            raise _Over(found, "the port cannot be opened")
        return Finding("rights", "ok", f"{port} may be read and written")

    def _holder(self) -> Finding:
        try:
            self._attempt(self._plan.baudrate, self._plan.patience)
        except ResponseTimeout as error:
            self._silence = error
        except PortError as error:
            busy = error.errno == errno.EBUSY
            advice = "end that program, or have it close the port" if busy else "check `modemqtt ports` and the name"
            raise _Over(Finding("holder", "trouble", first_line(error), advice), "the port cannot be opened") from None
        except UsageError as error:
            if self._plan.model is not None:
                raise
            self._foreign = error
        return Finding("holder", "ok", "no other program has it")

    def _attempt(self, rate: int, patience: float) -> None:
        """Open the port and look for a module."""
        plan = self._plan
        # A recording is of one rate.
        record = plan.record if plan.record is None or rate == plan.baudrate else f"{plan.record}-{rate}"
        modem = Modem(
            plan.port,
            model=plan.model or "auto",
            baudrate=rate,
            log=plan.log,
            record=record,
            record_identities=plan.record_identities,
        )
        for value in plan.invented:
            invented(modem, value)
        self._found = self._stack.enter_context(modem.open(timeout=patience, recover=plan.recover))

    def _baud_rate(self) -> Finding:
        given = self._plan.baudrate
        if self._silence is None:
            return Finding("baud rate", "ok", f"a module answers at {given} bit/s")
        for rate in _RATES:
            if rate == given:
                continue
            with contextlib.suppress(ResponseTimeout, PortError):
                self._attempt(rate, min(self._plan.patience, _ONE_RATE))
                advice = f"-b {rate}, or AT+IPR={given} to change the module"
                return Finding("baud rate", "trouble", f"the module answers at {rate} bit/s, not at {given}", advice)
        advice = "check power, RX and TX, and whether it is the AT port; --recover ends a data phase"
        told = f"no module answers at {given} bit/s, nor at any usual rate"
        raise _Over(Finding("baud rate", "trouble", told, advice), "no module answers")

    def _echo(self) -> Finding:
        if self._foreign is not None:
            return Finding("echo", "not checked", "the model is not known")
        # Both are answered by OK alone: the longer one takes more bytes back only where it is echoed.
        longer = self._bytes_of("ATE0") - self._bytes_of("AT")
        if longer == len("E0"):
            advice = "modemqtt copes; for other programs update the firmware, or find out what sends ATE1"
            return Finding("echo", "trouble", "the module echoes although ATE0 was answered OK", advice)
        return Finding("echo", "ok", "off")

    def _bytes_of(self, line: str) -> int:
        """Return the number of bytes in the answer to a line, whatever else may come in between."""
        counts = []
        for _ in range(3):
            before = self._modem.stats.bytes_received
            self._modem.command(line)
            counts.append(self._modem.stats.bytes_received - before)
        return min(counts)

    def _model(self) -> Finding:
        if self._foreign is not None:
            advice = "--model NAME treats it as a model of the same family"
            raise _Over(Finding("model", "trouble", first_line(self._foreign), advice), "the model is not known")
        modem = self._modem
        return Finding("model", "ok", f"{modem.model}, dialect {modem.dialect}: {', '.join(modem.identity)}")

    def _sim(self) -> Finding:
        try:
            lines = self._modem.command("AT+CPIN?").lines
        except CommandError as error:
            known = _SIM_ERRORS.get(error.code or 0)
            detail, advice = known or (first_line(error), "check the SIM card")
            return Finding("SIM", "trouble", detail, advice)
        state = next((line.partition(":")[2].strip() for line in lines if line.startswith("+CPIN")), "")
        if state == "READY":
            return Finding("SIM", "ok", "ready")
        advice = "the operator has the PUK" if "PUK" in state else """modemqtt at 'AT+CPIN="…"', with its PIN"""
        return Finding(
            "SIM", "trouble", f"the SIM card waits for {state or 'something that the module does not name'}", advice
        )

    def _signal(self) -> Finding:
        level = self._modem.signal()
        advice = "check the antenna, its plug and its place; is the band the operator's?"
        if level is None:
            return Finding("signal", "trouble", "the module hears nothing", advice)
        word = next((word for least, word in _STRENGTHS if level >= least), "very weak")
        if level <= _HARDLY:
            return Finding("signal", "trouble", f"{level} dBm, {word}", advice)
        return Finding("signal", "ok", f"{level} dBm, {word}")

    def _registration(self) -> Finding:
        try:
            stat = self._modem.wait_registered(timeout=self._plan.registration)
        except RegistrationError as error:
            advice = "see SIM above; is the card activated, and for this network and kind of device?"
            raise _Over(Finding("registration", "trouble", first_line(error), advice), _NO_NETWORK) from None
        except ResponseTimeout:
            state = _STATES.get(self._modem.registration(), "unknown")
            detail = f"not registered within {self._plan.registration:g} s: {state}"
            advice = "check signal and SIM above, and AT+COPS?; --wait S waits longer"
            raise _Over(Finding("registration", "trouble", detail, advice), _NO_NETWORK) from None
        return Finding("registration", "ok", _HOME_OR_ROAMING.get(stat, str(stat)))

    def _attach(self) -> Finding:
        lines = self._answer("AT+CGATT?")
        if lines is None:
            return Finding("attach", "not checked", "the module does not say")
        if any(re.fullmatch(r"\+CGATT: ?1", line) for line in lines):
            return Finding("attach", "ok", "attached to the packet network")
        advice = "modemqtt at AT+CGATT=1; is the APN right, AT+CGDCONT?"
        raise _Over(Finding("attach", "trouble", "not attached to the packet network", advice), _NO_NETWORK)

    def _address(self) -> Finding:
        lines = self._answer("AT+CGPADDR")
        if lines is None:
            return Finding("address", "not checked", "the module does not say")
        for line in lines:
            found = re.search(r"\d+\.\d+\.\d+\.\d+|[0-9A-Fa-f]*:[0-9A-Fa-f:]+", line.partition(":")[2])
            if found is not None and found[0] != _NO_ADDRESS:
                return Finding("address", "ok", found[0])
        advice = "is the APN right, AT+CGDCONT? A private APN may need a user: AT+QICSGP or AT+CGAUTH"
        raise _Over(Finding("address", "trouble", "the module has no IP address", advice), _NO_NETWORK)

    def _clock(self) -> Finding:
        lines = self._answer("AT+CCLK?")
        found = re.search(r"(\d\d(?:\d\d)?/\d\d/\d\d,\d\d:\d\d:\d\d)", " ".join(lines or ()))
        if found is None:
            return Finding("clock", "not checked", "the module does not say")
        written = found[1]
        form = "%Y/%m/%d,%H:%M:%S" if len(written.partition("/")[0]) > len("26") else "%y/%m/%d,%H:%M:%S"
        try:
            told = datetime.strptime(written, form).replace(tzinfo=timezone.utc)
        except ValueError:
            return Finding("clock", "not checked", f"{written} is not a time")
        if abs(told - datetime.now(timezone.utc)) < _AWAY:
            return Finding("clock", "ok", written)
        if self._plan.options.get("tls") is None:
            return Finding("clock", "ok", f"{written} is wrong, which only matters for TLS")
        now = datetime.now(timezone.utc).strftime("%y/%m/%d,%H:%M:%S+00")
        advice = f"modemqtt at 'AT+CCLK=\"{now}\"', or have the network set it: AT+CTZU=1 or 3"
        return Finding("clock", "trouble", f"{written} is wrong, and certificates depend on the time", advice)

    def _answer(self, line: str) -> tuple[str, ...] | None:
        """Return the answer to a line; ``None`` if it is refused."""
        try:
            return self._modem.command(line).lines
        except CommandError:
            return None

    def _open(self) -> Finding:
        server = self._plan.broker(self._modem)
        if server is None:
            raise _Over(Finding("open", "not checked", "no broker is named: -h names one"), "no broker is named")
        host, port = server
        try:
            self._configure()
            self._stack.callback(self._close)
            self._mqtt.open(host, port)
        except (OpenError, ResponseTimeout, CommandError) as error:
            advice = (
                f"is {host} the broker's name as the module sees it, and {port} its port? a firewall, a private APN?"
            )
            raise _Over(Finding("open", "trouble", first_line(error), advice), "there is no connection") from None
        return Finding("open", "ok", f"{host}:{port} takes connections")

    def _configure(self) -> None:
        """Configure the client; one that another program left open is closed first."""
        options = self._plan.options
        try:
            self._mqtt.configure(**options)
        except CommandError:
            self._mqtt.close()
            self._mqtt.configure(**options)
        if "tls" not in options:
            # A dialect without TLS has nothing to turn off.
            with contextlib.suppress(UsageError):
                self._mqtt.configure(tls=None)

    def _close(self) -> None:
        with contextlib.suppress(ModemError):
            if self._mqtt.state == "connected":
                self._mqtt.disconnect()
        with contextlib.suppress(ModemError):
            if self._mqtt.state != "closed":
                self._mqtt.close()

    def _connect(self) -> Finding:
        client_id, username, password = self._plan.login
        try:
            self._mqtt.connect(client_id, username, password)
        except ConnectError as error:
            code = error.return_code
            advice = _REFUSALS.get(code or 0, "check the log of the broker")
            raise _Over(Finding("connect", "trouble", first_line(error), advice), "there is no session") from None
        except ModemError as error:
            advice = "is it an MQTT broker, and is TLS wanted there or here?"
            raise _Over(Finding("connect", "trouble", first_line(error), advice), "there is no session") from None
        return Finding("connect", "ok", f"logged in as {client_id}")

    def _publish(self) -> Finding:
        topic = f"modemqtt/doctor/{self._plan.login[0]}"
        own = os.urandom(8).hex()
        invented(self._modem, own)
        payload = own.encode()
        began = time.monotonic()
        try:
            self._mqtt.subscribe(topic, qos=1)
            self._mqtt.publish(topic, payload, qos=1)
            while (left := began + _BACK - time.monotonic()) > 0:
                if self._mqtt.receive(timeout=left).payload == payload:
                    return Finding("publish", "ok", f"came back after {time.monotonic() - began:.2f} s")
        except ModemError as error:
            detail = first_line(error)
        else:
            detail = f"nothing came back within {_BACK:g} s"
        advice = f"may this user publish and subscribe on {topic}? check the log of the broker, and `modemqtt sub -d`"
        return Finding("publish", "trouble", detail, advice)


_NO_ADDRESS = "0.0.0.0"  # noqa: S104 - what stands for none
_NO_NETWORK = "there is no network"
# By the return code of the CONNACK (MQTT 3.1.1, 3.2.2.3).
_REFUSALS = {
    1: "-V names another version of MQTT",
    2: "-i gives another client id",
    3: "the broker is not ready: check its log",
    4: "check -u, and the password in MODEMQTT_PASSWORD, --pw-file or -P",
    5: "may this user log in? -u names one, MODEMQTT_PASSWORD has the password",
}


def _group(path: Path) -> str | None:
    try:
        return grp.getgrgid(path.stat().st_gid).gr_name
    except (KeyError, OSError):
        return None
