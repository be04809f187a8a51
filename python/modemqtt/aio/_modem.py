"""The modem, awaited."""

from __future__ import annotations

import asyncio
import weakref
from typing import TYPE_CHECKING, Any

from modemqtt._base_modem import BaseModem, checked_data, checked_index
from modemqtt._strict import own_init
from modemqtt._usage import Deadline, arguments, seconds
from modemqtt._values import Response
from modemqtt.aio._client import AsyncMqttClient
from modemqtt.aio._hub import hub_of, until_finished
from modemqtt.exceptions import UsageTypeError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from types import TracebackType

    from typing_extensions import Self

    from modemqtt._core import Opening
    from modemqtt._line import Line

# Seconds between two looks at whether another task is still opening the port.
_LOOK = 0.01
# How long after its time an opening is looked at: it reports by itself that it is late.
_MORE = 0.15
# The task that opens a line. It may end at any time without notice, for example by an interrupt.
_openers: weakref.WeakKeyDictionary[Line, weakref.ref[asyncio.Task[Any]]] = weakref.WeakKeyDictionary()


def _is_first(line: Line) -> bool:
    """Have the running task open a line, unless another is at it."""
    task = asyncio.current_task()
    opener = _openers.get(line)
    other = None if opener is None else opener()
    is_busy = other is not None and other is not task and not other.done() and not other.get_loop().is_closed()
    if task is not None and not is_busy:
        _openers[line] = weakref.ref(task)
    return not is_busy


