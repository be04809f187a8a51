"""The Rust core, as the package uses it. Programs use the classes of `modemqtt`, which are built on it.

Times are in seconds, sizes in bytes, timestamps in seconds since 1970. With a `timeout` of None the limit of the
dialect applies, if it has one. A client `index` must be one that the dialect has. A wrong argument raises `UsageError`
before a byte is sent. In a forked child, a call that needs a thread of the parent raises `UsageError`.
"""

from collections import deque
from collections.abc import Callable, Sequence
from os import PathLike
from typing import Any, Literal, TypeVar, final

from modemqtt._values import Message, Tencent
from modemqtt.exceptions import PortError

__all__ = [
    "Bell",
    "Broker",
    "Engine",
    "Journal",
    "KeptSession",
    "Opening",
    "Pending",
    "Recorder",
    "Recording",
    "Replay",
    "Turn",
    "VirtualModem",
    "__version__",
    "fault_table",
    "let_go",
    "models",
    "option_table",
    "parse_script",
    "profile_table",
    "sections",
]

__version__: str
_T = TypeVar("_T")

def models() -> list[tuple[str, str, bool]]:
    """Return every model: its name, its dialect, and whether the dialect is experimental."""

def let_go() -> None:
    """Close, in a forked child, what belongs to its parent. Only `os.register_at_fork()` may call it."""

def fault_table() -> list[tuple[str, str, str]]:
    """Return the name of every fault of the virtual module, what its value means, and what it does."""

def profile_table() -> list[tuple[str, list[str], str, str]]:
    """Return the name of every profile, its models, what it looks like, and where it was seen."""

def option_table() -> list[tuple[str, str]]:
    """Return every option of a client with its annotation in `modemqtt.Options`."""

def parse_script(text: str) -> list[tuple[str, int | None, list[tuple[str, bytes, float]]]]:
    """Return expectations: pattern, times (None for any), steps. Raises `UsageError`, which names the wrong line."""

@final
class Bell:
    """A descriptor that is readable while there is something new; for event loops."""

    def __new__(cls) -> Bell:
        """Make one. Raises `OSError` if the system has no descriptor left."""
    def fileno(self) -> int:
        """Return the descriptor, which the bell still owns."""
    def take(self) -> list[int]:
        """Silence the bell, and return the numbers of the calls that have progressed."""

@final
class Opening:
    """A port from before it is opened until after it is closed. Closing it closes whatever was opened."""

    def __new__(
        cls,
        port: str,
        *,
        model: str | None,
        revision: str | None,
        baudrate: int,
        flow_control: str,
        log: str | PathLike[str] | None,
        wake_after: float | str | None,
        prompt_delay: float,
        command_gap: float,
        queue: int,
        wire_size: int,
        search: str,
        name: str,
        journal: Journal,
        traced: bool,
        recorder: Recorder | None = None,
        after: Engine | None = None,
    ) -> Opening:
        """Take the settings; nothing is opened yet."""
    def start(self, gone: bool, timeout: float | None) -> None:
        """Begin to open. For `timeout` seconds, retry a busy port and, if `gone`, a missing port or a silent module."""
    def wait(self) -> Engine:
        """Wait for the modem. Raises `PortError`, `ResponseTimeout`, `UsageError` or `ModuleRestarted`."""
    def poll(self) -> Engine | None:
        """Return the modem, or None while it is being opened. Raises what `wait()` raises."""
    def attend(self, bell: Bell) -> None:
        """Ring this bell when the modem is open or cannot be opened."""
    def close(self) -> None:
        """Give up, and close whatever is open. May be repeated. A signal ends the wait, but not the closing."""
    @property
    def closed(self) -> bool:
        """Whether it was closed."""

@final
class Recorder:
    """A recording under way."""

    def __new__(
        cls,
        path: str | PathLike[str],
        *,
        kind: str,
        baudrate: int,
        model: str | None,
        identities: bool,
        part: int | None,
        name: str,
        journal: Journal,
    ) -> Recorder:
        """Make the file. Raises `UsageError` if it cannot be made; later failures are reported to `journal`, once."""
    def invented(self, value: str) -> None:
        """Note a value made up for this run: any value matches it when the recording is played."""
    def mark(self, name: str) -> None:
        """Begin a section of the recording."""
    def flush(self) -> bool:
        """Write everything so far to the file, within 2 s. Return whether that was done."""
    @property
    def failure(self) -> str | None:
        """Why recording has stopped, or None."""

