"""The modem and its process: exit and fork."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from support.programs import run

if TYPE_CHECKING:
    from pathlib import Path

# More runs take longer: MODEMQTT_RUNS=100.
RUNS = int(os.environ.get("MODEMQTT_RUNS", "10"))

# Each ends without closing anything, while a callback is running.
BUSY = {
    "in Python code": """
        while True: sum(range(1000))""",
    "asleep": """
        time.sleep(60)""",
    "in a publish": """
        while True: mqtt.publish("bench/t", b"1", qos=1)""",
    "in a wait": """
        modem.mqtt(1).receive()""",
    "in a short wait": """
        while True: list(modem.mqtt(1).messages(timeout=0.001))""",
    "being called": """
        pass""",
}
EXIT = """
connect()
mqtt.subscribe("bench/#")
called = threading.Event()

def on_message(message):
    called.set()
    try:
        {body}
    except ModemError:
        pass

mqtt.on_message = on_message
for number in range(20):
    broker.publish("bench/t", b"1")
assert called.wait(10)
"""


@pytest.mark.parametrize("busy", BUSY)
def test_the_interpreter_ends_cleanly_while_a_callback_is(busy: str) -> None:
    program = EXIT.format(body=BUSY[busy].strip())
    for _ in range(RUNS):
        outcome = run(program)
        assert (outcome.returncode, outcome.errors, outcome.output) == (0, "", "")


@pytest.mark.parametrize(
    "call",
    [
        "mqtt.receive()",
        "list(modem.urcs())",
        'mqtt.publish("bench/t", b"1", qos=1)',
        "while True: modem.command('AT')",
    ],
)
def test_the_interpreter_ends_cleanly_while_a_daemon_thread_waits_in(call: str) -> None:
    program = f"""
connect()
broker.withhold_acks()
waiting = threading.Event()

def wait():
    waiting.set()
    try:
        {call}
    except ModemError:
        pass

threading.Thread(target=wait, daemon=True).start()
waiting.wait()
"""
    for _ in range(RUNS):
        outcome = run(program)
        assert (outcome.returncode, outcome.errors, outcome.output) == (0, "", "")


# Each ends while a session reconnects by itself.
CONNECTING_AGAIN = {
    "waits": "broker.drop_clients(); until_state('closed')",
    "opens": "port = broker.port; broker.close(); [one.detach() for one in absent(port)]; until_state('opening')",
    "connects": (
        "port = broker.port; broker.close(); socket.create_server(('127.0.0.1', port)).detach()\n"
        "until_state('connecting')"
    ),
    "waits for the port": "module.close()",
    "tells": "mqtt.on_reconnected = lambda _: (told.set(), time.sleep(60)); broker.drop_clients(); told.wait()",
}


@pytest.mark.parametrize("within", ["", "entered.__exit__(None, None, None)", "modem.close()"])
@pytest.mark.parametrize("doing", CONNECTING_AGAIN)
def test_the_interpreter_ends_cleanly_while_a_session(doing: str, within: str, tmp_path: Path) -> None:
    # The replacement of the server is there before the first attempt.
    first = 60 if doing == "waits" else 0.05
    if doing == "tells" and within == "modem.close()":
        pytest.skip("closing waits for the callback that is running")
    program = f"""
told = threading.Event()

def until_state(state):
    while mqtt.state != state: time.sleep(0.001)

import logging; logging.disable()
modem.open()
entered = mqtt.session(broker.host, broker.port, client_id="bench-7", reconnect=Reconnect(first={first}))
entered.__enter__()
{CONNECTING_AGAIN[doing]}
{within}
"""
    if doing == "waits for the port":
        link = str(tmp_path / "module")
        program = (
            f"module = VirtualModem('M95', link={link!r}); modem = Modem({link!r}); mqtt = modem.mqtt()\n{program}"
        )
    for _ in range(max(1, RUNS // 5)):
        outcome = run(program)
        assert (outcome.returncode, outcome.errors, outcome.output) == (0, "", "")


@pytest.mark.parametrize(
    "ending",
    [
        "sys.exit(3)",
        "modem.close(); modem.close(); sys.exit(3)",
        "modem.close(); del modem, mqtt; sys.exit(3)",
        "del module, broker; sys.exit(3)",
        "module.close(); sys.exit(3)",
        "modem.on_urc = print; sys.exit(3)",
        "os._exit(3)",
    ],
)
def test_the_exit_code_is_the_programs_own(ending: str) -> None:
    outcome = run(f"connect()\n{ending}\n")
    assert (outcome.returncode, outcome.errors, outcome.output) == (3, "", "")


def test_an_uncaught_exception_is_all_that_is_printed() -> None:
    outcome = run("connect()\nmodem.on_urc = print\nmodem.command('AT+NOPE')\n")
    assert outcome.returncode == 1
    assert "modemqtt.exceptions.CommandError: the module refused AT+NOPE: ERROR" in outcome.errors
    if sys.version_info >= (3, 11):
        assert outcome.errors.endswith("  > AT+NOPE\n  < ERROR\n")


FORK = """
import warnings
warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of forking beside threads
connect()
mqtt.subscribe("bench/#")
seen = []
mqtt.on_message = seen.append
delivery = mqtt.publish("other/t", b"", wait=False)
child = os.fork()
if child == 0:
    try:
        signal.alarm(2)
        {body}
    except UsageError as error:
        print(error, flush=True)
    {ending}
