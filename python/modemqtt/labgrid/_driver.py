"""The modem of a target as a driver."""

from __future__ import annotations

import contextlib
import errno
import os
import uuid
from typing import TYPE_CHECKING, Any

import attr

from modemqtt import Modem, ModemError, PortError
from modemqtt._claims import Claim, Holder, claim
from modemqtt.labgrid._console import Console
from modemqtt.labgrid._foreign import (
    BindingState,
    Driver,
    ExecutionError,
    InvalidConfigError,
    NoResourceFoundError,
    SerialPort,
    proxymanager,
    step,
    target_factory,
)
from modemqtt.labgrid._resources import QuectelModem, check_protocol
from modemqtt.labgrid._virtual import VirtualQuectelModemDriver

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Unpack

    from modemqtt import Delivery, Message, MqttClient, Options, Response
    from modemqtt.labgrid._foreign import Step
    from modemqtt.virtual import VirtualBench

_INACTIVE = "labgrid:"
_ABSENT = 'transition("ready") of its strategy opens it, or target.activate(driver)'
# The name of the holder of a place outside a test run.
_RUN = uuid.uuid4().hex


class TargetModem(Modem):
    """The modem of a target, which has a port while its driver is active."""

    def plug(self, port: str) -> None:
        """Give it its port."""
        self._line.move(port)

    def unplug(self, name: str) -> None:
        """Take its port from it, and leave a name."""
        self._line.move(name, absent=_ABSENT)