@final
class Recording:
    """The bytes of a recording, piece by piece."""

    def __new__(cls, path: str | PathLike[str]) -> Recording:
        """Open it. Raises `OSError` if the file cannot be read, `UsageError` if it is not a recording."""
    @property
    def header(self) -> dict[str, Any]:
        """What the recording says about itself, and about the module as far as it has been read."""
    def next(self) -> tuple[int, float, bool, bytes] | None:
        """Return line, seconds, whether sent, bytes; None at the end. Raises `UsageError` if the file is damaged."""

def sections(path: str | PathLike[str]) -> tuple[dict[str, Any], list[tuple[str, tuple[int, int, int]]]]:
    """Return the header of a recording, and its sections in order, each with where it begins; raise as `Recording`."""

@final
class Replay:
    """A recording that is played on a port of its own."""

    def __new__(
        cls, path: str | PathLike[str], *, link: str | PathLike[str] | None, listen: str | None, speed: float | None
    ) -> Replay:
        """Start it, `speed` times as fast as recorded, None at once. Raises `OSError`, or `UsageError` for the file."""
    @property
    def port(self) -> str:
        """What a host opens."""
    @property
    def header(self) -> dict[str, Any]:
        """What the recording says about itself and the module."""
    def play(self, path: str | PathLike[str] | None, begins: tuple[int, int, int] | None) -> None:
        """Play a section, or what precedes the first one; None ends a section, and reports what is missing of it."""
    def report(self) -> tuple[list[tuple[int | None, str, str]], int, str | None]:
        """Return the differences (line, recorded, sent), how many more, and why reading ended early or None."""
    def left(self) -> tuple[int, str] | None:
        """Return what the host should send next (line, recorded), or None once it has sent everything."""
    def close(self) -> None:
        """End it. A signal ends the wait and not the closing."""

