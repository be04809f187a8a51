"""Which target of labgrid a run is on, and its driver.

Nothing here imports ``modemqtt.labgrid``: the driver is found by the name of its class.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from modemqtt._pytest import settings
from modemqtt._pytest.ports import Port

if TYPE_CHECKING:
    from modemqtt import Modem
    from modemqtt._claims import Holder
    from modemqtt._pytest.settings import Settings
    from modemqtt.virtual import VirtualBench

_DRIVER, _VIRTUAL = "ModemMqttDriver", "VirtualQuectelModemDriver"
_MAIN = "main"


class ModemDriver(Protocol):
    """The part of ``ModemMqttDriver`` that the plugin uses."""

    target: Any
    modem: Modem

    @property
    def virtual(self) -> VirtualBench | None:
        """The virtual module behind it."""

    @property
    def told_model(self) -> str | None:
        """The model, as far as it is known without asking."""

    @property
    def is_active(self) -> bool:
        """Whether it is active and its port not lost."""

    def try_to_hold(self, run: str, worker: str) -> Holder | None:
        """Keep other processes from the place, or return the one that has it."""

    def let_go(self) -> None:
        """Undo that."""

    def tell(self, modem: Modem) -> None:
        """Show the wire on labgrid's console."""


def with_target(config: pytest.Config, before: Settings) -> Settings:
    """Return the settings with labgrid's target, if the run has one with our driver.

    Raises:
        pytest.UsageError: a port is named beside it, or the environment has several and none is ``main``.

    """
    if not config.pluginmanager.has_plugin("labgrid"):
        return before
    flag = config.getoption("lg_env", None)
    path = flag or os.environ.get("LG_ENV")
    if not path:
        return before
    source = "--lg-env" if flag else "LG_ENV"
    targets = _targets(path)
    if not targets:
        return before
    # A flag goes before a variable, and a variable before the ini file.
    ours = 2 if flag else 1
    ports = 2 if before.ports_from.startswith("--") else 1 if before.ports_from.startswith("MODEMQTT_") else 0
    if ports == ours:
        raise pytest.UsageError(f"{before.ports_from} and {source} both name a modem; leave one of them out")
    if ports > ours:
        return before
    if _MAIN not in targets and len(targets) > 1:
        raise pytest.UsageError(
            f"{source}: {' and '.join(targets)} have a {_DRIVER}; call the one to be tested {_MAIN}"
        )
    name = _MAIN if _MAIN in targets else next(iter(targets))
    text = f"labgrid's target {name}"
    port = Port(text, None, targets[name]) if targets[name] else Port(text, f"labgrid:{name}")
    scope = before.scope if settings.is_given(config, "scope") else "session"
    return before._replace(ports=(port,), ports_from=source, target=name, scope=scope)


def _targets(path: str) -> dict[str, str | None]:
    """Return the targets of an environment that have our driver, each with the model of its virtual module."""
    # There only with labgrid, and without types.
    from labgrid.config import Config  # type: ignore[import-not-found,unused-ignore] # noqa: PLC0415
    from labgrid.factory import target_factory  # type: ignore[import-not-found,unused-ignore] # noqa: PLC0415

    found = {}
    for name, role in Config(path).get_targets().items():
        _, drivers = target_factory.normalize_config(role or {})
        kinds = {kind: _bases(target_factory, kind) for kind in drivers}
        if any(_DRIVER in bases for bases in kinds.values()):
            virtual = [
                arguments[0].get("model", "BC660K-GL")
                for kind, bases in kinds.items()
                if _VIRTUAL in bases
                for arguments in drivers[kind].values()
            ]
            found[name] = next(iter(virtual), None)
    return found


def _bases(factory: Any, kind: str) -> set[str]:
    """Return the names of a driver's class and of its base classes."""
    return {kind} | {each.__name__ for each in getattr(factory.drivers.get(kind), "__mro__", ())}


def driver(request: pytest.FixtureRequest) -> ModemDriver | None:
    """Return the driver of the run's target; ``None`` without a target. The target comes from labgrid's fixture."""
    name = settings.of(request.config).target
    if name is None:
        return None
    target = request.getfixturevalue("env").get_target(name)
    found: ModemDriver = target.get_driver(_DRIVER, activate=False)
    return found
