"""Scripts and the log of the virtual module, from Python."""

from __future__ import annotations

import pickle
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import serial

from modemqtt import CommandError, ConnectionLost, Modem, ResponseTimeout, ScriptError, UsageError
from modemqtt.virtual import Broker, Expectation, Fault, Script, VirtualModem

if TYPE_CHECKING:
    from collections.abc import Callable

SECRET = "very-secret-indeed"


def test_a_command_is_answered_otherwise_once(virtual_modem: VirtualModem, modem: Modem) -> None:
    virtual_modem.expect("AT+CSQ").respond("+CSQ: 7,1")
    virtual_modem.expect("AT+CSQ").respond("+CME ERROR: 50")
    assert modem.command("AT+CSQ").lines == ("+CSQ: 7,1",)
    with pytest.raises(CommandError, match="50"):
        modem.command("AT+CSQ")
    assert modem.command("AT+CSQ").lines == ("+CSQ: 20,0",)
    virtual_modem.check()


def test_an_answer_has_pauses_exact_bytes_and_a_line_behind_it(virtual_modem: VirtualModem, modem: Modem) -> None:
    virtual_modem.expect("AT+CSQ").respond("+CSQ: 1,1", 0.2, b"\r\nO", 0.1, b"K\r\n").urc("+TEST: 1", after=0.1)
    start = time.monotonic()
    assert modem.command("AT+CSQ").lines == ("+CSQ: 1,1",)
    assert time.monotonic() - start > 0.3
    urcs = modem.urcs(timeout=10)
    assert next(line for line in urcs if line.startswith("+TEST")) == "+TEST: 1"


def test_a_command_without_an_answer_times_out(virtual_modem: VirtualModem, modem: Modem) -> None:
    virtual_modem.expect("AT+C*").ignore()
    with pytest.raises(ResponseTimeout):
        modem.command("AT+CSQ", timeout=0.2)
    virtual_modem.check()


def test_a_publish_goes_through_and_the_connection_is_lost_behind_it(
    virtual_modem: VirtualModem, modem: Modem, broker: Broker
) -> None:
    virtual_modem.expect("AT+QMTPUB=*").passthrough().pause(0.2).then_drop()
    lost: list[ConnectionLost] = []
    mqtt = modem.mqtt()
    mqtt.open(broker.host, broker.port)
    mqtt.connect("bench")
    mqtt.on_connection_lost = lost.append
    assert mqtt.publish("t", b"x", qos=1).state == "acknowledged"
    deadline = time.monotonic() + 10
    while not lost and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(lost) == 1
    assert [message.payload for message in broker.messages] == [b"x"]


def test_what_did_not_come_is_an_assertion_that_lists_it() -> None:
    with VirtualModem("M95") as module, Modem(module.port) as modem:
        module.expect("AT+QMTOPEN=0,*", times=2)
        module.expect(f'AT+QMTCONN=0,"c","u","{SECRET}"')
        module.expect("AT+COPS?", times=None)
        modem.command("AT+CSQ")
        with pytest.raises(ScriptError) as caught:
            module.check()
        text = str(caught.value)
        assert isinstance(caught.value, AssertionError)
        assert text.startswith('expected, and did not come:\n  AT+QMTOPEN=0,*  (0 of 2 times)\n  AT+QMTCONN=0,"c","u",')
        assert "\ncame:\n  AT+CSQ" in text
        assert SECRET not in text
        assert str(pickle.loads(pickle.dumps(caught.value))) == text  # noqa: S301 - our own
    # Leaving the context does not check.


def test_a_script_is_an_object_and_a_file(tmp_path: Path) -> None:
    text = "> AT+CSQ\n! times 2\n< +CSQ: 5,5\n< OK\n\n# own\n> AT+CGMM\n"
    path = tmp_path / "script.at"
    path.write_text(text)
    written = Script((Expectation("AT+CSQ", times=2).respond("+CSQ: 5,5"), Expectation("AT+CGMM").passthrough()))
    assert Script.parse(text) == Script.load(path) == written
    for script in (written, list(written), path, str(path)):
        with VirtualModem("M95", script=script) as module, Modem(module.port, model="M95") as modem:
            assert modem.command("AT+CSQ;").lines != ("+CSQ: 5,5",)
            assert modem.command("AT+CSQ").lines == ("+CSQ: 5,5",)
            with pytest.raises(ScriptError, match=r"AT\+CSQ  \(1 of 2 times\)"):
                module.check()
            modem.command("AT+CSQ")
            modem.command("AT+CGMM")
            module.check()


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (lambda module: module.expect("CSQ"), "must begin with AT"),
        (lambda module: module.expect("AT\r"), "must begin with AT"),
        (lambda module: module.expect("AT", times=0), "times"),
        (lambda module: module.expect("AT").respond("a\r\nb"), "line end"),
        (lambda module: module.expect("AT").respond(-1), "pause"),
        (lambda module: module.expect("AT").pause(float("nan")), "pause"),
        (lambda module: module.expect("AT").respond(None), "neither"),
        (lambda _: Script.parse("< OK"), "line 1"),
        (lambda _: VirtualModem("M95", script=["AT"]), "no Expectation"),  # type: ignore[list-item]
        (lambda _: VirtualModem("M95", script=[Expectation("x")]), "must begin with AT"),
    ],
)
def test_what_is_no_script_is_refused(wrong: Callable[[VirtualModem], Any], reason: str) -> None:
    with VirtualModem("M95") as module, pytest.raises(UsageError, match=reason):
        wrong(module)


