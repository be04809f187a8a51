"""Connecting again by itself: when, how often, and what a session needs for it."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import threading
import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from modemqtt.exceptions import (
    CommandError,
    ConnectError,
    ConnectionLost,
    ModemError,
    OpenError,
    PortError,
    SubscribeError,
    UsageError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from modemqtt._client import MqttClient
    from modemqtt._core import Engine, Pending
    from modemqtt._delivery import Delivery

logger = logging.getLogger("modemqtt")

# How much longer than usual the first wait is after a code of `+QMTSTAT` (M95 MQTT Application Note V1.0, 4; BC660K-GL
# MQTT Application Note V1.1, 5). What is wrong with the network, or with the server, takes its time.
_AFTER_LOSS = {1: 1.0, 2: 4.0, 3: 4.0, 4: 4.0, 6: 4.0, 7: 4.0, 8: 1.0}
_AFTER_UNKNOWN_LOSS = 2.0
# The server has closed the connection after a DISCONNECT: that is how it is meant to end.
_NORMAL_END = 5

# `<result>` of `+QMTOPEN`: wrong parameter, and PDP activation failed. The network does not take the latter any better
# for being asked often.
_WRONG_PARAMETER, _PDP_FAILED = 1, 3
_AFTER_PDP_FAILURE = 4.0

# Return codes of a CONNACK that another attempt does not change: version, identifier, password, authorisation (MQTT
# 3.1.1, 3.2.2.3). 3, server unavailable, is not among them.
_REFUSED_FOR_GOOD = (1, 2, 4, 5)
# The granted QoS that is none.
_REFUSED = 128

# So many deliveries are remembered before those that have ended are looked for.
_REMEMBERED = 32
# How long a thread that was told to end is waited for.
_FAREWELL = 1.0


@dataclass(frozen=True, slots=True)
class Reconnect:
    """How a session connects again: ``mqtt.session(…, reconnect=Reconnect(first=2.0))``.

    The wait before an attempt is `first` seconds, then `factor` times the last one, `most` seconds at most. It is four
    times as long where a second look is not worth it sooner: after a PING, CONNECT or CONNACK that timed out, after
    send failures, with the link down, or when no PDP context could be activated; twice as long after a code of
    ``+QMTSTAT`` that no table names.
    """

    first: float = 1.0
    """Seconds before the first attempt, above 0."""
    most: float = 120.0
    """The longest wait in seconds, from `first` on."""
    factor: float = 2.0
    """How much longer each wait is than the one before, from 1 on."""
    attempts: int | None = None
    """Give up after so many attempts without success, from 1 on; ``None`` for never."""

    def __post_init__(self) -> None:
        """Check.

        Raises:
            UsageError: a value is out of range.

        """
        numbers = (("first", self.first), ("most", self.most), ("factor", self.factor))
        for name, value in numbers:
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
                raise UsageError(f"{name} must be a number, not {value!r}")
        if self.first <= 0:
            raise UsageError(f"first must be more than 0 s, not {self.first}")
        if self.most < self.first:
            raise UsageError(f"most must be {self.first} s or more, as first is, not {self.most}")
        if self.factor < 1:
            raise UsageError(f"factor must be 1 or more, not {self.factor}")
        attempts = self.attempts
        if attempts is not None and (isinstance(attempts, bool) or not isinstance(attempts, int) or attempts < 1):
            raise UsageError(f"attempts must be 1 or more, or None, not {attempts!r}")


@dataclass(frozen=True, slots=True)
class Reconnected:
    """A session has its connection back, for :attr:`MqttClient.on_reconnected`."""

    client: int
    """The client index."""
    attempts: int
    """How many attempts it took."""
    seconds: float
    """How long the session was without a connection."""
    granted: tuple[tuple[str, int], ...]
    """Each topic filter that was subscribed to again with the QoS that was granted; 128 where the server refused."""
    unknown: tuple[Delivery, ...]
    """What was published in the session and whose state has become ``unknown`` through the loss. Whether to publish it
    again is the program's decision: what has arrived already would arrive twice."""


@dataclass(frozen=True, slots=True)
class Login:
    """What a session is opened with."""

    host: str
    port: int
    client_id: str
    username: str | None
    password: str | None = field(repr=False)
    options: dict[str, Any] = field(repr=False)
    timeout: float | None


class _EndedError(Exception):
    """The session was left, or the program has closed what it had opened."""


