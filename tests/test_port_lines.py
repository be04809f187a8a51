"""The lines of a port, the other end of a TCP port, and pauses for a module that is slow to listen."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import TYPE_CHECKING, Any, cast

import pytest
import serial
from serial.rfc2217 import PortManager

from modemqtt import Modem, PortError, ResponseTimeout, UsageError
from modemqtt.virtual import Broker, VirtualModem
from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from typing_extensions import Self

LINES = ("dtr", "rts", "cts", "dsr")


class Remote:
    """A server of RFC 2217 by pyserial in front of a virtual module, with its own lines."""

    def __init__(self, module: VirtualModem) -> None:
        self.port: Any = serial.serial_for_url(module.port, timeout=0.01)
        self.lines = {"dtr": True, "rts": True}
        self.modem_state = {"cts": True, "dsr": False, "ri": False, "cd": False}
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sending = threading.Lock()
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._serve)]
        self._threads[0].start()

    @property
    def url(self) -> str:
        return f"rfc2217://127.0.0.1:{self._listener.getsockname()[1]}"

    def __getattr__(self, name: str) -> object:
        lines = self.__dict__["lines"] | self.__dict__["modem_state"]
        return lines[name] if name in lines else getattr(self.__dict__["port"], name)

    def __setattr__(self, name: str, value: object) -> None:
        if name in LINES:
            self.lines[name] = bool(value)
        else:
            super().__setattr__(name, value)

    def write(self, data: bytes) -> None:
        with self._sending:
            self._connection.sendall(data)

    def tell(self, **changed: bool) -> None:
        self.modem_state |= changed
        self._manager.check_modem_lines(force_notification=True)

    def _serve(self) -> None:
        self._connection, _ = self._listener.accept()
        self._connection.settimeout(0.01)
        self._manager = PortManager(cast("Any", self), cast("Any", self))
        upwards = threading.Thread(target=self._pass_on)
        self._threads.append(upwards)
        upwards.start()
        while not self._over.is_set():
            try:
                data = self._connection.recv(1024)
            except TimeoutError:
                continue
            if not data:
                break
            self.port.write(b"".join(self._manager.filter(data)))

    def _pass_on(self) -> None:
        while not self._over.is_set():
            if data := self.port.read(1024):
                self.write(b"".join(self._manager.escape(data)))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()
        self._connection.close()
        self._listener.close()
        self.port.close()


@pytest.fixture
def module_on_tcp() -> Iterator[VirtualModem]:
    with VirtualModem("M95", listen="127.0.0.1:0") as module:
        yield module


@pytest.mark.parametrize("name", LINES)
def test_a_port_without_such_lines_says_so(name: str, virtual_modem: VirtualModem) -> None:
    modem = Modem(virtual_modem.port)
    with pytest.raises(PortError):
        getattr(modem, name)
    with modem:
        with pytest.raises(UsageError, match="no lines such as DTR and CTS"):
            getattr(modem, name)
        if name in ("dtr", "rts"):
            with pytest.raises(UsageError, match="no lines such as DTR and CTS"):
                setattr(modem, name, False)


def test_the_lines_of_a_remote_port_are_set_and_read(module_on_tcp: VirtualModem) -> None:
    with Remote(module_on_tcp) as remote, Modem(remote.url) as modem:
        assert (modem.dtr, modem.rts) == (True, True)
        modem.dtr = False
        until(lambda: remote.lines["dtr"] is False)
        modem.rts = False
        until(lambda: remote.lines["rts"] is False)
        modem.dtr = True
        until(lambda: remote.lines["dtr"] is True)
        assert (modem.dtr, modem.rts) == (True, False)
        remote.tell(cts=True, dsr=False)
        until(lambda: (modem.cts, modem.dsr) == (True, False))
        remote.tell(cts=False, dsr=True)
        until(lambda: (modem.cts, modem.dsr) == (False, True))
        assert modem.command("AT").final == "OK"


@pytest.mark.parametrize("name", ["cts", "dsr"])
def test_the_lines_of_the_module_cannot_be_set(name: str) -> None:
    with pytest.raises(AttributeError):
        setattr(Modem("/dev/null"), name, True)


@contextlib.contextmanager
def far_end(talk: Callable[[socket.socket], object]) -> Iterator[str]:
    """Yield the address of a server that says this to every client."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection, contextlib.suppress(ConnectionError):
                talk(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        thread.join()


def echo(connection: socket.socket) -> None:
    while data := connection.recv(1024):
        connection.sendall(data)


def listen(connection: socket.socket) -> None:
    while connection.recv(1024):
        pass


@pytest.mark.parametrize("talk", [echo, listen], ids=["echo", "silence"])
def test_a_raw_port_taken_for_one_of_rfc_2217_is_told(talk: Callable[[socket.socket], object]) -> None:
    with far_end(talk) as address, pytest.raises(PortError, match=f"did not answer in Telnet.*socket://{address}"):
        Modem(f"rfc2217://{address}").open()


def test_a_telnet_port_taken_for_a_raw_one_is_told() -> None:
    def greet(connection: socket.socket) -> None:
        connection.sendall(b"\xff\xfb\x01\xff\xfd\x2c")
        connection.recv(1)

    with far_end(greet) as address, pytest.raises(PortError, match=r"speaks Telnet.*rfc2217://"):
        Modem(f"socket://{address}").open()


def test_pauses_are_made_and_change_nothing_else() -> None:
    with (
        Broker() as broker,
        VirtualModem("M95") as module,
        Modem(module.port, model="M95", prompt_delay=0.2, command_gap=0.05) as modem,
        modem.mqtt().session(broker.host, broker.port, client_id="bench-7") as mqtt,
    ):
        mqtt.publish("t", b"x", qos=1)
        prompt = max(entry.timestamp for entry in modem.wire if entry.text == ">")
        data = min(entry.timestamp for entry in modem.wire if entry.timestamp > prompt)
        assert data - prompt >= 0.19
        start = time.monotonic()
        for _ in range(4):
            modem.command("AT")
        assert time.monotonic() - start >= 0.15
        assert broker.messages[-1].payload == b"x"


def test_a_command_without_an_answer_names_the_pause_that_may_help(virtual_modem: VirtualModem) -> None:
    with Modem(virtual_modem.port) as modem:
        modem.command("AT")
        virtual_modem.expect("AT+CSQ").ignore()
        with pytest.raises(ResponseTimeout, match=r"Modem\(command_gap=0\.1\)"):
            modem.command("AT+CSQ", timeout=0.2)


def test_data_without_an_answer_name_the_pause_that_may_help(virtual_modem: VirtualModem) -> None:
    with Modem(virtual_modem.port) as modem:
        virtual_modem.expect("AT+QISEND=0,5").prompt(6)
        with pytest.raises(ResponseTimeout, match=r"Modem\(prompt_delay=0\.1\)"):
            modem.command("AT+QISEND=0,5", data=b"hello", timeout=0.3)


@pytest.mark.parametrize("name", ["prompt_delay", "command_gap"])
@pytest.mark.parametrize("value", [-1, 61, 10**400, float("nan"), float("inf"), "0.1", None, True])
def test_a_pause_out_of_range_is_refused(name: str, value: object) -> None:
    with pytest.raises(UsageError, match=rf"{name} must be 0 to 60 s, not {value!r}") as caught:
        Modem("/dev/ttyUSB2", **{name: value})  # type: ignore[arg-type]
    assert isinstance(caught.value, TypeError) == (type(value) not in {int, float})


def test_a_command_that_waits_for_its_pause_is_neither_sent_nor_logged_and_its_timeout_says_so(
    virtual_modem: VirtualModem,
) -> None:
    with Modem(virtual_modem.port, command_gap=1) as modem:
        modem.command("AT+CSQ")
        with pytest.raises(ResponseTimeout, match=r"still waiting for the end of Modem\(command_gap=1\)"):
            modem.command("AT+CGATT?", timeout=0.1)
        assert modem.command("AT").final == "OK"
        assert "AT+CGATT?" not in [entry.text for entry in modem.wire]


def test_the_wire_shows_the_pause_before_a_command(virtual_modem: VirtualModem) -> None:
    with Modem(virtual_modem.port, command_gap=0.2) as modem:
        modem.command("AT+CSQ")
        modem.command("AT+CGATT?")
        asked = next(entry.timestamp for entry in modem.wire if entry.text == "AT+CGATT?")
        answered = max(entry.timestamp for entry in modem.wire if entry.text == "OK" and entry.timestamp < asked)
        assert asked - answered >= 0.19


def test_a_timeout_while_data_wait_for_their_pause_says_so(virtual_modem: VirtualModem) -> None:
    with Modem(virtual_modem.port, prompt_delay=1) as modem:
        virtual_modem.expect("AT+QISEND=0,5").prompt(5)
        with pytest.raises(ResponseTimeout, match=r"data were still waiting for the end of Modem\(prompt_delay=1\)"):
            modem.command("AT+QISEND=0,5", data=b"hello", timeout=0.3)