def test_a_fault_is_an_object_too() -> None:
    with VirtualModem("M95", faults=[Fault("lost-ok", 0.01), Fault("stat-code"), "mute"]) as module:
        assert sorted(module.faults) == ["lost-ok=0.01", "mute", "stat-code=77"]
        module.inject(Fault("stat-code", 8))
        module.inject(Fault("line-lost", 0.00001))
        module.heal(Fault("mute"))
        assert sorted(module.faults) == ["line-lost=0.00001", "lost-ok=0.01", "stat-code=8"]
        for wrong in (Fault("gremlin"), Fault("mute", 1), Fault("lost-ok", float("nan"))):
            with pytest.raises(UsageError):
                module.inject(wrong)


def test_the_log_has_both_directions_in_order_and_no_secret(tmp_path: Path, broker: Broker, model: str) -> None:
    log = tmp_path / "wire.log"
    with VirtualModem(model, log=log) as module:
        for _ in range(2):
            with Modem(module.port, model=model) as modem:
                mqtt = modem.mqtt()
                mqtt.open(broker.host, broker.port)
                mqtt.connect("bench", "user", SECRET)
                modem.command("AT+CSQ")
                mqtt.publish("t", b"x" * 100, qos=1)
                mqtt.disconnect()
                mqtt.close()
                modem.command("ATE1")
    lines = log.read_text().splitlines()
    assert all(re.fullmatch(r"\d+\.\d{6} [<>] .+", line) for line in lines), lines
    times = [float(line.split()[0]) for line in lines]
    assert abs(times[-1] - time.time()) < 30
    texts = [line.split(" ", 1)[1] for line in lines]
    asked = texts.index("> AT+CSQ")
    assert texts[asked + 1 : asked + 3] == ["< +CSQ: 20,0", "< OK"]
    published = next(at for at, text in enumerate(texts) if text.startswith("> AT+QMTPUB="))
    assert texts[published + 1] == "< >"
    assert texts[published + 2].startswith("> " + "x" * 64 + "… <10")
    assert texts.count('> AT+QMTCONN=0,"bench","user","***"') == 2
    # The second host has its echo at first.
    assert any(text.startswith("< AT") for text in texts)
    assert SECRET not in log.read_text()


def test_the_log_shows_no_private_key_however_it_comes(tmp_path: Path) -> None:
    log = tmp_path / "wire.log"
    key = f"-----BEGIN RSA PRIVATE KEY-----\r\n{'k' * 64}\r\n{SECRET}\r\n-----END RSA PRIVATE KEY-----\r\n"
    with (
        Broker() as broker,
        VirtualModem("M95", log=log) as module,
        serial.Serial(module.port, timeout=10) as port,
    ):

        def send(text: str, wanted: bytes) -> None:
            port.write(text.encode())
            assert port.read_until(wanted).endswith(wanted)

        send(f'AT+QMTOPEN=0,"{broker.host}",{broker.port}\r', b"+QMTOPEN: 0,0\r\n")
        send('AT+QMTCONN=0,"c"\r', b"+QMTCONN: 0,0,0\r\n")
        for number in (1, 2):
            send(f'AT+QMTPUB=0,{number},1,0,"t"\r', b"> ")
            # In pieces, each of which is echoed; the second is broken off.
            for at in range(0, len(key) if number == 1 else 120, 20):
                send(key[at : at + 20], key[at : at + 20].encode())
            send("\x1a", b"+QMTPUB: 0,%d,0\r\n" % number)
        send("AT+CSQ\r", b"OK\r\n")
        # And where nobody asks for it.
        port.write(key.encode())
        send("AT\r", b"OK\r\n")
        assert broker.messages[0].payload == key.encode()
    text = log.read_text()
    for part in (SECRET[:8], SECRET[-8:], "kkkk"):
        assert part not in text, text
    assert "> *** <20 bytes>" in text
    assert "> AT+CSQ\n" in text
    assert "< OK\n" in text[text.index("> AT+CSQ") :]


