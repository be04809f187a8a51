"""What every modem has, whether its calls block or are awaited: its settings, and what is known without asking."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Literal

from modemqtt._callbacks import ModemCallbacks
from modemqtt._line import Line
from modemqtt._opening import check_pause, check_record, check_settings, check_size
from modemqtt._options import MOST_INDEX
from modemqtt._recording import Recording, remember
from modemqtt._strict import Single
from modemqtt._usage import payload_bytes, text, whole
from modemqtt._values import Stats
from modemqtt._virtual_port import VirtualPort
from modemqtt._wire import WireLog
from modemqtt.exceptions import PortError, UsageError, UsageTypeError

if TYPE_CHECKING:
    from os import PathLike

    from modemqtt._core import Engine
    from modemqtt.virtual import VirtualBench

every_modem: weakref.WeakSet[BaseModem] = weakref.WeakSet()


class BaseModem(ModemCallbacks, Single):
    """A module on a port: what :class:`modemqtt.Modem` and :class:`modemqtt.aio.AsyncModem` have in common."""

    def __init__(
        self,
        port: str,
        *,
        model: str = "auto",
        revision: str | None = None,
        baudrate: int = 115200,
        flow_control: Literal["none", "rtscts", "xonxoff"] = "none",
        log: str | PathLike[str] | None = None,
        record: str | PathLike[str] | None = None,
        record_identities: bool = False,
        wake_after: float | Literal["auto"] | None = "auto",
        prompt_delay: float = 0,
        command_gap: float = 0,
        queue: int = 16 * 1024 * 1024,
        wire_size: int = 64 * 1024,
    ) -> None:
        """Take the settings. Nothing is opened yet."""
        check_settings(port, model, baudrate, flow_control, log, wake_after)
        check_record(record, record_identities)
        check_pause("prompt_delay", prompt_delay)
        check_pause("command_gap", command_gap)
        check_size("queue", queue)
        check_size("wire_size", wire_size)
        recording = Recording(port, record, identities=record_identities, model=model, baudrate=baudrate)
        remember(self, recording)
        self._line = Line(
            port,
            {
                "model": None if model == "auto" else model,
                "revision": revision,
                "baudrate": baudrate,
                "flow_control": flow_control,
                "log": log,
                "wake_after": wake_after,
                "prompt_delay": prompt_delay,
                "command_gap": command_gap,
                "queue": queue,
                "wire_size": wire_size,
            },
            recording=recording,
        )
        self._prepare()
        # `AsyncModem.of` gives the same modem another face, which does not count as one more.
        every_modem.add(self)

    def _prepare(self) -> None:
        # What the module said about itself, and the engine that asked.
        self._identity: tuple[Engine | None, tuple[str, ...]] = (None, ())

    def __repr__(self) -> str:
        """Port and model."""
        return self._line.shown(type(self).__name__)

    def _repr_html_(self) -> str:
        from modemqtt import _html  # noqa: PLC0415 - only in a notebook

        line = self._line
        asked, identity = self._identity
        told = identity if asked is not None and asked is line.last_engine else None
        return _html.modem_html(type(self).__name__, line.port, line.known, told, line.signal, line.clients())

    @property
    def wire(self) -> WireLog:
        """What went over the line."""
        return WireLog(self._line)

    @property
    def virtual(self) -> VirtualBench:
        """The virtual module behind ``virtual://M95``; its broker is ``modem.virtual.broker``.

        It starts when it is first used, here or by :meth:`open`, and ends with :meth:`close`.

        Raises:
            UsageError: the port is not a virtual module.

        """
        port = self._line.virtual
        if not isinstance(port, VirtualPort):
            raise UsageError(f'{self.port} is not a virtual module; Modem("virtual://M95") makes one')
        return port.bench

    @property
    def dtr(self) -> bool:
        """The DTR line of the port: ``True`` while asserted, as it is after :meth:`open`. It can be set.

        It makes modules sleep, wake, hang up or leave a data phase, as ``AT&D`` and ``AT+QSCLK`` configure. Serial
        devices have the four lines, and so do ports behind ``rfc2217://``.

        Raises:
            UsageError: the port has no such line; a pseudo-terminal or a raw TCP port has none.
            PortError: the modem is not open.

        """
        return self._line.running().read_line("dtr")

    @dtr.setter
    def dtr(self, asserted: bool) -> None:
        self._line.running().set_line("dtr", bool(asserted))

    @property
    def rts(self) -> bool:
        """The RTS line of the port, as :attr:`dtr`. With ``flow_control="rtscts"`` the system sets it."""
        return self._line.running().read_line("rts")

    @rts.setter
    def rts(self, asserted: bool) -> None:
        self._line.running().set_line("rts", bool(asserted))

    @property
    def cts(self) -> bool:
        """Whether the module asserts CTS; see :attr:`dtr` for what is raised."""
        return self._line.running().read_line("cts")

    @property
    def dsr(self) -> bool:
        """Whether the module asserts DSR; see :attr:`dtr` for what is raised."""
        return self._line.running().read_line("dsr")

    @property
    def is_open(self) -> bool:
        """Whether the port is open."""
        return self._line.is_open

    @property
    def port(self) -> str:
        """The port, as given. A closed modem can be given another one, which the next ``open()`` opens.

        Raises:
            UsageError: it is set while the port is open.

        """
        return self._line.port

    @port.setter
    def port(self, port: str) -> None:
        text("port", port, '"/dev/ttyUSB2"')
        self._line.move(port)

    @property
    def model(self) -> str:
        """The model, such as ``M95``.

        Raises:
            PortError: the modem is not open.

        """
        return self._known()[0]

    @property
    def dialect(self) -> str:
        """The dialect that the model speaks, such as ``bc660k``.

        Raises:
            PortError: the modem is not open.

        """
        return self._known()[1]

    @property
    def stats(self) -> Stats:
        """Counters since the port was opened."""
        return Stats(**self._line.running().statistics(), callback_errors=self._line.listeners.errors)

    def _known(self) -> tuple[str, str]:
        known = self._line.running().model
        if known is None:
            raise PortError(f"{self._line.port}: the module was not set up")
        return known


def checked_index(index: object) -> int:
    """Check the index of a client.

    Raises:
        UsageError: it is not a valid index.

    """
    return whole("client index", index, 0, MOST_INDEX)


def checked_data(data: object) -> bytes | None:
    """Check the data for a module that asks for it.

    Raises:
        UsageTypeError: it is neither bytes nor str.

    """
    if data is None:
        return None
    if not isinstance(data, (bytes, bytearray, memoryview, str)):
        raise UsageTypeError(f"data must be bytes or str, not {type(data).__name__}")
    return payload_bytes(data)
