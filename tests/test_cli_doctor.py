"""``modemqtt doctor``: on a healthy module, and on each kind of broken one."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import struct
import threading
import tty
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from modemqtt import Modem, Options, Tls
from modemqtt.cli._examination import CHECKS, Finding, Plan, examine
from modemqtt.virtual import Broker, VirtualModem
from support.shell import run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(params=["M95", "BC28", "BC660K-GL", "EG915Q"])
def each(request: pytest.FixtureRequest) -> Iterator[VirtualModem]:
    with VirtualModem(request.param) as module:
        yield module


@pytest.fixture
def module() -> Iterator[VirtualModem]:
    with VirtualModem("EG915Q") as module:
        yield module


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    with Broker() as broker:
        yield broker


def findings(
    port: str, broker: Broker | None, *, model: str | None = None, options: Options | None = None
) -> dict[str, Finding]:
    server = (broker.host, broker.port) if broker is not None else None
    plan = Plan(
        port=port,
        model=model,
        baudrate=115_200,
        log=None,
        record=None,
        record_identities=False,
        recover=False,
        patience=0.3,
        registration=0.3,
        index=0,
        broker=lambda _: server,
        login=("doctor-1", None, None),
        invented=(),
        options=options or {},
    )
    found = list(examine(plan))
    assert tuple(finding.check for finding in found) == CHECKS
    # Only a trouble has a next step.
    assert all((finding.next is not None) == (finding.verdict == "trouble") for finding in found)
    return {finding.check: finding for finding in found}


def troubles(found: dict[str, Finding]) -> list[str]:
    return [name for name, finding in found.items() if finding.verdict == "trouble"]


def test_a_healthy_module_is_told_healthy_and_left_as_it_was(each: VirtualModem, broker: Broker) -> None:
    found = findings(each.port, broker)
    assert troubles(found) == []
    assert {name for name, finding in found.items() if finding.verdict == "not checked"} <= {"address"}
    assert each.model in found["model"].detail
    assert found["signal"].detail == "-73 dBm, good"
    with Modem(each.port) as modem:
        assert modem.mqtt().state == "closed"
        modem.mqtt().open(broker.host, broker.port)


def without_sim(module: VirtualModem, _: Broker) -> None:
    module.set_sim("absent")


def locked(module: VirtualModem, _: Broker) -> None:
    module.set_sim("pin")


def deaf(module: VirtualModem, _: Broker) -> None:
    module.set_signal(99)


def weak(module: VirtualModem, _: Broker) -> None:
    module.set_signal(2)


def denied(module: VirtualModem, _: Broker) -> None:
    module.set_registration(3)


def searching(module: VirtualModem, _: Broker) -> None:
    module.set_registration(2)


def detached(module: VirtualModem, _: Broker) -> None:
    module.expect("AT+CGATT?").respond("+CGATT: 0")


def without_address(module: VirtualModem, _: Broker) -> None:
    module.expect("AT+CGPADDR").respond('+CGPADDR: 1,"0.0.0.0"')


def echoing(module: VirtualModem, _: Broker) -> None:
    module.inject("echo-stuck")


def mute(module: VirtualModem, _: Broker) -> None:
    module.inject("mute")


def unknown(module: VirtualModem, _: Broker) -> None:
    for line in ("AT+CGMM", "ATI"):
        module.expect(line, times=None).respond("SIM800L")


def unreachable(module: VirtualModem, _: Broker) -> None:
    module.inject("open-result=5")


def refusing(_: VirtualModem, broker: Broker) -> None:
    broker.refuse(4)


def denying(_: VirtualModem, broker: Broker) -> None:
    broker.deny("modemqtt/#")


def crashing(module: VirtualModem, _: Broker) -> None:
    module.expect("AT+CSQ").respond("+CME ERROR: 100")


@pytest.mark.parametrize(
    ("broken", "check", "detail", "advice"),
    [
        (mute, "baud rate", "no module answers at 115200 bit/s, nor at any usual rate", "RX and TX"),
        (echoing, "echo", "echoes although ATE0", "firmware"),
        (unknown, "model", "SIM800L", "--model"),
        (without_sim, "SIM", "there is no SIM card", "put one in"),
        (locked, "SIM", "waits for SIM PIN", "AT+CPIN="),
        (deaf, "signal", "hears nothing", "antenna"),
        (weak, "signal", "-109 dBm, very weak", "antenna"),
        (crashing, "signal", "+CME ERROR: 100", "-d"),
        (denied, "registration", "denie", "activated"),
        (searching, "registration", "searching", "--wait"),
        (detached, "attach", "not attached", "AT+CGATT=1"),
        (without_address, "address", "no IP address", "APN"),
        (unreachable, "open", "result 5", "firewall"),
        (refusing, "connect", "return code 4", "MODEMQTT_PASSWORD"),
        (denying, "publish", "subscribe", "log of the broker"),
    ],
)
def test_each_trouble_is_found_where_it_is_and_has_a_next_step(
    module: VirtualModem,
    broken: Callable[[VirtualModem, Broker], None],
    check: str,
    detail: str,
    advice: str,
) -> None:
    with Broker() as broker:
        broken(module, broker)
        found = findings(module.port, broker)
    assert troubles(found)[0] == check
    assert detail in found[check].detail
    assert advice in str(found[check].next)


def test_a_port_that_is_not_there_or_is_held_ends_the_examination(module: VirtualModem, tmp_path: Path) -> None:
    found = findings(str(tmp_path / "none"), None)
    assert troubles(found) == ["rights"]
    assert {finding.detail for finding in list(found.values())[1:]} == {"there is no port"}
    with Modem(module.port):
        found = findings(module.port, None)
    assert troubles(found) == ["holder"]
    assert "in use" in found["holder"].detail
    assert found["publish"].detail == "the port cannot be opened"
    assert troubles(findings("socket://127.0.0.1:1", None)) == ["holder"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read and write everything")
def test_a_port_that_this_user_may_not_use_is_told_with_its_group(module: VirtualModem) -> None:
    Path(module.port).chmod(0)
    assert "usermod" in str(findings(module.port, None)["rights"].next)


def test_a_module_at_another_rate_is_found_and_examined_all_the_same() -> None:
    with slow_module(9_600) as port:
        found = findings(port, None, model="M95")
    assert found["baud rate"].detail == "the module answers at 9600 bit/s, not at 115200"
    assert "-b 9600" in str(found["baud rate"].next)
    assert found["model"].verdict == "ok"
    assert found["open"].detail == "no broker is named: -h names one"


_ANSWERS = {
    b"AT+CMEE?": b"\r\n+CMEE: 1\r\n",
    b"AT+CSQ": b"\r\n+CSQ: 20,0\r\n",
    b"AT+CREG?": b"\r\n+CREG: 0,1\r\n",
    b"AT+CGREG?": b"\r\n+CGREG: 0,1\r\n",
    b"AT+CFUN?": b"\r\n+CFUN: 1\r\n",
    b"AT+CGPADDR": b"\r\n+CGPADDR: 1,10.0.0.7\r\n",
    b"AT+CPIN?": b"\r\n+CPIN: READY\r\n",
    b"AT+CGATT?": b"\r\n+CGATT: 1\r\n",
}


def speed_of(terminal: int) -> int:
    """Return its rate from Linux, even one without a name in termios (ioctl_tty(2), TCGETS2)."""
    form = "IIIIB19sII"
    settings = fcntl.ioctl(terminal, 0x802C542A, bytes(struct.calcsize(form)))
    return int(struct.unpack(form, settings)[-1])


@contextlib.contextmanager
def slow_module(speed: int) -> Iterator[str]:
    """Answer OK to every line, while the terminal is set to that speed."""
    main, inner = os.openpty()
    tty.setraw(inner)
    ends, end = os.pipe()

    def answer() -> None:
        while ends not in select.select([main, ends], [], [])[0]:
            typed = os.read(main, 1024)
            if speed_of(inner) == speed:
                for line in typed.split(b"\r")[:-1]:
                    information = _ANSWERS.get(line, b"")
                    os.write(main, information + b"\r\nOK\r\n")

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        yield os.ttyname(inner)
    finally:
        os.close(end)
        thread.join()
        for descriptor in (main, inner, ends):
            os.close(descriptor)


def test_a_wrong_clock_is_trouble_where_certificates_are_looked_at(module: VirtualModem, broker: Broker) -> None:
    module.expect("AT+CCLK?", times=None).respond('+CCLK: "80/01/06,00:00:12+00"')
    found = findings(module.port, broker)
    assert troubles(found) == []
    assert "only matters for TLS" in found["clock"].detail
    found = findings(module.port, None, options={"tls": Tls(verify="none")})
    assert troubles(found) == ["clock"]
    assert "AT+CCLK=" in str(found["clock"].next)


def test_the_command_prints_a_line_a_check_and_ends_with_1_on_trouble() -> None:
    healthy = run("doctor", "--modem", "virtual://M95")
    assert (healthy.returncode, healthy.stderr) == (0, b"")
    columns = (line[13:].split("  ", 1)[0] for line in healthy.stdout.decode().splitlines())
    assert all(column.startswith(check) for column, check in zip(columns, CHECKS, strict=True))
    broken = run("doctor", "--modem", "virtual://BC660K-GL?fault=return-code=5", "--json")
    assert broken.returncode == 1
    listed = json.loads(broken.stdout)
    assert [set(finding) for finding in listed] == [{"check", "verdict", "detail", "next"}] * len(CHECKS)
    assert [finding["check"] for finding in listed if finding["verdict"] == "trouble"] == ["connect"]
    assert listed[-1] == {
        "check": "publish",
        "verdict": "not checked",
        "detail": "there is no session",
        "next": None,
    }
