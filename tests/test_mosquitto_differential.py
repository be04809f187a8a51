"""The in-process broker against mosquitto: packets drawn at random, the same for both, have the same answers."""

from __future__ import annotations

import contextlib
import random
import socket
import struct
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from modemqtt.virtual import Broker
from support import mosquitto as real_broker

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.mosquitto

NAMES = ("c1", "c2", "c3")
# $SYS is left out: it is the server's own, and mosquitto publishes there.
TOPICS = ("a", "a/b", "a/b/c", "/a", "a/", "b", "$x/a", "s/t")
# Never retained: mosquitto 2.0.11 sends retained messages to a new shared subscription; MQTT 5.0, 4.8.2, forbids it.
NEVER_RETAINED = ("s/t",)
# No topic that begins with a dollar: in mosquitto 2.0.11 a shared subscription to one hears nothing.
SHARED = ("$share/g/s/t", "$share/h/s/t")
FILTERS = (*TOPICS, *SHARED, "#", "+", "a/#", "+/b", "a/+/c", "/+", "$x/#")
STEPS = 60

Heard = tuple[str, object]


def text(value: str) -> bytes:
    return struct.pack(">H", len(value)) + value.encode()


def packet(control: int, body: bytes) -> bytes:
    assert len(body) < 128
    return bytes([control, len(body)]) + body


class Client:
    """One connection. It acknowledges what it gets, as a client must."""

    def __init__(self, port: int, name: str, *, clean: bool) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.buffer = b""
        self.closed = False
        self.send(packet(0x10, text("MQTT") + bytes([4, 2 if clean else 0]) + struct.pack(">H", 600) + text(name)))

    def send(self, data: bytes) -> None:
        if not self.closed:
            self.socket.sendall(data)

    def next(self) -> tuple[int, bytes] | None:
        while len(self.buffer) < 2 or len(self.buffer) < 2 + self.buffer[1]:
            try:
                piece = self.socket.recv(4096)
            except ConnectionResetError:
                piece = b""
            if not piece:
                self.closed = True
                self.socket.close()
                return None
            self.buffer += piece
        control, length = self.buffer[0], self.buffer[1]
        body, self.buffer = self.buffer[2 : 2 + length], self.buffer[2 + length :]
        return control, body

    def settle(self) -> list[Heard]:
        """Take everything that has come, and acknowledge it, until nothing more comes."""
        heard: list[Heard] = []
        again = not self.closed
        while again:
            again = False
            self.send(bytes([0xC0, 0]))
            while (got := self.next()) is not None and got[0] != 0xD0:
                control, body = got
                kind = control >> 4
                if kind == 3:
                    length = struct.unpack(">H", body[:2])[0]
                    topic, rest, qos = body[2 : 2 + length].decode(), body[2 + length :], control >> 1 & 3
                    if qos:
                        self.send(packet(0x40 if qos == 1 else 0x50, rest[:2]))
                        again, rest = True, rest[2:]
                    heard.append(("message", (topic, rest, control & 1, qos)))
                elif kind == 6:
                    self.send(packet(0x70, body))
                    again = True
                else:
                    if kind == 5:
                        self.send(packet(0x62, body))
                        again = True
                    heard.append((f"packet {control:#x}", body))
        if self.closed:
            heard.append(("closed", None))
        return heard