@final
class Engine:
    """An open modem.

    A method that returns a `Pending` queues a call; `Pending.wait()` returns its result, or raises what is said here,
    `ResponseTimeout`, `ConnectionLost`, `ModuleRestarted`, or `PortError`, as every call does on a lost or closed port.
    """

    def command(self, line: str, *, data: bytes | None = None, timeout: float | None = None) -> Pending:
        """Send a line, and `data` after its prompt. Gives the lines of the answer, or raises `CommandError`."""
    def token(self, device: Tencent, *, timeout: float | None = None) -> Pending:
        """Get a token from Tencent Cloud. Gives the password, or raises `OperationError`."""
    def configure(self, index: int, values: dict[str, Any], *, timeout: float | None = None) -> Pending:
        """Set options of a client by their names. Raises `CommandError` if the module refuses one."""
    def configuration(self, index: int, *, timeout: float | None = None) -> Pending:
        """Read the options of a client. Gives a dict by name; the value is None if the module does not report it."""
    def enter(
        self,
        index: int,
        host: str,
        port: int,
        client_id: str,
        username: str | None,
        password: str | None,
        values: dict[str, Any],
        *,
        timeout: float | None = None,
    ) -> Pending:
        """Configure, open and connect a client; `timeout` applies to each step. Raises what the steps raise."""
    def leave(self, index: int, *, timeout: float | None = None) -> Pending:
        """Disconnect and close a client, as far as that is necessary; `timeout` applies to each step."""
    def errand(self, name: str, *, pin: str | None = None, timeout: float | None = None) -> Pending:
        """Run an errand, such as "imei" or "wait_registered", by its name; `pin` is that of "unlock"."""
    def open_network(self, index: int, host: str, port: int, *, timeout: float | None = None) -> Pending:
        """Open the connection of a client to a server. Raises `OpenError`."""
    def operate(self, index: int, word: str, *values: str | int | None, timeout: float | None = None) -> Pending:
        """Carry out the operation with this word and the values of its row. Raises such as `ConnectError`."""
    def subscribe(self, index: int, topics: Sequence[tuple[str, int]], *, timeout: float | None = None) -> Pending:
        """Subscribe to topics, each with its QoS. Gives the granted QoS of each, or raises `SubscribeError`."""
    def unsubscribe(self, index: int, topics: Sequence[str], *, timeout: float | None = None) -> Pending:
        """End subscriptions. Raises `OperationError`."""
    def publish(
        self,
        index: int,
        topic: str,
        payload: bytes,
        qos: int,
        retain: bool,
        form: str | None,
        *,
        timeout: float | None = None,
    ) -> Pending:
        """Publish, once the queue has room; raises `ResponseTimeout` if not in time. The call raises `PublishError`."""
    def has_room(self, index: int) -> bool:
        """Return whether the queue has room for a publish of this client."""
    def take_messages(self, index: int) -> list[Message] | None:
        """Return the messages that have come, or None. If no more can come, raises the reason once all are taken."""
    def take_urc(self) -> str | None:
        """Return the next line that no one waited for, or None. Raises `PortError` once the port is gone."""
    def take_events(self) -> list[tuple[Any, ...]]:
        """Return the events that have come: name, client index or None, values. See `notice()`."""
    def attend(self, bell: Bell) -> None:
        """Ring this bell whenever there is something new."""
    def next_message(self, index: int, timeout: float | None, rest: deque[Message]) -> Message | None:
        """Wait for a message, None when time is up; others go to `rest`. Raises such as `ConnectionLost` at the end."""
    def next_urc(self, timeout: float | None = None) -> str | None:
        """Wait for a line that no one waited for; None when the time is up. Raises `PortError` at the end."""
    def take_dropped(self, index: int | None = None) -> int:
        """Return how many messages of a client, or lines if None, were dropped since the last call."""
    def listen(self, run: Callable[[], None]) -> None:
        """Keep events for `next_events()`. The first call has `run` start the thread that takes them."""
    def notice(self) -> None:
        """Keep events for `take_events()` from now on."""
    def told(self) -> None:
        """Note that all events taken have been reported to the program."""
    def wait_told(self) -> None:
        """Wait until all events have been reported to the program. A signal ends the wait."""
    def next_events(self) -> list[tuple[Any, ...]] | None:
        """Wait for events: name, client index or None, values; None at the end. No signal ends the wait."""
    def close(self) -> None:
        """Close the port and wait for its thread. A signal ends the wait, but not the closing."""
    def set_line(self, name: str, on: bool) -> None:
        """Set "dtr" or "rts" of the port. Raises `PortError` if the port has no such line."""
    def read_line(self, name: str) -> bool:
        """Return whether "cts" or "dsr" of the port is on. Raises `PortError` if the port has no such line."""
    def close_later(self) -> None:
        """Have the thread close the port, without waiting."""
    def trace(self, wanted: bool) -> None:
        """Write the wire to `logging`, or stop."""
    def check_process(self) -> None:
        """Raise `UsageError` in a forked child."""
    @property
    def is_open(self) -> bool:
        """Whether the port is open."""
    @property
    def lost(self) -> PortError | None:
        """How the port was lost; None while it is open, or if the program closed it."""
    @property
    def model(self) -> tuple[str, str] | None:
        """Model and dialect of the module, once it has been set up."""
    def watch(self, index: int, watched: bool) -> None:
        """Say whether the messages of a client are taken from events alone: then none counts as dropped."""
    def watch_urcs(self, watched: bool) -> None:
        """Say the same for the lines that no one waited for."""
    def wait_connected(self, index: int, timeout: float | None = None) -> bool:
        """Wait until a client is connected; False when the time is up. Raises `PortError` once the port is gone."""
    def client_state(self, index: int) -> str:
        """Return the state of a client: "closed", "opening", "open", "connecting", "connected" and so on."""
    def server(self, index: int) -> tuple[str, int] | None:
        """Return host and port of a client's connection; None while it has none."""
    def wire(self, at_most: int) -> list[tuple[float, bool, str]]:
        """Return the last lines of the wire, oldest first: timestamp, whether the host sent it, text."""
    def statistics(self) -> dict[str, int]:
        """Return the counters since the port was opened."""

@final
class Journal:
    """The remarks of all modems of the process for `logging`."""

    def __new__(cls) -> Journal:
        """Make one; nobody writes it yet."""
    def write(self, run: Callable[[], None]) -> None:
        """Have `run` start the thread that writes; only the first call does so."""
    def next(self) -> list[tuple[str, Literal["info", "warning", "wire"], str]] | None:
        """Wait for remarks: port, kind, text. None at the end. No signal ends the wait."""
    def take_dropped(self) -> int:
        """Return how many remarks were dropped since the last call."""
    def end(self) -> None:
        """Take no more remarks."""