_, status = os.waitpid(child, 0)
broker.publish("bench/t", b"1")
assert mqtt.receive(timeout=5).payload == b"1"
assert mqtt.publish("bench/t", b"2", qos=1).state == "acknowledged"
assert modem.command("AT").final == "OK"
while len(seen) < 2: time.sleep(0.01)
modem.close()
print(os.waitstatus_to_exitcode(status), module.port)
"""


@pytest.mark.skipif(not hasattr(sys, "getdlopenflags"), reason="only POSIX systems fork")
@pytest.mark.parametrize("ending", ["sys.exit(0)", "os._exit(0)", "modem.close(); sys.exit(0)"])
@pytest.mark.parametrize(
    "call",
    [
        "modem.command('AT')",
        "mqtt.publish('t', b'')",
        "mqtt.receive()",
        "mqtt.receive(timeout=1)",
        "list(mqtt.messages())",
        "list(modem.urcs())",
        "mqtt.configuration()",
        "mqtt.open('h')",
        "modem.stats",
        "delivery.wait()",
        "delivery.state",
        "repr(delivery)",
        "modem.restart()",
        "mqtt.on_message = print",
        "mqtt.on_message = None",
        "mqtt.on_delivery = print",
        "mqtt.on_connection_lost = print",
        "mqtt.on_reconnected = print",
        "mqtt.on_reconnect_failed = print",
        "modem.on_urc = print",
        "modem.on_restart = print",
        "mqtt.session('h', client_id='c', reconnect=True).__enter__()",
    ],
)
def test_a_forked_child_is_told_so_and_does_not_disturb_its_parent(call: str, ending: str) -> None:
    outcome = run(FORK.format(body=call, ending=ending))
    assert outcome.errors == ""
    assert outcome.returncode == 0
    said, ended = outcome.output.splitlines()
    code, port = ended.split()
    assert code == "0"
    assert said.startswith(f"{port} was opened by process ")
    assert said.endswith("a forked child opens a modem of its own")


def test_a_child_that_was_spawned_does_not_hold_the_port() -> None:
    outcome = run(
        """
import subprocess
modem.open()
child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, close_fds=False)
modem.close()
modem.open()
print(modem.command("AT").final)
child.communicate(b"\\n")
"""
    )
    assert (outcome.returncode, outcome.output, outcome.errors) == (0, "OK\n", "")


def test_a_forked_child_may_use_the_object_for_a_modem_of_its_own() -> None:
    outcome = run(
        """
import warnings
warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of forking beside threads
connect()
mqtt.on_message = print
held = threading.Event()

def hold():
    held.set()
    time.sleep(60)

threading.Thread(target=modem._line.turn.take, args=(hold,), daemon=True).start()
held.wait()
child = os.fork()
if child == 0:
    signal.alarm(5)
    modem.close()
    mqtt.on_message = None
    with VirtualModem("M95") as own, Modem(own.port) as modem:
        print(modem.command("AT").final, flush=True)
    os._exit(0)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
os._exit(0)
"""
    )
    assert (outcome.returncode, outcome.output, outcome.errors) == (0, "OK\n0\n", "")


def test_a_forked_child_leaves_a_session_of_its_parents_without_a_word() -> None:
    outcome = run(
        """
import warnings
warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of forking beside threads
modem.open()
with mqtt.session(broker.host, broker.port, client_id="bench-7", reconnect=True):
    child = os.fork()
    if child == 0:
        signal.alarm(5)
if child == 0:
    os._exit(0)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), broker.clients)
modem.close()
"""
    )
    assert (outcome.returncode, outcome.output, outcome.errors) == (0, "0 []\n", "")


def test_a_whole_program_gives_no_warning() -> None:
    outcome = run(
        """
import modemqtt, modemqtt.cli, modemqtt.virtual
seen = []
with modem:
    modem.on_urc = modem.on_restart = print
    mqtt.on_message = mqtt.on_delivery = mqtt.on_connection_lost = mqtt.on_reconnected = seen.append
    with mqtt.session(broker.host, broker.port, client_id="bench-7", reconnect=Reconnect(first=0.01)):
        mqtt.subscribe("bench/#", qos=1)
        mqtt.publish("bench/t", b"1", qos=1)
        mqtt.receive(timeout=5)
        import logging; logging.disable()
        broker.drop_clients()
        while not any(isinstance(event, Reconnected) for event in seen): time.sleep(0.001)
        list(modem.urcs(timeout=0))
    modem.on_urc = modem.on_restart = None
with Broker() as other, VirtualModem("EG800Q", listen="127.0.0.1:0") as second, Modem(second.port) as modem:
    modem.identity, modem.stats, str(modem.wire)
"""
    )
    assert (outcome.returncode, outcome.output, outcome.errors) == (0, "", "")


def test_a_modem_that_was_forgotten_while_open_is_warned_of() -> None:
    outcome = run(
        """
import gc
def forget(): Modem(module.port).open()
forget()
gc.collect()
"""
    )
    assert outcome.returncode == 0
    assert "ResourceWarning: /dev/" in outcome.errors
    assert "was not closed" in outcome.errors


def test_a_modem_that_was_closed_or_lost_or_is_still_in_use_at_the_end_is_not() -> None:
    outcome = run(
        """
import gc
def forget(end):
    own = VirtualModem("M95")
    modem = Modem(own.port).open()
    end(own, modem)
    while modem.is_open: time.sleep(0.001)
forget(lambda own, modem: modem.close())
forget(lambda own, modem: own.close())
gc.collect()
modem.open()
"""
    )
    assert (outcome.returncode, outcome.output, outcome.errors) == (0, "", "")
