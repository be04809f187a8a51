"""A module reports -1 whatever is wrong with a connection; the log of the virtual module gives the reason."""

from __future__ import annotations

import shutil
import socket
from typing import TYPE_CHECKING

import pytest

from modemqtt import Modem, OpenError, Tls
from modemqtt.virtual import VirtualModem
from support import secured

if TYPE_CHECKING:
    from pathlib import Path

    from support.secured import Credentials


@pytest.fixture(scope="module")
def credentials(tmp_path_factory: pytest.TempPathFactory) -> Credentials:
    return secured.make(tmp_path_factory.mktemp("tls"))


def reasons(folder: Path, host: str, port: int, tls: Tls | None) -> list[str]:
    """Return what the log says about a failing attempt."""
    log = folder / "module.log"
    with VirtualModem("EG915Q", log=log) as module, Modem(module.port, model="EG915Q") as modem:
        mqtt = modem.mqtt()
        mqtt.configure(tls=tls)
        with pytest.raises(OpenError):
            mqtt.open(host, port)
    return [line.split(" # ", 1)[1] for line in log.read_text().splitlines() if " # " in line]


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not on the PATH")
def test_a_certificate_of_x509_v1_is_the_reason_of_a_failed_handshake(tmp_path: Path) -> None:
    certificate = secured.old_certificate(tmp_path)
    with secured.named_server(certificate) as server:
        told = reasons(tmp_path, secured.HOST, server.port, Tls(ca=tmp_path / "old_ca.pem"))
    assert told == ["the TLS handshake failed: the server's certificate cannot be used: UnsupportedCertVersion"]


def test_a_server_of_another_authority_is_the_reason_of_a_failed_handshake(
    tmp_path: Path, credentials: Credentials
) -> None:
    with secured.named_server(credentials.server) as server:
        told = reasons(tmp_path, secured.HOST, server.port, Tls(ca=credentials.other_ca))
    assert told == ["the TLS handshake failed: invalid peer certificate: UnknownIssuer"]


def test_a_context_that_nothing_can_come_of_is_the_reason_of_a_failed_handshake(
    tmp_path: Path, credentials: Credentials
) -> None:
    old = Tls(ca=credentials.ca, versions="1.1")
    no_certificate = Tls(ca=b"-----BEGIN CERTIFICATE-----\nTUlJQg==\n-----END CERTIFICATE-----\n")
    with secured.named_server(credentials.server) as server:
        told = reasons(tmp_path, secured.HOST, server.port, old)
        told += reasons(tmp_path, secured.HOST, server.port, no_certificate)[len(told) :]
    failed = "the TLS handshake failed: "
    assert told == [
        failed + "sslversion 2 allows no TLS 1.2; 3 and 4 do",
        failed + "the certificate of a certificate authority cannot be used: invalid peer certificate: BadEncoding",
    ]


def test_a_server_that_no_one_runs_is_said_not_to_be_reached(tmp_path: Path) -> None:
    with socket.create_server((secured.HOST, 0)) as gone:
        port = gone.getsockname()[1]
    (told,) = reasons(tmp_path, secured.HOST, port, None)
    assert told.startswith(f"{secured.HOST}:{port} cannot be reached: Connection refused")
