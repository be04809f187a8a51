"""A forked child keeps nothing of its parent's, and neither waits for the other."""

from __future__ import annotations

import inspect
import os
import signal
import sys
from typing import Any

import pytest

from modemqtt import _core
from support.programs import run

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="only POSIX systems fork")

# A test run forks a few; `make long` forks a thousand: MODEMQTT_FORKS=1000.
FORKS = int(os.environ.get("MODEMQTT_FORKS", "20"))

QUIET = """
import logging, warnings
logging.disable()
warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of forking beside threads

def fork(live=lambda: None):
    # A child that has everything of its parent's and lives until it is killed.
    child = os.fork()
    if child == 0:
        live()
        while True: signal.pause()
    return child

def end(child):
    assert os.waitpid(child, os.WNOHANG) == (0, 0), "it lives"
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)

"""


@pytest.mark.parametrize("closed", ["broker.close()", "module.close()", "modem.close()", "modem.reopen()"])
def test_closing_does_not_wait_for_a_forked_child(closed: str) -> None:
    outcome = run(f"{QUIET}\nconnect()\nchild = fork()\n{closed}\nend(child)\nmodem.close()\n")
    assert (outcome.returncode, outcome.output, outcome.errors) == (0, "", "")


def test_the_interpreter_ends_while_a_forked_child_lives() -> None:
    outcome = run(
        QUIET
        + """
connect()
mqtt.on_message = print
def leave_output(): [os.dup2(os.open(os.devnull, os.O_RDWR), output) for output in (1, 2)]
print(fork(leave_output))
"""
    )
    os.kill(int(outcome.output), signal.SIGKILL)
    assert (outcome.returncode, outcome.errors) == (0, "")


@pytest.mark.parametrize("how", ["fork", "forkserver", "spawn"])
def test_a_pool_can_be_joined_after_everything_was_closed(how: str) -> None:
    outcome = run(
        QUIET
        + f"""
import multiprocessing
connect()
with multiprocessing.get_context({how!r}).Pool(2) as pool:
    assert pool.map(abs, range(-4, 0)) == [4, 3, 2, 1]
    modem.close(), module.close(), broker.close()
    pool.close()
    pool.join()
"""
    )
    assert (outcome.returncode, outcome.output, outcome.errors) == (0, "", "")


@pytest.mark.parametrize("listen", ["None", "'127.0.0.1:0'"])
def test_the_end_of_a_module_is_seen_while_a_forked_child_lives(listen: str) -> None:
    outcome = run(
        QUIET
        + f"""
with VirtualModem("M95", listen={listen}) as own, Modem(own.port) as modem:
    child = fork()
    own.close()
    while modem.is_open: time.sleep(0.001)
    end(child)
"""
    )
    assert (outcome.returncode, outcome.output, outcome.errors) == (0, "", "")


def test_ports_are_free_while_a_forked_child_lives() -> None:
    outcome = run(
        QUIET
        + """
connect()
child = fork()
broker.stop()
broker.start()
other = VirtualModem("M95", listen="127.0.0.1:0")
grandchild = fork()
address = other.port.removeprefix("socket://")
other.close()
other = VirtualModem("M95", listen=address)
modem.close()
with Modem(module.port) as modem, Modem(other.port): modem.command("AT")
end(child)
end(grandchild)
"""
    )
    assert (outcome.returncode, outcome.output, outcome.errors) == (0, "", "")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux lists the descriptors of a process")
def test_a_forked_child_has_no_descriptor_of_its_parents() -> None:
    outcome = run(
        QUIET
        + """
def descriptors():
    paths = [f"/proc/self/fd/{name}" for name in os.listdir("/proc/self/fd")]
    return {(path, os.readlink(path)) for path in paths if os.path.lexists(path)}

module.close(), broker.close()
before = descriptors()
broker, module, tcp = Broker(), VirtualModem("M95"), VirtualModem("M95", listen="127.0.0.1:0")
modem = Modem(module.port)
mqtt = modem.mqtt()
connect()
other = Modem(tcp.port).open()
child = os.fork()
if child == 0:
    print(sorted(descriptors() - before), flush=True)
    os._exit(0)
os.waitpid(child, 0)
"""
    )
    assert (outcome.returncode, outcome.output, outcome.errors) == (0, "[]\n", "")


