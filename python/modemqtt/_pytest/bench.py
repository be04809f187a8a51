"""The modules of a run: which one a test gets, and what a test leaves behind."""

from __future__ import annotations

import contextlib
import enum
import errno
import time
import uuid
import weakref
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from modemqtt import Modem, ModuleRestarted, PortError, ResponseTimeout, UsageError, open_modems
from modemqtt._claims import Claim, Holder, claim
from modemqtt._pytest import brokers, settings, usb
from modemqtt._pytest.failure import fail, told
from modemqtt._pytest.place import OPEN, POWERED, Place, cycle_power
from modemqtt._pytest.played import Played, contents
from modemqtt._pytest.records import Records
from modemqtt._pytest.settings import BAUDRATE
from modemqtt._recording import invented
from modemqtt.virtual import Broker, VirtualModem

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable, Iterator

    from modemqtt import WireLine
    from modemqtt._pytest.brokers import BrokerAddress
    from modemqtt._pytest.lab import ModemDriver
    from modemqtt._pytest.models import Wanted
    from modemqtt._pytest.ports import Port
    from modemqtt.aio import AsyncModem
    from modemqtt.virtual import Fault

# Seconds, before --modem-timeout-factor, to wait for a port that another run has.
_FOREIGN = 60.0
_BETWEEN_LOOKS = 0.05
_DEFAULT_MODEL = "BC660K-GL"


class Stage(enum.Enum):
    """How far a test is, for its recording."""

    SHARED = "shared"
    """Only what it shares with others has been set up."""
    BEGUN = "begun"
    """It has begun, and may not have its modem yet."""
    RECORDED = "recorded"
    """Whatever is sent from now on belongs to it."""


@dataclass
class Test:
    """A running test, and its part of the wire."""

    name: str = ""
    features: list[str] = field(default_factory=list)
    """The features that it needs."""
    connects: bool = False
    """Whether it connects to a broker."""
    stage: Stage = Stage.SHARED
    modem: Modem | None = None
    """The modem of its fixture."""
    model: str = ""
    mark: WireLine | None = None
    """The modem's last line before the test."""
    failed: bool = False
    reported: bool = False
    """Whether its wire is already in a report."""

    def lines(self) -> tuple[list[WireLine], bool]:
        """Return its part of the wire, and whether that is all of it."""
        if self.modem is None:
            return [], True
        lines = list(self.modem.wire)
        if self.mark is None:
            return lines, True
        for place in range(len(lines) - 1, -1, -1):
            if lines[place] == self.mark:
                return lines[place + 1 :], True
        return lines, False


