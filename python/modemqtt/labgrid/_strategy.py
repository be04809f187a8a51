"""Brings a modem from any state to another."""

from __future__ import annotations

import enum
import errno
import time
from typing import Any

import attr

from modemqtt import ModemError, ModuleRestarted, PortError, ResponseTimeout
from modemqtt.labgrid._driver import ModemMqttDriver
from modemqtt.labgrid._foreign import (
    BindingState,
    InvalidConfigError,
    NoResourceFoundError,
    PowerProtocol,
    Step,
    Strategy,
    StrategyError,
    never_retry,
    step,
    target_factory,
)

# The errors while a module or its port is not there yet.
_ABSENT = (PortError, ResponseTimeout, ModuleRestarted, NoResourceFoundError)
# Seconds between two looks for a module that starts.
_BETWEEN_LOOKS = 0.25


class Status(enum.Enum):
    """The states. Each includes those before it, except ``off``."""

    unknown = 0
    off = 1
    ready = 2
    attached = 3
    connected = 4


_ALLOWED = "off, ready, attached or connected"


@target_factory.reg_driver
@attr.s(eq=False)
class ModemMqttStrategy(Strategy):
    """Brings a modem to ``off``, ``ready``, ``attached`` or ``connected``.

    ``off`` means no power, and needs a power driver in the target. ``ready`` answers commands and has no session; with
    a power driver, a module that does not answer is power-cycled once. ``attached`` is registered with its network,
    and ``connected`` has a session on client 0 with the broker.

    Args:
        broker: ``HOST:PORT`` of the broker for ``connected``; not needed on a virtual module, which has its own.
        username: who connects; ``MODEMQTT_PASSWORD`` has the password.
        client_id: the client id; by default ``modemqtt-`` and the name of the target.
        boot_timeout: seconds for the module to be there and answer, after its power was switched on or not.
        attach_timeout: seconds for its registration.

    """

    bindings = {"modem": ModemMqttDriver, "power": {PowerProtocol, None}}  # noqa: RUF012 - as labgrid has it
    # Of the bindings.
    modem: ModemMqttDriver
    power: Any

    broker: str | None = attr.ib(default=None)
    username: str | None = attr.ib(default=None)
    client_id: str | None = attr.ib(default=None)
    boot_timeout: float = attr.ib(default=60.0)
    attach_timeout: float = attr.ib(default=120.0)
    status: Status = attr.ib(default=Status.unknown, init=False)

    def __attrs_post_init__(self) -> None:
        """Check what was given.

        Raises:
            InvalidConfigError: the broker is not an address.

        """
        self._address = None if self.broker is None else _address(self.broker)
        super().__attrs_post_init__()

    @step(args=["status"])
    def transition(self, status: Status | str, *, step: Step | None = None) -> None:
        """Bring the modem to a state.

        Args:
            status: ``"off"``, ``"ready"``, ``"attached"`` or ``"connected"``.
            step: labgrid's.

        Raises:
            StrategyError: there is no such state; or the state needs a power driver or a broker, and there is none; or
                the modem could not be brought to it: the cause says why, and every later transition fails.

        """
        wanted = _named(status)
        if wanted is Status.off and self.power is None:
            raise StrategyError(
                f'target {self.target.name} cannot be "off": it has no power driver; add one, such as '
                "NetworkPowerDriver, to its drivers"
            )
        if wanted is Status.connected and self._address is None and self.modem.virtual is None:
            raise StrategyError(
                f'target {self.target.name} cannot be "connected": ModemMqttStrategy has no broker; add '
                "`broker: broker.lab:1883` to it"
            )
        if wanted is self.status and self._holds_true():
            if step is not None:
                step.skip(f"it is {wanted.name} already")
            return
        self._go(wanted)

    def force(self, status: Status | str) -> None:
        """Accept the state to which the modem was brought by hand, and forget a failed transition."""
        self.status = _named(status)
        self.broken = None

    @never_retry
    def _go(self, wanted: Status) -> None:
        self.modem.hold()
        try:
            before, self.status = self.status, Status.unknown
            if wanted is Status.off:
                self._cut_power()
            else:
                self._make_ready(before)
                if wanted in {Status.ready, Status.attached}:
                    self._end_sessions()
                if wanted in {Status.attached, Status.connected}:
                    self.modem.modem.wait_registered(timeout=self.attach_timeout)
                if wanted is Status.connected:
                    self._connect()
            self.status = wanted
        finally:
            self.modem.let_go()

    def _holds_true(self) -> bool:
        """Whether the modem is still in the state in which it was left."""
        if self.status is Status.off:
            return not self.modem.is_active
        if not self.modem.is_active:
            return False
        return self.status is not Status.connected or self.modem.modem.mqtt().state == "connected"

    def _cut_power(self) -> None:
        self._deactivate()
        self.target.activate(self.power)
        self.power.off()

    def _deactivate(self) -> None:
        if self.modem.state is BindingState.active:
            self.target.deactivate(self.modem)

    def _make_ready(self, before: Status) -> None:
        if self.modem.is_active and self._answers():
            return
        self._deactivate()
        if self.power is not None:
            self.target.activate(self.power)
            self.power.on()
        try:
            self._wait_for_module()
        except _ABSENT:
            if self.power is None or before is Status.off:
                raise  # its power has just come back
            self.power.cycle()
            self._wait_for_module()

    def _answers(self) -> bool:
        try:
            self.modem.modem.registration(timeout=5)
        except ModemError:
            return False
        return True

    def _wait_for_module(self) -> None:
        """Activate the driver as soon as the module, and its port, are there."""
        deadline = time.monotonic() + self.boot_timeout
        while True:
            try:
                self.target.activate(self.modem)
            except _ABSENT as error:
                forbidden = isinstance(error, PortError) and error.errno == errno.EACCES
                if forbidden or time.monotonic() >= deadline:
                    raise
                time.sleep(_BETWEEN_LOOKS)
            else:
                return

    def _end_sessions(self) -> None:
        for index in range(6):
            client = self.modem.modem.mqtt(index)
            if client.state != "closed":
                self.modem.close(index)
                if client.state != "closed":
                    client.close()

    def _connect(self) -> None:
        if self.modem.modem.mqtt().state != "connected":
            host, port = self._address or (None, 1883)
            self.modem.open(host, port, client_id=self.client_id, username=self.username)


def _named(status: Status | str) -> Status:
    """Return the state with that name.

    Raises:
        StrategyError: there is no such state.

    """
    name = status.name if isinstance(status, Status) else status
    if name not in Status.__members__ or name == Status.unknown.name:
        raise StrategyError(f"a modem can be brought to {_ALLOWED}, not {name!r}")
    return Status[name]


def _address(broker: str) -> tuple[str, int]:
    """Read ``HOST:PORT``.

    Raises:
        InvalidConfigError: it is something else.

    """
    host, _, port = str(broker).rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 2**16:
        raise InvalidConfigError(
            f"ModemMqttStrategy: broker must be HOST:PORT, such as broker.lab:1883, not {broker!r}"
        )
    return host, int(port)
