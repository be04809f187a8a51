"""Servers that are no brokers."""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def mute(port: int = 0) -> Iterator[int]:
    """Take connections and say nothing: a CONNECT stays without its CONNACK."""
    with socket.create_server(("127.0.0.1", port)) as server:
        yield server.getsockname()[1]


@contextlib.contextmanager
def absent(port: int = 0) -> Iterator[int]:
    """Not even take connections: an opening stays without its result."""
    with contextlib.ExitStack() as sockets:
        full = sockets.enter_context(socket.create_server(("127.0.0.1", port), backlog=0))
        for _ in range(4):
            filling = sockets.enter_context(socket.socket())
            filling.settimeout(0)
            filling.connect_ex(full.getsockname())
        yield full.getsockname()[1]
