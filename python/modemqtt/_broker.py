"""A broker of this process, for tests and demonstrations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from modemqtt import _core
from modemqtt._strict import Running
from modemqtt._usage import arguments, payload_bytes, whole
from modemqtt.exceptions import ResponseTimeout, UsageTypeError


@dataclass(frozen=True, slots=True)
class PublishedMessage:
    """A message that was published to a :class:`Broker`.

    Example:
        >>> broker.publish("bench/t", b"1")
        >>> broker.messages[-1].topic
        'bench/t'

    """

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
    timestamp: float = field(default=0.0, compare=False)
    """When it came, in seconds since 1970. It makes no message differ from another."""


class Broker(Running):
    """A small MQTT 3.1 and 3.1.1 broker in this process, on 127.0.0.1.

    Example:
        >>> with Broker() as broker:
        ...     broker.publish("bench/t", b"1", retain=True)
        ...     print(broker.wait("bench/#", timeout=1).payload)
        b'1'

    Args:
        port: TCP port; 0 takes a free one.
        users: user names and their passwords; ``None`` lets everybody in. A CONNECT without a user name gets return
            code 5, one with a wrong name or password 4.

    Raises:
        OSError: the port cannot be listened on.

    """

    def __init__(self, *, port: int = 0, users: Mapping[str, str] | None = None) -> None:
        """Start it."""
        whole("port", port, 0, 65_535)
        if users is not None and not isinstance(users, Mapping):
            raise UsageTypeError(f"users must be a mapping of user names to passwords, not {type(users).__name__}")
        with arguments():
            self._core = _core.Broker(port=port, users=None if users is None else dict(users))

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

    def wait(self, topic_filter: str, timeout: float | None = None) -> PublishedMessage:
        """Wait for a message, and return the next one that no call of ``wait`` has returned before.

        What was published before the call counts too, so that a test may publish first and wait then. Each message is
        returned once; all of them stay in :attr:`messages`.

        Args:
            topic_filter: which topics: ``"bench/#"``.
            timeout: seconds, 0 to look only; ``None`` waits for ever.

        Raises:
            ResponseTimeout: none has come in time.
            UsageError: `topic_filter` is not a topic filter, or `timeout` is negative.

        """
        with arguments():
            values = self._core.wait(topic_filter, timeout)
        if values is None:
            raise ResponseTimeout(f"no message on {topic_filter} has come to the broker in {timeout} s")
        return PublishedMessage(*values)

    def deny(self, topic_filter: str | None) -> None:
        """Deny topics to every client, as an access list does.

        A subscription to the filter, or to one within it, is answered with 128. What is published to a topic that it
        matches is acknowledged and dropped: it reaches nobody, :attr:`messages` neither.

        Args:
            topic_filter: joins those denied before; ``None`` denies nothing any longer.

        Raises:
            UsageError: `topic_filter` is not a topic filter.

        """
        with arguments():
            self._core.deny(topic_filter)

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
        with arguments():
            self._core.withhold_acks(on)

    def silent(self, on: bool = True) -> None:  # noqa: FBT001, FBT002 - as `withhold_acks`
        """Send nothing at all while it is on: no acknowledgement, no answer to a ping, no message.

        Packets still take effect, except a CONNECT: it gets no answer, and the broker ignores the connection.
        """
        with arguments():
            self._core.silent(on)

    def slow(self, seconds: float) -> None:
        """Delay everything that is sent from now on by 0 to 3600 seconds; 0 ends the delay."""
        with arguments():
            self._core.slow(seconds)

    def cut(self, after: int | None) -> None:
        """Cut connections in the middle of what is sent to them.

        Args:
            after: how many further bytes go to each client, present or future, before its connection is cut; 0 cuts
                before the next packet, ``None`` stops cutting. Wills are published.

        """
        with arguments():
            self._core.cut(after)

    def stop(self, *, forget: bool = False) -> None:
        """Close the port and every connection, as if the broker were killed. No wills are published.

        Args:
            forget: whether sessions and retained messages are gone as well, as with a broker that keeps nothing on
                disk. `messages` stay.

        """
        with arguments():
            self._core.stop(forget)

    def start(self) -> None:
        """Listen again after `stop`, on the same port. A broker that listens is left as it is.

        Raises:
            OSError: the port is taken by now.

        """
        self._core.start()

    def drop_clients(self) -> None:
        """Cut every connection. Wills are published."""
        self._core.drop_clients()

    def close(self) -> None:
        """End it. A closed one is left as it is."""
        self._core.close()

    def __repr__(self) -> str:
        """Address."""
        return f"<Broker {self.host}:{self.port}>"

    def _repr_html_(self) -> str:
        from modemqtt import _html  # noqa: PLC0415 - only in a notebook

        return _html.broker(
            f"{self.host}:{self.port}", self.clients, [(each.topic, each.payload) for each in self.messages]
        )
