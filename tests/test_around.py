"""Everything around MQTT, on both ends of the package together: SIM card, registration, sleep, power."""

from __future__ import annotations

import re
import socket
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from modemqtt import (
    CommandError,
    Modem,
    ModuleRestarted,
    ProtocolError,
    RegistrationError,
    ResponseTimeout,
    UsageError,
)
from modemqtt.virtual import Broker, VirtualModem
from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

MODELS = ("M95", "BC35-G", "BC660K-GL", "EG800Q", "BG96")
DOCUMENT = (Path(__file__).resolve().parents[1] / "docs/dialects.md").read_text(encoding="utf-8")
OFF = [("M95", "AT+QPOWD=1"), ("EG915Q", "AT+QPOWD")]


@pytest.fixture(params=MODELS)
def pair(request: pytest.FixtureRequest) -> Iterator[tuple[VirtualModem, Modem]]:
    with VirtualModem(request.param) as module, Modem(module.port) as modem:
        yield module, modem


def test_the_numbers_of_module_subscriber_and_card_are_told(pair: tuple[VirtualModem, Modem]) -> None:
    _, modem = pair
    assert (modem.imei, modem.imsi) == ("490154203237518", "001010123456789")
    assert modem.iccid == "89001010000000000017"


@pytest.mark.parametrize(
    ("printed", "number"),
    [
        ("898604B0261890123456", "898604B0261890123456"),
        ("89860a12345678901234", "89860A12345678901234"),
        ("8986012345678901234F", "8986012345678901234"),
        ('"89860123456789012345"', "89860123456789012345"),
    ],
)
def test_the_number_of_a_card_may_hold_letters_and_is_filled_up_with_f(
    pair: tuple[VirtualModem, Modem], printed: str, number: str
) -> None:
    module, modem = pair
    name = {"m95": "CCID", "bc35": "NCCID"}.get(modem.dialect, "QCCID")
    module.expect(f"AT+{name}").respond(f"+{name}: {printed}")
    assert modem.iccid == number


def test_an_answer_without_a_card_number_is_an_error(pair: tuple[VirtualModem, Modem]) -> None:
    module, modem = pair
    name = {"m95": "CCID", "bc35": "NCCID"}.get(modem.dialect, "QCCID")
    module.expect(f"AT+{name}").respond(f"+{name}: none")
    with pytest.raises(ProtocolError, match="ICCID"):
        _ = modem.iccid


@pytest.mark.parametrize("state", ["NOT INSERTED", "SIM FAILURE"])
def test_a_missing_card_told_in_words_ends_the_wait_for_registration(
    pair: tuple[VirtualModem, Modem], state: str
) -> None:
    module, modem = pair
    module.set_registration(0)
    module.expect("AT+CPIN?").respond(f"+CPIN: {state}")
    with pytest.raises(RegistrationError, match=state):
        modem.wait_registered(timeout=5)


def test_a_locked_card_is_unlocked_once_and_its_pin_shows_nowhere(pair: tuple[VirtualModem, Modem]) -> None:
    module, modem = pair
    modem.unlock("1234")
    module.expect("AT+CPIN?").respond("+CPIN: SIM PIN")
    module.expect('AT+CPIN="4711"').respond()
    modem.unlock("4711")
    module.check()
    texts = [entry.text for entry in modem.wire]
    assert not any("4711" in text or "1234" in text for text in texts)


@pytest.mark.parametrize("pin", ["123", "12a4", "123456789"])
def test_an_invalid_pin_is_not_sent(pair: tuple[VirtualModem, Modem], pin: str) -> None:
    _, modem = pair
    with pytest.raises(UsageError, match="4 to 8 digits"):
        modem.unlock(pin)


def test_a_radio_that_is_off_is_switched_on_to_register(pair: tuple[VirtualModem, Modem]) -> None:
    _, modem = pair
    modem.command("AT+CFUN=0")
    assert modem.registration() == 0
    assert modem.signal() is None
    assert modem.wait_registered(timeout=5) == 1


def test_roaming_is_registered_too(pair: tuple[VirtualModem, Modem]) -> None:
    module, modem = pair
    module.set_registration(5)
    assert modem.wait_registered(timeout=5) == 5