@final
class KeptSession:
    """A session that connects again by itself. It outlives the engine that it was made with."""

    def __new__(
        cls,
        engine: Engine,
        index: int,
        host: str,
        port: int,
        client_id: str,
        username: str | None,
        password: str | None,
        values: dict[str, Any],
        *,
        first: float,
        most: float,
        factor: float,
        attempts: int | None,
        timeout: float | None,
    ) -> KeptSession:
        """Keep a session. The waits, in seconds, grow from `first` by `factor` to `most`; `attempts` may be None."""
    def take_over(self, engine: Engine) -> None:
        """Go on with another engine, once the previous one has ended."""
    def end(self) -> None:
        """Stop reconnecting. May be repeated."""
    def wait_connected(self, timeout: float | None = None) -> bool | None:
        """Return whether the connection came in time, None if the session was ended. Raises why it has given up."""

@final
class Pending:
    """A call under way."""

    def wait(self, timeout: float | None = None) -> Any:
        """Wait for the result. Raises the error of the call, or `ResponseTimeout` after `timeout` seconds."""
    def outcome(self, waited: float) -> Any:
        """Return the result or raise the error; if there is none yet, `ResponseTimeout` after `waited` seconds."""
    def attend(self, bell: Bell) -> None:
        """Ring this bell whenever the call has progressed."""
    def take_back_later(self) -> None:
        """Take the call back if nothing of it has been sent, without waiting for the outcome."""
    def take_upload(self) -> tuple[str, int, int] | None:
        """Return the progress of an upload: name, bytes sent, bytes in all; None if there is nothing new."""
    def next_upload(self) -> tuple[str, int, int] | None:
        """Wait for the next progress of an upload; None at the end."""
    @property
    def taken(self) -> bool:
        """Whether the session has examined the call, and refused or queued it."""
    def take_back(self) -> bool:
        """Take the call back if nothing of it has been sent. Return whether it was taken back, within 0.1 s."""
    @property
    def subject(self) -> str:
        """What an error calls the call."""
    def wait_taken(self) -> None:
        """Wait until the session has examined the call, and refused or queued it."""
    @property
    def done(self) -> bool:
        """Whether the call has ended."""
    @property
    def number(self) -> int:
        """A number that no other call of the process has."""
    @property
    def state(self) -> Literal["queued", "accepted", "retransmitting", "sent", "acknowledged", "failed", "unknown"]:
        """How far a publish has come."""
    @property
    def retransmissions(self) -> int:
        """How often the module has sent a publish again."""
    @property
    def times(self) -> list[float | None]:
        """When a publish was queued, sent, accepted and ended; None for a stage that it has not reached."""
    @property
    def message_id(self) -> int:
        """The message id; 0 before there is one, and with QoS 0."""

@final
class Turn:
    """Work for one thread at a time. No interrupt leaves it locked."""

    def __new__(cls) -> Turn:
        """Make one for this process; in a forked child every turn comes at once."""
    def take(self, work: Callable[[], _T], *, timeout: float | None = None, late: BaseException | None = None) -> _T:
        """Call `work` when its turn comes, and return its result. After `timeout` seconds raise `late` instead."""

