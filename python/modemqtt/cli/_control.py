"""Control of virtual modules while they run: one line, one order, by a socket or by standard input."""

from __future__ import annotations

import contextlib
import os
import socket
import socketserver
import stat
import threading
from pathlib import Path
from string import hexdigits
from typing import TYPE_CHECKING

from modemqtt.cli._streams import remark
from modemqtt.exceptions import ModemError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from modemqtt.virtual import VirtualModem

_LONGEST = 65_536
_OWNER_ONLY = 0o600


def _nothing(word: str, rest: str) -> None:
    if rest:
        raise UsageError(f"{word} takes no argument, not {rest!r}")


def _choice(word: str, rest: str, choices: dict[str, Callable[[], None]]) -> None:
    if rest not in choices:
        raise UsageError(f"{word} must be followed by {_listed(list(choices))}, not {rest!r}")
    choices[rest]()


def _listed(names: Sequence[str]) -> str:
    return " or ".join([", ".join(names[:-1]), names[-1]])


def _numbers(word: str, rest: str, most: int) -> list[int]:
    numbers = rest.split()
    if not 1 <= len(numbers) <= most or not all(number.isascii() and number.isdigit() for number in numbers):
        wanted = "one number" if most == 1 else "one number or two"
        raise UsageError(f"{word} must be followed by {wanted}, not {rest!r}")
    return [int(number) for number in numbers]


def _restart(module: VirtualModem, rest: str) -> None:
    _nothing("restart", rest)
    module.restart()


def _power(module: VirtualModem, rest: str) -> None:
    _choice("power", rest, {"key": module.power_key, "on": module.power_on, "off": module.power_off})


def _network(module: VirtualModem, rest: str) -> None:
    _choice("network", rest, {"on": lambda: module.network(up=True), "off": lambda: module.network(up=False)})


def _set_signal(module: VirtualModem, rest: str) -> None:
    try:
        first, levels = (numbers := [int(word) for word in rest.split()])[:2], numbers[2:]
    except ValueError:
        first, levels = [], []
    if not first or len(levels) not in (0, 3):
        raise UsageError(f"signal must be followed by RSSI [BER [RSRP RSRQ SINR]], not {rest!r}")
    rsrp, rsrq, sinr = levels or (None, None, None)
    module.set_signal(*first, rsrp=rsrp, rsrq=rsrq, sinr=sinr)


def _battery(module: VirtualModem, rest: str) -> None:
    module.set_battery(*_numbers("battery", rest, 2))


def _cell(module: VirtualModem, rest: str) -> None:
    numbers = rest.split()
    if len(numbers) not in (1, 2) or not all(set(number) <= set(hexdigits) for number in numbers):
        raise UsageError(f"cell must be followed by one hexadecimal number or two, not {rest!r}")
    module.set_cell(*(int(number, 16) for number in numbers))


def _set_registration(module: VirtualModem, rest: str) -> None:
    module.set_registration(*_numbers("registration", rest, 1))


def _sim(module: VirtualModem, rest: str) -> None:
    module.set_sim(rest)  # type: ignore[arg-type]  # it says which states there are


def _urc(module: VirtualModem, rest: str) -> None:
    module.urc(rest)


def _fault(module: VirtualModem, rest: str) -> None:
    module.inject(rest)


def _heal(module: VirtualModem, rest: str) -> None:
    module.heal(rest or None)


_ORDERS: dict[str, Callable[[VirtualModem, str], None]] = {
    "restart": _restart,
    "power": _power,
    "network": _network,
    "signal": _set_signal,
    "battery": _battery,
    "cell": _cell,
    "registration": _set_registration,
    "sim": _sim,
    "urc": _urc,
    "fault": _fault,
    "heal": _heal,
}