class Keeper:
    """Keeps one session connected, in a thread of its own that sleeps until something happens."""

    def __init__(self, client: MqttClient, engine: Engine, login: Login, plan: Reconnect) -> None:
        """Listen for what ends the connection that is about to be made."""
        self._client = client
        self._index = client.index
        self._engine = engine
        self._login = login
        self._plan = plan
        # Every subscription with its QoS and the number of the call that made it: those of one call fit one command.
        self._topics: dict[str, tuple[int, int]] = {}
        self._calls = 0
        self._deliveries: list[Delivery] = []
        self._remembered = _REMEMBERED
        # Whoever sets `_over` under it knows that no call is handed over afterwards.
        # A signal handler may close the modem in the middle of a publish.
        self._lock = threading.RLock()
        self._over = False
        self.failure: ModemError | None = None
        """Why it connects no more."""
        self._pending: Pending | None = None
        self._changed = threading.Event()
        self._process = os.getpid()
        port = client._modem.port.rsplit("/", 1)[-1]  # noqa: SLF001 - our own
        self._thread = threading.Thread(target=self._run, name=f"modemqtt-reconnect-{port}-{self._index}", daemon=True)
        engine.attend(self._index, attended=True)

    def start(self) -> None:
        """Keep the connection, which is there now."""
        self._thread.start()

    def end(self) -> None:
        """Have it hand over no further call and end. May be called from any thread, and more than once."""
        if os.getpid() != self._process:
            # The thread is the parent's, and may have held the lock.
            return
        with self._lock:
            self._over = True
            engine, pending = self._engine, self._pending
        self._changed.set()
        with contextlib.suppress(ModemError):
            engine.wake(self._index)
        if pending is not None:
            pending.abandon()

    def join(self) -> None:
        """Wait for its end, which is at hand."""
        if self._thread.ident is not None and os.getpid() == self._process:
            self._thread.join(_FAREWELL)
        with contextlib.suppress(ModemError):
            self._engine.attend(self._index, attended=False)

    def modem_opened(self) -> None:
        """Look at the modem again."""
        self._changed.set()

    def subscribed(self, topics: Iterable[tuple[str, int]], granted: Iterable[int]) -> None:
        """Remember what was granted."""
        with self._lock:
            self._calls += 1
            for (topic, qos), level in _levels(topics, granted):
                if level != _REFUSED:
                    self._topics[topic] = (qos, self._calls)

    def unsubscribed(self, topics: Iterable[str]) -> None:
        """Forget them."""
        with self._lock:
            for topic in topics:
                self._topics.pop(topic, None)

    def published(self, delivery: Delivery) -> None:
        """Remember it as long as the loss of the connection may concern it."""
        with self._lock:
            if len(self._deliveries) >= self._remembered:
                self._deliveries = [one for one in self._deliveries if not one._done or one._was_lost()]  # noqa: SLF001 - our own
                self._remembered = max(_REMEMBERED, 2 * len(self._deliveries))
            self._deliveries.append(delivery)

    def _run(self) -> None:
        try:
            while self._restore(self._loss()):
                pass
        except _EndedError:
            pass
        except Exception as error:
            # Whatever it is, the program is told that the session is on its own from here on.
            logger.exception("client %d: connecting again has failed", self._index)
            self._post(partial(self._client._own.reconnect_failed, error))  # noqa: SLF001 - our own

    def _loss(self) -> ModemError:
        """Wait until the connection is gone."""
        while True:
            self._go_on()
            try:
                error = self._engine.next_signal(self._index)
            except PortError as lost:
                return lost
            # One that came while the connection was made may have cost it what was configured before.
            if error is not None:
                return error

    def _restore(self, error: ModemError) -> bool:
        """Connect again; whether that has come about."""
        began = time.monotonic()
        wait = self._plan.first
        attempts = 0
        while True:
            if _is_permanent(error) or attempts == self._plan.attempts:
                return self._give_up(error, attempts)
            try:
                self._pause(error, min(self._plan.most, wait * _weight(error)))
                granted = self._attempt()
            except PortError as lost:
                # That was no attempt: the module has nothing to do with it.
                error, wait = lost, self._plan.first
            except ModemError as failure:
                attempts += 1
                error, wait = failure, min(self._plan.most, wait * self._plan.factor)
                self._clear_away()
            else:
                attempts += 1
                break
        event = Reconnected(self._index, attempts, time.monotonic() - began, granted, self._take_unknown())
        logger.info("client %d is connected again after %.1f s, attempt %d", self._index, event.seconds, attempts)
        self._post(partial(self._client._own.reconnected, event))  # noqa: SLF001 - our own
        return True

    def _pause(self, error: ModemError, seconds: float) -> None:
        """Wait that long, and with the port lost until the program has opened the modem again."""
        if isinstance(error, PortError):
            logger.info("%s; client %d connects again when the modem is open again", error, self._index)
            self._await_modem()
        else:
            logger.info("%s; client %d connects again in %g s", error, self._index, seconds)
        deadline = time.monotonic() + seconds
        # A further loss of what is lost changes nothing.
        while (left := deadline - time.monotonic()) > 0:
            self._engine.next_signal(self._index, left)
            self._go_on()

    def _await_modem(self) -> None:
        while True:
            self._changed.clear()
            self._go_on()
            engine = self._client._modem._engine  # noqa: SLF001 - our own
            if engine is not None and engine.is_open:
                with self._lock:
                    self._engine = engine
                engine.attend(self._index, attended=True)
                # Whoever has ended it meanwhile has woken the former engine.
                return self._go_on()
            self._changed.wait()

    def _attempt(self) -> tuple[tuple[str, int], ...]:
        """Make the connection and everything on it anew."""
        login = self._login
        while self._engine.next_signal(self._index, 0) is not None:
            self._go_on()
        if login.options:
            try:
                self._call("configure", login.options)
            except CommandError:
                # The module has the connection still, and takes no options while it has.
                self._call("close_network")
                self._call("configure", login.options)
        self._open()
        self._call("connect", login.client_id, login.username, login.password)
        granted: list[tuple[str, int]] = []
        for topics in self._groups():
            try:
                levels = self._call("subscribe", topics)
            except SubscribeError as error:
                if error.result != _REFUSED:
                    raise
                levels = [_REFUSED] * len(topics)
            granted += [(topic, level) for (topic, _), level in _levels(topics, levels)]
        return tuple(granted)

    def _groups(self) -> list[list[tuple[str, int]]]:
        """Return the subscriptions as the program has made them, call by call."""
        with self._lock:
            groups: dict[int, list[tuple[str, int]]] = {}
            for topic, (qos, call) in self._topics.items():
                groups.setdefault(call, []).append((topic, qos))
        return [groups[call] for call in sorted(groups)]

    def _clear_away(self) -> None:
        """Leave no half of a connection behind. An opening that goes on is met with by the next."""
        if not self._client._is_opening():  # noqa: SLF001 - our own
            with contextlib.suppress(ModemError):
                self._call("close_network")

    def _open(self) -> None:
        login = self._login
        with self._lock:
            self._go_on()
            self._pending = self._client._start_opening(login.host, login.port)  # noqa: SLF001 - our own
        self._wait(login.timeout)

    def _call(self, method: str, *values: Any) -> Any:
        with self._lock:
            self._go_on()
            self._pending = getattr(self._engine, method)(self._index, *values, timeout=self._login.timeout)
        return self._wait()

    def _wait(self, timeout: float | None = None) -> Any:
        try:
            return self._pending.wait(timeout) if self._pending is not None else None
        except ModemError:
            # One that was abandoned has no result.
            self._go_on()
            raise
        finally:
            self._pending = None

    def _go_on(self) -> None:
        if self._over:
            raise _EndedError

    def _take_unknown(self) -> tuple[Delivery, ...]:
        with self._lock:
            unknown = tuple(one for one in self._deliveries if one._was_lost())  # noqa: SLF001 - our own
            self._deliveries = [one for one in self._deliveries if not one._done]  # noqa: SLF001 - our own
        return unknown

    def _give_up(self, error: ModemError, attempts: int) -> bool:
        self.failure = error
        logger.warning("client %d stays without a connection after %d attempts: %s", self._index, attempts, error)
        self._post(partial(self._client._own.reconnect_failed, error))  # noqa: SLF001 - our own
        return False

    def _post(self, call: Callable[[], None]) -> None:
        self._client._modem._post(call)  # noqa: SLF001 - our own


