"""The modem: a port, the module behind it, and its MQTT clients."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

from modemqtt._base_modem import BaseModem, checked_data, checked_index
from modemqtt._client import MqttClient
from modemqtt._network import Network
from modemqtt._strict import own_init
from modemqtt._usage import Deadline, arguments, finished, seconds
from modemqtt._values import Response

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from typing_extensions import Self


@own_init
class Modem(BaseModem, Network):
    """A module on a port.

    ``with Modem("/dev/ttyUSB2") as modem: …`` opens the port, turns the module's echo off, finds out which module it
    is, and closes the port at the end.

    Example:
        >>> with Modem("virtual://M95") as modem:  # or "/dev/ttyUSB2"
        ...     print(modem.model, modem.signal(), "dBm")
        ...     print(modem.command("AT+CSQ").lines)
        M95 -73 dBm
        ('+CSQ: 20,0',)

    Args:
        port: a serial device such as ``/dev/ttyUSB2``, ``socket://host:port``, or ``rfc2217://host:port`` for a serial
            port of another machine that is set from here (ser2net with ``telnet(rfc2217)``). ``virtual://M95`` is a
            virtual module in this process with its own broker; settings follow as in
            ``virtual://M95?timing=field&seed=7&fault=lost-ok``. See :attr:`virtual`. ``replay://FILE`` plays a
            recording.
        model: ``"M95"``, ``"BC35-G"``, ``"BC28"``, ``"BC660K-GL"``, ``"EG800Q"``, ``"EG915Q"`` or ``"EG916Q"``, and
            as an experiment ``"BG95"``, ``"BG96"`` or ``"BG77"``; ``"auto"`` asks the module (``AT+CGMM``, ``ATI``).
        revision: the edition of its application note that the module's firmware follows: ``"2019"`` for a BC35-G or
            BC28 that publishes by length (``AT+QMTPUB=…,"topic",<len>``), up to 1,024 bytes. ``None`` for the usual
            one.
        baudrate: bits per second.
        flow_control: ``"none"``, ``"rtscts"`` or ``"xonxoff"``, with which no payload may hold the bytes 0x11 and 0x13;
            the line swallows them in received payloads too.
        log: a file to which every line of the wire is appended, secrets masked.
        record: a file to which everything on the line is recorded, for ``modemqtt replay`` to play back. :meth:`open`
            makes it; it must not exist. Later opens of the same modem continue it. Secrets are masked. See
            docs/recording.md.
        record_identities: whether the recording keeps IMEI, IMSI, ICCID, telephone numbers and addresses of the module.
            By default each is replaced by another of the same form.
        wake_after: how long after the module's last answer, in seconds, a command is preceded by ``AT``, repeated until
            the module answers: a sleeping module loses the first characters. ``None`` for a module that never sleeps,
            ``0`` for one that sleeps at once; ``"auto"`` is 10 s on M95, BC35-G/BC28 and BC660K-GL, and never on
            EG800Q/EG91xQ, which sleep only while DTR is not asserted.
        prompt_delay: seconds, 0 to 60, between the module's prompt and the data, for a module that loses data sent at
            once (the AT commands manual of BC660K-GL asks for 50 to 500 ms).
        command_gap: seconds, 0 to 60, between the last answer and the next command, for a module that loses commands
            sent at once.
        queue: how many bytes of messages, lines and events may wait for the program, 65536 (64 KiB) or more. While
            the program takes from a full queue and no call waits for an answer, a port that can hold data back is not
            read: a pseudo-terminal, TCP, or a device with ``flow_control="rtscts"``. Otherwise the oldest is dropped;
            :attr:`stats` counts it, and the log warns of it.
        wire_size: how many bytes of :attr:`wire` are kept, 65536 (64 KiB, about 1,200 lines) or more.

    Callbacks (:attr:`on_urc`, :attr:`on_restart`, and those of :class:`MqttClient`) are called one after the other in
    one thread of the modem. They may call anything, :meth:`close` included. One that raises is logged with its
    traceback and counted in :attr:`stats`, and the next event is delivered.

    EG800Q, EG915Q and EG916Q report results on the port that ``AT+QURCCFG="urcport"`` names. If that is not the
    open port, results never arrive. ``modem.command('AT+QURCCFG="urcport","uart1"')`` is for a host on the UART,
    ``"usbat"`` and ``"usbmodem"`` are for one on the USB ports; the module keeps the setting.

    A modem may be used from any thread. A forked child must open its own.

    """

    def _prepare(self) -> None:
        super()._prepare()
        self._clients: weakref.WeakValueDictionary[int, MqttClient] = weakref.WeakValueDictionary()

    def open(self, timeout: float | None = None, *, recover: bool = False, take_over: bool | None = None) -> Self:
        """Open the port and bring the module to a known state. An open modem is left as it is.

        Args:
            timeout: seconds for the whole call, including the wait for a port that another program holds. ``None``
                opens the port at once or not at all, gives the module about 5 s to answer ``AT``, and then as long as
                the following commands take.
            recover: whether to try everything if no module answers. By default a port on which nothing has answered
                yet, of a modem without ``model``, gets ``AT`` and one ESC; a port known to have a module gets as many
                CRs as end a publish that another program left unfinished. With ``recover`` every port gets these, and
                ``+++`` between two silences of 1.1 s, which ends PPP and transparent mode.
            take_over: whether to close another :class:`Modem` of this process that has the port. ``None`` does so under
                IPython, where a cell may be run again.

        Returns:
            The modem itself.

        Raises:
            PortError: the port is missing, busy or forbidden; or :meth:`close` was called meanwhile.
            ResponseTimeout: the port is there, but no module answers on it.
            ModuleRestarted: the module keeps restarting.
            UsageError: a setting is wrong, or the model is not known.

        """
        self._line.open(Deadline(timeout), recover=recover, take_over=take_over)
        return self

    def reopen(self, timeout: float | None = None) -> Self:
        """Close what is left of a lost port and open it again.

        Callbacks stay, and so do the objects of :meth:`mqtt`; their connections must be opened again. Messages that
        were not taken are gone. This may be called from a callback; the callbacks that follow wait for it to return.

        Args:
            timeout: seconds for the port, and a module that answers on it, to come back. ``None`` for one attempt, with
                the time of :meth:`open`.

        Returns:
            The modem itself.

        Raises:
            PortError: the port did not come back, for the reason of the last attempt; or :meth:`close` was called
                meanwhile.
            ResponseTimeout: the port is there, but no module answers on it.
            ModuleRestarted: the module keeps restarting.
            UsageError: a setting is wrong, or the model is not known.

        """
        self._line.reopen(Deadline(timeout))
        return self

    def close(self) -> None:
        """Close the port. A closed modem is left as it is.

        Calls under way in other threads end with :class:`PortError`, :meth:`open` and :meth:`reopen` among them.
        """
        self._line.close()

    def __enter__(self) -> Self:
        """Open."""
        return self.open()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    @property
    def identity(self) -> tuple[str, ...]:
        """The lines that answer ``ATI``, asked for once: maker, model and firmware."""
        asked, lines = self._identity
        if asked is None or asked is not self._line.last_engine:
            asked = self._line.running()
            lines = self._line.errand("identity")
            self._identity = asked, lines
        return lines

    def command(
        self, line: str, *, data: bytes | bytearray | memoryview | str | None = None, timeout: float | None = None
    ) -> Response:
        """Send one command line and wait for its final result code.

        Args:
            line: the line, beginning with ``AT``; the CR is added. Commands may be joined by ``;`` (V.250, 5.2.1).
            data: the bytes to send when the module asks for them, by ``>`` or ``CONNECT``: the payload of a publish, a
                file, a packet (``AT+QISEND``), a message (``AT+CMGS``). As many bytes as the line declares; where it
                declares none, anything without Ctrl-Z and ESC. The Ctrl-Z that ends it is added.
            timeout: seconds; ``None`` for the longest time that the families' manuals give for the command, 5 s for
                most.

        Returns:
            The information responses and ``OK``.

        Raises:
            UsageError: the line does not begin with ``AT``, holds a control character, or asks for data that was not
                given; or `data` is not as long as the line declares, or holds what would end it. Nothing was sent then,
                except for a line that the dialect does not know to ask for data.
            CommandError: the module refused it.
            ResponseTimeout: no final result code in time.

        """
        given = checked_data(data)
        with arguments():
            pending = self._line.running().command(line, data=given, timeout=timeout)
        lines = finished(pending)
        return Response(lines=lines, final="OK")

    def mqtt(self, index: int = 0) -> MqttClient:
        """Return the MQTT client of that index, the same object for the same index.

        Args:
            index: 0 to 5 on M95, 0 to 4 on BC660K-GL. With any other, the first call raises :class:`UsageError`.

        """
        checked_index(index)
        client = MqttClient(self._line, self._line.record(index), self)
        return self._line.turn.take(lambda: self._clients.setdefault(index, client))

    def urcs(self, timeout: float | None = None) -> Iterator[str]:
        """Yield each line that no one waited for, until none has come for `timeout` seconds.

        Lines are kept until they are taken, as long as there is room (``Modem(queue=…)``); after that the oldest is
        dropped, and :attr:`stats` counts it.

        Args:
            timeout: seconds to wait for each; ``None`` to wait for ever.

        Raises:
            PortError: the modem was closed or the port is lost.

        """
        engine = self._line.running()
        seconds(timeout, otherwise=0.0)
        while (line := engine.next_urc(timeout)) is not None:
            self._line.listeners.tell_dropped(engine)
            yield line

    def restart(self, *, timeout: float | None = None) -> None:
        """Restart the module by its family's own command and wait until it answers again.

        Every connection is lost, and every wait ends with :class:`ModuleRestarted`.

        Args:
            timeout: seconds for the module to come back; ``None`` for 30.

        Raises:
            CommandError: the module refused the command.
            ResponseTimeout: it did not come back in time.
            PortError: the port vanished with it, as may happen on USB; :meth:`reopen` waits for its return.

        """
        self._line.errand("restart", timeout=seconds(timeout, otherwise=30.0))
