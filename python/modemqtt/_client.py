"""One MQTT client of the module."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Literal

from modemqtt._base_client import in_a_hurry, time_to_leave
from modemqtt._delivery import Delivery, raise_misuse
from modemqtt._options import Configurable
from modemqtt._reconnect import plan_of
from modemqtt._strict import callback
from modemqtt._tls import wait_told
from modemqtt._usage import Deadline, arguments, finished, flag, payload_bytes, seconds, subscriptions, topics
from modemqtt.exceptions import ModemError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from typing_extensions import Unpack

    from modemqtt._core import KeptSession
    from modemqtt._options import Options
    from modemqtt._reconnect import Reconnect
    from modemqtt._tls import UploadProgress
    from modemqtt._values import Message


class MqttClient(Configurable):
    """One MQTT client of the module, from :meth:`Modem.mqtt`.

    Every method that talks to the module waits for the outcome, not only for the module's ``OK``, and takes
    ``timeout`` in seconds; ``None`` is the dialect's maximum response time. Any of them may raise :class:`UsageError`
    (nothing was sent), :class:`CommandError` (the module refused), :class:`ResponseTimeout`, :class:`ConnectionLost`,
    :class:`ModuleRestarted` and :class:`PortError`, besides those that it lists itself.

    Example:
        >>> with Modem("virtual://M95") as modem:
        ...     broker, mqtt = modem.virtual.broker, modem.mqtt()
        ...     with mqtt.session(broker.host, broker.port, client_id="bench-7"):
        ...         mqtt.subscribe("bench/#", qos=1)
        ...         print(mqtt.publish("bench/7/temp", b"21.5", qos=1).state)
        ...         print(mqtt.receive(timeout=5).payload)
        [1]
        acknowledged
        b'21.5'

    """

    def open(self, host: str, port: int = 1883, *, timeout: float | None = None) -> None:
        """Open the network connection to a server (``AT+QMTOPEN``).

        A client that is already open is closed and opened again, once; the log says so.

        Args:
            host: name or address, 1 to 100 bytes.
            port: TCP port, 1 to 65535.
            timeout: seconds; ``None`` for the dialect's maximum: 75 s on M95 and BC35-G/BC28, 176 s on BC660K-GL, 120
                s on EG800Q/EG91xQ.

        Raises:
            OpenError: the module could not open it; its ``name`` says why.

        """
        finished(self._submit("open_network", host, port, timeout=timeout))

    def connect(
        self,
        client_id: str,
        username: str | None = None,
        password: str | None = None,
        *,
        timeout: float | None = None,
    ) -> None:
        """Log in (``AT+QMTCONN``, the MQTT CONNECT).

        Args:
            client_id: client identifier; at most 128 bytes on BC660K-GL.
            username: user name; at most 256 bytes on BC660K-GL.
            password: password; at most 256 bytes on BC660K-GL. It shows in no log and in no exception.
            timeout: seconds; ``None`` for packet_timeout × (retries + 1).

        Raises:
            ConnectError: the server refused; ``return_code`` says why.

        """
        self._call("operate", "connect", client_id, username, password, timeout=timeout)

    def disconnect(self, *, timeout: float | None = None) -> None:
        """Log off (``AT+QMTDISC``, the MQTT DISCONNECT).

        On BC660K-GL and EG800Q/EG91xQ this closes the network connection as well.

        Raises:
            DisconnectError: the module reported failure.

        """
        self._call("operate", "disconnect", timeout=timeout)

    def close(self, *, timeout: float | None = None) -> None:
        """Close the network connection (``AT+QMTCLOSE``). Closing it twice is not an error.

        Raises:
            CloseError: the module reported failure.

        """
        self._call("operate", "close", timeout=timeout)

    @contextlib.contextmanager
    def session(
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
    ) -> Iterator[MqttClient]:
        """Configure, open and connect; at the end disconnect and close, whatever happened meanwhile.

        Leaving takes up to `timeout` for each of the two, and at most 1 s for both where ``KeyboardInterrupt``,
        ``SystemExit`` or a :class:`PortError` ends the session. Publishes that are still ``queued`` are not sent and
        end as ``failed``, so wait within the session for what ``publish(wait=False)`` returned.

        With `reconnect` the session restores a lost connection: when ``+QMTSTAT`` reports the loss, when the module
        restarts, and when the program has reopened the modem after losing its port. It configures, opens, connects
        and subscribes to the topics of the session; it publishes nothing again. Meanwhile calls fail as they do
        without it. :attr:`on_reconnected` and :attr:`on_reconnect_failed` report the outcome. It gives up if another
        attempt would end the same way: a CONNECT refused with return code 1, 2, 4 or 5, a wrong parameter, the normal
        end (``+QMTSTAT`` 5). It does not try the first connection twice. :meth:`disconnect`, :meth:`close` and
        :meth:`Modem.close` within the session end it. A program that opens the client by itself after a loss must not
        use `reconnect`: each would close the other's connection.

        Args:
            host: as in :meth:`open`.
            port: as in :meth:`open`.
            client_id: as in :meth:`connect`.
            username: as in :meth:`connect`.
            password: as in :meth:`connect`.
            timeout: seconds for each step; ``None`` for the dialect's maximum.
            reconnect: True, or a :class:`Reconnect` that says how; False leaves a lost connection to the program.
            progress: as in :meth:`configure`.
            **options: those of :meth:`configure`.

        Yields:
            The client.

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
                wait_told(entering, progress)
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
                self._leave(timeout, hurried=hurried)
            if self._own.kept is kept:
                self._own.kept = None

    def _leave(self, timeout: float | None, *, hurried: bool) -> None:
        """Disconnect and close as far as possible; the caller's own exception matters more."""
        if not self._line.is_open:
            return
        step, patience = time_to_leave(timeout, hurried=hurried)
        # The core goes on after the wait.
        with contextlib.suppress(ModemError):
            self._submit("leave", timeout=step).wait(patience)

    def wait_connected(self, timeout: float | None = None) -> None:
        """Wait until the client is connected, for example while a session reconnects (``session(reconnect=True)``).

        Args:
            timeout: seconds; ``None`` to wait for ever.

        Raises:
            ResponseTimeout: it was not connected in time.
            ConnectError, OpenError, ConnectionLost: the session has given up, for that reason.
            PortError: the modem was closed; or its port is lost, and no session waits for its return.

        """
        deadline = Deadline(timeout)
        kept = self._own.kept
        come = kept.wait_connected(deadline.left) if kept is not None else None
        if come is None:
            # No session reconnects.
            come = self._engine().wait_connected(self.index, deadline.left)
        if not come:
            raise self._not_connected(timeout)

    def subscribe(
        self, topic: str | Iterable[tuple[str, int]], qos: int = 0, *, timeout: float | None = None
    ) -> list[int]:
        """Subscribe to a topic, or to several with a QoS each (``AT+QMTSUB``).

        Args:
            topic: a topic filter, or ``[("a/#", 1), ("b/+", 0)]``; each at most 256 bytes on BC660K-GL.
            qos: the QoS asked for with a single topic, 0 to 2.
            timeout: seconds; ``None`` for packet_timeout × (retries + 1).

        Returns:
            The granted QoS of each, in order; 128 for one that the server refused while it granted another.

        Raises:
            SubscribeError: the module gave up, the server refused all (``result`` 128), or the module reported the
                granted QoS of too few; ``granted`` has those that it reported.

        """
        with arguments():
            wanted = subscriptions(topic, qos)
        granted: list[int] = self._call("subscribe", wanted, timeout=timeout)
        return granted

    def unsubscribe(self, topic: str | Iterable[str], *, timeout: float | None = None) -> None:
        """End a subscription, or several (``AT+QMTUNS``).

        Raises:
            UnsubscribeError: the module gave up.

        """
        with arguments():
            unwanted = topics(topic)
        self._call("unsubscribe", unwanted, timeout=timeout)

    def publish(
        self,
        topic: str,
        payload: bytes | bytearray | memoryview | str | float | None = None,
        qos: int = 0,
        retain: bool = False,  # noqa: FBT001, FBT002 - as in paho-mqtt
        *,
        wait: bool = True,
        form: Literal["counted", "prompt", "inline", "quoted"] | None = None,
        timeout: float | None = None,
    ) -> Delivery:
        """Publish a message (``AT+QMTPUB``), in the safest form that the dialect has.

        Args:
            topic: topic name, without wildcards; at most 256 bytes on BC660K-GL.
            payload: bytes; text is encoded in UTF-8, a number is written in decimal, ``None`` is empty, as in
                paho-mqtt. At most 1548 bytes on M95 and BC35-G/BC28, where 0x1A and 0x1B cannot be sent, 1460 on
                BC660K-GL and 1500 on EG800Q/EG91xQ; 730 and 750 in hexadecimal digits.
            qos: 0 to 2.
            retain: whether the server keeps it for later subscribers.
            form: the form of the command, for those who test it: ``"counted"`` and ``"prompt"`` (ended by Ctrl-Z) send
                the payload after the prompt, ``"inline"`` (with its length, BC660K-GL) and ``"quoted"`` (BG9x) send it
                in the command line. ``None`` takes the safest that can carry the payload.
            wait: False returns at once, with the delivery ``queued``. Up to 5 publishes of a client are under way at
                the same time, one on BC660K-GL; up to 1,000 more wait, and the next call waits for room.
            timeout: seconds for the whole call; ``None`` for packet_timeout × (retries + 1), not counting the wait for
                room.

        Returns:
            Its delivery. With ``wait`` it has arrived: ``sent`` with QoS 0, else ``acknowledged``.

        Raises:
            PublishError: the module gave up.
            ResponseTimeout: whether it arrived is unknown.

        """
        flag("wait", wait)
        data = payload_bytes(payload)
        pending = self._submit("publish", topic, data, qos, retain, form, timeout=timeout)
        delivery = Delivery(pending, self.index)
        self._own.published(pending, delivery)
        if wait:
            finished(pending)
        else:
            pending.wait_taken()
            if pending.done:
                raise_misuse(pending)
        return delivery

    def receive(self, timeout: float | None = None) -> Message:
        """Return the next message. :attr:`on_message` sees it as well.

        Messages are kept until they are taken, as long as there is room (``Modem(queue=…)``); after that the oldest
        is dropped, and :attr:`Modem.stats` counts it.

        Args:
            timeout: seconds; ``None`` to wait for ever.

        Raises:
            ResponseTimeout: no message came in time.
            ConnectionLost, ModuleRestarted: the connection is lost, no session reconnects, and no message is left.
            PortError: the modem was closed, or the port is lost, and no message is left.

        """
        engine = self._engine()
        seconds(timeout, otherwise=0.0)
        with arguments():
            message = self._own.next(engine, timeout)
        self._own.tell_dropped(engine)
        if message is None:
            raise self._no_message(timeout)
        return message

    def messages(self, timeout: float | None = None) -> Iterator[Message]:
        """Yield each message, until none has come for `timeout` seconds.

        Args:
            timeout: seconds to wait for each; ``None`` to wait for ever.

        Raises:
            ConnectionLost, ModuleRestarted, PortError: as :meth:`receive`.

        """
        engine = self._engine()
        seconds(timeout, otherwise=0.0)
        while (message := self._own.next(engine, timeout)) is not None:
            if not self._own.taken:
                self._own.tell_dropped(engine)
            yield message
