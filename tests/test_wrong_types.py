"""A value of the wrong type gets the same kind of error wherever it is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

from modemqtt import Modem, MqttClient, Reconnect, Tls, UsageError, UsageTypeError, Will
from modemqtt.aio import AsyncModem
from modemqtt.virtual import Broker, Expectation, Fault, Script, VirtualModem

if TYPE_CHECKING:
    from collections.abc import Callable

    Call: TypeAlias = Callable[[Any], object]
    Wrong: TypeAlias = tuple[object, ...]

TEXT: Wrong = (3, 1.5, b"x", ["x"], {}, object())
WHOLE: Wrong = ("3", 1.5, b"3", [3], {}, object())
NUMBER: Wrong = ("3", b"3", [3], {}, object())
FLAG: Wrong = ("yes", 1, None, [], object())

# Python's own words, and PyO3's.
FOREIGN = ("object is not", "cannot be interpreted", "not supported between", "has no attribute", "while processing")


def told(call: Call, wrong: object) -> None:
    """Call it; check that it raises one error of both kinds."""
    with pytest.raises(UsageTypeError) as raised:
        call(wrong)
    assert isinstance(raised.value, TypeError)
    assert isinstance(raised.value, UsageError)
    assert not [words for words in FOREIGN if words in str(raised.value)], str(raised.value)


def opened(modem: Modem, **how: Any) -> Modem:  # noqa: ANN401 - of every kind
    modem.close()
    return modem.open(**how)


MODEM: dict[str, tuple[Callable[[Modem, Any], object], Wrong]] = {
    "command: line": (lambda modem, wrong: modem.command(wrong), TEXT),
    "command: data": (lambda modem, wrong: modem.command("AT", data=wrong), (3, [b"x"])),
    "mqtt": (lambda modem, wrong: modem.mqtt(wrong), WHOLE),
    "unlock": (lambda modem, wrong: modem.unlock(wrong), TEXT),
    "wait_registered": (lambda modem, wrong: modem.wait_registered(wrong), NUMBER),
    "restart": (lambda modem, wrong: modem.restart(timeout=wrong), NUMBER),
    "wire.tail": (lambda modem, wrong: modem.wire.tail(wrong), WHOLE),
    "wire.find": (lambda modem, wrong: modem.wire.find(wrong), TEXT),
    "open: recover": (lambda modem, wrong: opened(modem, recover=wrong), FLAG),
    "open: take_over": (lambda modem, wrong: opened(modem, take_over=wrong), ("yes", 1, [])),
    "wire: index": (lambda modem, wrong: modem.wire[wrong], ("OK", 1.5, None, int)),
    "on_urc": (lambda modem, wrong: setattr(modem, "on_urc", wrong), ("print", 3)),
}
CLIENT: dict[str, tuple[Callable[[MqttClient, Any], object], Wrong]] = {
    "open: host": (lambda mqtt, wrong: mqtt.open(wrong), TEXT),
    "open: port": (lambda mqtt, wrong: mqtt.open("h", wrong), WHOLE),
    "connect: client_id": (lambda mqtt, wrong: mqtt.connect(wrong), TEXT),
    "connect: username": (lambda mqtt, wrong: mqtt.connect("c", wrong), TEXT),
    "connect: password": (lambda mqtt, wrong: mqtt.connect("c", "u", wrong), TEXT),
    "subscribe: topic": (lambda mqtt, wrong: mqtt.subscribe([wrong]), (3, "t", ("t", "1"), (3, 1))),
    "subscribe: topics": (lambda mqtt, wrong: mqtt.subscribe(wrong), (None, 3, 1.5, b"ab", {"t": 1}, print)),
    "subscribe: qos": (lambda mqtt, wrong: mqtt.subscribe("t", wrong), WHOLE),
    "unsubscribe": (lambda mqtt, wrong: mqtt.unsubscribe([wrong]), TEXT),
    "unsubscribe: topics": (lambda mqtt, wrong: mqtt.unsubscribe(wrong), (None, 3, 1.5, b"ab", {"t": 1}, print)),
    "publish: wait": (lambda mqtt, wrong: mqtt.publish("t", b"", wait=wrong), FLAG),
    "publish: timeout": (lambda mqtt, wrong: mqtt.publish("t", b"", timeout=wrong), NUMBER),
    "publish: topic": (lambda mqtt, wrong: mqtt.publish(wrong), TEXT),
    "publish: payload": (lambda mqtt, wrong: mqtt.publish("t", wrong), ([], {}, True, object())),
    "publish: qos": (lambda mqtt, wrong: mqtt.publish("t", b"", wrong), WHOLE),
    "publish: retain": (lambda mqtt, wrong: mqtt.publish("t", b"", 0, wrong), FLAG),
    "publish: form": (lambda mqtt, wrong: mqtt.publish("t", b"", form=wrong), TEXT),
    "session: host": (lambda mqtt, wrong: mqtt.session(wrong, client_id="c").__enter__(), TEXT),
    "session: reconnect": (lambda mqtt, wrong: mqtt.session("h", client_id="c", reconnect=wrong).__enter__(), NUMBER),
    "session: port": (lambda mqtt, wrong: mqtt.session("h", wrong, client_id="c").__enter__(), WHOLE),
    "session: progress": (lambda mqtt, wrong: mqtt.session("h", client_id="c", progress=wrong).__enter__(), (3, "f")),
    "configure: progress": (lambda mqtt, wrong: mqtt.configure(keepalive=60, progress=wrong), (3, "f")),
    "configure: will: payload": (lambda mqtt, wrong: mqtt.configure(will=Will("t", wrong)), (3, "gone", None)),
    "configure: will: qos": (lambda mqtt, wrong: mqtt.configure(will=Will("t", b"", qos=wrong)), WHOLE),
    "configure: will: retain": (lambda mqtt, wrong: mqtt.configure(will=Will("t", b"", retain=wrong)), FLAG),
    "configure: keepalive": (lambda mqtt, wrong: mqtt.configure(keepalive=wrong), WHOLE),
    "configure: clean_session": (lambda mqtt, wrong: mqtt.configure(clean_session=wrong), FLAG),
    "configure: will": (lambda mqtt, wrong: mqtt.configure(will=wrong), NUMBER),
    "configure: will: topic": (lambda mqtt, wrong: mqtt.configure(will=Will(wrong, b"1")), TEXT),
    "authenticate": (lambda mqtt, wrong: mqtt.authenticate(wrong), NUMBER),
}
OTHERS: dict[str, tuple[Call, Wrong]] = {
    "Modem: revision": (lambda wrong: Modem("/dev/null", revision=wrong).open(), TEXT),
    "Modem: wake_after": (lambda wrong: Modem("/dev/null", wake_after=wrong), ("soon", True, [], b"auto")),
    "AsyncModem.of": (AsyncModem.of, (None, 3, "/dev/null", Modem)),
    "Tls: ca": (lambda wrong: Tls(ca=wrong), (3, ["x"], object())),
    "Tls: verify": (lambda wrong: Tls(verify=wrong), (True, 1, [], object())),
    "Tls: check_time": (lambda wrong: Tls(check_time=wrong), FLAG),
    "Tls: sni": (lambda wrong: Tls(sni=wrong), ("yes", 1, [])),
    "Tls: context": (lambda wrong: Tls(context=wrong), WHOLE),
    "Reconnect: first": (lambda wrong: Reconnect(first=wrong), NUMBER),
    "Reconnect: attempts": (lambda wrong: Reconnect(attempts=wrong), WHOLE),
    "Broker: port": (lambda wrong: Broker(port=wrong), WHOLE),
    "Broker: users": (lambda wrong: Broker(users=wrong), ("u", 3, ["u"])),
    "Expectation: pattern": (Expectation, TEXT),
    "Expectation: times": (lambda wrong: Expectation("AT", wrong), WHOLE),
    "respond: line": (lambda wrong: Expectation("AT").respond(wrong), ([], {}, None, object())),
    "respond: final": (lambda wrong: Expectation("AT").respond(final=wrong), TEXT),
    "prompt": (lambda wrong: Expectation("AT").prompt(wrong), WHOLE),
    "pause": (lambda wrong: Expectation("AT").pause(wrong), NUMBER),
    "urc": (lambda wrong: Expectation("AT").urc(wrong), TEXT),
    "urc: after": (lambda wrong: Expectation("AT").urc("+X", after=wrong), NUMBER),
    "Script.load": (Script.load, (3, None, b"x", [])),
    "Script.parse": (Script.parse, TEXT),
    "Fault: name": (Fault, TEXT),
    "Fault: value": (lambda wrong: Fault("lost-ok", wrong), NUMBER),
    "VirtualModem: model": (VirtualModem, TEXT),
    "VirtualModem: listen": (lambda wrong: VirtualModem("M95", listen=wrong), TEXT),
    "VirtualModem: baudrate": (lambda wrong: VirtualModem("M95", baudrate=wrong), WHOLE),
    "VirtualModem: seed": (lambda wrong: VirtualModem("M95", seed=wrong), WHOLE),
    "VirtualModem: faults": (lambda wrong: VirtualModem("M95", faults=[wrong]), TEXT),
    "VirtualModem: log": (lambda wrong: VirtualModem("M95", log=wrong), (3, [], object())),
}
MODULE: dict[str, tuple[Callable[[VirtualModem, Any], object], Wrong]] = {
    "inject": (lambda module, wrong: module.inject(wrong), TEXT),
    "heal": (lambda module, wrong: module.heal(wrong), TEXT),
    "expect": (lambda module, wrong: module.expect(wrong), TEXT),
    "network": (lambda module, wrong: module.network(wrong), FLAG),
    "power_off": (lambda module, wrong: module.power_off(told=wrong), FLAG),
    "set_signal": (lambda module, wrong: module.set_signal(wrong), WHOLE),
    "set_battery": (lambda module, wrong: module.set_battery(wrong), WHOLE),
    "set_cell": (lambda module, wrong: module.set_cell(wrong), WHOLE),
    "set_registration": (lambda module, wrong: module.set_registration(wrong), WHOLE),
    "set_sim": (lambda module, wrong: module.set_sim(wrong), TEXT),
}
BROKER: dict[str, tuple[Callable[[Broker, Any], object], Wrong]] = {
    "publish: topic": (lambda broker, wrong: broker.publish(wrong), TEXT),
    "publish: payload": (lambda broker, wrong: broker.publish("t", wrong), ([], {}, object())),
    "publish: qos": (lambda broker, wrong: broker.publish("t", b"", wrong), WHOLE),
    "wait: topic_filter": (lambda broker, wrong: broker.wait(wrong, 0), TEXT),
    "wait: timeout": (lambda broker, wrong: broker.wait("t", wrong), NUMBER),
    "deny": (lambda broker, wrong: broker.deny(wrong), TEXT),
    "refuse": (lambda broker, wrong: broker.refuse(wrong), WHOLE),
    "withhold_acks": (lambda broker, wrong: broker.withhold_acks(wrong), FLAG),
    "silent": (lambda broker, wrong: broker.silent(wrong), FLAG),
    "slow": (lambda broker, wrong: broker.slow(wrong), NUMBER),
    "cut": (lambda broker, wrong: broker.cut(wrong), WHOLE),
    "stop": (lambda broker, wrong: broker.stop(forget=wrong), FLAG),
}


@pytest.fixture
def model() -> str:
    return "M95"


@pytest.mark.parametrize("argument", MODEM)
def test_a_modem_tells_what_is_of_the_wrong_type(argument: str, modem: Modem) -> None:
    call, wrongs = MODEM[argument]
    for wrong in wrongs:
        told(lambda value: call(modem, value), wrong)


@pytest.mark.parametrize("argument", CLIENT)
def test_a_client_tells_what_is_of_the_wrong_type(argument: str, modem: Modem) -> None:
    call, wrongs = CLIENT[argument]
    for wrong in wrongs:
        told(lambda value: call(modem.mqtt(), value), wrong)


@pytest.mark.parametrize("argument", OTHERS)
def test_what_is_made_tells_what_is_of_the_wrong_type(argument: str) -> None:
    call, wrongs = OTHERS[argument]
    for wrong in wrongs:
        told(call, wrong)


@pytest.mark.parametrize("argument", MODULE)
def test_a_virtual_module_tells_what_is_of_the_wrong_type(argument: str, virtual_modem: VirtualModem) -> None:
    call, wrongs = MODULE[argument]
    for wrong in wrongs:
        told(lambda value: call(virtual_modem, value), wrong)


@pytest.mark.parametrize("argument", BROKER)
def test_a_broker_tells_what_is_of_the_wrong_type(argument: str, broker: Broker) -> None:
    call, wrongs = BROKER[argument]
    for wrong in wrongs:
        told(lambda value: call(broker, value), wrong)


@pytest.mark.parametrize("path", ["a\0b", "\ud800"])
def test_a_path_that_cannot_be_is_told(path: str) -> None:
    with pytest.raises(UsageError, match="path must be the path of a file"):
        Script.load(path)


@pytest.mark.parametrize("count", [-1, 2**70])
def test_a_number_of_lines_that_cannot_be_is_told(count: int, modem: Modem) -> None:
    with pytest.raises(UsageError, match="count must be 0 to"):
        modem.wire.tail(count)