# A callback.
WORK = "work"
# Every entry of the core, with valid arguments. A child gets a `UsageError`, or hears that nothing is open.
ENTRIES: dict[type[Any], dict[str, tuple[Any, ...]]] = {
    _core.Opening: {"start": (False, None), "wait": (), "poll": (), "attend": (None,), "close": (), "closed": ()},
    _core.Engine: {
        "command": ("AT",),
        "token": (None,),
        "configure": (0, {}),
        "configuration": (0,),
        "open_network": (0, "h", 1883),
        "operate": (0, "disconnect"),
        "enter": (0, "h", 1883, "c", None, None, {}),
        "leave": (0,),
        "subscribe": (0, [("t", 0)]),
        "unsubscribe": (0, ["t"]),
        "publish": (0, "t", b"", 0, False, None),
        "has_room": (0,),
        "take_messages": (0,),
        "take_urc": (),
        "take_events": (),
        "attend": (None,),
        "notice": (),
        "next_message": (0, 5, []),
        "next_urc": (5,),
        "take_dropped": (0,),
        "listen": (WORK,),
        "told": (),
        "wait_told": (),
        "wait_connected": (0, 5),
        "trace": (False,),
        "next_events": (),
        "close": (),
        "close_later": (),
        "check_process": (),
        "is_open": (),
        "model": (),
        "lost": (),
        "errand": ("imei",),
        "watch": (0, True),
        "watch_urcs": (True,),
        "client_state": (0,),
        "server": (0,),
        "set_line": ("dtr", True),
        "read_line": ("cts",),
        "wire": (9,),
        "statistics": (),
    },
    _core.Bell: {"fileno": (), "take": ()},
    _core.Pending: {
        "wait": (5,),
        "outcome": (0,),
        "attend": (None,),
        "take_back_later": (),
        "taken": (),
        "take_upload": (),
        "next_upload": (),
        "take_back": (),
        "subject": (),
        "number": (),
        "wait_taken": (),
        "done": (),
        "state": (),
        "retransmissions": (),
        "times": (),
        "message_id": (),
    },
    _core.KeptSession: {"take_over": (None,), "end": (), "wait_connected": (5,)},
    _core.Turn: {"take": (WORK,)},
    _core.Recorder: {"invented": ("a",), "mark": ("a",), "flush": (), "failure": ()},
    _core.Recording: {"header": (), "next": ()},
    _core.Replay: {"port": (), "header": (), "play": ("a", None), "report": (), "left": (), "close": ()},
    _core.Journal: {"write": (WORK,), "next": (), "take_dropped": (), "end": ()},
    _core.VirtualModem: {
        "port": (),
        "model": (),
        "is_open": (),
        "close": (),
        "restart": (),
        "network": (True, False),
        "power_off": (False,),
        "power_on": (),
        "power_key": (),
        "urc": (b"+CREG: 1",),
        "commands": (),
        "set_registration": (1,),
        "set_sim": ("ready",),
        "set_signal": (20, 99, (None, None, None)),
        "set_battery": (3860, 88),
        "set_cell": (1, 2),
        "inject": ("lost-ok=1",),
        "heal": (None,),
        "expect": (("AT", 1, []),),
        "expect_nothing": (),
        "answer": (0, []),
        "unmet": (),
        "faults": (),
    },
    _core.Broker: {
        "host": (),
        "port": (),
        "messages": (),
        "clients": (),
        "publish": ("t", b"", 0, False),
        "refuse": (None,),
        "withhold_acks": (False,),
        "silent": (False,),
        "slow": (0.0,),
        "cut": (None,),
        "deny": (None,),
        "wait": ("t", 5),
        "stop": (False,),
        "start": (),
        "drop_clients": (),
        "close": (),
    },
}
# An entry that asks for nothing tells a child nothing, and is not an error there. A child cannot withdraw a call of its
# parent, and the answer of `take_back` says so.
INERT = (
    {("Opening", "close"), ("Opening", "closed"), ("Engine", "close_later"), ("Engine", "is_open")}
    | {(kind, "close") for kind in ("Engine", "VirtualModem", "Broker", "Replay")}
    | {
        ("Pending", "take_back"),
        ("Pending", "take_back_later"),
        ("Pending", "subject"),
        ("Pending", "number"),
        ("KeptSession", "end"),
    }
    | {("Recorder", name) for name in ("invented", "mark", "flush", "failure")}
    | {("Journal", name) for name in ("write", "next", "take_dropped", "end")}
    | {("Engine", "told"), ("Engine", "wait_told"), ("Turn", "take")}
)

