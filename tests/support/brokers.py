"""The brokers of the behaviour table, ours and mosquitto, and a second client that judges."""

from __future__ import annotations

import queue
import signal
import threading
from typing import TYPE_CHECKING, Protocol

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from modemqtt.virtual import Broker
from support import mosquitto

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from typing_extensions import Self

PATIENCE = 10.0


class Subject(Protocol):
    """A broker that a test controls."""

    host: str
    port: int

    def kill(self) -> None: ...
    def start(self) -> None: ...
    def silent(self, *, on: bool) -> None: ...
    def delay(self, seconds: float) -> None: ...
    def close(self) -> None: ...


class Ours:
    def __init__(self, _folder: Path, users: Mapping[str, str] | None) -> None:
        self.broker = Broker(users=users)
        self.host, self.port = self.broker.host, self.broker.port

    def kill(self) -> None:
        self.broker.stop(forget=True)

    def start(self) -> None:
        self.broker.start()

    def silent(self, *, on: bool) -> None:
        self.broker.silent(on)

    def delay(self, seconds: float) -> None:
        self.broker.slow(seconds)

    def close(self) -> None:
        self.broker.close()


class Mosquitto:
    """The process itself: killed, it is gone at once; stopped by SIGSTOP, it is silent but still takes connections."""

    def __init__(self, folder: Path, users: Mapping[str, str] | None) -> None:
        self._folder = folder
        self._users = users
        program = mosquitto.find()
        assert program is not None
        self._program = program
        self._process, address = mosquitto.start(program, folder, users=users)
        self.host, self.port = address.host, address.port

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def start(self) -> None:
        self._process, _ = mosquitto.start(self._program, self._folder, users=self._users, port=self.port)

    def silent(self, *, on: bool) -> None:
        self._process.send_signal(signal.SIGSTOP if on else signal.SIGCONT)

    def delay(self, seconds: float) -> None:
        """Answer nothing for this long, which is like being slow once."""
        self.silent(on=True)
        threading.Timer(seconds, self.silent, kwargs={"on": False}).start()

    def close(self) -> None:
        self.kill()


class Observer:
    """A client on paho-mqtt, which shares no code with us."""

    def __init__(self, subject: Subject, topic: str | None = None, *, client_id: str = "observer") -> None:
        self._client = Client(CallbackAPIVersion.VERSION2, client_id=client_id)
        self._messages: queue.Queue[MQTTMessage] = queue.Queue()
        self._subscribed: queue.Queue[None] = queue.Queue()
        self._client.on_message = lambda _client, _data, message: self._messages.put(message)
        self._client.on_subscribe = lambda *_: self._subscribed.put(None)
        self._client.connect(subject.host, subject.port)
        self._client.loop_start()
        if topic is not None:
            self._client.subscribe(topic, 2)
            self._subscribed.get(timeout=PATIENCE)

    def publish(self, topic: str, payload: bytes, qos: int = 1, *, retain: bool = False) -> None:
        """Return when the broker has acknowledged it."""
        self._client.publish(topic, payload, qos, retain).wait_for_publish(PATIENCE)

    def receive(self) -> tuple[str, bytes, int, bool]:
        message = self._messages.get(timeout=PATIENCE)
        return message.topic, bytes(message.payload), message.qos, message.retain

    def heard_nothing(self) -> bool:
        """Whether no message has come; ask once a later one has come."""
        return self._messages.empty()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()
