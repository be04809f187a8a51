"""MQTT sessions for a test, each with its own client id."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from modemqtt import UsageError
from modemqtt._pytest.failure import told
from modemqtt._pytest.names import CLIENT_ID, short_hash
from modemqtt._recording import invented

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self, Unpack

    from modemqtt import Modem, MqttClient, Options, Reconnect
    from modemqtt._pytest.bench import Bench
    from modemqtt._pytest.brokers import BrokerAddress
    from modemqtt.virtual import Broker

# Seconds, before --modem-timeout-factor, for each step of a connection.
_CONNECT = 30.0
_MOST = 6


class Sessions:
    """Connects clients of a module to the broker, and disconnects them at the end of the test."""

    def __init__(self, bench: Bench, modem: Modem, broker: Broker | BrokerAddress, nodeid: str) -> None:
        """Not for programs, which use the fixture ``modem_mqtt_factory``."""
        self._bench = bench
        self._modem = modem
        self._broker = broker
        self._nodeid = nodeid
        self._count = 0
        self._stack = contextlib.ExitStack()

    def __call__(
        self,
        index: int | None = None,
        *,
        modem: Modem | None = None,
        client_id: str | None = None,
        reconnect: bool | Reconnect = False,
        **options: Unpack[Options],
    ) -> MqttClient:
        """Connect one more client.

        Args:
            index: the index of the client; ``None`` for the first that is closed.
            modem: an open modem; ``None`` for the one of the fixture.
            client_id: its client id; ``None`` for one that no other client has.
            reconnect: as in :meth:`modemqtt.MqttClient.session`.
            **options: those of :meth:`modemqtt.MqttClient.configure`.

        Returns:
            The client, connected.

        Raises:
            ModemError: as :meth:`modemqtt.MqttClient.session`.

        """
        on = self._modem if modem is None else modem
        factor = self._bench.settings.factor
        self._count += 1
        own = CLIENT_ID + short_hash(f"{self._bench.run} {self._bench.worker} {self._nodeid} {self._count}", 5)
        if client_id is None:
            invented(on, own)
        if on is self._modem and self._bench.place is not None:
            self._bench.place.register()
        client = on.mqtt(_free(on) if index is None else index)
        return self._stack.enter_context(
            client.session(
                self._broker.host,
                self._broker.port,
                client_id=own if client_id is None else client_id,
                username=getattr(self._broker, "username", None),
                password=getattr(self._broker, "password", None),
                timeout=_CONNECT * factor,
                reconnect=reconnect,
                **options,
            )
        )

    def __enter__(self) -> Self:
        """Begin without any."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Disconnect and close each."""
        with told():
            self._stack.close()


def _free(modem: Modem) -> int:
    for index in range(_MOST):
        if modem.mqtt(index).state == "closed":
            return index
    raise UsageError(f"{modem!r} has no closed client left")