def test_the_log_shows_what_was_never_ended_and_knows_a_secret_again(tmp_path: Path) -> None:
    log = tmp_path / "wire.log"
    with VirtualModem("M95", listen="tcp:127.0.0.1:0", log=log) as module, Modem(module.port) as modem:
        for line in (f'AT+QMTCONN=0,"c","u","{SECRET}"', f'AT+NOSUCH="{SECRET}"'):
            with pytest.raises(CommandError):
                modem.command(line)
    with VirtualModem("M95", log=log) as module, serial.Serial(module.port) as port:
        port.write(b"AT+CGMM\nAT+CGMM\n")
        time.sleep(0.2)
    assert "> AT+CGMM\\nAT+CGMM" in log.read_text()
    assert SECRET not in log.read_text()
    assert 'AT+NOSUCH="***"' in log.read_text()
    with pytest.raises(OSError, match="cannot write the log"):
        VirtualModem("M95", log=tmp_path)


def test_a_closed_module_does_not_say_that_all_has_come() -> None:
    module = VirtualModem("M95")
    module.expect("AT+CSQ")
    module.close()
    with pytest.raises(UsageError, match="closed"):
        module.check()
    with pytest.raises(UsageError, match="closed"):
        module.expect("AT+CSQ")


def documented_script() -> str:
    document = (Path(__file__).parents[1] / "docs/virtual-module.md").read_text(encoding="utf-8")
    (script,) = re.findall(r"^```\n(# .*?)^```", document, re.MULTILINE | re.DOTALL)
    return str(script)


@pytest.mark.parametrize(
    ("model", "command", "end"),
    [
        ("M95", "AT+QMTPUB", "\x1a"),
        ("BC35-G", "AT+QMTPUB", "\x1a"),
        ("BC28", "AT+QMTPUB", "\x1a"),
        ("BC660K-GL", "AT+QMTPUB", "\x1a"),
        ("EG800Q", "AT+QMTPUBEX", ""),
        ("EG915Q", "AT+QMTPUBEX", ""),
        ("EG916Q", "AT+QMTPUBEX", ""),
    ],
)
def test_the_documented_script_does_on_each_model_what_it_says(
    broker: Broker, model: str, command: str, end: str
) -> None:
    with (
        VirtualModem(model, script=Script.parse(documented_script())) as module,
        serial.Serial(module.port, timeout=10) as port,
    ):

        def ask(line: str, until: str) -> bytes:
            port.write(line.encode())
            answer = port.read_until(until.encode())
            assert answer.endswith(until.encode()), answer
            return answer

        ask("ATE0\r", "OK\r\n")
        ask(f'AT+QMTOPEN=0,"{broker.host}",{broker.port}\r', "+QMTOPEN: 0,0\r\n")
        ask('AT+QMTCONN=0,"c"\r', "+QMTCONN: 0,0,0\r\n")
        length = "" if end else ",5"
        ask(f'{command}=0,1,1,0,"bench/a"{length}\r', "> ")
        ask(f"hello{end}", f"{command[2:]}: 0,1,0\r\n")
        ask(f'{command}=0,2,1,0,"bench/b"{length}\r', "> ")
        start = time.monotonic()
        ask(f"hello{end}", "+QMTPUB: 0,2,2\r\n")
        assert time.monotonic() - start >= 0.5
        assert port.read_until(b"+QMTSTAT: 0,").endswith(b"+QMTSTAT: 0,")
        module.check()
        assert [message.topic for message in broker.messages] == ["bench/a"]


def test_an_answer_that_only_begins_like_a_final_result_code_has_one_behind_it(
    virtual_modem: VirtualModem, modem: Modem
) -> None:
    virtual_modem.expect("AT+CSQ").respond("OK: 5")
    assert modem.command("AT+CSQ").lines == ("OK: 5",)


def test_a_script_takes_data_from_python_too() -> None:
    with VirtualModem("M95") as module, serial.Serial(module.port, timeout=10) as port:
        module.expect("AT+X").prompt(3).respond("+X: 1")
        port.write(b"ATE0\r")
        assert port.read_until(b"OK\r\n")
        port.write(b"AT+X\r")
        assert port.read_until(b"> ") == b"\r\n> "
        port.write(b"AT\r")
        assert port.read_until(b"OK\r\n") == b"\r\n+X: 1\r\n\r\nOK\r\n"
        for wrong in (0, 65_537):
            with pytest.raises(UsageError, match="count"):
                module.expect("AT+Y", times=None).prompt(wrong)


@pytest.mark.parametrize(("value", "text"), [(1e-10, "lost-ok=0.0000000001"), (3, "lost-ok=3"), (0.01, "lost-ok=0.01")])
def test_a_fault_is_written_with_its_whole_value(value: float, text: str) -> None:
    assert str(Fault("lost-ok", value)) == text
    with VirtualModem("M95", faults=[Fault("lost-ok", value)]) as module:
        assert module.faults == (text,)
