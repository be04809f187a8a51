"""Servers that are not brokers."""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Server:
    """A listening socket."""

    def __init__(self, listener: socket.socket) -> None:
        """Take it."""
        self._listener = listener
        self._taken: list[socket.socket] = []

    @property
    def port(self) -> int:
        """Its TCP port."""
        port: int = self._listener.getsockname()[1]
        return port

    def take(self, count: int) -> None:
        """Take connections off the queue, which makes room for more."""
        self._taken += [self._listener.accept()[0] for _ in range(count)]

    def close(self) -> None:
        """End all."""
        for one in (*self._taken, self._listener):
            one.close()


@contextlib.contextmanager
def mute(port: int = 0) -> Iterator[Server]:
    """Take connections and say nothing: a CONNECT stays without its CONNACK."""
    with contextlib.closing(Server(socket.create_server(("127.0.0.1", port)))) as server:
        yield server


@contextlib.contextmanager
def absent(port: int = 0) -> Iterator[Server]:
    """Do not even take connections: an opening gets no result until one is taken."""
    with contextlib.ExitStack() as sockets:
        server = Server(socket.create_server(("127.0.0.1", port), backlog=0))
        sockets.callback(server.close)
        filling = sockets.enter_context(socket.create_connection(("127.0.0.1", server.port)))
        assert filling
        yield server
