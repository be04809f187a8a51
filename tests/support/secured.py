"""Certificates for a test, and servers that want them."""

from __future__ import annotations

import contextlib
import getpass
import socket
import ssl
import subprocess
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import trustme

from modemqtt import Tls

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Credentials:
    """An authority, a server and a client of it, and an authority that nobody knows."""

    ca: bytes
    other_ca: bytes
    server: Path
    expired_server: Path
    cert: bytes
    key: bytes

    def client(self, ca: bytes | None = None) -> Tls:
        return Tls(ca=ca or self.ca, cert=self.cert, key=self.key)

    @property
    def secrets(self) -> list[str]:
        """Every line of the key that says something."""
        return [line for line in self.key.decode().splitlines() if line and not line.startswith("-----")]


def make(folder: Path) -> Credentials:
    authority = trustme.CA()
    client = authority.issue_cert("bench-7")
    past = datetime.now(timezone.utc) - timedelta(days=1)
    (folder / "ca.pem").write_bytes(authority.cert_pem.bytes())
    return Credentials(
        ca=authority.cert_pem.bytes(),
        other_ca=trustme.CA().cert_pem.bytes(),
        server=_written(folder / "server.pem", authority.issue_cert(HOST)),
        expired_server=_written(folder / "expired.pem", authority.issue_cert(HOST, not_after=past)),
        cert=client.cert_chain_pems[0].bytes(),
        key=client.private_key_pem.bytes(),
    )


def old_certificate(folder: Path) -> Path:
    """Return a server's key and certificate of X.509 v1, which openssl still makes; its authority is ``old_ca.pem``."""
    curve = "ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
    for command in (
        f"req -x509 -newkey {curve} -subj /CN=old -keyout old_ca.key -out old_ca.pem",
        f"req -new -newkey {curve} -subj /CN={HOST} -keyout old.key -out old.csr",
        "x509 -req -in old.csr -CA old_ca.pem -CAkey old_ca.key -set_serial 7 -days 1 -out old.crt",
    ):
        subprocess.run(["openssl", *command.split()], check=True, capture_output=True, cwd=folder)  # noqa: S603, S607 - a test's own
    path = folder / "old.pem"
    path.write_bytes((folder / "old.key").read_bytes() + (folder / "old.crt").read_bytes())
    return path


def _written(path: Path, certificate: trustme.LeafCert) -> Path:
    path.write_bytes(certificate.private_key_and_cert_chain_pem.bytes())
    return path


def listener(folder: Path, server: Path, *, mutual: bool) -> str:
    """Return the lines of a configuration of mosquitto, which would give up being root before it reads the files."""
    lines = [f"user {getpass.getuser()}", f"certfile {server}", f"keyfile {server}", f"cafile {folder / 'ca.pem'}"]
    return "\n".join([*lines, *(["require_certificate true"] if mutual else []), ""])


class NamedServer:
    """A server that notes the name that a client asked for, and ends every connection after the handshake."""

    def __init__(self, certificate: Path) -> None:
        self.names: list[str | None] = []
        self.versions: list[str | None] = []
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate)
        self._context.sni_callback = lambda _, name, __: self.names.append(name)
        self._listener = socket.create_server((HOST, 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.settimeout(10)
            with contextlib.suppress(OSError), self._context.wrap_socket(connection, server_side=True) as secured:
                self.versions.append(secured.version())
                secured.recv(1)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)


@contextlib.contextmanager
def named_server(certificate: Path) -> Iterator[NamedServer]:
    server = NamedServer(certificate)
    try:
        yield server
    finally:
        server.close()
