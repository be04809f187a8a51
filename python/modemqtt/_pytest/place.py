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
from modemqtt.virtual import VirtualModem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modemqtt import WireLine
    from modemqtt._claims import Claim
    from modemqtt._pytest.settings import Settings
    from modemqtt.virtual import Replay

# Seconds, before --modem-timeout-factor: for a module to answer, for one whose power was taken to come back, for a step
# between tests, for AT before a test, and for a module to be registered.
OPEN, POWERED, _STEP, _ANSWER, _REGISTER = 15.0, 60.0, 15.0, 5.0, 120.0
BAUDRATE = 115_200
# How many differences from a recording a failure shows.
_SHOWN = 5


class Place:
    """A virtual module, or a port with the modem on it."""

    def __init__(
        self,
        settings: Settings,
        *,
        module: VirtualModem | None = None,
        modem: Modem | None = None,
        claim: Claim | None = None,
        replay: Replay | None = None,
        record: Path | None = None,
    ) -> None:
        """Take a virtual module, or an open modem with the claim of its port, or a recording."""
        self._replay = replay
        self._differences = 0
        self._record = record
        self._settings = settings
        self.module = module
        self.modem = modem
        self._claim = claim
        named = module if module is not None else modem
        self._model = named.model if isinstance(named, VirtualModem) or (named is not None and named.is_open) else ""
        self._known: state.KnownState | None = None
        # Whether a module on a port has been registered with its network since it was opened.
        self._registered = module is not None
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
            modem = Modem(self.module.port, baudrate=self._settings.baud or BAUDRATE, record=self._record)
            with told():
                self.modem = modem.open(timeout=OPEN * self._settings.factor)
        if self._settings.scope != "function" and self._known is None:
            self._known = state.KnownState(self.modem)
        return self.modem

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
        if self._replay is not None and (new := self._replay.differences[self._differences :]):
            self._differences += len(new)
            shown = "\n".join(str(difference) for difference in new[:_SHOWN])
            return f"{self._settings.where}: the test did not send what was recorded:\n{shown}"
        return None

    def settle(self, lines: list[WireLine], *, all_seen: bool) -> None:
        """Bring it to its known state for the next test; :meth:`recover` reports if that failed."""
        try:
            if self.module is not None:
                state.heal_module(self.module)
                self.module.expect_nothing()
            if self._known is not None:
                self._known.restore(lines, all_seen=all_seen, patience=_STEP * self._settings.factor)
        except (ModemError, OSError) as error:
            self._broken = sentence(error)

    def recover(self, *, steered: bool) -> None:  # noqa: ARG002 - a target of labgrid asks
        """Make a modem that was closed, lost or left in disorder work again, or fail.

        Args:
            steered: whether the test itself opens and closes it.

        """
        modem, factor = self.modem, self._settings.factor
        if modem is None:
            return
        if self._broken is None and modem.is_open:
            try:
                modem.command("AT", timeout=_ANSWER * factor)
            except ModemError as error:
                self._broken = sentence(error)
            else:
                return
        reason = self._broken
        try:
            try:
                modem.reopen(timeout=0 if self._given_up else OPEN * factor)
            except ModemError:
                if self._given_up or not self._settings.power_command or self.module is not None:
                    raise
                cycle_power(self._settings, modem.port)
                modem.reopen(timeout=POWERED * factor)
            self._registered = self.module is not None
            if self._known is not None:
                self._known.restore([], all_seen=False, patience=_STEP * factor)
        except (ModemError, OSError) as error:
            self._given_up = True
            why = sentence(error) if modem.port in str(error) else f"{modem.port}: {sentence(error)}"
            before = f"; before that: {reason}" if reason and reason != why else ""
            fail(f"the modem that tests share did not come back: {why}{before}")
        self._broken, self._given_up = None, False

    def close(self) -> None:
        """End it."""
        try:
            if self.modem is not None:
                self.modem.close()
            if self.module is not None:
                self.module.close()
            if self._replay is not None:
                self._replay.close()
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
