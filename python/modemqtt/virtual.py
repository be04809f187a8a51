"""The other end of the line: a virtual module, and a broker to go with it.

    with Broker() as broker, VirtualModem("M95") as module, Modem(module.port) as modem:
        with modem.mqtt().session(broker.host, broker.port, client_id="bench") as mqtt:
            mqtt.publish("bench/t", b"21.5")

The virtual module is strict: what a real one would refuse it refuses. What real ones do wrong is a named fault, off
unless asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from modemqtt import _core
from modemqtt._usage import arguments, payload_bytes
from modemqtt.exceptions import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from os import PathLike
    from types import TracebackType

    from typing_extensions import Self

__all__ = ["FAULTS", "FAULT_TABLE", "Broker", "FaultDescription", "PublishedMessage", "VirtualModem"]


class FaultDescription(NamedTuple):
    """What a fault is."""

    name: str
    """Its name, as :meth:`VirtualModem.inject` takes it."""
    value: str
    """What a value behind the name means, with its range, and what holds without it; empty where it takes none."""
    description: str
    """What it does."""


FAULT_TABLE: tuple[FaultDescription, ...] = tuple(FaultDescription(*row) for row in _core.fault_table())
"""The faults that a virtual module can be given."""

FAULTS: tuple[str, ...] = tuple(row.name for row in FAULT_TABLE)
"""Their names."""


class VirtualModem:
    """A module that exists in software: it speaks its dialect on a port and really connects to MQTT brokers.

    Args:
        model: ``"M95"``, ``"BC35-G"``, ``"BC28"``, ``"BC660K-GL"``, ``"EG800Q"``, ``"EG915Q"`` or ``"EG916Q"``.
        link: a symbolic link to make to its pseudo-terminal.
        listen: ``"host:port"`` to listen on TCP in place of a pseudo-terminal; port 0 takes a free one.
        baudrate: pass bytes at that many bits per second, 10 to a byte; ``None`` passes them at once.
        seed: what everything random depends on.
        faults: what it does wrong from the start, each as :meth:`inject` takes it.

    Raises:
        UsageError: the model or a fault is not known, a fault does not take its value, or `link` was given with
            `listen`.
        OSError: the port, or the link, cannot be made.

    """

    def __init__(
        self,
        model: str,
        *,
        link: str | PathLike[str] | None = None,
        listen: str | None = None,
        baudrate: int | None = None,
        seed: int = 0,
        faults: Iterable[str] = (),
    ) -> None:
        """Start it."""
        with arguments():
            self._core = _core.VirtualModem(
                model, link=link, listen=listen, baudrate=baudrate, seed=seed, faults=list(faults)
            )

    @property
    def port(self) -> str:
        """What a host opens: the path of the pseudo-terminal, or of the link, or ``socket://host:port``."""
        return self._core.port

    @property
    def model(self) -> str:
        """The model."""
        return self._core.model

    def inject(self, fault: str) -> None:
        """Switch a fault on, until it is healed; restarts do not end it.

        Args:
            fault: a name from :data:`FAULTS`, or ``"NAME=VALUE"``. What a value means is in :data:`FAULT_TABLE`. For
                most faults it is how often they show: ``"lost-ok=1"`` once, ``"lost-ok=0.01"`` with that probability,
                ``"lost-ok"`` each time. A fault that is on takes the new value.

        Raises:
            UsageError: the fault is not known, or does not take the value.

        """
        self._core.inject(fault)

    def heal(self, fault: str | None = None) -> None:
        """Switch a fault off, or all of them. One that is not on is left as it is.

        Args:
            fault: a name from :data:`FAULTS`, with or without a value; ``None`` heals every fault.

        Raises:
            UsageError: the fault is not known.

        """
        self._core.heal(fault)

    @property
    def faults(self) -> tuple[str, ...]:
        """What is on, each as :meth:`inject` takes it; one that shows a number of times has what is left of them."""
        return tuple(self._core.faults)

    def restart(self) -> None:
        """Restart it, as a loss of power would: connections, settings and the echo state are gone."""
        self._core.restart()

    def set_signal(self, rssi: int, ber: int = 99) -> None:
        """Set what ``AT+CSQ`` answers: 0 to 31 or 99, and 0 to 7 or 99 (3GPP TS 27.007, 8.5)."""
        known = 99
        if not (0 <= rssi <= 31 or rssi == known) or not (0 <= ber <= 7 or ber == known):  # noqa: PLR2004 - as documented
            raise UsageError(f"signal {rssi},{ber} is none; rssi is 0 to 31 or 99, ber is 0 to 7 or 99")
        self._core.set_signal(rssi, ber)

    def network(self, up: bool) -> None:  # noqa: FBT001 - the contract's signature
        """Take its network away, and with it every connection, or give it back."""
        self._core.network(up)

    def set_registration(self, stat: int) -> None:
        """Have the network treat it so; unless it is registered it has no connections.

        Whether that is reported unasked, ``AT+CREG``, ``AT+CGREG`` and ``AT+CEREG`` say.

        Args:
            stat: 0 not registered, 1 home, 2 searching, 3 denied, 4 unknown, 5 roaming (3GPP TS 27.007, 7.2 and
                10.1.22).

        Raises:
            UsageError: `stat` is none of these.

        """
        with arguments():
            self._core.set_registration(stat)

    def set_sim(self, state: Literal["ready", "pin", "absent", "failure", "busy"]) -> None:
        """Change the state of its SIM card; without one that is ready it has no network.

        Args:
            state: ``"ready"``; ``"pin"``, waiting for its PIN, which is 1234; ``"absent"`` (``+CME ERROR: 10``);
                ``"failure"`` (13); ``"busy"`` (14).

        Raises:
            UsageError: `state` is none of these.

        """
        with arguments():
            self._core.set_sim(state)

    def power_off(self) -> None:
        """Take its power. It hears nothing and prints nothing until :meth:`power_on` or :meth:`restart`."""
        self._core.power_off()

    def power_on(self) -> None:
        """Switch it on, after :meth:`power_off` or its own command; it prints its boot text.

        One that is on is left as it is.
        """
        self._core.power_on()

    def close(self) -> None:
        """End it. A closed one is left as it is."""
        self._core.close()

    def __enter__(self) -> Self:
        """Return itself: it runs already."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    def __repr__(self) -> str:
        """Model and port."""
        return f"<VirtualModem {self.model} {self.port}>"


@dataclass(frozen=True, slots=True)
class PublishedMessage:
    """A message that was published to a :class:`Broker`."""

    topic: str
    """The topic name."""
    payload: bytes
    """The payload."""
    qos: int
    """The quality of service, 0 to 2."""
    retain: bool
    """Whether it is kept for later subscribers."""
    client_id: str | None
    """Who published it; ``None`` for :meth:`Broker.publish`."""


class Broker:
    """A small MQTT 3.1 and 3.1.1 broker in this process, on 127.0.0.1.

    Args:
        port: TCP port; 0 takes a free one.

    Raises:
        OSError: the port cannot be listened on.

    """

    def __init__(self, *, port: int = 0) -> None:
        """Start it."""
        if not 0 <= port <= 65_535:  # noqa: PLR2004 - TCP's own limit
            raise UsageError(f"port: {port} is no TCP port; 1 to 65535, or 0 for a free one, is allowed")
        self._core = _core.Broker(port=port)

    @property
    def host(self) -> str:
        """``127.0.0.1``."""
        return self._core.host

    @property
    def port(self) -> int:
        """The TCP port."""
        return self._core.port

    @property
    def messages(self) -> list[PublishedMessage]:
        """The last 10,000 messages that were published to it, oldest first."""
        return [PublishedMessage(*values) for values in self._core.messages()]

    @property
    def clients(self) -> list[str]:
        """The client ids that are connected."""
        return self._core.clients()

    def publish(
        self,
        topic: str,
        payload: bytes | bytearray | memoryview | str | float | None = None,
        qos: int = 0,
        retain: bool = False,  # noqa: FBT001, FBT002 - as in paho-mqtt
    ) -> None:
        """Publish as if a client had; the payload is written as by ``MqttClient.publish``."""
        data = payload_bytes(payload)
        with arguments():
            self._core.publish(topic, data, qos, retain)

    def refuse(self, return_code: int | None) -> None:
        """Answer every CONNECT from now on with that return code, 1 to 5; ``None`` accepts again."""
        with arguments():
            self._core.refuse(return_code)

    def withhold_acks(self, on: bool = True) -> None:  # noqa: FBT001, FBT002 - the contract's signature
        """Send no acknowledgement while it is on: messages are passed on, and their senders hear nothing."""
        self._core.withhold_acks(on)

    def drop_clients(self) -> None:
        """Cut every connection. Wills are published."""
        self._core.drop_clients()

    def close(self) -> None:
        """End it. A closed one is left as it is."""
        self._core.close()

    def __enter__(self) -> Self:
        """Return itself: it runs already."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    def __repr__(self) -> str:
        """Address."""
        return f"<Broker {self.host}:{self.port}>"
