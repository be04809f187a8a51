"""One MQTT client of the module, awaited."""

from __future__ import annotations

import contextlib
import functools
import weakref
from typing import TYPE_CHECKING, Any, Literal

from modemqtt._base_client import BaseClient, in_a_hurry, time_to_leave
from modemqtt._delivery import Delivery, raise_misuse
from modemqtt._reconnect import plan_of
from modemqtt._strict import callback
from modemqtt._tls import call_back
from modemqtt._usage import Deadline, arguments, flag, payload_bytes, seconds, subscriptions, topics
from modemqtt.aio._delivery import AsyncDelivery
from modemqtt.aio._hub import hub_of, until_finished
from modemqtt.exceptions import ModemError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

    from typing_extensions import Unpack

    from modemqtt._core import KeptSession, Pending
    from modemqtt._line import Line
    from modemqtt._options import Options
    from modemqtt._reconnect import Reconnect
    from modemqtt._settings import Values
    from modemqtt._tls import UploadProgress
    from modemqtt._values import Message, Tencent


def _delivery(of: weakref.ref[Line], pending: Pending, client: int) -> Delivery:
    """Make a delivery that does not keep its line alive."""
    line = of()
    return Delivery(pending, client) if line is None else AsyncDelivery(line, pending, client)


class AsyncMqttClient(BaseClient):
    """One MQTT client of the module, from :meth:`AsyncModem.mqtt`: a :class:`modemqtt.MqttClient` that is awaited.

    That class documents what each call does, takes, returns and raises. A call whose wait is cancelled is withdrawn if
    nothing of it was sent; otherwise it goes on in the module.

    Example:
        >>> async def main() -> None:
        ...     async with AsyncModem("virtual://M95") as modem:
        ...         broker, mqtt = modem.virtual.broker, modem.mqtt()
        ...         async with mqtt.session(broker.host, broker.port, client_id="bench-7"):
        ...             await mqtt.subscribe("bench/#", qos=1)
        ...             await mqtt.publish("bench/7/temp", b"21.5", qos=1)
        ...             async for message in mqtt.messages(timeout=0.5):
        ...                 print(message.payload)
        >>> asyncio.run(main())
        b'21.5'

    """

    _awaited = True

    def _deliveries(self) -> Callable[[Pending, int], Delivery]:
        return functools.partial(_delivery, weakref.ref(self._line))

    async def configure(
        self,
        *,
        timeout: float | None = None,
        progress: Callable[[UploadProgress], object] | None = None,
        **options: Unpack[Options],
    ) -> None:
        """Change options; see :meth:`modemqtt.MqttClient.configure`. `progress` is called in the loop."""
        callback("progress", progress)
        await self._told(self._submit("configure", options, timeout=timeout), progress)

    async def configuration(self, *, timeout: float | None = None) -> dict[str, Any]:
        """Read every option that the dialect has; see :meth:`modemqtt.MqttClient.configuration`."""
        told: dict[str, Any] = await self._call("configuration", timeout=timeout)
        return told

    async def capabilities(self, *, timeout: float | None = None) -> dict[str, tuple[Values, ...]]:
        """Ask which values each option takes; see :meth:`modemqtt.MqttClient.capabilities`."""
        with arguments():
            pending = self._engine().errand("capabilities", timeout=timeout)
        told: dict[str, tuple[Values, ...]] = await until_finished(self._line, pending)
        return told

    async def authenticate(self, device: Tencent, *, timeout: float | None = None) -> str:
        """Get a token from Tencent Cloud; see :meth:`modemqtt.MqttClient.authenticate`."""
        with arguments():
            pending = self._engine().token(device, timeout=timeout)
        token: str = await until_finished(self._line, pending)
        return token

    async def open(self, host: str, port: int = 1883, *, timeout: float | None = None) -> None:
        """Open the network connection to a server; see :meth:`modemqtt.MqttClient.open`."""
        await self._call("open_network", host, port, timeout=timeout)

    async def connect(
        self,
        client_id: str,
        username: str | None = None,
        password: str | None = None,
        *,
        timeout: float | None = None,
    ) -> None:
        """Log in; see :meth:`modemqtt.MqttClient.connect`."""
        await self._call("operate", "connect", client_id, username, password, timeout=timeout)

    async def disconnect(self, *, timeout: float | None = None) -> None:
        """Log off; see :meth:`modemqtt.MqttClient.disconnect`."""
        await self._call("operate", "disconnect", timeout=timeout)

    async def close(self, *, timeout: float | None = None) -> None:
        """Close the network connection; see :meth:`modemqtt.MqttClient.close`."""
        await self._call("operate", "close", timeout=timeout)

    @contextlib.asynccontextmanager
    async def session(
        self,
        host: str,
        port: int = 1883,
        *,
        client_id: str,
        username: str | None = None,
        password: str | None = None,
        timeout: float | None = None,
        reconnect: bool | Reconnect = False,
        progress: Callable[[UploadProgress], object] | None = None,
        **options: Unpack[Options],
    ) -> AsyncIterator[AsyncMqttClient]:
        """Configure, open and connect; disconnect and close at the end. See :meth:`modemqtt.MqttClient.session`.

        A task that is cancelled leaves the session within 1 s.
        """
        with arguments():
            seconds(timeout, otherwise=0.0)
        callback("progress", progress)
        plan = plan_of(reconnect)
        login = (host, port, client_id, username, password, dict(options))
        kept: KeptSession | None = None
        hurried, left = False, False
        try:
            try:
                kept = self._keep(login, plan, timeout)
                entering = self._enter(login, kept, timeout)
                await self._told(entering, progress)
            except ModemError:
                # Nothing was sent, or the core has closed what it had opened.
                left = True
                raise
            yield self
        except BaseException as error:
            hurried = in_a_hurry(error)
            raise
        finally:
            if kept is not None:
                kept.end()
            if not left:
                await self._leave(timeout, hurried=hurried)
            if self._own.kept is kept:
                self._own.kept = None

    async def _leave(self, timeout: float | None, *, hurried: bool) -> None:
        """Disconnect and close as far as possible; the caller's own exception matters more."""
        if not self._line.is_open:
            return
        step, patience = time_to_leave(timeout, hurried=hurried)
        # The core goes on after the wait.
        with contextlib.suppress(ModemError):
            leaving = self._submit("leave", timeout=step)
            await hub_of(self._line).until_call(leaving, lambda: leaving.done, patience)

    async def wait_connected(self, timeout: float | None = None) -> None:
        """Wait until the client is connected; see :meth:`modemqtt.MqttClient.wait_connected`."""
        deadline = Deadline(timeout)
        while True:
            kept = self._own.kept
            come = kept.wait_connected(0) if kept is not None else None
            if come is None:
                # No session reconnects.
                come = self._engine().wait_connected(self.index, 0)
            if come:
                return
            if not await hub_of(self._line).until_rung(deadline.left):
                raise self._not_connected(timeout)

    async def subscribe(
        self, topic: str | Iterable[tuple[str, int]], qos: int = 0, *, timeout: float | None = None
    ) -> list[int]:
        """Subscribe to a topic, or to several with a QoS each; see :meth:`modemqtt.MqttClient.subscribe`."""
        with arguments():
            wanted = subscriptions(topic, qos)
        granted: list[int] = await self._call("subscribe", wanted, timeout=timeout)
        return granted

    async def unsubscribe(self, topic: str | Iterable[str], *, timeout: float | None = None) -> None:
        """End a subscription, or several; see :meth:`modemqtt.MqttClient.unsubscribe`."""
        with arguments():
            unwanted = topics(topic)
        await self._call("unsubscribe", unwanted, timeout=timeout)

    async def publish(
        self,
        topic: str,
        payload: bytes | bytearray | memoryview | str | float | None = None,
        qos: int = 0,
        retain: bool = False,  # noqa: FBT001, FBT002 - as in paho-mqtt
        *,
        wait: bool = True,
        form: Literal["counted", "prompt", "inline", "quoted"] | None = None,
        timeout: float | None = None,
    ) -> AsyncDelivery:
        """Publish a message; see :meth:`modemqtt.MqttClient.publish`."""
        flag("wait", wait)
        deadline = Deadline(timeout)
        data = payload_bytes(payload)
        engine, hub = self._engine(), hub_of(self._line)
        while not engine.has_room(self.index) and engine.is_open and await hub.until_rung(deadline.left):
            pass
        pending = self._submit("publish", topic, data, qos, retain, form, timeout=deadline.left)
        delivery = AsyncDelivery(self._line, pending, self.index)
        self._own.published(pending, delivery)
        if wait:
            await until_finished(self._line, pending)
            return delivery
        await hub.until_call(pending, lambda: pending.taken)
        if pending.done:
            raise_misuse(pending)
        return delivery

    async def receive(self, timeout: float | None = None) -> Message:
        """Return the next message. :attr:`on_message` sees it as well.

        Args:
            timeout: seconds; ``None`` to wait for ever.

        Raises:
            ResponseTimeout: no message came in time.
            ConnectionLost, ModuleRestarted: the connection is lost, no session reconnects, and no message is left.
            PortError: the modem was closed, or the port is lost, and no message is left.

        """
        message = await self._message(timeout)
        if message is None:
            raise self._no_message(timeout)
        return message

    async def messages(self, timeout: float | None = None) -> AsyncIterator[Message]:
        """Yield each message, until none has come for `timeout` seconds.

        Args:
            timeout: seconds to wait for each; ``None`` to wait for ever.

        Raises:
            ConnectionLost, ModuleRestarted, PortError: as :meth:`receive`.

        """
        taken = self._own.taken
        while (message := await self._message(timeout)) is not None:
            yield message
            # These arrived together.
            while taken:
                yield taken.popleft()

    async def _message(self, timeout: float | None) -> Message | None:
        """Return the next message, or ``None`` when the time is up. One that is not handed out stays for the next."""
        seconds(timeout, otherwise=0.0)
        deadline: Deadline | None = None
        taken = self._own.taken
        while True:
            if taken:
                return taken.popleft()
            engine, hub = self._engine(), hub_of(self._line)
            with arguments():
                come = engine.take_messages(self.index)
            self._own.tell_dropped(engine)
            if come is not None:
                taken.extend(come)
                continue
            deadline = deadline or Deadline(timeout)
            if not await hub.until_rung(deadline.left):
                return None

    async def _told(self, pending: Pending, progress: Callable[[UploadProgress], object] | None) -> None:
        """Wait for the end of a call and report its uploads. A callback that raises is logged."""
        while progress is not None and not pending.done:
            await hub_of(self._line).until_rung()
            while (upload := pending.take_upload()) is not None:
                call_back(progress, upload)
        await until_finished(self._line, pending)

    async def _call(self, method: str, *values: object, timeout: float | None) -> Any:
        return await until_finished(self._line, self._submit(method, *values, timeout=timeout))
