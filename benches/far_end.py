"""What is at the other end: a module that answers at once and pours messages, and a broker that pours them too.

Each runs in a process of its own, forked before this one has any thread.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import select
import selectors
import socket
import time
import tty
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.connection import Connection

TOPIC = "bench/t"
OK = b"\r\nOK\r\n"
PROMPT = b"\r\n> "
CTRL_Z = b"\x1a"
RESULT = b"\r\n+QMTPUB: 0,0,0\r\n"
# One message, 100 bytes on the line.
PAYLOAD = b"x" * (100 - len(f'\r\n+QMTRECV: 0,0,"{TOPIC}",""\r\n'))
LINE = b'\r\n+QMTRECV: 0,0,"%s","%s"\r\n' % (TOPIC.encode(), PAYLOAD)
# What pours the messages.
POUR = b"AT+CSQ"
# Bytes a second at 115,200 bits a second, ten to a byte.
SPEED = 11_520

# What a session asks, by how the line begins, and what it is answered.
_ANSWERS = {
    b"AT+CMEE?": b"\r\n+CMEE: 1\r\n" + OK,
    b"AT+CGMM": b"\r\nQuectel_M95\r\n" + OK,
    b"AT+QMTOPEN": OK + b"\r\n+QMTOPEN: 0,0\r\n",
    b"AT+QMTCONN": OK + b"\r\n+QMTCONN: 0,0,0\r\n",
    b"AT+QMTDISC": OK + b"\r\n+QMTDISC: 0,0\r\n",
}
_fork = multiprocessing.get_context("fork")


def answer(line: bytes) -> bytes:
    """Return what a command line is answered."""
    return next((said for begins, said in _ANSWERS.items() if line.startswith(begins)), OK)


@contextlib.contextmanager
def beside(work: Callable[..., None], *arguments: object) -> Iterator[None]:
    """Do something in another process until the end of the block."""
    other = _fork.Process(target=work, args=arguments, daemon=True)
    other.start()
    try:
        yield
    finally:
        other.kill()
        other.join()


@contextlib.contextmanager
def module(messages: int = 0) -> Iterator[str]:
    """Have a module that pours this many messages when it is asked for the signal; its port."""
    master, slave = _pseudo_terminal()
    try:
        with beside(_answer_and_pour, master, messages):
            yield os.ttyname(slave)
    finally:
        os.close(master)
        os.close(slave)


def _pseudo_terminal() -> tuple[int, int]:
    master, slave = os.openpty()
    tty.setraw(slave)
    return master, slave


def _answer_and_pour(master: int, messages: int) -> None:
    unread, stream = b"", LINE * messages
    while True:
        unread += os.read(master, 4096)
        *lines, unread = unread.split(b"\r")
        for line in lines:
            os.write(master, answer(line))
            if line == POUR:
                poured = memoryview(stream)
                while poured:
                    poured = poured[os.write(master, poured[:4096]) :]


@contextlib.contextmanager
def slow_module() -> Iterator[str]:
    """Have a module that takes publishes as fast as a line of 115,200 bits a second lets it; its port.

    It is reached over TCP: a pseudo-terminal hands bytes over when a thread of the kernel comes to it.
    """
    with socket.create_server(("127.0.0.1", 0)) as server, beside(_take_publishes, server):
        yield f"socket://127.0.0.1:{server.getsockname()[1]}"


def _take_publishes(server: socket.socket) -> None:
    """Answer when the last byte of the command, or of the data, and of the answer would have come over the line."""
    client, _ = server.accept()
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    client.setblocking(False)  # noqa: FBT003 - its only argument
    answers: deque[tuple[float, bytes]] = deque()
    unread, end, line_free = b"", b"\r", 0.0
    while True:
        if answers and time.perf_counter() >= answers[0][0]:
            client.send(answers.popleft()[1])
        try:
            unread += client.recv(4096)
        except BlockingIOError:
            # Asleep it would be late for an answer.
            if not answers:
                select.select([client], [], [])
            continue
        if not unread.endswith(end):
            continue
        arrived = time.perf_counter() + len(unread) / SPEED
        if end == CTRL_Z:
            said, end = (OK, RESULT), b"\r"
        elif unread.startswith(b"AT+QMTPUB"):
            said, end = (PROMPT,), CTRL_Z
        else:
            said = (answer(unread),)
        for part in said:
            line_free = max(arrived, line_free) + len(part) / SPEED
            answers.append((line_free, part))
        unread = b""


@contextlib.contextmanager
def modules(count: int) -> Iterator[tuple[list[str], Connection]]:
    """Have this many modules in one process; their ports, and what is told `(seconds, bytes a write)`.

    Each then sends messages for so long at 115,200 bits a second, and what its port does not take in time is lost. The
    answer is how many messages were due.
    """
    pairs = [_pseudo_terminal() for _ in range(count)]
    here, there = _fork.Pipe()
    ports = [os.ttyname(slave) for _, slave in pairs]
    try:
        with beside(_answer_and_pace, [master for master, _ in pairs], there):
            for master, _ in pairs:
                os.close(master)
            yield ports, here
    finally:
        for _, slave in pairs:
            os.close(slave)


def _answer_and_pace(masters: list[int], orders: Connection) -> None:
    selector = selectors.DefaultSelector()
    selector.register(orders.fileno(), selectors.EVENT_READ, None)
    for master in masters:
        os.set_blocking(master, False)
        selector.register(master, selectors.EVENT_READ, [b""])
    while True:
        for key, _ in selector.select():
            if key.data is None:
                orders.send(_pace(masters, *orders.recv()))
                continue
            *lines, key.data[0] = (key.data[0] + os.read(key.fd, 4096)).split(b"\r")
            for line in lines:
                os.write(key.fd, answer(line))


def _pace(masters: list[int], seconds: float, size: int) -> int:
    """Give each port `size` bytes at a time, the ports one after the other; how many messages were due."""
    each = round(seconds * SPEED / len(LINE))
    stream = LINE * each
    pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
    interval = size / SPEED / len(masters)
    written, began, due = 0, time.monotonic(), len(pieces) * len(masters)
    while written < due:
        now = min(due, int((time.monotonic() - began) / interval))
        if now == written:
            time.sleep(0.001)
        for number in range(written, now):
            piece, port = divmod(number, len(masters))
            with contextlib.suppress(BlockingIOError):
                os.write(masters[port], pieces[piece])
        written = now
    return each * len(masters)


@contextlib.contextmanager
def broker(messages: int) -> Iterator[int]:
    """Have a broker that pours this many messages at whoever subscribes; its TCP port."""
    with socket.create_server(("127.0.0.1", 0)) as server, beside(_serve, server, messages):
        yield server.getsockname()[1]


def _serve(server: socket.socket, messages: int) -> None:
    """Speak as much of MQTT 3.1.1 as a subscriber needs."""
    topic = TOPIC.encode()
    packet = bytes([0x30, 2 + len(topic) + len(PAYLOAD), 0, len(topic)]) + topic + PAYLOAD
    while True:
        client, _ = server.accept()
        with client, contextlib.suppress(ConnectionError):
            while kind := client.recv(1):
                body = _exactly(client, _exactly(client, 1)[0])
                match kind[0] >> 4:
                    case 1:
                        client.sendall(b"\x20\x02\x00\x00")
                    case 8:
                        client.sendall(b"\x90\x03" + body[:2] + b"\x00")
                        for _ in range(messages):
                            client.sendall(packet)
                    case 12:
                        client.sendall(b"\xd0\x00")
                    case _:
                        pass


def _exactly(client: socket.socket, count: int) -> bytes:
    read = b""
    while len(read) < count:
        read += client.recv(count - len(read))
    return read