EVERY_ENTRY = """
import tempfile
from modemqtt import _core
connect()
opening, engine = modem._line._opening, modem._line.engine
pending = engine.command("AT")
objects = dict(Opening=opening, Engine=engine, Pending=pending, Journal=_core.Journal())
objects.update(Turn=modem._line.turn, Bell=_core.Bell())
recorded = os.path.join(tempfile.mkdtemp(), "a.rec")
how = dict(kind="device", baudrate=115200, model=None, identities=False, part=None, name="m", journal=_core.Journal())
objects.update(Recorder=_core.Recorder(recorded, **how), Recording=_core.Recording(recorded))
objects.update(Replay=_core.Replay(recorded, link=None, listen=None, speed=None))
objects.update(VirtualModem=module._core, Broker=broker._core)
session = mqtt.session(broker.host, broker.port, client_id="c", reconnect=True)
session.__enter__()
objects["KeptSession"] = mqtt._own.kept
stop = threading.Event()

def traffic():
    while not stop.is_set():
        mqtt.publish("bench/t", b"1"), modem.stats, mqtt.state, modem.wire.tail(), broker.clients

mqtt.on_message = lambda _: None
mqtt.subscribe("bench/#")
threads = [threading.Thread(target=traffic) for _ in range(3)]
for thread in threads: thread.start()
entries, inert = {entries!r}, {inert!r}
entries *= {rounds}
for kind, name, arguments in entries:
    child = os.fork()
    if child == 0:
        signal.alarm(5)
        try:
            found = getattr(objects[kind], name)
            if callable(found): found(*[dict if each == "work" else each for each in arguments])
        except UsageError:
            os._exit(0)
        os._exit(0 if (kind, name) in inert else 1)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status: print(kind, name, status)
stop.set()
for thread in threads: thread.join()
"""


def test_every_entry_of_the_core_is_listed_here() -> None:
    kinds = {kind for _, kind in inspect.getmembers(_core, inspect.isclass)}
    assert kinds == ENTRIES.keys()
    for kind, entries in ENTRIES.items():
        assert {name for name in vars(kind) if not name.startswith("_")} == entries.keys(), kind


def test_no_entry_of_the_core_waits_in_a_forked_child_for_what_its_parent_held() -> None:
    every = [
        (kind.__name__, name, arguments)
        for kind, entries in ENTRIES.items()
        for name, arguments in entries.items()
        # They take a Python object, and check its class first.
        if name not in ("token", "take_over", "attend")
    ]
    rounds = max(1, FORKS // 20)
    program = QUIET + EVERY_ENTRY.replace("{entries!r}", repr(every)).replace("{inert!r}", repr(INERT))
    program = program.replace("{rounds}", str(rounds))
    outcome = run(program, patience=60 + 5 * rounds)
    assert (outcome.returncode, outcome.output, outcome.errors) == (0, "", "")


@pytest.mark.timeout(60 + FORKS)
def test_a_child_forked_in_the_middle_of_traffic_can_leave_close_and_open_a_modem_of_its_own() -> None:
    outcome = run(
        QUIET
        + f"""
connect()
mqtt.on_message = lambda _: None
mqtt.subscribe("bench/#")
stop = threading.Event()

def traffic():
    while not stop.is_set():
        mqtt.publish("bench/t", b"1"), modem.stats, broker.clients

threads = [threading.Thread(target=traffic) for _ in range(3)]
for thread in threads: thread.start()
hung = 0
for number in range({FORKS}):
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        modem.close(), module.close(), broker.close()
        with VirtualModem("M95") as own, Modem(own.port) as other: other.command("AT")
        os._exit(0)
    hung += os.waitpid(child, 0)[1] != 0
stop.set()
for thread in threads: thread.join()
modem.close()
print(hung)
""",
        patience=30 + FORKS,
    )
    assert (outcome.returncode, outcome.output, outcome.errors) == (0, "0\n", "")
