"""Ports of another machine: ser2net in front of a virtual module, raw and by RFC 2217."""

from __future__ import annotations

import os
import re
import termios
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Literal

import pytest

from modemqtt import Modem, PortError
from modemqtt.virtual import VirtualModem
from support import ser2net as real_server
from support.waiting import in_thread, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from modemqtt.virtual import Broker
    from support.ser2net import Server

    Serve = Callable[[str, str], Server]

pytestmark = pytest.mark.ser2net

# The kinds of servers that carry every byte.
SCHEMES = ("socket", "rfc2217")


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Yield a function that starts a server of a kind in front of a device."""
    program = real_server.find()
    if program is None:
        pytest.skip("ser2net is not installed")
    with ExitStack() as servers:
        yield lambda accepter, device: servers.enter_context(real_server.run(program, tmp_path, device, accepter))


@pytest.mark.parametrize("accepter", real_server.ACCEPTERS)
def test_a_session_by_way_of_ser2net(serve: Serve, broker: Broker, virtual_modem: VirtualModem, accepter: str) -> None:
    server = serve(accepter, virtual_modem.port)
    with (
        Modem(server.url) as modem,
        modem.mqtt().session(broker.host, broker.port, client_id="bench-7") as mqtt,
    ):
        assert mqtt.subscribe("bench/#", qos=1) == [1]
        assert mqtt.publish("bench/7", b"21.5", qos=1).state == "acknowledged"
        assert mqtt.receive(timeout=5).payload == b"21.5"
        assert modem.command("AT").final == "OK"


@pytest.mark.parametrize("accepter", real_server.ACCEPTERS)
def test_every_byte_arrives_as_it_was_sent(serve: Serve, broker: Broker, accepter: str) -> None:
    payloads = [
        bytes(range(256)),
        bytes(reversed(range(256))),
        b"\xff" * 700,
        b"\xff\xff\xff",
        b"\r\0\r\n\r\r\0\0",
        b"\xff\xf0\xff\xfb\x01\xff\xfa\x2c\x65\xff\xf0",
        b"\xff",
        b"\r",
        bytes([255, 0] * 350),
    ]
    with VirtualModem("BC660K-GL") as module:
        server = serve(accepter, module.port)
        with (
            Modem(server.url) as modem,
            modem.mqtt().session(broker.host, broker.port, client_id="bench-7") as mqtt,
        ):
            mqtt.subscribe("bench/#", qos=1)
            for payload in payloads:
                mqtt.publish("bench/7", payload, qos=1, form="counted")
                message = mqtt.receive(timeout=5)
                assert (message.payload, message.complete) == (payload, True)
            # And without the way back: what the broker received.
            assert [message.payload for message in broker.messages] == payloads


SPEEDS = {1200: termios.B1200, 57600: termios.B57600, 115200: termios.B115200}


@pytest.mark.parametrize("baudrate", SPEEDS)
def test_the_speed_is_passed_on(serve: Serve, baudrate: int) -> None:
    with VirtualModem("M95") as module, Modem(serve("rfc2217", module.port).url, baudrate=baudrate):
        until(lambda: attributes(module.port)[4:6] == [SPEEDS[baudrate]] * 2, f"{baudrate} bit/s on the device")


@pytest.mark.parametrize(
    ("flow_control", "xonxoff", "rtscts"), [("none", False, False), ("xonxoff", True, False), ("rtscts", False, True)]
)
def test_the_frame_and_the_flow_control_are_passed_on(
    serve: Serve, flow_control: Literal["none", "xonxoff", "rtscts"], *, xonxoff: bool, rtscts: bool
) -> None:
    with VirtualModem("M95") as module, Modem(serve("rfc2217", module.port).url, flow_control=flow_control) as modem:
        assert modem.command("AT").final == "OK"

        def settings() -> tuple[bool, ...]:
            iflag, _, cflag, *_ = attributes(module.port)
            return (
                bool(iflag & termios.IXON),
                bool(cflag & termios.CRTSCTS),
                cflag & termios.CSIZE == termios.CS8,
                bool(cflag & (termios.PARENB | termios.CSTOPB)),
            )

        until(lambda: settings() == (xonxoff, rtscts, True, False), f"{flow_control} on the device")


@pytest.mark.parametrize("accepter", SCHEMES)
def test_the_end_of_ser2net_is_noticed_at_once(serve: Serve, virtual_modem: VirtualModem, accepter: str) -> None:
    server = serve(accepter, virtual_modem.port)
    with Modem(server.url) as modem:
        waiting = in_thread(modem.mqtt().receive)
        time.sleep(0.05)
        server.stop()
        with pytest.raises(PortError, match=f"{re.escape(server.url)}: the other end closed the connection"):
            waiting.result(1)
        assert not modem.is_open


@pytest.mark.parametrize("accepter", SCHEMES)
def test_a_second_host_is_turned_away_and_the_first_is_not_disturbed(
    serve: Serve, virtual_modem: VirtualModem, accepter: str
) -> None:
    server = serve(accepter, virtual_modem.port)
    with Modem(server.url) as modem:
        with pytest.raises(PortError, match="closed the connection"):
            Modem(server.url).open()
        assert modem.command("AT").final == "OK"


@pytest.mark.skipif(not os.access("/var/lock", os.W_OK), reason="ser2net cannot write lock files here")
def test_a_device_that_ser2net_has_is_in_use_by_ser2net(serve: Serve, tmp_path: Path) -> None:
    # It writes lock files for all devices except those under /dev/pts.
    link = str(tmp_path / "module")
    with VirtualModem("M95", link=tmp_path / "module"):
        server = serve("rfc2217", link)
        with Modem(server.url) as modem:
            with pytest.raises(PortError) as caught:
                Modem(link).open()
            assert str(caught.value) == f"{link}: the port is in use by ser2net (process {server.process.pid})"
            assert modem.command("AT").final == "OK"
        server.stop()
        with Modem(link) as modem:
            assert modem.command("AT").final == "OK"


@pytest.mark.parametrize("accepter", SCHEMES)
def test_a_module_that_goes_and_comes_back_behind_ser2net_is_opened_again(
    serve: Serve, broker: Broker, tmp_path: Path, accepter: str
) -> None:
    link = tmp_path / "module"
    module = VirtualModem("M95", link=link)
    with Modem(serve(accepter, str(link)).url) as modem:
        module.close()
        until(lambda: not modem.is_open, "the loss of the port")
        with pytest.raises(PortError, match="the other end closed the connection") as caught:
            modem.reopen()
        # ser2net says why, and hangs up.
        assert "Device open failure" in "".join(caught.value.wire)
        with VirtualModem("M95", link=link):
            modem.reopen(timeout=10)
            with modem.mqtt().session(broker.host, broker.port, client_id="bench-7") as mqtt:
                assert mqtt.publish("bench/7", b"1", qos=1).state == "acknowledged"


def attributes(device: str) -> list[int]:
    """Return the terminal attributes of a device that another program has."""
    descriptor = os.open(device, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        iflag, oflag, cflag, lflag, ispeed, ospeed, _ = termios.tcgetattr(descriptor)
        return [iflag, oflag, cflag, lflag, ispeed, ospeed]
    finally:
        os.close(descriptor)
