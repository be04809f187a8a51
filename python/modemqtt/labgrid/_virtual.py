"""A virtual module as a driver, for targets without hardware."""

from __future__ import annotations

from typing import Any

import attr

from modemqtt import ModemError
from modemqtt.labgrid._foreign import Driver, InvalidConfigError, PowerProtocol, step, target_factory
from modemqtt.virtual import VirtualBench


@target_factory.reg_driver
@attr.s(eq=False)
class VirtualQuectelModemDriver(Driver, PowerProtocol):
    """A virtual module, and a broker beside it, from activation to deactivation.

    :class:`ModemMqttDriver` binds to it as a port, and a strategy as a power driver.

    Args:
        model: its model.
        settings: anything else that :class:`modemqtt.virtual.VirtualModem` takes, such as ``{timing: field, seed: 7}``.

    """

    model: str = attr.ib(default="BC660K-GL")
    settings: dict[str, Any] = attr.ib(factory=dict)

    def __attrs_post_init__(self) -> None:
        """Begin without any."""
        self._powered = False
        self._module: VirtualBench | None = None
        super().__attrs_post_init__()

    def on_activate(self) -> None:
        """Start it.

        Raises:
            InvalidConfigError: the model or a setting is wrong.

        """
        try:
            self._module = VirtualBench(self.model, **self.settings)
        except (ModemError, OSError, TypeError) as error:
            raise InvalidConfigError(f"VirtualQuectelModemDriver: {error}") from error
        self._powered = True

    def on_deactivate(self) -> None:
        """End it."""
        if self._module is not None:
            self._module.close()
            self._module = None

    @property
    def module(self) -> VirtualBench:
        """The virtual module; its broker is ``module.broker``."""
        return self._running()

    @Driver.check_active
    def _running(self) -> VirtualBench:
        assert self._module is not None  # noqa: S101 - it runs while it is active
        return self._module

    @Driver.check_active
    @step()
    def on(self) -> None:
        """Give it its power."""
        self.module.power_on()
        self._powered = True

    @Driver.check_active
    @step()
    def off(self) -> None:
        """Take its power."""
        self.module.power_off()
        self._powered = False

    @Driver.check_active
    @step()
    def cycle(self) -> None:
        """Take its power and give it back."""
        self.off()
        self.on()

    @Driver.check_active
    @step(result=True)
    def get(self) -> bool:
        """Return whether it has power."""
        return self._powered