def _levels(topics: Iterable[tuple[str, int]], granted: Iterable[int]) -> Iterable[tuple[tuple[str, int], int]]:
    """Pair topics with what was granted; where the module names fewer, the rest has what was asked for."""
    levels = iter(granted)
    return [(pair, next(levels, pair[1])) for pair in topics]


def _weight(error: ModemError) -> float:
    """How much longer than usual to wait after it."""
    match error:
        case ConnectionLost():
            return _AFTER_LOSS.get(error.code, _AFTER_UNKNOWN_LOSS)
        case OpenError() if error.result == _PDP_FAILED:
            return _AFTER_PDP_FAILURE
    return 1.0


def _is_permanent(error: ModemError) -> bool:
    """Whether another attempt would end the same way."""
    match error:
        case ConnectionLost():
            return error.code == _NORMAL_END
        case ConnectError():
            return error.return_code in _REFUSED_FOR_GOOD
        case OpenError():
            return error.result == _WRONG_PARAMETER
    return isinstance(error, UsageError)


def plan_of(reconnect: object) -> Reconnect | None:
    """Read the argument of :meth:`MqttClient.session`."""
    match reconnect:
        case Reconnect():
            return reconnect
        case bool():
            return Reconnect() if reconnect else None
    raise UsageError(f"reconnect must be True, False or a Reconnect, not {reconnect!r}")