@own_init
class AsyncModem(BaseModem):
    """A module on a port: a :class:`modemqtt.Modem` whose calls are awaited. It takes the same arguments.

        async with AsyncModem("/dev/ttyUSB2") as modem:
            print(await modem.command("AT+CSQ"))

    Callbacks are called in the event loop, one after the other; one that is a coroutine function runs as a task. They
    belong to the loop in which the modem was first used and, once that is closed, to the next.

    Example:
        >>> async def main() -> None:
        ...     async with AsyncModem("virtual://M95") as modem:
        ...         print((await modem.command("AT+CSQ")).lines)
        >>> asyncio.run(main())
        ('+CSQ: 20,0',)

    """

    _awaited = True

    @classmethod
    def of(cls, modem: BaseModem) -> Self:
        """Return the same modem, awaited: for a program that opened it where no loop runs, as a fixture does.

        Both may be used. Callbacks are called in the loop where they are set on this one, unless a thread calls some
        already.

        Raises:
            UsageTypeError: `modem` is not one.

        """
        if not isinstance(modem, BaseModem):
            raise UsageTypeError(f"modem must be a modemqtt.Modem, not {modem!r}")
        awaited = cls.__new__(cls)
        awaited._line = modem._line  # noqa: SLF001 - the two share it
        awaited._prepare()  # noqa: SLF001 - one of its own class
        return awaited

    def _prepare(self) -> None:
        super()._prepare()
        self._clients: weakref.WeakValueDictionary[int, AsyncMqttClient] = weakref.WeakValueDictionary()

    async def open(self, timeout: float | None = None, *, recover: bool = False, take_over: bool | None = None) -> Self:
        """Open the port and bring the module to a known state; see :meth:`modemqtt.Modem.open`."""
        line = self._line
        await self._open(line.closes, Deadline(timeout), recover=recover, take_over=take_over)
        return self

    async def reopen(self, timeout: float | None = None) -> Self:
        """Close what is left of a lost port and open it again; see :meth:`modemqtt.Modem.reopen`."""
        deadline = Deadline(timeout)
        await self._open(self._line.let_go(), deadline, gone=True)
        return self

    async def _open(
        self,
        closes: int,
        deadline: Deadline,
        *,
        recover: bool = False,
        gone: bool = False,
        take_over: bool | None = None,
    ) -> None:
        line = self._line
        while not line.turn.take(lambda: _is_first(line)):
            if deadline.left == 0:
                raise line.still_opening()
            await asyncio.sleep(_LOOK)
        try:
            opening = line.begin(closes, recover=recover, take_over=take_over)
            if opening is not None:
                await self._until_open(opening, deadline, gone=gone)
        finally:
            _openers.pop(line, None)

    async def _until_open(self, opening: Opening, deadline: Deadline, *, gone: bool) -> None:
        line, hub = self._line, hub_of(self._line)
        try:
            opening.attend(hub.bell)
            opening.start(gone, deadline.left)
            while (engine := opening.poll()) is None:
                left = deadline.left
                await hub.until_rung(None if left is None else left + _MORE)
            line.opened(opening, engine)
            hub.follow(line)
        except BaseException as error:  # noqa: BLE001 - it is raised again
            raise line.not_opened(opening, error) from None

    async def close(self) -> None:
        """Close the port; see :meth:`modemqtt.Modem.close`."""
        hub = hub_of(self._line)
        self._line.close()
        # A call that an interrupt ended may have left it.
        _openers.pop(self._line, None)
        hub.end()

    async def __aenter__(self) -> Self:
        """Open."""
        return await self.open()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close."""
        await self.close()

    async def command(
        self, line: str, *, data: bytes | bytearray | memoryview | str | None = None, timeout: float | None = None
    ) -> Response:
        """Send one command line and wait for its final result code; see :meth:`modemqtt.Modem.command`."""
        given = checked_data(data)
        with arguments():
            pending = self._line.running().command(line, data=given, timeout=timeout)
        return Response(lines=await until_finished(self._line, pending), final="OK")

    def mqtt(self, index: int = 0) -> AsyncMqttClient:
        """Return the MQTT client of that index, the same object for the same index; see :meth:`modemqtt.Modem.mqtt`."""
        checked_index(index)
        client = AsyncMqttClient(self._line, self._line.record(index), self)
        return self._line.turn.take(lambda: self._clients.setdefault(index, client))

    async def urcs(self, timeout: float | None = None) -> AsyncIterator[str]:
        """Yield each line that no one waited for, until none has come for `timeout` seconds.

        Args:
            timeout: seconds to wait for each; ``None`` to wait for ever.

        Raises:
            PortError: the modem was closed or the port is lost.

        """
        seconds(timeout, otherwise=0.0)
        engine, hub = self._line.running(), hub_of(self._line)
        while True:
            deadline = Deadline(timeout)
            while (line := engine.take_urc()) is None:
                if not await hub.until_rung(deadline.left):
                    return
            self._line.listeners.tell_dropped(engine)
            yield line

    async def identity(self) -> tuple[str, ...]:
        """Return the lines that answer ``ATI``, asked for once: maker, model and firmware."""
        asked, lines = self._identity
        if asked is None or asked is not self._line.last_engine:
            asked = self._line.running()
            lines = await self._errand("identity")
            self._identity = asked, lines
        return lines

    async def imei(self) -> str:
        """Return the number of the module; see :attr:`modemqtt.Modem.imei`."""
        return str(await self._errand("imei"))

    async def imsi(self) -> str:
        """Return the number of the subscriber; see :attr:`modemqtt.Modem.imsi`."""
        return str(await self._errand("imsi"))

    async def iccid(self) -> str:
        """Return the number of the SIM card; see :attr:`modemqtt.Modem.iccid`."""
        return str(await self._errand("iccid"))

    async def unlock(self, pin: str, *, timeout: float | None = None) -> None:
        """Give the SIM card its PIN; see :meth:`modemqtt.Modem.unlock`."""
        await self._errand("unlock", pin=pin, timeout=timeout)

    async def signal(self, *, timeout: float | None = None) -> int | None:
        """Return the received signal strength in dBm; ``None`` when not known. See :meth:`modemqtt.Modem.signal`."""
        level: int | None = await self._errand("signal", timeout=timeout)
        self._line.note_signal(level)
        return level

    async def registration(self, *, timeout: float | None = None) -> int:
        """Return ``<stat>`` of the network registration; see :meth:`modemqtt.Modem.registration`."""
        return int(await self._errand("registration", timeout=timeout))

    async def wait_registered(self, timeout: float | None = None) -> int:
        """Wait until the module is registered with a network; see :meth:`modemqtt.Modem.wait_registered`."""
        return int(await self._errand("wait_registered", timeout=seconds(timeout, otherwise=60.0)))

    async def restart(self, *, timeout: float | None = None) -> None:
        """Restart the module and wait until it answers again; see :meth:`modemqtt.Modem.restart`."""
        await self._errand("restart", timeout=seconds(timeout, otherwise=30.0))

    async def _errand(self, name: str, *, pin: str | None = None, timeout: float | None = None) -> Any:
        with arguments():
            pending = self._line.running().errand(name, pin=pin, timeout=timeout)
        return await until_finished(self._line, pending)
