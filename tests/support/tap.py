"""A line between a modem and its virtual module into which a test can speak, and which it can cut."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Self

    from modemqtt.virtual import VirtualModem


class Tap:
    """Passes bytes on in both directions; the virtual module listens on TCP."""

    def __init__(self, module: VirtualModem) -> None:
        """Wait for the modem."""
        self._module = module.port.removeprefix("socket://").rsplit(":", 1)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = []
        self._mute_after: bytes | None = None
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def port(self) -> str:
        """What the modem opens."""
        return f"socket://127.0.0.1:{self._listener.getsockname()[1]}"

    def say(self, line: str) -> None:
        """Print a line as the module would."""
        self._sockets[0].sendall(f"\r\n{line}\r\n".encode())

    def mute_after(self, token: bytes) -> None:
        """Pass on nothing from the module after its next `token`."""
        self._mute_after = token

    def say_instead(self, data: bytes) -> bytes:
        """Return the bytes to pass on instead. Subclasses change something here."""
        return data

    def cut(self) -> None:
        """End the line; the next modem gets a new one."""
        while self._sockets:
            with contextlib.suppress(OSError):
                self._sockets[-1].shutdown(socket.SHUT_RDWR)
            self._sockets.pop().close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # Closing alone would leave accept() waiting, and its thread with it.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                host, _ = self._listener.accept()
                module = socket.create_connection((self._module[0], int(self._module[1])))
                self._sockets += [host, module]
                threading.Thread(target=self._pass_on, args=(host, module, False), daemon=True).start()
                threading.Thread(target=self._pass_on, args=(module, host, True), daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket, from_module: bool) -> None:  # noqa: FBT001
        seen = b""
        with contextlib.suppress(OSError):
            while data := self.say_instead(source.recv(4096)):
                if from_module and self._mute_after is not None:
                    if self._mute_after in seen:
                        continue
                    before = len(seen)
                    seen += data
                    if self._mute_after in seen:
                        data = data[: seen.index(self._mute_after) + len(self._mute_after) - before]
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)
