"""Sessions that connect again by themselves."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from modemqtt import Modem, MqttClient, Reconnect

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from modemqtt.virtual import Broker

SOON = Reconnect(first=0.02, most=0.1)


def keepers() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("modemqtt-reconnect-")]


def sent(modem: Modem, start: str) -> list[str]:
    return [line.text for line in modem.wire if line.sent and line.text.startswith(start)]


def session(
    mqtt: MqttClient,
    broker: Broker,
    plan: bool | Reconnect = SOON,  # noqa: FBT001 - as in the package
    **options: Any,  # noqa: ANN401 - the same
) -> AbstractContextManager[MqttClient]:
    return mqtt.session(broker.host, broker.port, client_id="bench-7", reconnect=plan, **options)
