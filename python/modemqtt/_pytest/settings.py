"""The options of the plugin: each on the command line, in the environment and in pytest's ini file, in that order."""

from __future__ import annotations

import math
import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeVar

import pytest

from modemqtt._pytest.names import model_named
from modemqtt._pytest.ports import Port, parse_ports

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

SCOPES = ("function", "class", "module", "package", "session")
LOGS = ("failed", "all", "none")
BAUDRATE = 115_200
_NO = ("", "0", "no", "off", "false")


class Option(NamedTuple):
    """One option: ``--modem-log-dir``, ``MODEMQTT_LOG_DIR`` and ``modem_log_dir``."""

    name: str
    help: str
    metavar: str = ""
    several: bool = False

    @property
    def flag(self) -> str:
        """Its name on the command line."""
        return f"--modem-{self.name}"

    @property
    def variable(self) -> str:
        """Its name in the environment."""
        return f"MODEMQTT_{self.name.replace('-', '_').upper()}"

    @property
    def ini(self) -> str:
        """Its name in the ini file."""
        return f"modem_{self.name.replace('-', '_')}"


OPTIONS = (
    Option(
        "port",
        "port of a module: a device, socket://HOST:PORT, rfc2217://HOST:PORT, usb:SERIAL for a USB serial number, or "
        "virtual (the default) or virtual:MODEL for virtual modules, or replay:FILE for a recording; repeat it for a "
        "pool of ports, of which each worker of pytest-xdist takes one",
        "PORT",
        several=True,
    ),
    Option(
        "power-command",
        "command that power-cycles a module that does not answer; {port} in it stands for the port",
        "COMMAND",
    ),
    Option(
        "model",
        "model of the module on the port, or of virtual modules; may be repeated: tests of modem_model run on each",
        "MODEL",
        several=True,
    ),
    Option("baud", "bits per second of the port; a virtual module passes bytes at that speed too", "N"),
    Option(
        "broker",
        "broker that the module can reach: HOST:PORT, mqtt://user:pw@HOST:PORT, or mosquitto to start one here; without"
        " it virtual modules have their own. Give a password by MODEMQTT_PASSWORD rather than here",
        "BROKER",
    ),
    Option(
        "scope",
        f"scope of the fixture modem: {', '.join(SCOPES)}; by default function on virtual modules, session on hardware",
        "SCOPE",
    ),
    Option("log-dir", "folder for a file with the wire of each test that --modem-log selects", "DIR"),
    Option("log", f"which tests' wire is reported: {', '.join(LOGS)}; default: failed", "WHICH"),
    Option(
        "record",
        "file to record everything on the line in, for --modem-port=replay:FILE; each further port, or model of "
        "virtual modules, has a file of its own: bench.rec, bench-2.rec, and so on",
        "FILE",
    ),
    Option("require", "fail tests that need hardware if there is none, instead of skipping them"),
    Option("seed", "seed of everything random in virtual modules; default: 0", "N"),
    Option("timeout-factor", "factor by which every wait of the plugin is multiplied; default: 1", "F"),
)
_BY_NAME = {option.name: option for option in OPTIONS}


class Settings(NamedTuple):
    """What the options say."""

    ports: tuple[Port, ...]
    ports_from: str
    power_command: tuple[str, ...]
    models: tuple[str, ...]
    baud: int | None
    broker: str | None
    broker_from: str
    scope: str
    log_dir: Path | None
    log: str
    record: Path | None
    require: bool
    seed: int
    factor: float
    target: str | None = None
    """The target of labgrid that has the module."""

    @property
    def virtual(self) -> bool:
        """Whether the modules are virtual ones."""
        return self.ports[0].url is None

    @property
    def replays(self) -> tuple[str, ...]:
        """The recordings that are played instead of modules."""
        return tuple(port.replay for port in self.ports if port.replay is not None)

    @property
    def replay(self) -> str | None:
        """The first of them."""
        return next(iter(self.replays), None)

    @property
    def model(self) -> str | None:
        """The model, if there is one for all tests."""
        return self.models[0] if len(self.models) == 1 else None

    @property
    def where(self) -> str:
        """What the tests run on, for messages."""
        return self.ports[0].text


SETTINGS = pytest.StashKey[Settings]()


