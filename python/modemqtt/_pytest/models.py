"""Which tests run on which module: the markers, the models that multiply tests, and the skips."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import pytest

from modemqtt._pytest import settings
from modemqtt._pytest.failure import fail
from modemqtt._pytest.names import model_named

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from modemqtt import Modem

MARKERS = (
    "modem_hardware: needs a module on a port, and is skipped on virtual ones",
    "modem_virtual: needs a virtual module, and is skipped on hardware",
    'modem_models("M95", …): runs once on each of these models',
    'modem_feature("tls", …): is skipped if the module lacks one of tls, buffer, hex, sleep, files',
    'modem_fault("lost-ok=1", …): the virtual module has these faults while the test itself runs',
)

_HOW = "--modem-port=/dev/ttyUSB2, MODEMQTT_PORT or modem_port"


class Wanted(NamedTuple):
    """The model that a test runs on."""

    name: str
    dialect: str | None = None
    """Whether any model of the dialect will do."""

    def fits(self, model: str, dialect: str) -> bool:
        """Whether a module of that model will do."""
        return self.name == model or self.dialect == dialect

    def may_be(self, model: str | None) -> bool:
        """Whether a module will do that the options say is of that model, or whose model is not known yet."""
        if model is None or self.name == model:
            return True
        return self.dialect == dialect_of(model)

    def __str__(self) -> str:
        """Name the model, for a message."""
        return self.name if self.dialect is None else f"a model that speaks as {self.name}"


def dialect_of(model: str) -> str | None:
    """Return the dialect that a model speaks, ``None`` for a model that is not known."""
    from modemqtt.virtual import MODELS  # noqa: PLC0415 - loaded only where tests multiply

    return next((known.dialect for known in MODELS if known.name == model), None)


def multiply(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for a model once on each."""
    check_markers(metafunc.definition.iter_markers())
    for parametrize in metafunc.definition.iter_markers("parametrize"):
        names = parametrize.args[0] if parametrize.args else parametrize.kwargs.get("argnames", ())
        if "modem_model" in (re.split(r"\s*,\s*", names) if isinstance(names, str) else names):
            fail('modem_model comes from the module; choose models with the marker modem_models("M95", …)')
    if "_modem_wanted" not in metafunc.fixturenames:
        return
    marker = metafunc.definition.get_closest_marker("modem_models")
    if marker is None and "modem_model" not in metafunc.fixturenames:
        return
    names = marker.args if marker is not None else settings.of(metafunc.config).models
    wanted = [Wanted(known(name)) for name in names] if names else _one_of_each_dialect()
    wanted.sort(key=lambda each: each.name)
    metafunc.parametrize("_modem_wanted", wanted, indirect=True, ids=[each.name for each in wanted], scope="session")


def _one_of_each_dialect() -> list[Wanted]:
    from modemqtt.virtual import MODELS  # noqa: PLC0415 - loaded only where tests multiply

    by_dialect = {model.dialect: model for model in reversed(MODELS) if not model.experimental}
    return [Wanted(model.name, model.dialect) for model in by_dialect.values()]


def wanted_of(item: pytest.Item) -> Wanted | None:
    """Return the model that a test is to run on; ``None`` for any."""
    wanted: Wanted | None = item.callspec.params.get("_modem_wanted") if hasattr(item, "callspec") else None
    return wanted


def known(name: object) -> str:
    """Return a model's name as the package writes it, or fail."""
    try:
        return model_named(name)
    except LookupError as error:
        fail(f"modem_models: {error}")


def check_markers(markers: Iterable[pytest.Mark]) -> None:
    """Fail if the argument of one of our markers is wrong."""
    for marker in markers:
        if marker.name in CHECKS:
            if marker.kwargs or not marker.args:
                fail(f"{marker.name} takes names, as in {CHECKS[marker.name][0]}")
            for argument in marker.args:
                CHECKS[marker.name][1](argument)
        elif marker.name in {"modem_hardware", "modem_virtual"} and (marker.args or marker.kwargs):
            fail(f"{marker.name} takes no argument, but has {(*marker.args, *marker.kwargs)[0]!r}")


def _check_fault(fault: object) -> None:
    from modemqtt.virtual import FAULTS  # noqa: PLC0415 - loaded only where a fault is named

    if str(fault).partition("=")[0] not in FAULTS:
        fail(f"modem_fault: {str(fault)!r} is not a fault; `modemqtt virtual --list-faults` lists them")


def _check_feature(feature: object) -> None:
    if feature not in FEATURES:
        names = ", ".join(FEATURES)
        fail(f"modem_feature: {feature!r} is not a feature; the known ones are {names}")


CHECKS: dict[str, tuple[str, Callable[[object], object]]] = {
    "modem_models": ('modem_models("M95", "BC660K-GL")', known),
    "modem_feature": ('modem_feature("tls")', _check_feature),
    "modem_fault": ('modem_fault("lost-ok=1")', _check_fault),
}


def order(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Group the tests that share a module or, under ``--dist loadgroup`` of pytest-xdist, a port."""
    told = settings.of(config)
    if told.scope == "session":
        # Each model is set up once. pytest only orders tests that have the same list of models.
        items.sort(key=lambda item: (wanted.name,) if (wanted := wanted_of(item)) is not None else ("~",))
    if told.virtual or not config.getoption("loadgroup", default=False):
        return
    users = (item for item in items if "_modem_place" in getattr(item, "fixturenames", ()))
    for number, item in enumerate(users):
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(f"modem:{told.ports[number % len(told.ports)].text}"))


def check_item(item: pytest.Item) -> None:
    """Fail a test whose markers are wrong, and skip one for which the run has no module."""
    check_markers(item.iter_markers())
    told = settings.of(item.config)
    if told.virtual:
        if item.get_closest_marker("modem_hardware") is not None:
            if told.require:
                fail(f"modem_hardware: --modem-require wants it run; {_HOW} names the port of a module")
            if told.target is not None:
                pytest.skip(f"modem_hardware: needs a module on a port, and {told.where} has a virtual one")
            pytest.skip(f"modem_hardware: needs a module on a port, which {_HOW} names")
        return
    if told.replay is not None and item.get_closest_marker("modem_hardware") is not None:
        if told.require:
            fail(f"modem_hardware: --modem-require wants it run, and {told.where} is a recording")
        pytest.skip(f"modem_hardware: needs a module on a port, and {told.where} is a recording")
    for marker in ("modem_virtual", "modem_fault"):
        if item.get_closest_marker(marker) is not None:
            pytest.skip(f"{marker}: needs a virtual module, and this run is on {told.where}")


def _keyed(key: str) -> Callable[[Modem], bool]:
    return lambda modem: key in modem.mqtt().capabilities()


def _taken(*lines: str) -> Callable[[Modem], bool]:
    def has(modem: Modem) -> bool:
        from modemqtt import CommandError  # noqa: PLC0415 - loaded only where a module is asked

        for line in lines:
            try:
                modem.command(line)
            except CommandError:
                continue
            return True
        return False

    return has


# The features that the module itself reports.
FEATURES: dict[str, Callable[[Modem], bool]] = {
    "tls": _keyed("ssl"),
    "buffer": _keyed("recv/mode"),
    "hex": _keyed("dataformat"),
    "sleep": _taken("AT+QSCLK=?"),
    "files": _taken("AT+QFUPL=?", "AT+QSECWRITE=?"),
}