def test_a_denied_registration_ends_the_wait_at_once(pair: tuple[VirtualModem, Modem]) -> None:
    module, modem = pair
    module.set_registration(3)
    start = time.monotonic()
    with pytest.raises(RegistrationError, match="denies") as caught:
        modem.wait_registered(timeout=60)
    assert caught.value.stat == 3
    assert time.monotonic() - start < 10


@pytest.mark.parametrize(("state", "code", "words"), [("absent", 10, "SIM not inserted"), ("failure", 13, "failure")])
def test_a_card_that_cannot_be_used_ends_the_wait_at_once(
    pair: tuple[VirtualModem, Modem], state: str, code: int, words: str
) -> None:
    module, modem = pair
    module.set_sim(state)  # type: ignore[arg-type]
    with pytest.raises(RegistrationError, match=words) as caught:
        modem.wait_registered(timeout=60)
    cause = caught.value.__cause__
    assert isinstance(cause, CommandError)
    assert cause.code == code
    assert caught.value.stat is None
    with pytest.raises(CommandError):
        _ = modem.imsi


def test_a_locked_card_ends_the_wait_until_it_is_unlocked(pair: tuple[VirtualModem, Modem]) -> None:
    module, modem = pair
    module.set_sim("pin")
    with pytest.raises(RegistrationError, match="SIM PIN"):
        modem.wait_registered(timeout=60)
    with pytest.raises(CommandError, match="incorrect password"):
        modem.command('AT+CPIN="0000"')
    modem.command('AT+CPIN="1234"')
    assert modem.wait_registered(timeout=5) == 1


def test_a_busy_card_is_waited_for(pair: tuple[VirtualModem, Modem]) -> None:
    module, modem = pair
    module.set_sim("busy")
    with pytest.raises(ResponseTimeout, match="the SIM card is not ready"):
        modem.wait_registered(timeout=0)
    ready = threading.Timer(0.2, module.set_sim, ("ready",))
    ready.start()
    assert modem.wait_registered(timeout=10) == 1
    ready.join()


def test_a_gsm_module_needs_both_of_its_registrations() -> None:
    with VirtualModem("M95") as module, Modem(module.port) as modem:
        modem.command("AT+CGATT=0")
        assert modem.registration() == 1
        with pytest.raises(ResponseTimeout, match="the last state was 0"):
            modem.wait_registered(timeout=0)


def test_a_change_of_registration_is_reported_where_that_was_asked_for() -> None:
    with VirtualModem("BC660K-GL") as module, Modem(module.port) as modem:
        module.set_registration(2)
        modem.command("AT+CEREG=2")
        module.set_registration(1)
        assert next(modem.urcs(5)) == '+CEREG: 1,"1A2B","01A2B3C4",9'


@pytest.mark.parametrize("stat", [-1, 6, 256])
def test_an_unknown_registration_is_refused(stat: int) -> None:
    with VirtualModem("M95") as module, pytest.raises(UsageError, match="0 to 5"):
        module.set_registration(stat)


def test_an_unknown_state_of_the_card_is_refused() -> None:
    with VirtualModem("M95") as module, pytest.raises(UsageError, match="absent"):
        module.set_sim("lost")  # type: ignore[arg-type]


@pytest.mark.parametrize(("model", "mode"), [("BC660K-GL", 1), ("M95", 2)])
def test_a_module_that_sleeps_by_qsclk_is_woken_before_a_command(model: str, mode: int, broker: Broker) -> None:
    with VirtualModem(model) as module, Modem(module.port) as modem:
        with modem.mqtt().session(broker.host, broker.port, client_id="sleeper") as mqtt:
            modem.command(f"AT+QSCLK={mode}")
            time.sleep(10.2)
            mqtt.publish("bench/t", b"awake", qos=1)
        assert [message.payload for message in broker.messages] == [b"awake"]
        # The first question was lost, as modules lose it, and no command was.
        assert modem.command("AT+QSCLK?").lines == (f"+QSCLK: {mode}",)


