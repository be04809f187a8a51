"""Ports whose module is in this process: ``virtual://M95`` and ``replay://FILE``."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from modemqtt._core import Turn
from modemqtt.exceptions import PortError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from modemqtt._replay import Replay
    from modemqtt.virtual import VirtualBench

logger = logging.getLogger("modemqtt")

_SCHEMES = ("virtual://", "virtual:")
_REPLAY = ("replay://", "replay:")

# What may follow the model, as in a URL: virtual://M95?timing=field&fault=lost-ok
_SETTINGS: dict[str, Callable[[str], object]] = {
    "seed": int,
    "timing": str,
    "revision": str,
    "as_seen": str,
    "baudrate": int,
    "fault": str,
}


class VirtualPort:
    """The virtual module behind such a port. It runs from its first use on until the modem is closed."""

    def __init__(self, model: str, settings: dict[str, Any]) -> None:
        """Take the settings of a :class:`modemqtt.virtual.VirtualModem`. Nothing runs yet."""
        self._model = model
        self._settings = settings
        self._turn = Turn()
        self._bench: VirtualBench | None = None

    @classmethod
    def of(cls, port: str, revision: str | None) -> VirtualPort | None:
        """Return the one that a port names, or ``None`` for another kind of port.

        Raises:
            UsageError: a setting after the model is not known, or has no such value.

        """
        scheme = next((scheme for scheme in _SCHEMES if port.startswith(scheme)), None)
        if scheme is None:
            return None
        model, _, query = port.removeprefix(scheme).partition("?")
        settings: dict[str, Any] = {} if revision is None else {"revision": revision}
        for part in filter(None, query.split("&")):
            name, _, value = part.partition("=")
            if name not in _SETTINGS:
                raise UsageError(f"{port}: {name!r} is not a setting of a virtual module; {', '.join(_SETTINGS)} are")
            try:
                read = _SETTINGS[name](value)
            except ValueError:
                raise UsageError(f"{port}: {name} must be a whole number, not {value!r}") from None
            if name == "fault":
                settings.setdefault("faults", []).append(read)
            else:
                settings[name] = read
        return cls(model, settings)

    @property
    def bench(self) -> VirtualBench:
        """The module. It is started if it does not run."""
        from modemqtt.virtual import VirtualBench  # noqa: PLC0415 - few modems are virtual

        def running() -> VirtualBench:
            if self._bench is None:
                self._bench = VirtualBench(self._model, **self._settings)
            return self._bench

        return self._turn.take(running)

    @property
    def device(self) -> str:
        """The port to open."""
        return self.bench.port

    def close(self) -> None:
        """End the module. The next use starts another."""
        self._turn.take(self._close)

    def _close(self) -> None:
        if self._bench is not None:
            self._bench.close()
            self._bench = None

    def renew_turn(self) -> None:
        """Replace the turn, as in a forked child."""
        self._turn = Turn()


class ReplayPort:
    """The recording behind ``replay://FILE``. It is played from its first use until the modem is closed."""

    def __init__(self, port: str, path: str, speed: float | str) -> None:
        """Take the file. Nothing is read yet."""
        self._port = port
        self._path = path
        self._speed = speed
        self._turn = Turn()
        self._replay: Replay | None = None

    @classmethod
    def of(cls, port: str) -> ReplayPort | None:
        """Return the one that a port names, or ``None`` for another kind of port.

        Raises:
            UsageError: no file is named, or a setting after it is not known.

        """
        scheme = next((scheme for scheme in _REPLAY if port.startswith(scheme)), None)
        if scheme is None:
            return None
        path, _, query = port.removeprefix(scheme).partition("?")
        if not path:
            raise UsageError(f"{port} names no file; replay://bench.rec does")
        name, _, value = query.partition("=")
        if query and name != "speed":
            raise UsageError(f"{port}: {name!r} is not a setting of a replay; speed is")
        try:
            speed = float(value) if query and value != "asap" else "asap"
        except ValueError:
            speed = value
        return cls(port, path, speed)

    @property
    def replay(self) -> Replay:
        """The recording. It is started if it does not run."""
        from modemqtt._replay import Replay  # noqa: PLC0415 - few modems are recordings

        def running() -> Replay:
            if self._replay is None:
                try:
                    self._replay = Replay(self._path, speed=self._speed)
                except OSError as error:
                    raise PortError(f"{self._port}: {error.strerror or error}", errno=error.errno) from None
            return self._replay

        return self._turn.take(running)

    @property
    def device(self) -> str:
        """The port to open."""
        return self.replay.port

    def close(self) -> None:
        """End it, and log how the host differed from the recording. The next use starts over."""
        self._turn.take(self._close)

    def _close(self) -> None:
        if self._replay is None:
            return
        replay, self._replay = self._replay, None
        replay.close()
        for difference in replay.differences[:_TOLD]:
            logger.warning("%s: %s", self._port, difference)

    def renew_turn(self) -> None:
        """Replace the turn, as in a forked child."""
        self._turn = Turn()


# How many differences are logged.
_TOLD = 5


def port_of(port: str, revision: str | None) -> VirtualPort | ReplayPort | None:
    """Return what is behind a port whose module is in this process; ``None`` for another kind of port.

    Raises:
        UsageError: a setting in it is not known, or has no such value.

    """
    return VirtualPort.of(port, revision) or ReplayPort.of(port)