@target_factory.reg_driver
@attr.s(eq=False)
class ModemMqttDriver(Console):
    """A modem with its MQTT client. :attr:`modem` has everything; the most common calls are also steps.

    It binds to a serial port, here or on another machine, or to a virtual module.

    Args:
        model: the model, if the module should not be asked for it.
        timeout: seconds for the port to be free and the module to answer.
        settings: anything else that :class:`modemqtt.Modem` takes, such as ``{prompt_delay: 0.2}``.

    """

    bindings = {  # noqa: RUF012 - as labgrid has it
        "port": {"SerialPort", "QuectelModem", "NetworkSerialPort", "NetworkQuectelModem", "VirtualQuectelModemDriver"}
    }
    # Of the bindings.
    port: Any

    model: str = attr.ib(default="auto")
    timeout: float = attr.ib(default=30.0)
    settings: dict[str, Any] = attr.ib(factory=dict)

    def __attrs_post_init__(self) -> None:
        """Make the modem, still closed.

        Raises:
            InvalidConfigError: a setting is wrong.

        """
        self._claim: Claim | None = None
        self._holds = 0
        self._sessions: dict[int, contextlib.ExitStack] = {}
        super().__attrs_post_init__()
        if isinstance(self.timeout, bool) or not isinstance(self.timeout, (int, float)) or self.timeout <= 0:
            raise InvalidConfigError(f"ModemMqttDriver: timeout must be more than 0 s, not {self.timeout!r}")
        self._inactive = _INACTIVE + self.target.name + (f":{self.name}" if self.name else "")
        settings = {"baudrate": getattr(self.port, "speed", 115200), **self.settings}
        try:
            self._modem = TargetModem(self._inactive, model=self.model, **settings)
            self._modem.unplug(self._inactive)
        except (ModemError, TypeError) as error:
            raise InvalidConfigError(f"ModemMqttDriver: {error}") from error

    @property
    def modem(self) -> Modem:
        """The modem: always the same object, open while the driver is active."""
        return self._modem

    @property
    def virtual(self) -> VirtualBench | None:
        """The virtual module behind the modem, started if it does not run; ``None`` on hardware."""
        if not isinstance(self.port, VirtualQuectelModemDriver):
            return None
        self.target.activate(self.port)
        return self.port.module

    @property
    def told_model(self) -> str | None:
        """The model as far as it is known without asking the module."""
        told = self.model if self.model != "auto" else getattr(self.port, "model", None)
        return None if told is None else str(told)

    def on_activate(self) -> None:
        """Open the modem.

        Raises:
            PortError: the port is missing, busy or forbidden, or another process of this user has the place.
            ResponseTimeout: no module answers on it.
            NoResourceFoundError: the resource has no port.
            ExecutionError: the module is not the one named in the resource.

        """
        with contextlib.ExitStack() as undone:
            self.hold()
            undone.callback(self.let_go)
            self._modem.plug(self._address())
            undone.callback(self._leave)
            self._modem.open(timeout=self.timeout, recover=True)
            self._check_module()
            undone.pop_all()

    def on_deactivate(self) -> None:
        """Close the modem."""
        self._leave()
        self.let_go()

    def _leave(self) -> None:
        for index in list(self._sessions):
            # The port may be lost, and with it the session.
            with contextlib.suppress(ModemError):
                self._end(index)
        self._modem.close()
        self.tell(self._modem)
        self._modem.unplug(self._inactive)

    def _address(self) -> str:
        port = self.port
        if isinstance(port, VirtualQuectelModemDriver):
            return port.module.port
        kind = type(port).__name__
        if port.port is None:
            raise NoResourceFoundError(
                f"{kind} of target {self.target.name} has no port: its exporter serves one while the place is acquired "
                "(labgrid-client acquire)"
            )
        if isinstance(port, (SerialPort, QuectelModem)):
            return str(port.port)
        scheme = check_protocol(port)
        host, tcp_port = proxymanager.get_host_and_port(port)
        return f"{scheme}://[{host}]:{tcp_port}" if ":" in host else f"{scheme}://{host}:{tcp_port}"

    def _check_module(self) -> None:
        modem, resource = self._modem, self.port
        for name in ("model", "imei"):
            told = getattr(resource, name, None)
            if told is not None and (found := getattr(modem, name)) != told:
                raise ExecutionError(
                    f"{modem.port}: the resource says {name} {told}, and the module says {found}; correct "
                    f"{type(resource).__name__} where it is written, or put the right module there"
                )

    def hold(self) -> None:
        """Keep other processes of this user from the port until :meth:`let_go`: labgrid's lock is per user.

        Raises:
            PortError: another process has it.

        """
        holder = self.try_to_hold(_RUN, "master")
        if holder is not None:
            raise PortError(
                f"target {self.target.name}: {holder} of this user has the place; wait for its end, or acquire "
                "another place",
                errno=errno.EBUSY,
            )

    def try_to_hold(self, run: str, worker: str) -> Holder | None:
        """Do the same for a worker of a test run, or return who has the port."""
        if self._claim is None and not isinstance(self.port, VirtualQuectelModemDriver):
            claimed = claim(self._key(), run, worker)
            if isinstance(claimed, Holder):
                return claimed
            self._claim = claimed
        self._holds += 1
        return None

    def let_go(self) -> None:
        """Undo one :meth:`hold` or :meth:`try_to_hold`."""
        self._holds -= 1
        if not self._holds and self._claim is not None:
            self._claim.release()
            self._claim = None

    def _key(self) -> str:
        """Return a name of the port that is the same for every process, however it reaches the port."""
        port = self.port
        if isinstance(port, (SerialPort, QuectelModem)):
            return str(port.port)
        return f"{check_protocol(port)}://{port.host}:{port.port}"

    @contextlib.contextmanager
    def _telling(self) -> Iterator[None]:
        """Show labgrid the wire of a step, however it ends."""
        try:
            yield
        finally:
            self.tell(self._modem)

    @Driver.check_active
    def command(self, line: str, *, data: bytes | str | None = None, timeout: float | None = None) -> Response:
        """Send one command line and wait for its final result code, as :meth:`modemqtt.Modem.command`.

        The step shows the command without its parameters, which may be secret; the console masks the secret ones.
        """
        return self._command(str(line).partition("=")[0], line, data, timeout)

    @step(title="command", args=["name"])
    def _command(
        self,
        name: str,  # noqa: ARG002 - the step shows it
        line: str,
        data: bytes | str | None,
        timeout: float | None,
        step: Step | None = None,
    ) -> Response:
        with self._telling():
            response = self._modem.command(line, data=data, timeout=timeout)
        if step is not None:
            step.result = response.final
        return response

    @Driver.check_active
    @step(args=["host", "port", "index"])
    def open(
        self,
        host: str | None = None,
        port: int = 1883,
        *,
        client_id: str | None = None,
        username: str | None = None,
        password: str | None = None,
        index: int = 0,
        timeout: float | None = None,
        **options: Unpack[Options],
    ) -> MqttClient:
        """Open a session with a broker, which :meth:`close` or the deactivation ends.

        Args:
            host: the broker; ``None`` for the one beside a virtual module.
            port: its TCP port.
            client_id: the client id; ``None`` for ``modemqtt-`` and the name of the target.
            username: who connects.
            password: the password; ``None`` for what ``MODEMQTT_PASSWORD`` has, where there is a user.
            index: the index of the client.
            timeout: seconds for each step; ``None`` for the dialect's maximum.
            **options: those of :meth:`modemqtt.MqttClient.configure`.

        Returns:
            The client, connected.

        """
        if host is None:
            virtual = self.virtual
            if virtual is None:
                raise ExecutionError("host is missing: a broker that the module can reach, such as broker.lab")
            host, port = virtual.broker.host, virtual.broker.port
        if username is not None and password is None:
            password = os.environ.get("MODEMQTT_PASSWORD")
        with self._telling():
            self._end(index)
            stack = contextlib.ExitStack()
            client = stack.enter_context(
                self._modem.mqtt(index).session(
                    host,
                    port,
                    client_id=client_id or f"modemqtt-{self.target.name}",
                    username=username,
                    password=password,
                    timeout=timeout,
                    **options,
                )
            )
            self._sessions[index] = stack
        return client

    @Driver.check_active
    @step(args=["index"])
    def close(self, index: int = 0) -> None:
        """End a session of :meth:`open`."""
        with self._telling():
            self._end(index)

    def _end(self, index: int) -> None:
        stack = self._sessions.pop(index, None)
        if stack is not None:
            stack.close()

    @Driver.check_active
    @step(args=["topic", "qos", "index"], result=True)
    def subscribe(self, topic: str, qos: int = 0, *, index: int = 0, timeout: float | None = None) -> list[int]:
        """Subscribe, as :meth:`modemqtt.MqttClient.subscribe`."""
        with self._telling():
            return self._modem.mqtt(index).subscribe(topic, qos, timeout=timeout)

    @Driver.check_active
    @step(args=["topic", "qos", "retain", "index"], result=True)
    def publish(
        self,
        topic: str,
        payload: bytes | str | float | None = None,
        qos: int = 0,
        retain: bool = False,  # noqa: FBT001, FBT002 - as the client has it
        *,
        index: int = 0,
        timeout: float | None = None,
    ) -> Delivery:
        """Publish and wait for the result, as :meth:`modemqtt.MqttClient.publish`."""
        with self._telling():
            return self._modem.mqtt(index).publish(topic, payload, qos, retain, timeout=timeout)

    @Driver.check_active
    @step(args=["index", "timeout"], result=True)
    def wait_message(self, timeout: float | None = 30.0, *, index: int = 0) -> Message:
        """Wait for the next message, as :meth:`modemqtt.MqttClient.receive`.

        Args:
            timeout: seconds; ``None`` to wait for ever.
            index: the index of the client.

        Returns:
            The message.

        Raises:
            ResponseTimeout: no message came in time.
            ConnectionLost: the connection ended, and no message is left.

        """
        with self._telling():
            return self._modem.mqtt(index).receive(timeout)

    def __str__(self) -> str:
        """Return the name in labgrid's log."""
        return f"{type(self).__name__}({self.target.name})"

    @property
    def is_active(self) -> bool:
        """Whether the driver is active and its port not lost."""
        return self.state is BindingState.active and self._modem.is_open
