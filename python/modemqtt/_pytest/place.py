"""A module for tests, from taking it to giving it back."""

from __future__ import annotations

import contextlib
import os
import subprocess
from typing import TYPE_CHECKING

from modemqtt import Modem, ModemError
from modemqtt._pytest import state
from modemqtt._pytest.failure import fail, sentence, told
from modemqtt._pytest.models import FEATURES
from modemqtt._pytest.names import TEST
from modemqtt._pytest.settings import BAUDRATE
from modemqtt._recording import mark
from modemqtt.virtual import VirtualModem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modemqtt import WireLine
    from modemqtt._claims import Claim
    from modemqtt._pytest.models import Wanted
    from modemqtt._pytest.played import Played
    from modemqtt._pytest.ports import Port
    from modemqtt._pytest.records import Records
    from modemqtt._pytest.settings import Settings

# Seconds, before --modem-timeout-factor: for a module to answer, for one whose power was taken to come back, for a step
# between tests, for AT before a test, and for a module to be registered.
OPEN, POWERED, _STEP, _ANSWER, _REGISTER = 15.0, 60.0, 15.0, 5.0, 120.0


class Place:
    """A virtual module, or a port with the modem on it."""

    def __init__(
        self,
        settings: Settings,
        *,
        module: VirtualModem | None = None,
        modem: Modem | None = None,
        port: Port | None = None,
        claim: Claim | None = None,
        played: Played | None = None,
        records: Records | None = None,
    ) -> None:
        """Take a virtual module, or an open modem with its port and the claim of that, or with its recording."""
        self.port = port
        self._played = played
        self._records = records
        self._settings = settings
        self.module = module
        self.modem = modem
        self._claim = claim
        named = module if module is not None else modem
        self._model = named.model if isinstance(named, VirtualModem) or (named is not None and named.is_open) else ""
        self._known: state.KnownState | None = None
        # Whether a module on a port has been registered with its network since it was opened.
        self._registered = module is not None or played is not None
        # Why the modem could not be brought to its known state, and whether waiting for it failed.
        self._broken: str | None = None
        self._given_up = False
        self._features: dict[str, bool] = {}

    @property
    def model(self) -> str:
        """The model of the module."""
        return self._model

    def open(self) -> Modem:
        """Return the open modem."""
        if self.modem is None:
            assert self.module is not None  # noqa: S101 - a port is opened when it is taken
            modem = Modem(self.module.port, baudrate=self._settings.baud or BAUDRATE)
            with told():
                if self._records is not None:
                    self._records.record(modem, self.module.model)
                self.modem = modem.open(timeout=OPEN * self._settings.factor)
        if self._settings.scope != "function" and self._known is None:
            self._known = state.KnownState(self.modem, played=self._played is not None)
        return self.modem

    def prepare(self, features: list[str], *, connects: bool) -> None:
        """Ask the module once what tests ask, so that no test of a recording needs another to be played before it.

        Args:
            features: the features that the test needs.
            connects: whether it connects to a broker.

        """
        if self.module is not None or (self._played is None and self._settings.record is None):
            return
        if connects:
            # The test fails for it, and not those that need no network.
            with contextlib.suppress(ModemError):
                self.register()
        for feature in features:
            if feature not in self._features:
                name = f"feature {feature}"
                if self._played is not None and not self._played.has(name):
                    fail(
                        f"{self._settings.where} does not say whether the module has {feature}; record the suite again"
                    )
                self.begin_section(name)
                self.has(feature)
                self.end_section()

    def begin_test(self, name: str) -> None:
        """Begin the section of a test in the recording that is made or played."""
        if self._played is not None:
            self._played.begin_test(name)
        else:
            self.begin_section(f"{TEST}{name}")

    def begin_section(self, name: str) -> None:
        """Begin the section of what tests share."""
        if self._played is not None:
            self._played.begin(name)
        elif self.modem is not None:
            mark(self.modem, name)

    def end_section(self) -> None:
        """End it."""
        if self._played is not None:
            self._played.end()
        elif self.modem is not None:
            mark(self.modem, "")

    def register(self) -> None:
        """Wait until a module on a port is registered with its network, once."""
        if not self._registered and self.modem is not None:
            self.modem.wait_registered(timeout=_REGISTER * self._settings.factor)
            self._registered = True

    def has(self, feature: str) -> bool:
        """Whether the module says that it has a feature."""
        if feature not in self._features:
            with told():
                if self.module is None:
                    self._features[feature] = FEATURES[feature](self.open())
                else:
                    # Another module of the model, so that nothing of this shows in the wire of the test.
                    with VirtualModem(self.model) as module, Modem(module.port) as modem:
                        self._features[feature] = FEATURES[feature](modem)
        return self._features[feature]

    @contextlib.contextmanager
    def keeping(self) -> Iterator[None]:
        """Do not undo what is opened and set in the meantime."""
        known = self._known
        before = None if known is None else (known.opened(), known.callbacks())
        yield
        if known is not None and before is not None:
            known.keep(*before)

    def unmet(self) -> str | None:
        """Return what the test should have sent and did not."""
        try:
            if self.module is not None:
                self.module.check()
        except AssertionError as error:
            return str(error)
        except ModemError:
            pass  # the test has closed it
        return None if self._played is None else self._played.differences()

    def settle(self, lines: list[WireLine], *, all_seen: bool) -> None:
        """Bring it to its known state for the next test; :meth:`recover` reports if that failed."""
        try:
            if self.module is not None:
                state.heal_module(self.module)
                self.module.expect_nothing()
            if self._known is not None and self._played is not None:
                self._broken = self._known.forget()
            elif self._known is not None:
                self._known.restore(lines, all_seen=all_seen, patience=_STEP * self._settings.factor)
        except (ModemError, OSError) as error:
            self._broken = sentence(error)

    def recover(self, *, wanted: Wanted | None, test: str, steered: bool = False) -> None:  # noqa: ARG002 - see labgrid
        """Make a modem that was closed, lost or left in disorder work again, or fail.

        Args:
            wanted: the model that the test wants.
            test: the name of the test.
            steered: whether the test itself opens and closes it, as on a target of labgrid.

        """
        modem, factor = self.modem, self._settings.factor
        if modem is None or self._works(modem, test):
            return
        reason = self._broken
        if self._played is not None:
            self._played.opening(wanted, test)
        if self.module is not None and not self.module.is_open:
            # The port of that name may be another's by now.
            fail(f"the modem that tests share did not come back: a test closed its virtual module, {modem.port}")
        try:
            try:
                modem.reopen(timeout=0 if self._given_up else OPEN * factor)
            except ModemError:
                if self._given_up or not self._settings.power_command or self.module is not None:
                    raise
                cycle_power(self._settings, modem.port)
                modem.reopen(timeout=POWERED * factor)
            self._registered = self.module is not None or self._played is not None
            if self._known is not None and self._played is None:
                self._known.restore([], all_seen=False, patience=_STEP * factor)
        except (ModemError, OSError) as error:
            self._given_up = True
            why = sentence(error) if modem.port in str(error) else f"{modem.port}: {sentence(error)}"
            before = f"; before that: {reason}" if reason and reason != why else ""
            fail(f"the modem that tests share did not come back: {why}{before}")
        self._broken, self._given_up = None, False
        self._model = modem.model

    def _works(self, modem: Modem, test: str) -> bool:
        """Whether it is open, in order, and answers; a recording, whether it has the test."""
        if self._broken is not None or not modem.is_open:
            return False
        if self._played is not None:
            return self._played.suits(test)
        try:
            modem.command("AT", timeout=_ANSWER * self._settings.factor)
        except ModemError as error:
            self._broken = sentence(error)
        return self._broken is None

    def close(self) -> None:
        """End it."""
        try:
            if self.modem is not None:
                self.modem.close()
            if self.module is not None:
                self.module.close()
        finally:
            if self._claim is not None:
                self._claim.release()


def cycle_power(settings: Settings, device: str) -> None:
    """Run the command that power-cycles the module, or fail."""
    command = [word.replace("{port}", device) for word in settings.power_command]
    environment = {**os.environ, "MODEMQTT_PORT": device}
    patience = POWERED * settings.factor
    try:
        done = subprocess.run(  # noqa: S603 - the user gave this command
            command, env=environment, capture_output=True, text=True, timeout=patience, check=False
        )
    except subprocess.TimeoutExpired:
        reason = f"took more than {patience:g} s"
    except OSError as error:
        reason = f"could not be run: {error.strerror}"
    else:
        if done.returncode == 0:
            return
        last = (done.stderr or done.stdout).strip().rpartition("\n")[2]
        reason = f"ended with status {done.returncode}" + (f": {last}" if last else "")
    fail(f"--modem-power-command: {command[0]} {reason}")