@final
class VirtualModem:
    """A virtual module on a port of its own."""

    def __new__(
        cls,
        model: str,
        *,
        link: str | PathLike[str] | None,
        listen: str | None,
        baudrate: int | None,
        seed: int,
        timing: str,
        revision: str | None,
        as_seen: str | None,
        faults: Sequence[str],
        script: Sequence[tuple[str, int | None, Sequence[tuple[str, bytes, float]]]],
        log: str | PathLike[str] | None,
    ) -> VirtualModem:
        """Start it; `baudrate` in bit/s, None for no limit. Raises `OSError` if port or log cannot be opened."""
    @property
    def port(self) -> str:
        """What a host opens: a path, or `socket://host:port`."""
    @property
    def model(self) -> str:
        """The model."""
    @property
    def is_open(self) -> bool:
        """Whether it was not closed."""
    def close(self) -> None:
        """End it. A signal ends the wait and not the closing."""
    def restart(self) -> None:
        """Restart it, as a power cut would."""
    def network(self, up: bool, told: bool) -> None:
        """Take the network away or give it back. Servers see the end of connections if `told`."""
    def set_signal(self, rssi: int, ber: int, levels: Sequence[int | None]) -> None:
        """Set `<rssi>` (0 to 31, or 99), `<ber>` (0 to 7, or 99), and RSRP in dBm, RSRQ and SINR in dB, or None."""
    def set_battery(self, millivolts: int, charge: int) -> None:
        """Set the battery: millivolts and percent."""
    def set_cell(self, area: int, cell: int) -> None:
        """Move it to another cell."""
    def set_registration(self, stat: int) -> None:
        """Set `<stat>` of the registration, 0 to 5."""
    def set_sim(self, state: str) -> None:
        """Set the SIM card: "ready", "pin", "absent", "failure" or "busy"."""
    def power_off(self, told: bool) -> None:
        """Cut its power. Servers see the end of connections if `told`."""
    def power_on(self) -> None:
        """Switch it on, if it is off."""
    def power_key(self) -> None:
        """Press its power key, which switches it on or off."""
    def urc(self, line: bytes) -> None:
        """Print an unsolicited line as soon as one is allowed."""
    @property
    def commands(self) -> list[str]:
        """The command lines that have come, oldest first, with secrets masked."""
    def inject(self, fault: str) -> None:
        """Switch a fault on: `NAME` or `NAME=VALUE`."""
    def heal(self, fault: str | None) -> None:
        """Switch a fault off, whatever its value; None switches all of them off."""
    def expect(self, expected: tuple[str, int | None, Sequence[tuple[str, bytes, float]]]) -> int:
        """Expect a command line, and return its number for `answer()`. Raises `UsageError` once closed."""
    def expect_nothing(self) -> None:
        """Drop all expectations: the module answers every command line by itself."""
    def answer(self, number: int, steps: Sequence[tuple[str, bytes, float]]) -> None:
        """Answer an expected line with these steps: name, bytes, seconds."""
    def unmet(self) -> str | None:
        """Return, as text, what was expected and has not come, or None. Raises `UsageError` once closed."""
    @property
    def faults(self) -> list[str]:
        """The faults that are on, each in the form in which `inject()` takes it."""

@final
class Broker:
    """An MQTT broker on 127.0.0.1. Every call raises `OSError` once the broker is closed."""

    def __new__(cls, *, port: int, users: dict[str, str] | None) -> Broker:
        """Start it; `port` 0 lets the system choose. Raises `OSError` if the port is in use."""
    @property
    def host(self) -> str:
        """Where it listens: 127.0.0.1."""
    @property
    def port(self) -> int:
        """The TCP port it listens on."""
    def messages(self) -> list[tuple[str, bytes, int, bool, str | None, float]]:
        """Return what was published: topic, payload, QoS, retain, client id or None, timestamp."""
    def wait(self, topic_filter: str, timeout: float | None) -> tuple[str, bytes, int, bool, str | None, float] | None:
        """Return the next message that matches the filter and that no call has taken; None when the time is up."""
    def deny(self, topic_filter: str | None) -> None:
        """Refuse a topic filter to subscribers and publishers; None allows everything again."""
    def clients(self) -> list[str]:
        """Return the ids of the clients that are connected."""
    def publish(self, topic: str, payload: bytes, qos: int, retain: bool) -> None:
        """Publish from outside MQTT. Raises `UsageError` if the topic has wildcards or the message is too large."""
    def refuse(self, return_code: int | None) -> None:
        """Answer every CONNECT with this return code, 1 to 5; None lets clients in again."""
    def withhold_acks(self, on: bool) -> None:
        """Send no acknowledgement while on."""
    def silent(self, on: bool) -> None:
        """Send nothing at all while on; afterwards, what is in flight is sent again."""
    def slow(self, seconds: float) -> None:
        """Send everything this many seconds later; 0 ends the delay."""
    def cut(self, after: int | None) -> None:
        """Cut each connection once this many bytes have gone to its client; None stops this."""
    def stop(self, forget: bool) -> None:
        """Close the port and all connections; `forget` sessions and retained messages as well."""
    def start(self) -> None:
        """Listen again. Raises `OSError` if the port is in use."""
    def drop_clients(self) -> None:
        """Cut every connection; wills are published."""
    def close(self) -> None:
        """End it. A signal ends the wait and not the closing."""
