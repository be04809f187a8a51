"""A publish on its way, awaited."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modemqtt._delivery import Delivery
from modemqtt._usage import seconds
from modemqtt.aio._hub import until_finished

if TYPE_CHECKING:
    from modemqtt._core import Pending
    from modemqtt._line import Line


class AsyncDelivery(Delivery):
    """A publish on its way, from :meth:`AsyncMqttClient.publish`: a :class:`modemqtt.Delivery` that is awaited.

    Example:
        >>> async def main() -> None:
        ...     async with AsyncModem("virtual://M95") as modem:
        ...         broker, mqtt = modem.virtual.broker, modem.mqtt()
        ...         async with mqtt.session(broker.host, broker.port, client_id="bench-7"):
        ...             delivery = await mqtt.publish("bench/t", b"1", qos=1, wait=False)
        ...             print((await delivery.wait()).state)
        >>> asyncio.run(main())
        acknowledged

    """

    __slots__ = ("_line",)

    def __init__(self, line: Line, pending: Pending, client: int) -> None:
        """Not for programs: :meth:`AsyncMqttClient.publish` makes them."""
        super().__init__(pending, client)
        self._line = line

    async def wait(self, timeout: float | None = None) -> AsyncDelivery:  # type: ignore[override]
        """Wait until it has arrived; :meth:`modemqtt.Delivery.wait` documents result and errors.

        Cancelling the wait withdraws the publish if it is still ``queued``.

        Args:
            timeout: seconds; ``None`` for the dialect's maximum response time.

        """
        seconds(timeout, otherwise=0.0)
        await until_finished(self._line, self._pending, timeout)
        return self
