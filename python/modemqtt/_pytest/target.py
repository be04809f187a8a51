"""The modem of a labgrid target, for tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modemqtt import Modem, ModemError
from modemqtt._pytest import state
from modemqtt._pytest.failure import fail, sentence
from modemqtt._pytest.models import FEATURES, dialect_of
from modemqtt._pytest.place import Place
from modemqtt.virtual import VirtualModem

if TYPE_CHECKING:
    from modemqtt import WireLine
    from modemqtt._pytest.lab import ModemDriver
    from modemqtt._pytest.models import Wanted
    from modemqtt._pytest.settings import Settings

# The class of our strategy. This package does not import modemqtt.labgrid.
_STRATEGY = "ModemMqttStrategy"
_ANSWER = 5.0


class TargetPlace(Place):
    """The modem of a target.

    A test with labgrid's fixture ``strategy`` opens and closes it by that; for any other test it is open.
    """

    modem: Modem

    def __init__(self, told_settings: Settings, driver: ModemDriver) -> None:
        """Take the driver of a place that is held."""
        super().__init__(told_settings, module=driver.virtual, modem=driver.modem)
        self._driver = driver

    @property
    def model(self) -> str:
        """The model, from the module or from its resource."""
        return self.modem.model if self.modem.is_open else self._driver.told_model or self._model

    def begin(self, wanted: Wanted | None, *, steered: bool) -> None:
        """Open the modem for the first test, unless that test does, and skip a test that wants another model."""
        if not steered and self._may_be(wanted):
            self._activate()
        if wanted is None:
            return
        if not self.model:
            fail(f"modem_models: {self._where} has not reported its model yet; set `model` in its resource")
        if not wanted.fits(self.model, dialect_of(self.model) or ""):
            pytest.skip(f"needs {wanted}; there is {self.model} on {self._where}")

    def _may_be(self, wanted: Wanted | None) -> bool:
        model = self._driver.told_model
        return wanted is None or model is None or wanted.fits(model, dialect_of(model) or "")

    @property
    def _where(self) -> str:
        return self._settings.where

    def open(self) -> Modem:
        """Return the modem, open unless the test opens it."""
        if self._settings.scope != "function":
            self._known = state.KnownState(self.modem)
        return self.modem

    def _activate(self) -> None:
        """Open the modem, or fail. If the target has our strategy, that does it, since it controls the power."""
        if self._driver.is_active:
            return
        target = self._driver.target
        try:
            for each in target.drivers:
                if _STRATEGY in {base.__name__ for base in type(each).__mro__} and each.modem is self._driver:
                    each.transition("ready")
                    return
            target.deactivate(self._driver)
            target.activate(self._driver)
        except Exception as error:  # noqa: BLE001 - labgrid's errors have no class in common
            text = sentence(error)
            reason = f": {sentence(error.__cause__)}" if error.__cause__ is not None else ""
            fail(text + reason if self._where in text else f"{self._where}: {text}{reason}")

    def has(self, feature: str) -> bool:
        """Whether the module reports a feature; a closed one has the features of its model."""
        if self.module is not None or self.modem.is_open:
            return super().has(feature)
        if not self.model:
            fail(f"modem_feature: {self._where} is closed and has not reported its model; set `model` in its resource")
        with VirtualModem(self.model) as module, Modem(module.port) as modem:
            return FEATURES[feature](modem)

    def settle(self, lines: list[WireLine], *, all_seen: bool) -> None:
        """Bring it to its known state, and show the test on labgrid's console."""
        if self.modem.is_open:
            super().settle(lines, all_seen=all_seen)
        elif self._known is not None:
            self._known.restore_callbacks()
        self._driver.tell(self.modem)

    def recover(self, *, wanted: Wanted | None, test: str, steered: bool = False) -> None:  # noqa: ARG002 - the target has it
        """Open it again, or fail; a test that has the strategy finds it as it is."""
        if not steered:
            self._repair()
        if self._known is not None:
            self._known.look()

    def _repair(self) -> None:
        if self._broken is None and self._driver.is_active:
            try:
                self.modem.command("AT", timeout=_ANSWER * self._settings.factor)
            except ModemError as error:
                self._broken = sentence(error)
        if self._broken is not None:
            self._driver.target.deactivate(self._driver)
            self._broken = None
        self._activate()
        self._registered = self.module is not None

    def close(self) -> None:
        """Close it, and free the place; the target and its strategy belong to labgrid."""
        try:
            self._driver.target.deactivate(self._driver)
        finally:
            self._driver.let_go()
