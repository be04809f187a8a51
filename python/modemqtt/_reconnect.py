"""Reconnecting: when, how often, and what is reported. The core does it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modemqtt.exceptions import UsageError, UsageTypeError

if TYPE_CHECKING:
    from modemqtt._delivery import Delivery


@dataclass(frozen=True, slots=True)
class Reconnect:
    """How a session connects again: ``mqtt.session(…, reconnect=Reconnect(first=2.0))``.

    The wait before an attempt is `first` seconds, then `factor` times the last one, `most` seconds at most. It is four
    times as long where an earlier attempt is not worth it: after a PING, CONNECT or CONNACK that timed out, after send
    failures, with the link down, or when no PDP context could be activated; and twice as long after a code of
    ``+QMTSTAT`` that no table names.

    Example:
        >>> plan = Reconnect(first=0.1, attempts=10)
        >>> with modem.mqtt(1).session(broker.host, broker.port, client_id="bench-8", reconnect=plan) as other:
        ...     broker.drop_clients()
        ...     other.wait_connected(timeout=10)

    """

    first: float = 1.0
    """Seconds before the first attempt, above 0."""
    most: float = 120.0
    """The longest wait in seconds, at least `first`."""
    factor: float = 2.0
    """How many times as long each wait is as the one before, 1 or more."""
    attempts: int | None = None
    """How many attempts may fail before it gives up, 1 or more; ``None`` for no limit."""

    def __post_init__(self) -> None:
        """Check.

        Raises:
            UsageError: a value is out of range.

        """
        numbers = (("first", self.first), ("most", self.most), ("factor", self.factor))
        for name, value in numbers:
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise UsageTypeError(f"{name} must be a number, not {value!r}")
            if not math.isfinite(value):
                raise UsageError(f"{name} must be a number, not {value!r}")
        if self.first <= 0:
            raise UsageError(f"first must be more than 0 s, not {self.first}")
        if self.most < self.first:
            raise UsageError(f"most must be {self.first} s or more, the value of first, not {self.most}")
        if self.factor < 1:
            raise UsageError(f"factor must be 1 or more, not {self.factor}")
        attempts = self.attempts
        wrong = f"attempts must be 1 or more, or None, not {attempts!r}"
        if attempts is not None and (isinstance(attempts, bool) or not isinstance(attempts, int)):
            raise UsageTypeError(wrong)
        if attempts is not None and attempts < 1:
            raise UsageError(wrong)


@dataclass(frozen=True, slots=True)
class Reconnected:
    """A session has its connection back, for :attr:`MqttClient.on_reconnected`.

    Example:
        >>> def again(back: Reconnected) -> None:
        ...     print("back after", back.seconds, "s; not known of:", len(back.unknown))
        >>> mqtt.on_reconnected = again

    """

    client: int
    """The client index."""
    attempts: int
    """How many attempts it took."""
    seconds: float
    """How long the session was without a connection."""
    granted: tuple[tuple[str, int], ...]
    """The topic filters that were subscribed to again, each with the granted QoS, or 128 if the server refused."""
    unknown: tuple[Delivery, ...]
    """The publishes of the session whose state became ``unknown`` through the loss. Whether to publish them again is
    the program's decision: those that arrived already would arrive twice."""


def plan_of(reconnect: object) -> Reconnect | None:
    """Read the argument of :meth:`MqttClient.session`."""
    match reconnect:
        case Reconnect():
            return reconnect
        case bool():
            return Reconnect() if reconnect else None
    raise UsageTypeError(f"reconnect must be True, False or a Reconnect, not {reconnect!r}")
