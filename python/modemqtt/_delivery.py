"""A publish on its way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from modemqtt._strict import Single
from modemqtt._usage import finished, seconds
from modemqtt.exceptions import ModemError, UsageError

if TYPE_CHECKING:
    from typing_extensions import Self

    from modemqtt._core import Pending


class Delivery(Single):
    """A publish on its way, from :meth:`modemqtt.MqttClient.publish`.

    Example:
        >>> delivery = mqtt.publish("bench/t", b"1", qos=1, wait=False)
        >>> delivery.wait().state
        'acknowledged'
        >>> delivery.queued_at <= delivery.sent_at <= delivery.ended_at
        True

    """

    __slots__ = ("__weakref__", "_client", "_pending")

    def __init__(self, pending: Pending, client: int) -> None:
        """Not for programs: :meth:`modemqtt.MqttClient.publish` makes them."""
        self._pending = pending
        self._client = client

    def __copy__(self) -> Self:
        """Return itself: there is only one publish."""
        return self

    def __deepcopy__(self, _: object) -> Self:
        """Return itself, as in ``dataclasses.asdict()`` of a :class:`modemqtt.Reconnected`."""
        return self

    @property
    def client(self) -> int:
        """The client index."""
        return self._client

    @property
    def state(self) -> Literal["queued", "accepted", "retransmitting", "sent", "acknowledged", "failed", "unknown"]:
        """Where it stands.

        ``queued`` (not yet handed to the module), ``accepted`` (the module has it), ``retransmitting`` (sent more
        than once; the outcome is still open), and the final ones: ``sent`` (QoS 0), ``acknowledged`` (QoS 1 and 2),
        ``failed`` (the module gave up, or it was never sent) and ``unknown`` (it may have arrived: the wait ended, or
        the connection or the module was lost on the way; publishing it again may deliver it twice).
        """
        return self._pending.state

    @property
    def retransmissions(self) -> int:
        """How many retransmissions the module has reported; it does so with ``timeout_notice=True``."""
        return self._pending.retransmissions

    @property
    def message_id(self) -> int:
        """The message id, 1 to 65535; 0 with QoS 0, or while queued."""
        return self._pending.message_id

    @property
    def queued_at(self) -> float:
        """When the publish was handed over, in seconds since 1970."""
        queued, *_ = self._pending.times
        return queued or 0.0

    @property
    def sent_at(self) -> float | None:
        """When its command was written to the port, in seconds since 1970; ``None`` while ``queued``."""
        return self._pending.times[1]

    @property
    def accepted_at(self) -> float | None:
        """When the module accepted it with ``OK``, in seconds since 1970.

        ``None`` until then, and where the final result came without an ``OK`` before it.
        """
        return self._pending.times[2]

    @property
    def ended_at(self) -> float | None:
        """When it ended, in seconds since 1970; ``None`` while it is under way.

        The end is the final result or what came instead: a timeout or a lost connection.
        """
        return self._pending.times[3]

    def wait(self, timeout: float | None = None) -> Delivery:
        """Wait until it has arrived.

        An interrupt withdraws it if it is still ``queued``; otherwise it goes on, and the log says so.

        Args:
            timeout: seconds; ``None`` for the dialect's maximum response time.

        Returns:
            The delivery itself.

        Raises:
            PublishError: the module gave up.
            CommandError: the module refused it.
            ResponseTimeout: no final result in time; the state is ``unknown`` once the dialect's own time is up.
            ConnectionLost, ModuleRestarted, PortError: lost on the way.

        """
        seconds(timeout, otherwise=0.0)
        finished(self._pending, timeout)
        return self

    def __repr__(self) -> str:
        """State and message id."""
        return f"<{type(self).__name__} {self.state} client={self.client} message_id={self.message_id}>"

    def _repr_html_(self) -> str:
        from modemqtt import _html  # noqa: PLC0415 - only in a notebook

        name, times = type(self).__name__, self._pending.times
        return _html.delivery(name, self.state, self.client, self.message_id, self.retransmissions, times)


def raise_misuse(pending: Pending) -> None:
    """Raise if the call itself was wrong. The delivery reports any other end."""
    try:
        pending.wait()
    except UsageError:
        raise
    except ModemError:
        pass
