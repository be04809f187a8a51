"""TLS from a program to a real broker: uploads, the certificates of both ends, and what stays hidden."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from modemqtt import Modem, MqttClient, OpenError, ResponseTimeout, Tls, UploadProgress, UsageError
from support import mosquitto as real_broker
from support import secured
from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modemqtt.virtual import VirtualModem
    from support.mosquitto import Address
    from support.secured import Credentials

MODELS = ("M95", "BC660K-GL", "EG915Q", "BG95")
pytestmark = pytest.mark.mosquitto


@pytest.fixture(params=MODELS)
def model(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def mqtt(modem: Modem) -> MqttClient:
    return modem.mqtt()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tls")


@pytest.fixture(scope="module")
def credentials(folder: Path) -> Credentials:
    return secured.make(folder)


def broker(folder: Path, server: Path, *, mutual: bool) -> Iterator[Address]:
    program = real_broker.find()
    if program is None:
        pytest.skip("mosquitto is not on the PATH")
    with real_broker.run(program, folder, secured.listener(folder, server, mutual=mutual)) as address:
        yield address


@pytest.fixture(scope="module")
def server(folder: Path, credentials: Credentials) -> Iterator[Address]:
    yield from broker(folder, credentials.server, mutual=False)


@pytest.fixture(scope="module")
def mutual_server(folder: Path, credentials: Credentials) -> Iterator[Address]:
    yield from broker(folder, credentials.server, mutual=True)


@pytest.fixture(scope="module")
def expired_server(folder: Path, credentials: Credentials) -> Iterator[Address]:
    yield from broker(folder, credentials.expired_server, mutual=False)


def round_trip(mqtt: MqttClient, address: Address, tls: Tls, **options: Any) -> None:  # noqa: ANN401 - any option
    with mqtt.session(address.host, address.port, client_id="bench-7", tls=tls, **options):
        mqtt.subscribe("bench/#", qos=1)
        payload = bytes(range(32, 127)) * 10
        mqtt.publish("bench/7", payload, qos=1)
        assert mqtt.receive(timeout=10).payload == payload


def refuses(mqtt: MqttClient, address: Address, tls: Tls) -> None:
    mqtt.configure(tls=tls)
    with pytest.raises(OpenError) as caught:
        mqtt.open(address.host, address.port)
    assert caught.value.result == -1


def sent(modem: Modem, *starts: str) -> list[str]:
    return [line.text for line in modem.wire if line.sent and line.text.startswith(starts)]


def test_a_server_that_the_authority_has_signed_is_connected_to(
    mqtt: MqttClient, server: Address, credentials: Credentials
) -> None:
    round_trip(mqtt, server, Tls(ca=credentials.ca))


def test_credentials_may_be_paths(mqtt: MqttClient, server: Address, folder: Path) -> None:
    round_trip(mqtt, server, Tls(ca=folder / "ca.pem"))
    round_trip(mqtt, server, Tls(ca=str(folder / "ca.pem"), verify="server", versions="all"))


def test_a_server_of_another_authority_is_refused(mqtt: MqttClient, server: Address, credentials: Credentials) -> None:
    refuses(mqtt, server, Tls(ca=credentials.other_ca))


def test_without_verification_any_server_will_do(mqtt: MqttClient, server: Address) -> None:
    round_trip(mqtt, server, Tls(verify="none"))


def test_both_ends_show_their_certificates(mqtt: MqttClient, mutual_server: Address, credentials: Credentials) -> None:
    round_trip(mqtt, mutual_server, credentials.client())


def test_a_server_that_wants_a_certificate_refuses_who_has_none(
    mqtt: MqttClient, mutual_server: Address, credentials: Credentials
) -> None:
    refuses(mqtt, mutual_server, Tls(ca=credentials.ca))


def test_a_certificate_out_of_its_time_is_refused_where_the_module_looks_at_its_clock(
    modem: Modem, expired_server: Address, credentials: Credentials
) -> None:
    mqtt = modem.mqtt()
    round_trip(mqtt, expired_server, Tls(ca=credentials.ca))
    if modem.model == "BC660K-GL":
        with pytest.raises(UsageError, match=r"check_time.*dialects that have it: eg91xq, m95"):
            mqtt.configure(tls=Tls(ca=credentials.ca, check_time=True))
    else:
        refuses(mqtt, expired_server, Tls(ca=credentials.ca, check_time=True))


def test_versions_older_than_tls_1_2_connect_to_nobody(
    mqtt: MqttClient, server: Address, credentials: Credentials
) -> None:
    refuses(mqtt, server, Tls(ca=credentials.ca, versions="1.1"))


def test_one_cipher_suite_can_be_asked_for(modem: Modem, server: Address, credentials: Credentials) -> None:
    mqtt = modem.mqtt()
    if modem.model == "BC660K-GL":
        with pytest.raises(UsageError, match="cipher_suite"):
            mqtt.configure(tls=Tls(ca=credentials.ca, cipher_suite=0xC02B))
        return
    # TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 fits the server's key, that for RSA keys does not.
    round_trip(mqtt, server, Tls(ca=credentials.ca, cipher_suite=0xC02B))
    refuses(mqtt, server, Tls(ca=credentials.ca, cipher_suite=0xC02F))


def test_tls_is_switched_off_again(mqtt: MqttClient, mosquitto: Address, credentials: Credentials) -> None:
    mqtt.configure(tls=Tls(ca=credentials.ca))
    mqtt.configure(tls=None)
    mqtt.open(mosquitto.host, mosquitto.port)


def test_a_credential_that_the_module_does_not_have_lets_no_connection_open(modem: Modem, server: Address) -> None:
    context = "0,0," if modem.model == "BC660K-GL" else ""
    level = f'AT+QSSLCFG={context}"seclevel",1' if context else 'AT+QSSLCFG="seclevel",0,1'
    modem.command(level)
    modem.mqtt().configure(tls_context=0)
    with pytest.raises(OpenError) as caught:
        modem.mqtt().open(server.host, server.port)
    assert caught.value.result == -1


def test_a_plain_broker_is_no_server_for_tls(mqtt: MqttClient, mosquitto: Address, credentials: Credentials) -> None:
    refuses(mqtt, mosquitto, Tls(ca=credentials.ca))


def test_the_program_is_told_how_far_an_upload_is(modem: Modem, credentials: Credentials) -> None:
    told: list[UploadProgress] = []
    # Text before a certificate in its file is uploaded too.
    long_ca = b"# " + b"x" * 3000 + b"\n" + credentials.ca
    tls = Tls(ca=long_ca, cert=credentials.cert, key=credentials.key)
    modem.mqtt().configure(tls=tls, progress=told.append)
    assert list(dict.fromkeys(event.name for event in told)) == ["ca", "cert", "key"]
    for name, content in (("ca", long_ca), ("cert", credentials.cert), ("key", credentials.key)):
        steps = [event.sent for event in told if event.name == name]
        assert steps == sorted(set(steps))
        assert steps[-1] == len(content)
        assert {event.total for event in told if event.name == name} == {len(content)}
    assert len([event for event in told if event.name == "ca"]) > 2


def test_a_progress_callback_that_raises_is_logged_and_stops_nothing(
    mqtt: MqttClient, credentials: Credentials, caplog: pytest.LogCaptureFixture
) -> None:
    def callback(event: UploadProgress) -> None:
        raise RuntimeError(event.name)

    with caplog.at_level(logging.ERROR, "modemqtt"):
        mqtt.configure(tls=Tls(ca=credentials.ca), progress=callback)
    assert "progress callback failed" in caplog.text
    caplog.clear()


@pytest.mark.parametrize(("model", "expected"), [("M95", (1, 1, 2, 3)), ("EG915Q", (1, 2, 3, 4))])
def test_what_is_there_already_is_sent_again_only_where_its_checksum_cannot_be_read(
    modem: Modem, credentials: Credentials, expected: tuple[int, ...]
) -> None:
    mqtt = modem.mqtt()
    for turn, sends in enumerate(expected):
        ca = credentials.other_ca if turn == 2 else credentials.ca
        mqtt.configure(tls=Tls(ca=ca))
        assert len(sent(modem, "AT+QFUPL", "AT+QSECWRITE")) == sends


@pytest.mark.parametrize(("model", "expected"), [("M95", 2), ("EG915Q", 2)])
def test_a_file_that_a_restart_has_taken_is_sent_again(
    virtual_modem: VirtualModem, modem: Modem, credentials: Credentials, expected: int
) -> None:
    mqtt = modem.mqtt()
    mqtt.configure(tls=Tls(ca=credentials.ca))
    virtual_modem.restart()
    mqtt.configure(tls=Tls(ca=credentials.ca))
    assert len(sent(modem, "AT+QFUPL", "AT+QSECWRITE")) == expected


def test_a_file_that_another_program_has_left_is_replaced(
    virtual_modem: VirtualModem, server: Address, credentials: Credentials
) -> None:
    with Modem(virtual_modem.port) as former:
        former.mqtt().configure(tls=Tls(ca=credentials.other_ca))
    with Modem(virtual_modem.port) as modem:
        round_trip(modem.mqtt(), server, Tls(ca=credentials.ca))


def test_a_session_that_connects_again_is_secured_again(
    virtual_modem: VirtualModem, modem: Modem, server: Address, credentials: Credentials
) -> None:
    mqtt = modem.mqtt()
    with mqtt.session(server.host, server.port, client_id="b", tls=Tls(ca=credentials.ca), reconnect=True):
        mqtt.subscribe("bench/#", qos=1)
        back: list[object] = []
        mqtt.on_reconnected = back.append
        virtual_modem.restart()
        until(lambda: bool(back), "on_reconnected")
        mqtt.publish("bench/7", b"again", qos=1)
        assert mqtt.receive(timeout=10).payload == b"again"


@pytest.mark.parametrize("model", ["BC35-G"])
def test_a_family_without_tls_names_those_that_have_it(modem: Modem, credentials: Credentials) -> None:
    with pytest.raises(UsageError, match=r"bc35 has no TLS; dialects that have it: bc660k, .*m95"):
        modem.mqtt().configure(tls=Tls(ca=credentials.ca))
    assert sent(modem, "AT+Q") == []


@pytest.mark.parametrize(
    ("model", "sni", "name"),
    [
        ("EG915Q", True, "localhost"),
        ("EG915Q", None, "localhost"),
        ("EG915Q", False, None),
        ("M95", None, None),
        ("BC660K-GL", None, None),
    ],
)
def test_the_server_is_named_where_that_is_asked_for(
    modem: Modem,
    credentials: Credentials,
    sni: bool | None,  # noqa: FBT001 - a parameter
    name: str | None,
) -> None:
    with secured.named_server(credentials.server) as server:
        modem.mqtt().configure(tls=Tls(verify="none", sni=sni))
        modem.mqtt().open("localhost", server.port)
        modem.mqtt().close()
    assert server.names == [name]
    assert server.versions == ["TLSv1.2"]


@pytest.mark.parametrize("model", ["M95"])
def test_sni_where_it_cannot_be_had_is_refused(mqtt: MqttClient) -> None:
    with pytest.raises(UsageError, match=r"sni.*eg91xq"):
        mqtt.configure(tls=Tls(verify="none", sni=True))
    mqtt.configure(tls=Tls(verify="none", sni=False))


@pytest.mark.parametrize("model", ["M95"])
@pytest.mark.parametrize(
    ("tls", "text"),
    [
        ({"ca": b"no pem"}, "ca: it must be PEM"),
        ({"ca": "/does/not/exist.pem"}, "ca: '/does/not/exist.pem' cannot be read: No such file"),
        ({"verify": "server"}, "ca: it is needed to verify the server"),
        ({"context": 6}, "context must be 0 to 5, not 6"),
        ({"handshake_timeout": 30}, "handshake_timeout.*bc660k, eg91xq"),
    ],
)
def test_what_cannot_be_is_refused_before_a_byte_is_sent(modem: Modem, tls: dict[str, Any], text: str) -> None:
    with pytest.raises(UsageError, match=text):
        modem.mqtt().configure(tls=Tls(**tls))
    assert sent(modem, "AT+Q") == []


@pytest.mark.parametrize("model", ["M95"])
def test_a_credential_over_the_limit_is_refused(modem: Modem, credentials: Credentials) -> None:
    with pytest.raises(UsageError, match=r"ca: it is 40.* bytes long; m95 takes at most 32768"):
        modem.mqtt().configure(tls=Tls(ca=b"#" * 40_000 + b"\n" + credentials.ca))


@pytest.mark.parametrize("values", [{"key": b"x"}, {"cert": b"x"}, {"verify": "maybe"}, {"ca": 5}, {"context": True}])
def test_wrong_values_are_refused_when_they_are_given(values: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        Tls(**values)


def test_nothing_shows_a_key(
    virtual_modem: VirtualModem, mutual_server: Address, credentials: Credentials, tmp_path: Path
) -> None:
    log = tmp_path / "wire.log"
    tls = credentials.client()
    errors = []
    with Modem(virtual_modem.port, log=log) as modem:
        round_trip(modem.mqtt(), mutual_server, tls)
        virtual_modem.inject("line-lost=0.01")
        # Whatever goes wrong, with an echo or without.
        for _ in range(3):
            virtual_modem.inject("echo-stuck")
            try:
                modem.command("ATE1")
                modem.mqtt().configure(tls=credentials.client(ca=credentials.other_ca), timeout=3)
            except Exception as error:  # noqa: BLE001 - all of them are looked at
                errors.append(error)
        shown = "\n".join([str(modem.wire), *_urcs(modem)])
    shown += log.read_text() + repr(tls) + "".join(f"{error!r}{error}{error.__dict__}" for error in errors)
    assert [line for line in credentials.secrets if line in shown or line[:20] in shown] == []
    assert f"key=<{len(credentials.key)} bytes>" in repr(tls)


def _urcs(modem: Modem) -> Iterator[str]:
    yield from modem.urcs(timeout=0)


def test_a_prompt_that_never_comes_is_an_error_and_the_next_command_has_its_own_answer(
    virtual_modem: VirtualModem, modem: Modem, credentials: Credentials
) -> None:
    virtual_modem.inject("lost-prompt=1")
    with pytest.raises(ResponseTimeout, match=r"no (CONNECT|prompt) for AT\+Q"):
        modem.mqtt().configure(tls=Tls(ca=credentials.ca))
    assert modem.command("AT+CSQ").lines == ("+CSQ: 20,0",)
    modem.mqtt().configure(tls=Tls(ca=credentials.ca))