def carry_out(line: str, modules: Sequence[VirtualModem]) -> None:
    """Carry out one order, for every module unless a leading number names one.

    Raises:
        UsageError: the line is not an order.

    """
    word, _, rest = line.strip().partition(" ")
    if word.isascii() and word.isdigit():
        if not 1 <= int(word) <= len(modules):
            raise UsageError(f"there is no module {word}; the modules are 1 to {len(modules)}")
        modules = (modules[int(word) - 1],)
        word, _, rest = rest.strip().partition(" ")
    order = _ORDERS.get(word)
    if order is None:
        raise UsageError(f"{word!r} is not a control word; the known ones are {', '.join(_ORDERS)}")
    for module in modules:
        order(module, rest.strip())


@contextlib.contextmanager
def control(where: str | None, modules: Sequence[VirtualModem]) -> Iterator[None]:
    """Take orders in the meantime, at that socket, or from standard input if it is ``-``.

    Raises:
        UsageError: the path exists and is not an abandoned socket.
        OSError: the socket cannot be made.

    """
    if where is None:
        yield
    elif where == "-":
        # Raw reads: a daemon thread inside `sys.stdin` keeps the interpreter from ending.
        threading.Thread(target=_read_input, args=(modules,), name="modemqtt-control", daemon=True).start()
        yield
    else:
        with _Server(where, modules) as server:
            threading.Thread(target=server.serve_forever, name="modemqtt-control", daemon=True).start()
            try:
                yield
            finally:
                server.shutdown()


def _read_input(modules: Sequence[VirtualModem]) -> None:
    """Carry out the lines of standard input up to its end; errors go to standard error."""
    waiting = b""
    while piece := os.read(0, _LONGEST):
        *lines, waiting = (waiting + piece).split(b"\n")
        for line in lines:
            if answer := _answer(line, modules):
                remark(f"modemqtt virtual: {answer}")
        if len(waiting) > _LONGEST:
            waiting = b""
    if waiting and (answer := _answer(waiting, modules)):
        remark(f"modemqtt virtual: {answer}")


def _answer(line: bytes, modules: Sequence[VirtualModem]) -> str | None:
    """Carry one line out, and return what was wrong with it."""
    text = line.decode(errors="backslashreplace")
    if not text.strip():
        return None
    try:
        carry_out(text, modules)
    except (ModemError, OSError) as error:
        return str(error)
    return None


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """Each line that comes is answered by ``ok``, or by ``error: `` and what was wrong."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, path: str, modules: Sequence[VirtualModem]) -> None:
        """Listen; a socket on which nobody listens any longer is replaced."""
        self.modules = modules
        self._made: os.stat_result | None = None
        with contextlib.suppress(FileNotFoundError):
            if not stat.S_ISSOCK(os.lstat(path).st_mode) or _listens(path):
                raise UsageError(f"--control {path}: it exists and is not an abandoned socket; it is left as it is")
            Path(path).unlink()
        super().__init__(path, _Handler)

    def server_bind(self) -> None:
        """Restrict the socket to its owner from the start."""
        os.fchmod(self.socket.fileno(), _OWNER_ONLY)
        try:
            super().server_bind()
        except OSError as error:
            reason = error.strerror or error
            raise OSError(f"cannot listen at the control socket {self.server_address!s}: {reason}") from None
        Path(str(self.server_address)).chmod(_OWNER_ONLY)
        self._made = os.lstat(str(self.server_address))

    def server_close(self) -> None:
        """Remove the socket, unless another has taken its place."""
        super().server_close()
        with contextlib.suppress(OSError):
            if self._made is not None and os.path.samestat(os.lstat(str(self.server_address)), self._made):
                Path(str(self.server_address)).unlink()


class _Handler(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        """Answer line by line until the other end closes."""
        with contextlib.suppress(OSError):
            while line := self.rfile.readline(_LONGEST):
                wrong = _answer(line, self.server.modules)
                if line.strip():
                    self.wfile.write(f"error: {wrong}\n".encode() if wrong else b"ok\n")


def _listens(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(path) == 0
