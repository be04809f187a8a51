"""An error says what was wrong, with the value, what is allowed, and where."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from modemqtt import ConnectError, Modem, MqttClient, OpenError, Reconnect, UsageError
from modemqtt.virtual import VirtualModem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modemqtt.virtual import Broker


@pytest.fixture
def model() -> str:
    return "BC660K-GL"


@pytest.fixture(scope="module")
def bc660k() -> Iterator[MqttClient]:
    with VirtualModem("BC660K-GL") as module, Modem(module.port) as modem:
        yield modem.mqtt()


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"keepalive": 5000}, "keepalive must be 0 to 3600 s, not 5000 (BC660K-GL)"),
        ({"keepalive": -1}, "keepalive must be 0 to 3600 s, not -1 (BC660K-GL)"),
        ({"keepalive": 2**80}, f"keepalive must be 0 to 3600 s, not {2**80} (BC660K-GL)"),
        ({"keepalive": "60"}, "keepalive must be a whole number, 0 to 3600 s, not '60' (BC660K-GL)"),
        ({"keepalive": True}, "keepalive must be a whole number, 0 to 3600 s, not True (BC660K-GL)"),
        ({"retries": 11}, "retries must be 0 to 10, not 11 (BC660K-GL)"),
        ({"version": "5"}, 'version must be "3.1" or "3.1.1", not \'5\''),
        ({"clean_session": 1}, "clean_session must be True or False, not 1"),
        ({"receive_format": "HEX"}, 'receive_format must be "text" or "hex", not \'HEX\''),
        ({"will": "gone"}, "will must be a modemqtt.Will, not a str"),
    ],
    ids=str,
)
def test_a_wrong_option_is_told_with_its_range_and_the_model(
    bc660k: MqttClient, options: dict[str, Any], text: str
) -> None:
    with pytest.raises(UsageError) as caught:
        bc660k.configure(**options)
    assert str(caught.value) == text


def test_a_wrong_argument_is_told_in_the_same_words(bc660k: MqttClient) -> None:
    calls = {
        "qos must be 0, 1 or 2, not 3": lambda: bc660k.publish("t", b"", 3),
        "port must be 1 to 65535, not 70000": lambda: bc660k.open("h", 70_000),
        "host must be 1 to 100 bytes long, not 0 (BC660K-GL)": lambda: bc660k.open(""),
        "payload must be at most 1460 bytes long, not 1461 (BC660K-GL)": lambda: bc660k.publish("t", bytes(1_461)),
        "payload must be bytes, str, a number or None, not list": lambda: bc660k.publish("t", []),  # type: ignore[arg-type]
        "timeout must be 0 s or more, or None, not -1": lambda: bc660k.subscribe("t", timeout=-1),
        "first must be more than 0 s, not 0": lambda: Reconnect(first=0),
        "reconnect must be True, False or a Reconnect, not 3": lambda: bc660k.session(
            "h",
            client_id="c",
            reconnect=3,  # type: ignore[arg-type]
        ).__enter__(),
    }
    said = []
    for call in calls.values():
        with pytest.raises(UsageError) as caught:
            call()  # type: ignore[no-untyped-call]
        said.append(str(caught.value))
    assert said == list(calls)


def test_a_server_that_cannot_be_reached_is_named(modem: Modem, broker: Broker) -> None:
    port = broker.port
    broker.close()
    with pytest.raises(
        OpenError, match=rf"^open to 127\.0\.0\.1:{port} on client 0 failed: result -1 \(failed to open"
    ):
        modem.mqtt().open("127.0.0.1", port)


def test_a_refusal_of_the_server_is_told_by_its_one_code(modem: Modem, broker: Broker) -> None:
    broker.refuse(5)
    mqtt = modem.mqtt()
    mqtt.open(broker.host, broker.port)
    with pytest.raises(ConnectError) as caught:
        mqtt.connect("bench-7")
    assert str(caught.value).splitlines()[0] == (
        f"connect to {broker.host}:{broker.port} on client 0 failed: return code 5 (not authorised); check user name "
        "and password, and what the server lets this client do"
    )
