"""The other end of the line: a virtual module, and a broker to go with it.

    with Broker() as broker, VirtualModem("M95") as module, Modem(module.port) as modem:
        with modem.mqtt().session(broker.host, broker.port, client_id="bench") as mqtt:
            mqtt.publish("bench/t", b"21.5")

The virtual module is strict: what a real one would refuse it refuses. What real ones do wrong is a named fault, off
unless asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from modemqtt import _core
from modemqtt._broker import Broker, PublishedMessage
from modemqtt._catalogue import FAULT_TABLE, FAULTS, MODELS, PROFILES, Fault, FaultDescription, Model, Profile, written
from modemqtt._replay import Difference, Replay
from modemqtt._script import Expectation, Expected, Script, rows, urc_line
from modemqtt._strict import Running
from modemqtt._usage import arguments, whole
from modemqtt.exceptions import ScriptError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from os import PathLike


__all__ = [
    "FAULTS",
    "FAULT_TABLE",
    "MODELS",
    "PROFILES",
    "Broker",
    "Difference",
    "Expectation",
    "Expected",
    "Fault",
    "FaultDescription",
    "Model",
    "Profile",
    "PublishedMessage",
    "Replay",
    "Script",
    "VirtualBench",
    "VirtualModem",
]


class VirtualModem(Running):
    """A module that exists in software: it speaks its dialect on a port and really connects to MQTT brokers.

    Example:
        >>> with VirtualModem("M95") as module, Modem(module.port) as modem:
        ...     module.set_signal(31)
        ...     print(modem.model, modem.signal(), module.commands[-1])
        M95 -51 AT+CSQ

    Args:
        model: ``"M95"``, ``"BC35-G"``, ``"BC28"``, ``"BC660K-GL"``, ``"EG800Q"``, ``"EG915Q"`` or ``"EG916Q"``.
        link: a symbolic link to make to its pseudo-terminal.
        listen: ``"host:port"``, or ``"tcp:host:port"``, to listen on TCP instead of a pseudo-terminal; port 0 takes a
            free one.
        baudrate: speed of the line in bits per second, 10 bits a byte; ``None`` passes bytes at once.
        seed: decides whatever is random.
        timing: ``"instant"``: nothing takes time. ``"field"``: as on the air, by the seed: the module is switched on
            when the first host opens its port, starts within 2 to 5 s, registers 2 to 6 s later, takes 5 to 20 ms for
            a command and 50 to 400 ms more for a result.
        revision: the edition of the note that its firmware follows, such as ``"2019"`` for BC35-G and BC28; ``None``
            for the usual one.
        as_seen: the name of a module seen in the field, one of :data:`PROFILES`, whose faults it takes over.
        faults: the faults that are on from the start, each as :meth:`inject` takes it.
        script: what the host is expected to send: a :class:`Script`, expectations, or the path of a file.
        log: a file to which the traffic of the line is appended, both ways, with times in seconds since 1970 and
            secrets masked.

    Raises:
        UsageError: the model or a fault is unknown, a fault does not take its value, the script cannot be read as
            one, or `link` was given with `listen`.
        OSError: the port, the link or the log cannot be made, or the script cannot be read.

    """

    def __init__(
        self,
        model: str,
        *,
        link: str | PathLike[str] | None = None,
        listen: str | None = None,
        baudrate: int | None = None,
        seed: int = 0,
        timing: Literal["instant", "field"] = "instant",
        revision: str | None = None,
        as_seen: str | None = None,
        faults: Iterable[str | Fault] = (),
        script: Script | Iterable[Expectation] | str | PathLike[str] = (),
        log: str | PathLike[str] | None = None,
    ) -> None:
        """Start it."""
        with arguments():
            self._core = _core.VirtualModem(
                model,
                link=link,
                listen=listen,
                baudrate=baudrate,
                seed=seed,
                timing=timing,
                revision=revision,
                as_seen=as_seen,
                faults=[written(fault) for fault in faults],
                script=rows(script),
                log=log,
            )

    @property
    def port(self) -> str:
        """What a host opens: the path of the pseudo-terminal, or of the link, or ``socket://host:port``."""
        return self._core.port

    @property
    def model(self) -> str:
        """The model."""
        return self._core.model

    @property
    def is_open(self) -> bool:
        """Whether it has a port: False after :meth:`close`. The system may give the same port to another soon after."""
        return self._core.is_open

    def inject(self, fault: str | Fault) -> None:
        """Switch a fault on until it is healed, over restarts of the module.

        Args:
            fault: a name from :data:`FAULTS`, ``"NAME=VALUE"``, or a :class:`Fault`. What a value means is in
                :data:`FAULT_TABLE`. For most faults it says how often they show: ``"lost-ok=1"`` once,
                ``"lost-ok=0.01"`` with that probability, ``"lost-ok"`` every time. A fault that is on takes the new
                value.

        Raises:
            UsageError: the fault is unknown, or does not take the value.

        """
        with arguments():
            self._core.inject(written(fault))

    def heal(self, fault: str | Fault | None = None) -> None:
        """Switch a fault off, or all of them. A fault that is off stays off.

        Args:
            fault: a name from :data:`FAULTS`, with or without a value; ``None`` heals every fault.

        Raises:
            UsageError: the fault is unknown.

        """
        with arguments():
            self._core.heal(None if fault is None else written(fault))

    @property
    def faults(self) -> tuple[str, ...]:
        """The active faults, each as :meth:`inject` takes it; a counted one with the number of times left."""
        return tuple(self._core.faults)

    def expect(self, pattern: str, *, times: int | None = 1) -> Expected:
        r"""Expect a command line from now on; the object returned says how the module answers it.

            module.expect("AT+QMTPUB=*").respond("+CME ERROR: 50")
            module.expect("AT+CSQ").passthrough().urc("+QMTSTAT: 0,1", after=2.0)

        A line meets the first expectation that matches it and is not used up; if none matches, the module answers as
        usual. An expectation without an answer has the module's own. Restarts do not end an expectation.

        Args:
            pattern: the line without its CR. ``*`` matches any run of characters, ``\*`` an asterisk.
            times: how often, 1 or more; ``None`` for any number of times, including none.

        Raises:
            UsageError: the pattern is not a command line, or `times` is below 1.

        """
        with arguments():
            return Expected(self._core, Expectation(pattern, times))

    def expect_nothing(self) -> None:
        """Forget every expectation, met or not, so that the module answers each command line as usual."""
        self._core.expect_nothing()

    def check(self) -> None:
        """Check that everything expected has come. Leaving the context does not check.

        Raises:
            ScriptError: something did not come; the message lists it, and what came instead, with secrets masked. It
                is an :class:`AssertionError` too.
            UsageError: the module is closed.

        """
        unmet = self._core.unmet()
        if unmet is not None:
            raise ScriptError(unmet)

    def restart(self) -> None:
        """Restart it, as a loss of power would: connections, settings and echo are gone, and no server notices."""
        self._core.restart()

    def set_signal(
        self,
        rssi: int,
        ber: int = 99,
        *,
        rsrp: int | None = None,
        rsrq: int | None = None,
        sinr: int | None = None,
    ) -> None:
        """Set the signal of the serving cell: what ``AT+CSQ``, ``AT+QCSQ``, ``AT+QENG`` and their like answer.

        Args:
            rssi: strength in the steps of ``AT+CSQ``, 0 to 31, or 99 for not known (3GPP TS 27.007, 8.5).
            ber: bit error rate in the classes of ``AT+CSQ``, 0 to 7, or 99 for not known.
            rsrp: power of the reference signal, -140 to -44 dBm; None for what follows from ``rssi``.
            rsrq: its quality, -20 to -3 dB; None for -11.
            sinr: signal to interference and noise, -20 to 30 dB; None for 13.

        Raises:
            UsageError: a value is out of its range.

        """
        for name, value, most in (("rssi", rssi, 31), ("ber", ber, 7)):
            whole(name, value, 0, 99)
            if most < value < 99:  # noqa: PLR2004 - 3GPP TS 27.007: not known
                raise UsageError(f"{name} must be 0 to {most} or 99, not {value}")
        for name, level, (low, high) in (
            ("rsrp", rsrp, (-140, -44)),
            ("rsrq", rsrq, (-20, -3)),
            ("sinr", sinr, (-20, 30)),
        ):
            if level is not None:
                whole(name, level, low, high)
        self._core.set_signal(rssi, ber, (rsrp, rsrq, sinr))

    def set_battery(self, millivolts: int, charge: int = 100) -> None:
        """Set what ``AT+CBC`` answers, as far as the family has it.

        Args:
            millivolts: the voltage, 0 to 65535 mV; nothing switches the module off.
            charge: the state of the battery, 0 to 100 %.

        Raises:
            UsageError: a value is out of its range.

        """
        whole("millivolts", millivolts, 0, 0xFFFF)
        whole("charge", charge, 0, 100)
        self._core.set_battery(millivolts, charge)

    def set_cell(self, cell: int, area: int = 0x1A2B) -> None:
        """Move it to another cell.

        It stays registered. Where ``AT+CEREG=2`` and its like ask for the place, the new one is reported.

        Args:
            cell: the identity of the cell, 0 to 0xFFFFFFF (28 bits).
            area: its tracking area, or location area in GSM, 0 to 0xFFFF.

        Raises:
            UsageError: a value is out of its range.

        """
        whole("cell", cell, 0, 0xFFF_FFFF)
        whole("area", area, 0, 0xFFFF)
        self._core.set_cell(area, cell)

    def network(self, up: bool, *, told: bool = False) -> None:  # noqa: FBT001 - the contract's signature
        """Take its network away, and with it every connection, or give it back.

        Args:
            up: whether there is one.
            told: whether servers see the end of each connection at once, and publish wills. By default nothing reaches
                them any more, and they notice when the keep-alive ends or a client takes over.

        """
        with arguments():
            self._core.network(up, told)

    def set_registration(self, stat: int) -> None:
        """Set its registration with the network. Unless it is registered it has no connections.

        ``AT+CREG``, ``AT+CGREG`` and ``AT+CEREG`` decide whether the module reports the change unasked.

        Args:
            stat: 0 not registered, 1 home, 2 searching, 3 denied, 4 unknown, 5 roaming (3GPP TS 27.007, 7.2 and
                10.1.22).

        Raises:
            UsageError: `stat` is not one of these.

        """
        with arguments():
            self._core.set_registration(stat)

    def set_sim(self, state: Literal["ready", "pin", "absent", "failure", "busy"]) -> None:
        """Change the state of its SIM card. Without a ready card it has no network.

        Args:
            state: ``"ready"``; ``"pin"``, waiting for its PIN, which is 1234; ``"absent"`` (``+CME ERROR: 10``);
                ``"failure"`` (13); ``"busy"`` (14).

        Raises:
            UsageError: `state` is not one of these.

        """
        with arguments():
            self._core.set_sim(state)

    def power_off(self, *, told: bool = False) -> None:
        """Take its power. It hears nothing and prints nothing until :meth:`power_on` or :meth:`restart`.

        Args:
            told: as for :meth:`network`.

        """
        with arguments():
            self._core.power_off(told)

    def power_on(self) -> None:
        """Switch it on after :meth:`power_off` or its own command, and have it print its boot text.

        A module that is on stays on.
        """
        self._core.power_on()

    def power_key(self) -> None:
        """Press its power key: a module that is on disconnects and switches off; one that is off starts."""
        self._core.power_key()

    def urc(self, line: str) -> None:
        """Print an unsolicited line as soon as one may come: not inside an answer, nor in a data phase.

        Args:
            line: the line without its line ends: ``"+CREG: 1"``. A module that is off prints nothing.

        Raises:
            UsageError: `line` is empty, or holds a line end.

        """
        self._core.urc(urc_line(line))

    @property
    def commands(self) -> list[str]:
        """The command lines received, oldest first, each without its CR: ``["AT", "ATE0", "AT+CMEE=1"]``.

        Secrets are masked, and data after a prompt does not count. The last 10,000 are kept, at most 1 MiB of them,
        over restarts of the module.
        """
        return self._core.commands

    def close(self) -> None:
        """End it. A closed one is left as it is."""
        self._core.close()

    def __repr__(self) -> str:
        """Model and port."""
        return f"<VirtualModem {self.model} {self.port}>"

    def _repr_html_(self) -> str:
        from modemqtt import _html  # noqa: PLC0415 - only in a notebook

        return _html.virtual_modem_html(type(self).__name__, self.model, self.port, self.faults, self.commands)


class VirtualBench(VirtualModem):
    """A virtual module with its own broker: :attr:`modemqtt.Modem.virtual` of ``Modem("virtual://M95")``.

    Example:
        >>> with Modem("virtual://M95") as modem:
        ...     print(modem.virtual.model, modem.virtual.broker.messages)
        M95 []

    """

    broker: Broker
    """The broker, on a free port of 127.0.0.1."""

    def __init__(self, model: str, **settings: Any) -> None:
        """Start both; the settings are those of a :class:`VirtualModem`."""
        super().__init__(model, **settings)
        self.broker = Broker()

    def close(self) -> None:
        """End both."""
        super().close()
        self.broker.close()
