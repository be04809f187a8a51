"""Sessions that reconnect by themselves."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from modemqtt import ConnectionLost, Modem, MqttClient, Reconnect, Reconnected
from support.waiting import until

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from modemqtt.virtual import Broker

SOON = Reconnect(first=0.02, most=0.1)


class Seen:
    """What the callbacks of a client were called with, in order, and in which threads."""

    def __init__(self, mqtt: MqttClient) -> None:
        self.events: list[object] = []
        self.threads: set[threading.Thread] = set()
        mqtt.on_connection_lost = mqtt.on_reconnected = mqtt.on_reconnect_failed = self._note

    def _note(self, event: object) -> None:
        self.events.append(event)
        self.threads.add(threading.current_thread())

    @property
    def back(self) -> list[Reconnected]:
        return [event for event in self.events if isinstance(event, Reconnected)]

    @property
    def failures(self) -> list[Exception]:
        return [event for event in self.events if isinstance(event, Exception) and not is_loss(event)]

    def wait_back(self, times: int = 1) -> Reconnected:
        until(lambda: len(self.back) == times, "on_reconnected")
        return self.back[-1]


def is_loss(event: object) -> bool:
    return isinstance(event, ConnectionLost)


def sent(modem: Modem, start: str) -> list[str]:
    return [line.text for line in modem.wire if line.sent and line.text.startswith(start)]


def session(
    mqtt: MqttClient,
    broker: Broker,
    plan: bool | Reconnect = SOON,  # noqa: FBT001 - as in the package
    **options: Any,  # noqa: ANN401 - the same
) -> AbstractContextManager[MqttClient]:
    return mqtt.session(broker.host, broker.port, client_id="bench-7", reconnect=plan, **options)