@pytest.mark.parametrize(("model", "command"), OFF)
def test_a_module_that_powers_down_ends_what_waits(model: str, command: str, broker: Broker) -> None:
    restarts = []
    with VirtualModem(model) as module, Modem(module.port) as modem:
        modem.on_restart = lambda: restarts.append(1)
        mqtt = modem.mqtt()
        mqtt.open(broker.host, broker.port)
        mqtt.connect("bench")
        broker.withhold_acks()
        delivery = mqtt.publish("bench/t", b"x", qos=1, wait=False)
        modem.command(command)
        with pytest.raises(ModuleRestarted, match="powered down"):
            delivery.wait(5)
        assert mqtt.state == "closed"
        with pytest.raises(ResponseTimeout):
            modem.command("AT", timeout=0.5)
        module.power_on()
        modem.command("AT")
        assert restarts


def test_a_session_comes_back_when_its_module_is_switched_on(broker: Broker) -> None:
    with (
        VirtualModem("EG800Q") as module,
        Modem(module.port) as modem,
        modem.mqtt().session(broker.host, broker.port, client_id="keeper", reconnect=True) as mqtt,
    ):
        module.power_off(told=True)
        until(lambda: broker.clients == [], "the loss", 10)
        module.power_on()
        until(lambda: broker.clients == ["keeper"], "the way back", 30)
        mqtt.publish("bench/t", b"back", qos=1)


def test_a_result_on_another_port_is_missed_with_a_hint(broker: Broker) -> None:
    with VirtualModem("EG800Q") as module, Modem(module.port) as modem:
        modem.command('AT+QURCCFG="urcport","usbat"')
        with pytest.raises(ResponseTimeout, match="urcport"):
            modem.mqtt().open(broker.host, broker.port, timeout=0.5)
        assert modem.command('AT+QURCCFG="urcport"').lines == ('+QURCCFG: "urcport","usbat"',)
        modem.command('AT+QURCCFG="urcport","uart1"')
        modem.mqtt(1).open(broker.host, broker.port)


def test_the_address_of_a_gsm_module_needs_no_final_result_code() -> None:
    with VirtualModem("M95") as module, Modem(module.port) as modem:
        for command in ("AT+QIFGCNT=0", 'AT+QICSGP=1,"internet"', "AT+QIREGAPP", "AT+QIACT"):
            modem.command(command)
        assert modem.command("AT+QILOCIP").lines == ("10.76.51.180",)
        assert modem.command("AT+CSQ").lines == ("+CSQ: 20,0",)


def listed(dialect: str) -> list[str]:
    """Every command around MQTT that the document lists for a dialect, one line each."""
    own = DOCUMENT.split(f"\n## {dialect}", 1)[1]
    lists = [text.split("### Commands around MQTT\n\n", 1)[1].split("\n\n", 1)[0] for text in (DOCUMENT, own)]
    commands = []
    for entry in re.findall(r"`([^`]+)`", " ".join(lists)):
        line = entry.partition(" →")[0]
        while (shorter := re.sub(r"\[[^][]*\]", "", line)) != line:
            line = shorter
        line = re.sub(r"\(.*?\)", "1", line)
        for name, value in (("type", "IP"), ("apn", "lab"), ("pin", "1234")):
            line = line.replace(f"<{name}>", f'"{value}"')
        commands.append(line)
    # Without result codes nothing can be told.
    return [line for line in commands if line != "ATQ1"]


@pytest.mark.parametrize("model", MODELS)
def test_every_command_that_is_listed_is_known(model: str) -> None:
    with VirtualModem(model, listen="127.0.0.1:0") as module, Modem(module.port) as modem:
        commands = listed(modem.dialect)
        modem.close()
        host, _, port = module.port.removeprefix("socket://").rpartition(":")
        assert len(commands) > 20
        with socket.create_connection((host, int(port)), timeout=5) as line:
            # By number, which tells a known command that is refused from an unknown one.
            for command in commands:
                numbered = command.replace("AT+", "AT+CMEE=1;+", 1)
                line.sendall(numbered.encode() + (b"" if command == "A/" else b"\r"))
                answer = b""
                while not re.search(
                    rb"\r\n(OK|DEACT OK|ERROR|\+CME ERROR: \d+|REBOOTING|NORMAL POWER DOWN|10[.\d]+)\r\n", answer
                ):
                    answer += line.recv(4096)
                assert b"\r\nERROR" not in answer, command
                # Wait for anything that boots after it, and switch on a module that is off.
                module.power_on()
                time.sleep(0.02)
