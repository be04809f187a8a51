"""The serial line to a module: its port, the engine that drives it, and the thread that calls callbacks.

:class:`Modem`, its clients and the wire log share it without knowing each other.
"""

from __future__ import annotations

import contextlib
import errno
import time
import warnings
from typing import TYPE_CHECKING, Any

from modemqtt import _journal, _registry
from modemqtt._core import Engine, Opening, Turn
from modemqtt._dispatcher import Dispatcher
from modemqtt._listeners import Listeners
from modemqtt._opening import forget, make_way, named
from modemqtt._usage import Deadline, arguments, finished, flag
from modemqtt._virtual_port import port_of
from modemqtt.exceptions import PortError, UsageError

if TYPE_CHECKING:
    from modemqtt._record import ClientRecord
    from modemqtt._recording import Recording


class Line:
    """The life of a port: opened, lost, opened again, closed, from any thread."""

    def __init__(self, port: str, settings: dict[str, Any], *, recording: Recording) -> None:
        """Take the settings of an :class:`Opening`. Nothing is opened yet."""
        self.port = port
        self.listeners = Listeners(port)
        self.virtual = port_of(port, settings["revision"])
        self.engine: Engine | None = None
        # The wire log is most wanted after the end.
        self.last_engine: Engine | None = None
        # The last signal that the module reported, in dBm, if it was known, and when.
        self.signal: tuple[int | None, float] | None = None
        # Whether `modemqtt.aio` calls the callbacks in an event loop.
        self.in_loop = False
        self.dispatcher: Dispatcher | None = None
        # The one before, which may still be in a callback.
        self._last_dispatcher: Dispatcher | None = None
        self._settings = settings
        # What gives the line its port, if it has none yet.
        self.absent: str | None = None
        self.recording = recording
        # Whether a module has answered on the port.
        self._found = False
        self._opening: Opening | None = None
        # How often close() was called: an open() under way that sees it change gives up.
        self.closes = 0
        self.renew_turns()
        # Whether the lines of the wire go to the log.
        self._traced: bool | None = None
        _registry.add(self)

    def renew_turns(self) -> None:
        """Replace the turns, as in a forked child."""
        self.turn = Turn()
        # Held while waiting for a module; close() must be able to cut that wait short.
        self._open_turn = Turn()
        if self.virtual is not None:
            self.virtual.renew_turn()

    def move(self, port: str, *, absent: str | None = None) -> None:
        """Take another port, which the next open() opens.

        Args:
            port: the port, or a name for it until there is one.
            absent: what gives the line a port, if it has none now; nothing else opens it.

        Raises:
            UsageError: the port is open or being opened.

        """
        self.turn.take(lambda: self._move(port, absent))

    def _move(self, port: str, absent: str | None) -> None:
        if self._opening is not None and not self._opening.closed:
            raise UsageError(f"{self.port} is open; close() it before setting another port")
        virtual = port_of(port, self._settings["revision"])
        if self.virtual is not None:
            self.virtual.close()
        self.virtual = virtual
        self.port = self.listeners.port = port
        self.absent = absent
        self._found = False

    @property
    def device(self) -> str:
        """The port to open: the given one, or that of the module in this process."""
        return self.port if self.virtual is None else self.virtual.device

    @property
    def is_open(self) -> bool:
        """Whether the port is open."""
        engine = self.engine
        return engine is not None and engine.is_open

    @property
    def is_opening(self) -> bool:
        """Whether the port is being opened, or was."""
        return self._opening is not None

    @property
    def known(self) -> tuple[str, str] | None:
        """Model and dialect of the module on the open port, as far as they are known."""
        engine = self.engine
        return engine.model if engine is not None and engine.is_open else None

    def client_state(self, index: int) -> str:
        """Return the state of a client; see :attr:`MqttClient.state`."""
        engine = self.engine
        return engine.client_state(index) if engine is not None and engine.is_open else "closed"

    def server(self, index: int) -> tuple[str, int] | None:
        """Host and port of a client's network connection, or ``None`` without one."""
        engine = self.engine
        return engine.server(index) if engine is not None and engine.is_open else None

    def clients(self) -> list[tuple[int, str, tuple[str, int] | None]]:
        """Index, state and server of each client that the program has asked for."""
        return [(index, self.client_state(index), self.server(index)) for index in self.listeners.indices()]

    def note_signal(self, level: int | None) -> None:
        """Keep the signal that the module reported, for later."""
        self.signal = (level, time.time())

    def __repr__(self) -> str:
        """As the modem shows itself."""
        return self.shown("Modem")

    def shown(self, kind: str) -> str:
        """Port and model, behind the name of a class."""
        known = self.known
        return f"<{kind} {self.port} {known[0] if known else 'closed'}>"

    def running(self) -> Engine:
        """Return the engine of a line that was opened.

        Raises:
            PortError: it was not.

        """
        engine = self.engine
        if engine is None:
            raise PortError(f"{self.port} is not open; {self.absent or 'open() opens it'}")
        if self._traced is not (wanted := _journal.traced()):
            self._traced = wanted
            engine.trace(wanted)
        return engine

    def errand(self, name: str, *, pin: str | None = None, timeout: float | None = None) -> Any:
        """Have the core do something that takes more than one command."""
        with arguments():
            pending = self.running().errand(name, pin=pin, timeout=timeout)
        return finished(pending)

    def record(self, index: int) -> ClientRecord:
        """Return what is kept of the client with that index."""
        return self.listeners.record(index)

    def check_process(self) -> None:
        """Raise in a forked child if the modem belongs to its parent."""
        if self.engine is not None:
            self.engine.check_process()

    def listen(self, *, in_loop: bool) -> None:
        """Start the thread that calls callbacks, with the first of them. In an event loop they are called there."""
        self.in_loop = in_loop
        self.turn.take(self._listen)

    def _listen(self) -> None:
        if self.engine is None or not self.listeners.wanted():
            return
        if self.in_loop and self.dispatcher is None:
            self.engine.notice()
            return
        if self.dispatcher is None:
            name = self.port.rsplit("/", 1)[-1]
            self.dispatcher = Dispatcher(self.engine, name, self.listeners.call_all, after=self._last_dispatcher)
            self._last_dispatcher = None
        self.dispatcher.start()

    def open(self, deadline: Deadline, *, recover: bool, take_over: bool | None) -> None:
        """Open the port unless it is open; see :meth:`Modem.open`."""
        self._open(self.closes, deadline, recover=recover, take_over=take_over)

    def reopen(self, deadline: Deadline) -> None:
        """Close what is left of the port and open it again; see :meth:`Modem.reopen`."""
        self._open(self.let_go(), deadline, gone=True)

    def let_go(self) -> int:
        """Close what is left of the port before reopening it; return how often it has been closed by now."""
        return self._close(for_good=False)

    def close(self) -> None:
        """Close the port; see :meth:`Modem.close`."""
        # Only here: a session goes on when reopen() opens its port again.
        self.listeners.end_keeping()
        self._close(for_good=True)

    def finish(self) -> None:
        """End the threads, before the interpreter ends."""
        self.listeners.end_keeping()
        engine = self.engine
        if engine is not None:
            engine.close()
        self.recording.finish()

    def _open(
        self,
        closes: int,
        deadline: Deadline,
        *,
        recover: bool = False,
        gone: bool = False,
        take_over: bool | None = None,
    ) -> None:
        """Open the port unless close() is called first: then its count is no longer `closes`."""

        def open_it() -> None:
            opening = self.begin(closes, recover=recover, take_over=take_over)
            if opening is None:
                return
            try:
                opening.start(gone, deadline.left)
                self.opened(opening, opening.wait())
            except BaseException as error:  # noqa: BLE001 - it is raised again
                raise self.not_opened(opening, error) from None

        self._open_turn.take(open_it, timeout=deadline.left, late=self.still_opening())

    def still_opening(self) -> PortError:
        """Report that another thread is opening it and was not done in time."""
        return PortError(f"{self.port}: another thread is still opening it", errno=errno.ETIMEDOUT)

    def begin(self, closes: int, *, recover: bool = False, take_over: bool | None = None) -> Opening | None:
        """Make the engine that opens the port, unless the port is open."""
        flag("recover", recover)
        if take_over is not None:
            flag("take_over", take_over)
        if self.is_open:
            return None
        if self._opening is not None:
            # An engine that lost its port holds it until its thread has ended.
            self._opening.close()
        make_way(self, take_over=take_over)
        return self.turn.take(lambda: self._begin(closes, recover=recover))

    def not_opened(self, opening: Opening, error: BaseException) -> BaseException:
        """Leave nothing open, and return the error that says why."""
        opening.close()
        return named(error, self) if isinstance(error, PortError) else error

    def _begin(self, closes: int, *, recover: bool) -> Opening:
        if self.closes != closes:
            raise PortError(f"{self.port} was closed while it was being opened")
        if self.absent is not None:
            raise PortError(f"{self.port} cannot be opened yet; {self.absent}")
        recorder = self.recording.begun()
        device, journal = self.device, _journal.journal()
        with arguments():
            self._opening = Opening(
                device,
                search="recover" if recover else "fill" if self._found else "gentle",
                name=self.port,
                journal=journal,
                traced=_journal.traced(),
                recorder=recorder,
                after=self.last_engine,
                **self._settings,
            )
        return self._opening

    def opened(self, opening: Opening, engine: Engine) -> None:
        """Go on with the open modem."""
        self.turn.take(lambda: self._adopt(opening, engine))

    def _adopt(self, opening: Opening, engine: Engine) -> None:
        if opening.closed:
            raise PortError(f"{self.port} was closed while it was being opened")
        # An engine that lost its port may still be here; its thread for callbacks ends by itself.
        self.engine = self.last_engine = engine
        self._last_dispatcher, self.dispatcher = self.dispatcher or self._last_dispatcher, None
        self._found = True
        self.signal = None
        self._traced = None
        self.listeners.opened(engine)
        self._listen()

    def _close(self, *, for_good: bool) -> int:
        """Close the port; return the count that a later open() must find."""
        closes, opening, engine, dispatcher = self.turn.take(self._closing)
        # The next call does what an interrupt prevents here: nothing is forgotten before it is done.
        if opening is not None:
            opening.close()
        if engine is not None:
            # A forked child closes nothing and knows nothing.
            with contextlib.suppress(UsageError):
                self.listeners.tell_dropped(engine)
        if dispatcher is not None:
            dispatcher.join()
        self.recording.finish()
        self.turn.take(lambda: self._closed(opening, dispatcher, for_good=for_good))
        return closes

    def _closing(self) -> tuple[int, Opening | None, Engine | None, Dispatcher | None]:
        self.closes += 1
        return self.closes, self._opening, self.engine, self.dispatcher

    def _closed(self, opening: Opening | None, dispatcher: Dispatcher | None, *, for_good: bool) -> None:
        # A callback may have opened it again in the meantime.
        if self._opening is opening:
            if for_good and self.virtual is not None:
                self.virtual.close()
            self._opening = self.engine = None
        if self.dispatcher is dispatcher is not None:
            self.dispatcher, self._last_dispatcher = None, dispatcher

    def __del__(self) -> None:
        """Have the I/O thread close the port. A :class:`ResourceWarning` says that the program forgot to."""
        engine = getattr(self, "engine", None)
        if engine is not None:
            forgotten = engine.is_open
            forget(engine)
            if forgotten:
                warnings.warn(f"{self.port} was not closed", ResourceWarning, stacklevel=2, source=self)
