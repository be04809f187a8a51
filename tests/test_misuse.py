"""A meaningless argument is a `UsageError`, and not a byte of it reaches the module."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Any

import pytest

from modemqtt import Modem, MqttClient, UsageError, UsageTypeError, Will
from modemqtt.virtual import FAULTS, Broker, VirtualModem

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BAD_TEXTS = {
    "CR": "a\rb",
    "LF": "a\nb",
    "NUL": "a\0b",
    "Ctrl-Z": "a\x1ab",
    "ESC": "a\x1bb",
    "quote": 'a"b',
    "empty": "",
    "surrogate": "a\ud800b",
}
BAD_FILTERS = ("a#", "#/a", "a/b#", "+a", "a/+b", "a/#/b")
BAD_TIMEOUTS = (-1, -0.001, float("nan"), float("-inf"))
HUGE = 2**70

Misuse = tuple["Callable[[MqttClient], object]", str]


def cases() -> dict[str, Misuse]:
    """Every wrong call, with what its message must name."""
    wrong: dict[str, Misuse] = {
        "qos 3": (lambda mqtt: mqtt.publish("t", b"", 3), "qos"),
        "qos -1": (lambda mqtt: mqtt.publish("t", b"", -1), "qos"),
        "qos huge": (lambda mqtt: mqtt.publish("t", b"", HUGE), f"qos must be 0, 1 or 2, not {HUGE}"),
        "qos huge of a subscription": (lambda mqtt: mqtt.subscribe("t", HUGE), f"qos must be 0, 1 or 2, not {HUGE}"),
        "qos 3 of a subscription": (lambda mqtt: mqtt.subscribe("t", 3), "qos"),
        "qos 3 of one of several": (lambda mqtt: mqtt.subscribe([("t", 0), ("u", 3)]), "qos"),
        "port 0": (lambda mqtt: mqtt.open("h", 0), "port"),
        "port -1": (lambda mqtt: mqtt.open("h", -1), "port"),
        "port 70000": (lambda mqtt: mqtt.open("h", 70_000), "port"),
        "port huge": (lambda mqtt: mqtt.open("h", HUGE), f"port must be 1 to 65535, not {HUGE}"),
        "host too long": (lambda mqtt: mqtt.open("h" * 101), "100"),
        "no topic to subscribe to": (lambda mqtt: mqtt.subscribe([]), "topic"),
        "no topic to unsubscribe from": (lambda mqtt: mqtt.unsubscribe([]), "topic"),
        "topics without their QoS": (lambda mqtt: mqtt.subscribe(["ab", "cd"]), "QoS"),  # type: ignore[list-item]
        "a number of topics": (lambda mqtt: mqtt.subscribe(5), "must be a str, or pairs"),  # type: ignore[arg-type]
        "topic too long": (lambda mqtt: mqtt.publish("t" * 65_536, b""), "topic"),
        "filter too long": (lambda mqtt: mqtt.subscribe("t" * 65_536), "topic"),
        "client id too long": (lambda mqtt: mqtt.connect("c" * 65_536), "client"),
        "payload too long": (lambda mqtt: mqtt.publish("t", bytes(1_549)), "1549"),
        "payload of True": (lambda mqtt: mqtt.publish("t", payload=True), "bool"),
        "payload of an object": (lambda mqtt: mqtt.publish("t", object()), "object"),  # type: ignore[arg-type]
        "payload of a list": (lambda mqtt: mqtt.publish("t", [1]), "list"),  # type: ignore[arg-type]
        "payload with a surrogate": (lambda mqtt: mqtt.publish("t", "\ud800"), "payload"),
        "wildcard in a publish": (lambda mqtt: mqtt.publish("a/+/b", b""), "wildcard"),
        "wildcard at the end of a publish": (lambda mqtt: mqtt.publish("a/#", b""), "wildcard"),
        "misuse without waiting": (lambda mqtt: mqtt.publish("a/#", b"", wait=False), "wildcard"),
        "password without a user": (lambda mqtt: mqtt.connect("c", None, "secret"), "user name"),
        "session port 0": (lambda mqtt: mqtt.session("h", 0, client_id="c", reconnect=True).__enter__(), "port"),
        "session timeout text": (
            lambda mqtt: mqtt.session("h", client_id="c", timeout="1").__enter__(),  # type: ignore[arg-type]
            "timeout must be 0 s or more",
        ),
        **logins(),
        "option that is none": (lambda mqtt: mqtt.configure(keep_alive=60), "keepalive"),  # type: ignore[call-arg]
        "session option that is none": (
            lambda mqtt: mqtt.session("h", client_id="c", keep_alive=60).__enter__(),  # type: ignore[call-arg]
            "keepalive",
        ),
        "keepalive 3601": (lambda mqtt: mqtt.configure(keepalive=3_601), "3601"),
        "keepalive -1": (lambda mqtt: mqtt.configure(keepalive=-1), "keepalive"),
        "keepalive text": (lambda mqtt: mqtt.configure(keepalive="60"), "keepalive"),  # type: ignore[arg-type]
        "keepalive half": (lambda mqtt: mqtt.configure(keepalive=60.5), "keepalive"),  # type: ignore[arg-type]
        "keepalive True": (lambda mqtt: mqtt.configure(keepalive=True), "keepalive"),
        "packet_timeout 0": (lambda mqtt: mqtt.configure(packet_timeout=0), "packet_timeout must be 1 to 60 s, not 0"),
        "packet_timeout 61": (lambda mqtt: mqtt.configure(packet_timeout=61), "61"),
        "retries 11": (lambda mqtt: mqtt.configure(retries=11), "11"),
        "one good, one wrong": (lambda mqtt: mqtt.configure(keepalive=60, retries=11), "11"),
        "clean_session 1": (lambda mqtt: mqtt.configure(clean_session=1), "clean_session"),  # type: ignore[arg-type]
        "timeout_notice text": (lambda mqtt: mqtt.configure(timeout_notice="yes"), "timeout_notice"),  # type: ignore[arg-type]
        "version 5": (lambda mqtt: mqtt.configure(version="5"), "version"),  # type: ignore[arg-type]
        "version number": (lambda mqtt: mqtt.configure(version=4), "version"),  # type: ignore[arg-type]
        "will text": (lambda mqtt: mqtt.configure(will="gone"), "will"),  # type: ignore[arg-type]
        "will payload text": (lambda mqtt: mqtt.configure(will=Will("t", "gone")), "payload"),  # type: ignore[arg-type]
        "will qos 3": (lambda mqtt: mqtt.configure(will=Will("t", b"gone", qos=3)), "qos"),
        "will wildcard": (lambda mqtt: mqtt.configure(will=Will("t/#", b"gone")), "wildcard"),
        "will payload quote": (lambda mqtt: mqtt.configure(will=Will("t", b'"')), "quote"),
        "will payload CR": (lambda mqtt: mqtt.configure(will=Will("t", b"\r")), "0x0D"),
    }
    for name, text in BAD_TEXTS.items():
        wrong |= texts(name, text)
    for text in BAD_FILTERS:
        wrong |= filters(text)
    for timeout in BAD_TIMEOUTS:
        wrong |= timeouts(timeout)
    return wrong


def logins() -> dict[str, Misuse]:
    """A session with one wrong value: it is refused as a whole."""
    wrong: dict[str, tuple[dict[str, Any], str]] = {
        "client id": ({"client_id": "a\rb"}, "client_id must not hold the byte 0x0D"),
        "client id too long": ({"client_id": "c" * 65_536}, "client_id must be"),
        "user": ({"client_id": "c", "username": 'u"', "password": "p"}, "username must not hold a double quote"),
        "password": ({"client_id": "c", "username": "u", "password": "p\x1a"}, "password must not hold the byte 0x1A"),
        "password without a user": ({"client_id": "c", "password": "p"}, "a password needs a user name"),
        "option": ({"client_id": "c", "keepalive": 3_601}, "keepalive must be 0 to 3600 s, not 3601"),
    }
    return {
        f"session with a wrong {name}{' that connects again' * again}": (
            lambda mqtt, login=login, again=again: mqtt.session("h", reconnect=again, **login).__enter__(),  # type: ignore[misc]
            said,
        )
        for name, (login, said) in wrong.items()
        for again in (False, True)
    }


def texts(name: str, text: str) -> dict[str, Misuse]:
    calls: dict[str, Callable[[MqttClient], object]] = {
        "topic": lambda mqtt: mqtt.publish(text, b""),
        "filter": lambda mqtt: mqtt.subscribe(text),
        "one filter of several": lambda mqtt: mqtt.unsubscribe(["t", text]),
        "host": lambda mqtt: mqtt.open(text),
        "will topic": lambda mqtt: mqtt.configure(will=Will(text, b"gone")),
    }
    if text:
        calls |= {
            "client id": lambda mqtt: mqtt.connect(text),
            "user": lambda mqtt: mqtt.connect("c", text, "p"),
            "password": lambda mqtt: mqtt.connect("c", "u", text),
        }
    return {f"{where} with {name}": (call, "") for where, call in calls.items()}


def filters(text: str) -> dict[str, Misuse]:
    return {
        f"filter {text}": (lambda mqtt: mqtt.subscribe(text), "wildcard"),
        f"unsubscribed filter {text}": (lambda mqtt: mqtt.unsubscribe(text), "wildcard"),
    }


def timeouts(timeout: float) -> dict[str, Misuse]:
    calls: dict[str, Callable[[MqttClient], object]] = {
        "publish": lambda mqtt: mqtt.publish("t", b"", timeout=timeout),
        "subscribe": lambda mqtt: mqtt.subscribe("t", timeout=timeout),
        "unsubscribe": lambda mqtt: mqtt.unsubscribe("t", timeout=timeout),
        "configure": lambda mqtt: mqtt.configure(keepalive=60, timeout=timeout),
        "configuration": lambda mqtt: mqtt.configuration(timeout=timeout),
        "open": lambda mqtt: mqtt.open("h", timeout=timeout),
        "session": lambda mqtt: mqtt.session("h", client_id="c", timeout=timeout).__enter__(),
        "session that connects again": (
            lambda mqtt: mqtt.session("h", client_id="c", timeout=timeout, reconnect=True).__enter__()
        ),
        "connect": lambda mqtt: mqtt.connect("c", timeout=timeout),
        "disconnect": lambda mqtt: mqtt.disconnect(timeout=timeout),
        "close": lambda mqtt: mqtt.close(timeout=timeout),
        "receive": lambda mqtt: mqtt.receive(timeout=timeout),
        "messages": lambda mqtt: list(mqtt.messages(timeout=timeout)),
    }
    return {f"{name} within {timeout} s": (call, "timeout") for name, call in calls.items()}


CASES = cases()


def refused(modem: Modem, call: Callable[[], object]) -> str:
    before = modem.stats.bytes_sent
    with pytest.raises(UsageError) as caught:
        call()
    assert modem.command("AT").final == "OK"
    assert modem.stats.bytes_sent == before + len("AT\r")
    return str(caught.value)


@pytest.mark.timeout(5)
@pytest.mark.parametrize("name", CASES)
def test_a_wrong_call_of_a_client_is_refused_and_nothing_is_sent(modem: Modem, name: str) -> None:
    call, named = CASES[name]
    message = refused(modem, lambda: call(modem.mqtt()))
    assert named in message
    assert message


@pytest.mark.timeout(5)
@pytest.mark.parametrize("timeout", BAD_TIMEOUTS)
@pytest.mark.parametrize("call", ["signal", "registration", "wait_registered", "restart"])
def test_an_invalid_time_is_refused(modem: Modem, call: str, timeout: float) -> None:
    assert "timeout" in refused(modem, lambda: getattr(modem, call)(timeout=timeout))


@pytest.mark.timeout(5)
@pytest.mark.parametrize("line", ["", "hello", "AT\rATZ", "AT+CSQ\nATZ", "AT\0", "AT\x1a", "AT\x1b", "+CSQ", "AT\r\n"])
def test_a_line_that_is_no_command_or_more_than_one_is_refused(modem: Modem, line: str) -> None:
    assert refused(modem, lambda: modem.command(line))


@pytest.mark.parametrize("index", [-1, True, 1.0, "0", None, 256, HUGE], ids=str)
def test_an_invalid_index_is_refused(modem: Modem, index: Any) -> None:  # noqa: ANN401 - of every kind
    assert "client index" in refused(modem, lambda: modem.mqtt(index))
    # Nothing is kept of it that could fail later.
    assert modem.reopen().command("AT").final == "OK"


@pytest.mark.parametrize("index", [6, 255], ids=str)
def test_an_index_that_the_module_lacks_is_refused_with_those_it_has(modem: Modem, index: int) -> None:
    assert "client index" in refused(modem, lambda: modem.mqtt(index).open("h"))
    assert "client index" in refused(modem, lambda: modem.mqtt(index).configuration())


@pytest.mark.parametrize("wrong", [1, None, b"t", []], ids=repr)
def test_a_topic_that_is_not_text_is_refused(modem: Modem, wrong: Any) -> None:  # noqa: ANN401 - of every kind
    before = modem.stats.bytes_sent
    for call in (modem.mqtt().publish, modem.mqtt().subscribe, modem.mqtt().unsubscribe, modem.mqtt().open):
        with pytest.raises((UsageError, TypeError)):
            call(wrong)
    assert modem.stats.bytes_sent == before


def test_a_payload_that_the_dialect_cannot_carry_is_refused_with_the_reason(modem: Modem) -> None:
    publish = modem.mqtt().publish
    if modem.model == "M95":
        for byte in (b"\x1a", b"\x1b"):
            assert f"0x{byte[0]:02X}" in refused(modem, lambda byte=byte: publish("t", b"12" + byte + b"4"))  # type: ignore[misc]
        assert "at most 1548" in refused(modem, lambda: publish("t", bytes(1_549)))
    else:
        assert "at most 1460" in refused(modem, lambda: publish("t", bytes(1_461)))


@pytest.mark.parametrize("model", ["BC660K-GL"], indirect=True)
def test_the_limits_of_the_dialect_are_named(modem: Modem) -> None:
    mqtt = modem.mqtt()
    assert "1 to 256" in refused(modem, lambda: mqtt.publish("t" * 257, b""))
    assert "1 to 256" in refused(modem, lambda: mqtt.subscribe("t" * 257))
    assert "128" in refused(modem, lambda: mqtt.connect("c" * 129))
    assert "256" in refused(modem, lambda: mqtt.connect("c", "u" * 257))
    assert "256" in refused(modem, lambda: mqtt.connect("c", "u", "p" * 257))
    assert "0 to 4" in refused(modem, lambda: modem.mqtt(5).open("h"))


@pytest.mark.parametrize("model", ["M95"], indirect=True)
@pytest.mark.parametrize("options", [{"version": "3.1.1"}, {"show_length": True}], ids=str)
def test_an_option_that_the_dialect_lacks_names_those_that_have_it(modem: Modem, options: dict[str, Any]) -> None:
    assert "bc660k" in refused(modem, lambda: modem.mqtt().configure(**options))


@pytest.mark.parametrize("model", ["EG915Q"], indirect=True)
def test_a_user_name_without_the_password_that_its_command_needs_is_refused(modem: Modem) -> None:
    said = refused(modem, lambda: modem.mqtt().connect("c", "u"))
    assert said == "username needs password as well (EG800Q, EG915Q, EG916Q)"


@pytest.mark.parametrize("model", ["BC28"], indirect=True)
def test_a_second_client_of_a_module_that_has_one_is_refused(modem: Modem) -> None:
    said = refused(modem, lambda: modem.mqtt(1).open("h"))
    assert said == "client index must be 0, not 1 (BC35-G, BC28)"


def test_a_password_that_cannot_be_sent_is_not_shown(modem: Modem) -> None:
    message = refused(modem, lambda: modem.mqtt().connect("c", "u", 'correct"horse'))
    assert "horse" not in message


def test_a_value_of_the_wrong_type_is_named_but_not_shown(modem: Modem) -> None:
    with pytest.raises(UsageTypeError, match=r"^client_id must be a str, not int$"):
        modem.mqtt().connect(4711)  # type: ignore[arg-type]
    with pytest.raises(UsageTypeError, match=r"^password must be a str, not bytes$"):
        modem.mqtt().connect("c", "u", b"correct horse")  # type: ignore[arg-type]


@pytest.mark.timeout(5)
def test_a_time_beyond_all_measure_is_no_harm(modem: Modem) -> None:
    for timeout in (1e9, 1e18, 1e19, 1e300, float("inf")):
        try:
            assert modem.command("AT", timeout=timeout).final == "OK"
        except UsageError as error:
            assert "timeout" in str(error)  # noqa: PT017 - either will do
    assert modem.command("AT").final == "OK"


def test_wrong_settings_of_a_virtual_module_are_refused() -> None:
    with pytest.raises(UsageError, match=r"gremlin.*reopen-error"):
        VirtualModem("M95", faults=["gremlin"])
    with VirtualModem("M95", faults=FAULTS) as module, pytest.raises(UsageError, match="gremlin"):
        module.inject("gremlin")
    with VirtualModem("M95") as module:
        for signal, said in (
            ((32, 0), "rssi must be 0 to 31 or 99, not 32"),
            ((-1, 0), "rssi must be 0 to 99, not -1"),
            ((20, 8), "ber must be 0 to 7 or 99, not 8"),
            ((20, -1), "ber must be 0 to 99, not -1"),
        ):
            with pytest.raises(UsageError, match=said):
                module.set_signal(*signal)
        for level, said in (
            ({"rsrp": -141}, "rsrp must be -140 to -44, not -141"),
            ({"rsrq": -2}, "rsrq must be -20 to -3, not -2"),
            ({"sinr": 31}, "sinr must be -20 to 30, not 31"),
        ):
            with pytest.raises(UsageError, match=said):
                module.set_signal(20, **level)
    with pytest.raises(UsageError, match="link"):
        VirtualModem("M95", listen="127.0.0.1:0", link="ttyBench")
    with pytest.raises(UsageError, match="baud"):
        VirtualModem("M95", baudrate=0)
    for address in ("127.0.0.1:99999", "nonsense", ""):
        with pytest.raises(UsageError, match=f'listen must be HOST:PORT.*not "{address}"'):
            VirtualModem("M95", listen=address)


def test_what_the_system_refuses_a_virtual_module_or_a_broker_has_its_number(broker: Broker, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="cannot listen") as taken:
        Broker(port=broker.port)
    assert taken.value.errno == errno.EADDRINUSE
    with pytest.raises(OSError, match="cannot listen") as taken:
        VirtualModem("M95", listen=f"127.0.0.1:{broker.port}")
    assert taken.value.errno == errno.EADDRINUSE
    with pytest.raises(OSError, match="cannot write the log") as missing:
        VirtualModem("M95", log=tmp_path / "nowhere" / "log")
    assert missing.value.errno == errno.ENOENT


def test_wrong_settings_of_a_broker_are_refused(broker: Broker) -> None:
    for call in (
        lambda: Broker(port=70_000),
        lambda: Broker(port=-1),
        lambda: broker.refuse(0),
        lambda: broker.refuse(6),
        lambda: broker.publish("a/#", b""),
        lambda: broker.publish("t", b"", qos=3),
    ):
        with pytest.raises(UsageError):
            call()
