"""Every model on mosquitto, every way in: plain, with a password, over TLS, over TLS with its own certificate."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest

from modemqtt import Tls
from support import mosquitto as real_broker
from support import secured

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from modemqtt import Modem
    from support.mosquitto import Address
    from support.secured import Credentials

pytestmark = pytest.mark.mosquitto

WAYS = ("plain", "password", "TLS", "mutual TLS")
# BC35-G/BC28 have no TLS.
CELLS = [(model, way) for model in ("M95", "BC660K-GL", "EG915Q") for way in WAYS] + [
    ("BC35-G", way) for way in WAYS[:2]
]
USERS = {"bench": "correct-horse"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("table")


@pytest.fixture(scope="module")
def credentials(folder: Path) -> Credentials:
    return secured.make(folder)


@pytest.fixture(scope="module")
def start(folder: Path, credentials: Credentials) -> Iterator[Callable[[str], Address]]:
    program = real_broker.find()
    if program is None:
        pytest.skip("mosquitto is not on the PATH")
    running: dict[str, Address] = {}
    with contextlib.ExitStack() as stack:

        def start(way: str) -> Address:
            if way not in running:
                own = folder / way.replace(" ", "-")
                own.mkdir()
                users = USERS if way == "password" else None
                more = ""
                if "TLS" in way:
                    more = secured.listener(folder, credentials.server, mutual=way == "mutual TLS")
                process, running[way] = real_broker.start(program, own, users=users, more=more)
                stack.callback(process.wait)
                stack.callback(process.terminate)
            return running[way]

        yield start


def options(way: str, credentials: Credentials) -> dict[str, Any]:
    match way:
        case "password":
            return {"username": "bench", "password": USERS["bench"]}
        case "TLS":
            return {"tls": Tls(ca=credentials.ca)}
        case "mutual TLS":
            return {"tls": Tls(ca=credentials.ca, cert=credentials.cert, key=credentials.key)}
    return {}


@pytest.mark.parametrize(("model", "way"), CELLS)
def test_a_session_publishes_and_receives(
    model: str, way: str, modem: Modem, start: Callable[[str], Address], credentials: Credentials
) -> None:
    address = start(way)
    with modem.mqtt().session(address.host, address.port, client_id="bench-7", **options(way, credentials)) as mqtt:
        for qos in (0, 1, 2):
            assert mqtt.subscribe(f"bench/{model}/{qos}", qos=qos) == [qos]
            mqtt.publish(f"bench/{model}/{qos}", b"21.5 at %d" % qos, qos=qos)
            assert mqtt.receive(timeout=10).payload == b"21.5 at %d" % qos
    assert modem.model == model