class Bench:
    """The modules of a process, and the test that has them."""

    def __init__(self, config: pytest.Config) -> None:
        """Begin without any."""
        self.settings = settings.of(config)
        # Of pytest-xdist.
        worker: dict[str, str] = getattr(config, "workerinput", {})
        self.run = worker.get("testrunuid") or uuid.uuid4().hex
        self.worker = worker.get("workerid", "master")
        self.place: Place | None = None
        self._wanted: Wanted | None = None
        self.broker: Broker | BrokerAddress | None = None
        self.test = Test()
        self._problems: list[str] = []
        # Modems of fixtures that outlive a test, and of test modules.
        self._kept: weakref.WeakSet[Modem | AsyncModem] = weakref.WeakSet()
        self._models: dict[Port, tuple[str, str]] = {}
        # The values made up for this run.
        self._invented: list[str] = []
        self._records = Records(self.settings)
        self._played: Played | None = None
        # The ports that no test has at the moment, with their modems open.
        self._idle: dict[Port, Place] = {}
        # Whether this test is the last.
        self._last = False
        self._patience = _FOREIGN * self.settings.factor
        # Whether the test has the strategy of a target, and opens and closes the modem itself.
        self._steered = False

    def take(self, wanted: Wanted | None, driver: ModemDriver | None = None) -> Place:
        """Return a module that fits, and wait for one if others have them all.

        Args:
            wanted: the model that is wanted.
            driver: the driver of the target that has the module, if the run is on one.

        """
        self._wanted = wanted
        if driver is not None:
            self.place = self._on_a_target(wanted, driver)
        elif self.settings.replays:
            self.place = self._on_a_replay(wanted)
        else:
            self.place = self._virtual(wanted) if self.settings.virtual else self._on_a_port(wanted)
        return self.place

    def ends(self, *, last: bool) -> None:
        """Note that a test ends, and whether it is the last."""
        self._last = last

    def leave(self, place: Place) -> None:
        """End it, or leave it for the tests that want another model."""
        if place.module is not None:
            # Ended together with the module, they would look closed.
            self._close(modem for modem in self.others() if modem.port == place.module.port)
        place.end_section()
        self.place = None
        if (unmet := place.unmet()) is not None:
            self._problems.append(unmet)
        if place.port is not None and self._shares_no_port and self.settings.scope == "session" and not self._last:
            lines, all_seen = self.test.lines()
            place.settle(lines, all_seen=all_seen)
            self._idle[place.port] = place
        else:
            place.close()

    @property
    def _shares_no_port(self) -> bool:
        """Whether no other process of the run waits for a port."""
        return self.worker == "master"

    def close(self) -> None:
        """End what tests have left for others."""
        while self._idle:
            self._idle.popitem()[1].close()
        if self._played is not None:
            self._played.close()

    def open(self, place: Place) -> Modem:
        """Return the open modem of a place, for the test that runs."""
        modem = place.open()
        place.prepare(self.test.features, connects=self.test.connects)
        for value in self._invented:
            invented(modem, value)
        self._invented.clear()
        self.test.modem, self.test.model = modem, place.model
        # The opening belongs to a test where the modem is its own.
        self.test.mark = None if self.settings.scope == "function" else _last(modem)
        self._begin_section()
        return modem

    def goes_on_alone(self) -> None:
        """Note that the shared fixtures are set up, and that whatever follows belongs to the test."""
        if self.test.stage is Stage.SHARED:
            self.test.stage = Stage.BEGUN
            self._begin_section()

    def _begin_section(self) -> None:
        if self.test.stage is Stage.BEGUN and self.place is not None and self.place.modem is not None:
            self.test.stage = Stage.RECORDED
            self.place.begin_test(self.test.name)

    @contextlib.contextmanager
    def sharing(self, name: str) -> Iterator[None]:
        """Keep what a fixture that outlives a test opens and sets, and record it apart from the test."""
        apart = self.test.stage is Stage.SHARED
        if apart:
            self.begin_shared(name)
        with self.keeping():
            yield
        if apart and self.place is not None:
            self.place.end_section()

    def begin_shared(self, name: str) -> None:
        """Begin the section of what tests share."""
        if self.place is not None and self.place.modem is not None:
            self.place.begin_section(name)

    def _virtual(self, wanted: Wanted | None) -> Place:
        model = wanted.name if wanted is not None else next(iter(self.settings.models), _DEFAULT_MODEL)
        with told():
            module = VirtualModem(model, seed=self.settings.seed, baudrate=self.settings.baud)
        return Place(self.settings, module=module, records=self._records)

    def _on_a_replay(self, wanted: Wanted | None) -> Place:
        ports = self.settings.ports
        with told(self.settings.where):
            if self._played is None:
                recordings = [contents(port.replay or "", port.text) for port in ports]
                self._played = Played(recordings, " ".join(port.text for port in ports))
            self._played.opening(wanted, self.test.name)
            modem = Modem(self._played.port, model=self.settings.model or "auto")
            modem.open(timeout=OPEN * self.settings.factor)
        return Place(self.settings, modem=modem, played=self._played)

    def invent(self, value: str) -> None:
        """Let a value that was made up for this run match any other in a replay."""
        if self.place is not None and self.place.modem is not None:
            invented(self.place.modem, value)
        else:
            self._invented.append(value)

    def _on_a_target(self, wanted: Wanted | None, driver: ModemDriver) -> Place:
        from modemqtt._pytest.target import TargetPlace  # noqa: PLC0415 - few runs are on one

        began = time.monotonic()
        with told(self.settings.where):
            while (holder := driver.try_to_hold(self.run, self.worker)) is not None:
                self._wait({self.settings.where: holder}, began)
        place = TargetPlace(self.settings, driver)
        try:
            place.begin(wanted, steered=self._steered)
        except BaseException:
            place.close()
            raise
        return place

    def _on_a_port(self, wanted: Wanted | None) -> Place:
        began = time.monotonic()
        while True:
            busy: dict[str, Holder] = {}
            for port in self.settings.ports:
                if self._fits(port, wanted):
                    if (idle := self._idle.pop(port, None)) is not None:
                        return self._awake(idle)
                    device = _device(port)
                    with told(device):
                        claimed = claim(device, self.run, self.worker)
                    if isinstance(claimed, Holder):
                        busy[device] = claimed
                        continue
                    place = self._open(port, device, claimed, looks=wanted is not None and port not in self._models)
                    if self._fits(port, wanted):
                        return place
                    if self._shares_no_port:
                        self._idle[port] = place
                    else:
                        place.close()
            if not busy:
                there = ", ".join(f"{model} on {port.text}" for port, (model, _) in self._models.items())
                pytest.skip(f"needs {wanted}; there is {there or self.settings.model}")
            self._wait(busy, began)

    def _fits(self, port: Port, wanted: Wanted | None) -> bool:
        """Whether the module on a port is the one that is wanted, or may be."""
        if wanted is None:
            return True
        if port in self._models:
            return wanted.fits(*self._models[port])
        return wanted.may_be(self.settings.model)

    def _wait(self, busy: dict[str, Holder], began: float) -> None:
        """Wait a little for others to end. Those of this run end with their tests; another run may never end."""
        foreign = all(holder.run != self.run for holder in busy.values())
        if foreign and time.monotonic() - began >= self._patience:
            # The next test should not wait again.
            self._patience = 0
            holders = ", ".join(f"{device} by {holder}" for device, holder in busy.items())
            other = "port" if self.settings.target is None else "place"
            how = "give this one another --modem-port" if self.settings.target is None else "acquire another place"
            fail(f"another test run has the {other}: {holders}; wait for its end, or {how}")
        time.sleep(_BETWEEN_LOOKS)

    def _awake(self, place: Place) -> Place:
        """Return an idle one, which works."""
        try:
            place.recover(wanted=self._wanted, test=self.test.name)
        except BaseException:
            place.close()
            raise
        return place

    def _open(self, port: Port, device: str, claimed: Claim, *, looks: bool) -> Place:
        factor = self.settings.factor
        try:
            with told(device):
                modem = Modem(
                    device,
                    model=self.settings.model or "auto",
                    baudrate=self.settings.baud or BAUDRATE,
                )
                # Where another process may take the port in the end, a look at the model is not recorded.
                recorded = self._shares_no_port or not looks
                if recorded:
                    self._records.record(modem, device)
                try:
                    modem.open(timeout=OPEN * factor, recover=True)
                except (ModuleRestarted, PortError, ResponseTimeout) as error:
                    held = isinstance(error, PortError) and error.errno in (errno.EBUSY, errno.EACCES)
                    if held or not self.settings.power_command:
                        raise
                    cycle_power(self.settings, device)
                    modem.open(timeout=POWERED * factor, recover=True)
                self._models[port] = (modem.model, modem.dialect)
                if not recorded and self.settings.record is not None and self._fits(port, self._wanted):
                    self._records.record(modem, device)
                    modem.reopen(timeout=OPEN * factor)
        except BaseException:
            claimed.release()
            raise
        return Place(self.settings, modem=modem, port=port, claim=claimed)

    def begin(self, test: Test, *, shares: bool, wanted: Wanted | None, steered: bool) -> None:
        """Begin a test.

        Args:
            test: the test.
            shares: whether it takes a module.
            wanted: the model that it is to run on.
            steered: whether it has the strategy of a target.

        Fails if the modem that it shares with others has stopped working and does not come back.

        """
        self.test = test
        self._steered = steered
        self._kept.update(open_modems())
        if shares and self.place is not None and self.place.modem is not None and self._wanted == wanted:
            self.place.recover(wanted=wanted, test=test.name, steered=steered)
            self.test.modem, self.test.model = self.place.modem, self.place.model
            self.place.prepare(test.features, connects=test.connects)
            self.test.mark = _last(self.place.modem)

    def others(self) -> list[Modem | AsyncModem]:
        """Return the open modems that the test has besides that of the fixture."""
        ours = None if self.place is None else self.place.modem
        idle = [place.modem for place in self._idle.values()]
        modems = [modem for modem in open_modems() if modem is not ours and modem not in self._kept]
        return [modem for modem in modems if modem not in idle]

    @contextlib.contextmanager
    def keeping(self) -> Iterator[None]:
        """Keep what a fixture that outlives a test opens and sets in the meantime."""
        before = open_modems()
        with self.place.keeping() if self.place is not None else contextlib.nullcontext():
            yield
        self._kept.update(modem for modem in open_modems() if modem not in before)

    def lacking(self, features: list[str]) -> str | None:
        """Say which of these the module lacks."""
        if self.place is None:
            fail("modem_feature: the test takes no fixture that gives a module, such as modem")
        return next((f"{self.place.model} has no {each}" for each in features if not self.place.has(each)), None)

    @contextlib.contextmanager
    def faults(self, faults: list[str | Fault]) -> Iterator[None]:
        """Give the virtual module these faults for the duration."""
        module = None if self.place is None else self.place.module
        if module is None:
            fail("modem_fault: the test takes no fixture that gives a module, such as modem")
        with told():
            for fault in faults:
                module.inject(fault)
        try:
            yield
        finally:
            with contextlib.suppress(UsageError):  # the test has closed it
                for fault in faults:
                    module.heal(fault)

    def end(self) -> list[str]:
        """End a test whose fixtures have ended; return what is wrong with what it left."""
        self._close(self.others())
        if self.place is not None:
            self.place.end_section()
            if (unmet := self.place.unmet()) is not None:
                self._problems.append(unmet)
            lines, all_seen = self.test.lines()
            self.place.settle(lines, all_seen=all_seen)
        if isinstance(self.broker, Broker):
            with contextlib.suppress(OSError):  # the test has closed it
                brokers.heal_broker(self.broker)
        if self._last:
            self.close()
        # A test that is skipped does not begin, and ends all the same.
        problems, self._problems = self._problems, []
        return problems

    def _close(self, modems: Iterable[Modem | AsyncModem]) -> None:
        """Close what the test left open."""
        for modem in modems:
            block = "with" if isinstance(modem, Modem) else "async with"
            self._problems.append(f"{modem!r} was left open; close() it, or use `{block}`")
            if (closing := modem.close()) is not None:
                _run(closing)


def _run(closing: Coroutine[object, object, None]) -> None:
    """Run it in a new loop, which is nobody's current one."""
    import asyncio  # noqa: PLC0415 - few suites need it

    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(closing)
    finally:
        loop.close()


def _last(modem: Modem) -> WireLine | None:
    """Return the last line of the wire."""
    return next(iter(modem.wire.tail(1)), None)


def _device(port: Port) -> str:
    """Return the port to open."""
    url = port.url or ""
    if not url.startswith("usb:"):
        return url
    try:
        return usb.find(url.removeprefix("usb:").removeprefix("//"))
    except LookupError as error:
        fail(str(error))
