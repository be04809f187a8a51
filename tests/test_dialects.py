"""What differs between the dialects, through one API."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from modemqtt import Alibaba, Modem, OneNet, PublishError, Tencent, TokenError, UsageError, Values, Will
from modemqtt.virtual import Broker, VirtualModem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support import mosquitto as real_broker

SCRIPT = Path(__file__).parent / "examples" / "every_dialect.py"
OF_EACH_DIALECT = ("M95", "BC35-G", "BC660K-GL", "EG915Q")
SECRET = "very-secret-indeed"


@pytest.fixture(params=OF_EACH_DIALECT)
def each(request: pytest.FixtureRequest) -> Iterator[Modem]:
    with VirtualModem(request.param) as module, Modem(module.port) as modem:
        yield modem


@pytest.fixture
def eg91xq() -> Iterator[Modem]:
    with VirtualModem("EG915Q") as module, Modem(module.port) as modem:
        yield modem


@pytest.mark.mosquitto
@pytest.mark.parametrize("model", OF_EACH_DIALECT)
def test_one_program_serves_every_dialect_on_a_real_broker(model: str, mosquitto: real_broker.Address) -> None:
    with VirtualModem(model) as module:
        done = subprocess.run(  # noqa: S603 - our own
            [sys.executable, "-W", "error", SCRIPT, module.port, mosquitto.host, str(mosquitto.port)],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{model} (")
    assert done.stdout.endswith("granted [1], received b'21.5'\n")


@pytest.mark.parametrize(
    ("model", "dialect"),
    [
        ("M95", "m95"),
        ("BC35-G", "bc35"),
        ("BC28", "bc35"),
        ("BC660K-GL", "bc660k"),
        ("EG800Q", "eg91xq"),
        ("EG915Q", "eg91xq"),
        ("EG916Q", "eg91xq"),
    ],
)
def test_every_model_is_recognised_by_what_it_prints(model: str, dialect: str) -> None:
    with VirtualModem(model) as module, Modem(module.port) as modem:
        assert (modem.model, modem.dialect) == (model, dialect)
        assert modem.signal() == -73
        assert modem.registration() == 1
        assert modem.wait_registered(timeout=1) == 1


def test_what_the_module_lists_in_its_test_form_is_taken_apart(each: Modem) -> None:
    capabilities = each.mqtt().capabilities()
    assert capabilities["keepalive"][1] == Values(ranges=((0, 3600),))
    assert 3600 in capabilities["keepalive"][1]
    assert 3601 not in capabilities["keepalive"][1]
    assert capabilities["session"][1] == Values(single=(0, 1))
    assert set(each.mqtt().configuration()) >= {"keepalive", "packet_timeout", "retries", "clean_session", "will"}


def test_every_module_restarts_by_its_own_command(each: Modem, broker: Broker) -> None:
    mqtt = each.mqtt()
    mqtt.open(broker.host, broker.port)
    mqtt.connect("bench")
    each.restart(timeout=20)
    assert mqtt.state == "closed"
    assert each.stats.restarts == 1
    mqtt.open(broker.host, broker.port)
    mqtt.connect("bench")
    assert mqtt.publish("t", b"again", qos=1).state == "acknowledged"


def test_settings_of_eg91xq_are_read_back_with_their_types(eg91xq: Modem) -> None:
    options: dict[str, Any] = {
        "version": "3.1",
        "pdp_context": 3,
        "tls_context": 2,
        "ping_interval": 10,
        "receive": "buffer",
        "show_length": True,
        "send_format": "hex",
        "receive_format": "hex",
        "view_data": True,
        "edit_timeout": 30,
        "send_mode": "hex",
        "alibaba": Alibaba("key", "name", SECRET),
        "onenet": OneNet("product", SECRET),
        "will": Will("bench/will", b"gone", qos=1, retain=True),
    }
    mqtt = eg91xq.mqtt(3)
    mqtt.configure(**options)
    assert options.items() <= mqtt.configuration().items()
    mqtt.configure(edit_timeout=None, tls_context=None, will=None)
    changed = mqtt.configuration()
    assert (changed["edit_timeout"], changed["tls_context"], changed["will"]) == (None, None, None)
    assert SECRET not in str(eg91xq.wire)
    assert SECRET not in repr(changed)


def test_a_will_that_cannot_stand_in_quotes_goes_after_a_prompt(eg91xq: Modem, broker: Broker) -> None:
    mqtt = eg91xq.mqtt()
    payload = b'"\r\n\x00\x1a'
    mqtt.configure(will=Will("bench/will", payload))
    mqtt.open(broker.host, broker.port)
    mqtt.connect("bench")
    broker.drop_clients()
    assert [message.payload for message in broker.messages] == [payload]


@pytest.mark.parametrize("model", ["BC660K-GL", "EG915Q"])
def test_payloads_are_bytes_in_hexadecimal_digits_as_well(model: str, broker: Broker) -> None:
    with VirtualModem(model) as module, Modem(module.port) as modem:
        mqtt = modem.mqtt()
        mqtt.configure(send_format="hex", receive_format="hex")
        with mqtt.session(broker.host, broker.port, client_id="bench"):
            mqtt.subscribe("t", qos=1)
            payload = bytes(range(256))
            mqtt.publish("t", payload, qos=1)
            assert mqtt.receive(timeout=5).payload == payload
            with pytest.raises(UsageError, match="hexadecimal"):
                mqtt.publish("t", bytes(1501))


@pytest.mark.parametrize("fault", ["hex-length-digits"])
def test_a_length_that_counts_digits_is_understood(fault: str, broker: Broker) -> None:
    with VirtualModem("EG915Q", faults=[fault]) as module, Modem(module.port) as modem:
        mqtt = modem.mqtt()
        mqtt.configure(receive_format="hex")
        with mqtt.session(broker.host, broker.port, client_id="bench"):
            mqtt.subscribe("t")
            broker.publish("t", b"21.5")
            message = mqtt.receive(timeout=5)
            assert (message.payload, message.complete) == (b"21.5", True)


def test_the_modules_buffer_is_drained_as_messages_are_announced(eg91xq: Modem, broker: Broker) -> None:
    mqtt = eg91xq.mqtt()
    with mqtt.session(broker.host, broker.port, client_id="bench", receive="buffer"):
        mqtt.subscribe("t", qos=1)
        wanted = [f"{number}".encode() + b'\r\n"' for number in range(200)]
        seen = []
        for payload in wanted:
            broker.publish("t", payload, qos=1)
            seen.append(mqtt.receive(timeout=5).payload)
        assert seen == wanted
        assert eg91xq.stats.overruns == 0


def test_cloud_credentials_stand_in_for_user_and_password(broker: Broker) -> None:
    with VirtualModem("BC35-G") as module, Modem(module.port) as modem:
        mqtt = modem.mqtt()
        mqtt.configure(alibaba=Alibaba("key", "name", SECRET))
        mqtt.open(broker.host, broker.port)
        mqtt.connect("bench")
        assert mqtt.state == "connected"
        assert SECRET not in str(modem.wire)
        assert SECRET not in repr(Alibaba("key", "name", SECRET))


def test_a_token_is_issued_and_shown_nowhere() -> None:
    with VirtualModem("BC28") as module, Modem(module.port) as modem:
        device = Tencent("product", "device", "product@device", SECRET)
        token = modem.mqtt().authenticate(device)
        assert token
        assert token not in str(modem.wire)
        assert SECRET not in str(modem.wire) + repr(device)
        module.network(up=False)
        with pytest.raises(TokenError) as caught:
            modem.mqtt().authenticate(device)
        assert (caught.value.result, caught.value.name) == (1, "DNS resolution failed")


def test_an_option_that_the_dialect_lacks_names_those_that_have_it() -> None:
    with VirtualModem("M95") as module, Modem(module.port) as modem:
        mqtt = modem.mqtt()
        sent = modem.stats.bytes_sent
        for options in ({"pdp_context": 1}, {"receive": "buffer"}, {"onenet": OneNet("p", "k")}):
            with pytest.raises(UsageError, match=r"dialects that have it: .*eg91xq"):
                mqtt.configure(**options)
        with pytest.raises(UsageError, match=r"dialects that have it: .*bc35"):
            mqtt.authenticate(Tencent("p", "d", "c", "s"))
        assert modem.stats.bytes_sent == sent


def test_the_window_of_five_is_kept_on_every_dialect_that_has_one(each: Modem, broker: Broker) -> None:
    mqtt = each.mqtt()
    mqtt.configure(packet_timeout=1, retries=0)
    mqtt.open(broker.host, broker.port)
    mqtt.connect("bench")
    broker.withhold_acks()
    deliveries = [mqtt.publish("t", b"x", qos=1, wait=False) for _ in range(1 if each.dialect == "bc660k" else 5)]
    for delivery in deliveries:
        with pytest.raises(PublishError):
            delivery.wait()
        assert delivery.state == "failed"


@pytest.mark.parametrize(
    ("model", "forms"),
    [
        ("M95", ["prompt"]),
        ("BC35-G", ["prompt"]),
        ("BC660K-GL", ["counted", "prompt", "inline"]),
        ("EG915Q", ["counted"]),
        ("BG95", ["counted", "prompt", "quoted"]),
    ],
)
def test_every_form_of_publish_delivers(model: str, forms: list[Any], broker: Broker) -> None:
    with VirtualModem(model) as module, Modem(module.port) as modem:
        mqtt = modem.mqtt()
        with mqtt.session(broker.host, broker.port, client_id="bench"):
            for form in forms:
                assert mqtt.publish("t", form, qos=1, form=form).state == "acknowledged"
            lacking = next(form for form in ("inline", "quoted") if form not in forms)
            with pytest.raises(UsageError, match="dialects that have it"):
                mqtt.publish("t", b"x", form=lacking)  # type: ignore[arg-type]
            with pytest.raises(UsageError, match="form"):
                mqtt.publish("t", b"x", form="smoke")  # type: ignore[arg-type]
    assert [message.payload.decode() for message in broker.messages] == forms


def test_a_module_that_no_one_knows_is_an_error_that_says_how_to_go_on() -> None:
    with VirtualModem("M95") as module:
        with pytest.raises(UsageError, match=r"known ones are .*BC35-G") as caught:
            Modem(module.port, model="SIM800L").open()
        assert "auto" in str(caught.value)