class Bench:
    """A broker, and those who are connected to it."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.clients: dict[str, Client] = {}

    def settle(self) -> dict[str, list[Heard]]:
        """What each has heard; if a message came in several copies, the one with the highest QoS."""
        heard: dict[str, list[Heard]] = {}
        # A message of QoS 2 is delivered when it comes, or when it is released: ask those again who were asked first.
        for _ in range(2):
            for name, client in sorted(self.clients.items()):
                if not client.closed:
                    heard.setdefault(name, []).extend(client.settle())
        for name, packets in heard.items():
            messages: dict[tuple[object, ...], int] = {}
            for kind, value in packets:
                if kind == "message" and isinstance(value, tuple):
                    messages[value[:3]] = max(value[3], messages.get(value[:3], 0))
            others = [it for it in packets if it[0] != "message"]
            heard[name] = [*others, *(("message", it) for it in sorted(messages.items(), key=repr))]
        self.clients = {name: client for name, client in self.clients.items() if not client.closed}
        return heard

    def close(self) -> None:
        for client in self.clients.values():
            client.socket.close()

    def do(self, step: tuple[object, ...]) -> dict[str, list[Heard]]:
        match step:
            case "connect", str(name), bool(clean):
                former = self.clients.pop(name, None)
                self.clients[name] = Client(self.port, name, clean=clean)
                if former is not None:
                    former.settle()
                    former.socket.close()
            case "disconnect", str(name):
                if client := self.clients.pop(name, None):
                    client.send(bytes([0xE0, 0]))
                    while client.next() is not None:
                        pass
            case "send", str(name), bytes(data):
                if client := self.clients.get(name):
                    client.send(data)
        return self.settle()


def draw(chance: random.Random, number: int) -> tuple[object, ...]:
    name = chance.choice(NAMES)
    identifier = struct.pack(">H", number + 1)
    match chance.choices(("connect", "disconnect", "subscribe", "unsubscribe", "publish"), (3, 1, 6, 1, 9))[0]:
        case "connect":
            return "connect", name, chance.random() < 0.5
        case "disconnect":
            return "disconnect", name
        case "subscribe":
            filters = [text(chance.choice(FILTERS)) + bytes([chance.randrange(3)]) for _ in range(chance.randint(1, 3))]
            return "send", name, packet(0x82, identifier + b"".join(filters))
        case "unsubscribe":
            return "send", name, packet(0xA2, identifier + text(chance.choice(FILTERS)))
    topic = chance.choice(TOPICS)
    qos, retain = chance.randrange(3), chance.random() < 0.3 and topic not in NEVER_RETAINED
    payload = b"" if retain and chance.random() < 0.3 else f"p{number}".encode()
    head = text(topic) + (identifier if qos else b"")
    return "send", name, packet(0x30 | qos << 1 | retain, head + payload)


def without_qos(heard: dict[str, list[Heard]]) -> dict[str, list[Heard]]:
    return {
        name: [(kind, value[0] if kind == "message" and isinstance(value, tuple) else value) for kind, value in packets]
        for name, packets in heard.items()
    }


def levels(heard: dict[str, list[Heard]]) -> list[int]:
    packets = [it for packets in heard.values() for it in packets]
    return [value[1] for kind, value in packets if kind == "message" and isinstance(value, tuple)]


@pytest.mark.parametrize("seed", range(12))
def test_what_is_drawn_at_random_has_the_answers_that_mosquitto_gives(tmp_path: Path, seed: int) -> None:
    program = real_broker.find()
    assert program is not None
    chance = random.Random(seed)  # noqa: S311 - a seed and no secret
    steps = [draw(chance, number) for number in range(STEPS)]
    with real_broker.run(program, tmp_path) as address, Broker() as broker, contextlib.ExitStack() as stack:
        theirs, ours = Bench(address.port), Bench(broker.port)
        stack.callback(theirs.close)
        stack.callback(ours.close)
        done: Counter[str] = Counter()
        for number, step in enumerate(steps):
            expected, heard = theirs.do(step), ours.do(step)
            context = f"seed {seed}, step {number}: {step}"
            assert without_qos(heard) == without_qos(expected), context
            # If subscriptions overlap, the highest QoS counts (MQTT 3.1.1, 3.3.5); mosquitto may give a lower one.
            assert all(mine >= given for mine, given in zip(levels(heard), levels(expected), strict=True)), context
            done.update(kind for packets in heard.values() for kind, _ in packets)
    # Whatever is drawn, something is compared.
    assert done["message"] > 0
