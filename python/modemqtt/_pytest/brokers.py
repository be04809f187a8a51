"""The broker of a run: one of this process, one elsewhere, or a mosquitto that is started here."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import pytest

from modemqtt import _core
from modemqtt._pytest import settings
from modemqtt._pytest.failure import fail
from modemqtt._pytest.failure import told as told_of
from modemqtt._pytest.names import CLIENT_ID

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modemqtt.virtual import Broker

_OPENS = re.compile(rb'AT\+QMTOPEN=(?P<client>\d+),"(?P<host>[^"]*)","?(?P<port>\d+)', re.IGNORECASE)
_CONNECTS = re.compile(rb'AT\+QMTCONN=(?P<client>\d+),"(?P<id>[^"]*)"(?:,"(?P<user>[^"]*)")?', re.IGNORECASE)
MOSQUITTO = "mosquitto"

# Bytes of a line that may be cut.
_LONGEST_LINE = 4096
_MQTT = 1883
_FORMS = "HOST:PORT, mqtt://user:pw@HOST:PORT or mosquitto"
_CONFIGURATION = """\
listener {port} 127.0.0.1
allow_anonymous true
max_inflight_messages 0
max_queued_messages 0
set_tcp_nodelay true
persistence false
"""
# Seconds for a broker to take a connection, and for mosquitto to start.
_PATIENCE = 5.0
# What means that there is no broker for anyone: the module may reach a host that this machine cannot.
_NOWHERE = (errno.ECONNREFUSED,)


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """A broker outside this process."""

    host: str
    """Name or address."""
    port: int
    """The TCP port."""
    username: str | None = None
    """Who connects."""
    password: str | None = field(default=None, repr=False)
    """The password. It shows in no output."""

    def __str__(self) -> str:
        """Host and port."""
        return f"{self.host}:{self.port}"


# The broker of the recordings of a run, which are searched once.
_RECORDED = pytest.StashKey[BrokerAddress]()


def address_of(text: str, source: str) -> BrokerAddress | None:
    """Read where the broker is; ``None`` for a mosquitto that is started here.

    Raises:
        pytest.UsageError: the text names none; the error does not repeat what may hold a password.

    """
    if text == MOSQUITTO:
        return None
    try:
        url = urlsplit(text if "://" in text else f"//{text}")
        host, port = url.hostname, url.port
    except ValueError:
        host = port = None
    else:
        if url.scheme not in ("", "mqtt") or url.path.strip("/") or url.query or url.fragment:
            host = None
        if port is None and url.scheme == "mqtt":
            port = _MQTT
    if not host or not port:
        shown = text.rpartition("@")[2]
        raise pytest.UsageError(f"{source} must be {_FORMS}, not {shown!r}")
    user = None if url.username is None else unquote(url.username)
    password = os.environ.get("MODEMQTT_PASSWORD") if url.password is None else unquote(url.password)
    return BrokerAddress(host, port, user, password if user is not None else None)


@contextlib.contextmanager
def serve(config: pytest.Config) -> Iterator[Broker | BrokerAddress]:
    """Give the broker of a test, until its end."""
    told = settings.of(config)
    if told.replay is not None and told.broker is None:
        if _RECORDED not in config.stash:
            config.stash[_RECORDED] = _recorded(told.replays, told.where)
        yield config.stash[_RECORDED]
        return
    if told.broker is None:
        if not told.virtual:
            fail(
                "modem_broker: a module on a port needs a broker that it can reach; give --modem-broker=HOST:PORT, "
                "MODEMQTT_BROKER or modem_broker"
            )
        from modemqtt.virtual import Broker  # noqa: PLC0415 - loaded only where it is used

        with Broker() as broker:
            yield broker
        return
    address = address_of(told.broker, told.broker_from)
    if address is None:
        with _mosquitto(told.factor) as started:
            yield started
        return
    if told.replay is None:
        _check(address, told)
    yield address


def _recorded(files: tuple[str, ...], where: str) -> BrokerAddress:
    """Return the broker of recordings. Nobody really connects, so any password will do.

    It is the one to which `modem_mqtt` has connected. A test may have connected to others, or under another name.
    """
    first: BrokerAddress | None = None
    with told_of(where):
        for client_id, address in (found for file in files for found in _connections(file)):
            if client_id.startswith(CLIENT_ID):
                return address
            first = first or address
    if first is None:
        fail(f"modem_broker: {where} makes no connection; give --modem-broker=HOST:PORT")
    return first


def _connections(file: str) -> Iterator[tuple[str, BrokerAddress]]:
    """Find the connections of a recording: each with its client id."""
    recording = _core.Recording(file)
    opened: dict[bytes, tuple[str, int]] = {}
    rest = b""
    while (piece := recording.next()) is not None:
        if not piece[2]:
            continue
        *lines, rest = (rest[-_LONGEST_LINE:] + piece[3]).split(b"\r")
        for line in lines:
            if (found := _OPENS.search(line)) is not None:
                opened[found["client"]] = found["host"].decode(), int(found["port"])
            elif (found := _CONNECTS.search(line)) is not None and found["client"] in opened:
                user = None if found["user"] is None else found["user"].decode()
                password = None if user is None else "replayed"
                yield found["id"].decode(), BrokerAddress(*opened[found["client"]], user, password)


def _check(address: BrokerAddress, told: settings.Settings) -> None:
    """Fail if no broker answers. A module on the air may reach what this machine cannot, and be refused later."""
    patience = _PATIENCE * told.factor
    try:
        socket.create_connection((address.host, address.port), timeout=patience).close()
    except OSError as error:
        if told.virtual or error.errno in _NOWHERE:
            reason = f"no answer within {patience:g} s" if isinstance(error, TimeoutError) else error.strerror or error
            fail(f"no broker answers at {address} ({told.broker_from}): {reason}; start it, or name another one")


@contextlib.contextmanager
def _mosquitto(factor: float) -> Iterator[BrokerAddress]:
    # Distributions put it into a folder that only administrators have on the PATH.
    program = shutil.which(MOSQUITTO, path=os.environ.get("PATH", os.defpath) + os.pathsep + "/usr/sbin")
    if program is None:
        fail("--modem-broker mosquitto: there is no mosquitto on the PATH; install it")
    # The port is free when it is chosen, and probably still free when mosquitto takes it.
    with tempfile.TemporaryDirectory(prefix="modemqtt-") as name:
        configuration, output = Path(name, "mosquitto.conf"), Path(name, "mosquitto.log")
        for _ in range(5):
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                address = BrokerAddress("127.0.0.1", probe.getsockname()[1])
            configuration.write_text(_CONFIGURATION.format(port=address.port), encoding="utf-8")
            with output.open("wb") as log:
                process = subprocess.Popen([program, "-c", str(configuration)], stdout=log, stderr=log)  # noqa: S603
            try:
                if _comes_up(process, address, _PATIENCE * factor):
                    yield address
                    return
            finally:
                process.kill()
                process.wait()
        last = output.read_text(encoding="utf-8", errors="replace").strip().rpartition("\n")[2]
    fail(f"--modem-broker mosquitto: it does not start: {last or 'it says nothing'}")


def _comes_up(process: subprocess.Popen[bytes], address: BrokerAddress, patience: float) -> bool:
    deadline = time.monotonic() + patience
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection((address.host, address.port), timeout=1):
            return True
        time.sleep(0.01)
    return False


def heal_broker(broker: Broker) -> None:
    """Bring a broker that serves several tests back to normal."""
    broker.refuse(None)
    broker.deny(None)
    broker.cut(None)
    broker.slow(0)
    broker.silent(on=False)
    broker.withhold_acks(on=False)
    broker.start()