def declare(parser: pytest.Parser) -> None:
    """Declare every option."""
    group = parser.getgroup("modemqtt", "Quectel modules (modemqtt)")
    for option in OPTIONS:
        twins = f"(also {option.variable}, and {option.ini} in the ini file)"
        if not option.metavar:
            group.addoption(
                option.flag, action="store_true", default=False, dest=option.ini, help=f"{option.help} {twins}"
            )
        elif option.several:
            group.addoption(
                option.flag,
                action="append",
                default=None,
                dest=option.ini,
                metavar=option.metavar,
                help=f"{option.help} {twins}",
            )
        else:
            group.addoption(
                option.flag, default=None, dest=option.ini, metavar=option.metavar, help=f"{option.help} {twins}"
            )
        kind: Literal["args", "string"] = "args" if option.several else "string"
        parser.addini(option.ini, f"{option.help} (see {option.flag})", kind, default=[] if option.several else "")


def read(config: pytest.Config) -> Settings:
    """Read every option.

    Raises:
        pytest.UsageError: one has a value that is not allowed.

    """
    ports_of, ports_from = _given(config, "port")
    models_of, models_from = _given(config, "model")
    ports = parse_ports(ports_of or ["virtual"], ports_from)
    virtual = ports[0].url is None
    models = tuple(dict.fromkeys(_model_as_written(text, models_from) for text in models_of))
    if virtual and not models:
        models = tuple(dict.fromkeys(_model_as_written(port.model, ports_from) for port in ports if port.model))
    brokers, broker_from = _given(config, "broker")
    return Settings(
        ports=ports,
        ports_from=ports_from,
        power_command=tuple(_one(config, "power-command", _command, ())),
        models=models,
        baud=_one(config, "baud", _baud, None),
        broker=brokers[-1] if brokers else None,
        broker_from=broker_from,
        scope=_one(config, "scope", _word_of(SCOPES), "function" if virtual else "session"),
        log_dir=_one(config, "log-dir", lambda text: config.invocation_params.dir / Path(text).expanduser(), None),
        log=_one(config, "log", _word_of(LOGS), "failed"),
        record=_one(config, "record", lambda text: config.invocation_params.dir / Path(text).expanduser(), None),
        require=_one(config, "require", lambda text: text.lower() not in _NO, default=False),
        seed=_one(config, "seed", _seed, 0),
        factor=_one(config, "timeout-factor", _factor, 1.0),
    )


def of(config: pytest.Config) -> Settings:
    """Return what was read."""
    return config.stash[SETTINGS]


def source(config: pytest.Config, name: str) -> str:
    """Return where the value of an option comes from."""
    return _given(config, name)[1]


def is_given(config: pytest.Config, name: str) -> bool:
    """Whether an option has a value from anywhere."""
    return bool(_given(config, name)[0])


def _given(config: pytest.Config, name: str) -> tuple[list[str], str]:
    """Return the values of an option as written, and where they come from."""
    option = _BY_NAME[name]
    written = config.getoption(option.ini)
    if written:
        return [str(each) for each in (written if isinstance(written, list) else [written])], option.flag
    written = os.environ.get(option.variable, "")
    if written:
        return written.split() if option.several else [written], option.variable
    written = config.getini(option.ini)
    if written:
        place = f"{option.ini} in {config.inipath.name}" if config.inipath is not None else option.ini
        return list(written) if option.several else [written], place
    return [], "the default"


def _one(config: pytest.Config, name: str, read_text: Callable[[str], T], default: T) -> T:
    values, source = _given(config, name)
    if not values:
        return default
    try:
        return read_text(values[-1])
    except ValueError as error:
        raise pytest.UsageError(f"{source} must be {error}, not {values[-1]!r}") from None


def _word_of(allowed: tuple[str, ...]) -> Callable[[str], str]:
    def read_text(text: str) -> str:
        if text not in allowed:
            raise ValueError(f"{', '.join(allowed[:-1])} or {allowed[-1]}")
        return text

    return read_text


def _number_at_least(text: str, least: int, what: str) -> int:
    try:
        number = int(text)
    except ValueError:
        raise ValueError(what) from None
    if not least <= number < 2**32:
        raise ValueError(what)
    return number


def _baud(text: str) -> int:
    return _number_at_least(text, 1, "a whole number of bits per second, such as 115200")


def _seed(text: str) -> int:
    return _number_at_least(text, 0, "a whole number from 0 to 4294967295")


def _factor(text: str) -> float:
    try:
        factor = float(text)
    except ValueError:
        factor = math.nan
    if not 0 < factor < math.inf:
        raise ValueError("a number above 0, such as 2.5")
    return factor


def _command(text: str) -> tuple[str, ...]:
    try:
        words = tuple(shlex.split(text))
    except ValueError:
        words = ()
    if not words:
        raise ValueError("a command with its arguments, such as 'uhubctl -a cycle -p 2'")
    return words


def _model_as_written(text: str, source: str) -> str:
    """Return the model as the package writes it."""
    try:
        return model_named(text)
    except LookupError as error:
        raise pytest.UsageError(f"{source}: {error}") from None
