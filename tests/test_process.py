"""The modem and its process: exit, Ctrl-C, fork."""

from __future__ import annotations

import sys

import pytest

from support.programs import interrupt, run

RUNS = 20

# Each ends without closing anything, at a moment at which a callback is under way.
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


@pytest.mark.parametrize(
    "ending",
    [
        "sys.exit(3)",
        "modem.close(); modem.close(); sys.exit(3)",
        "del modem, mqtt; sys.exit(3)",
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


BLOCKING = {
    "receive": "connect(); ready(); mqtt.receive()",
    "receive with a timeout": "connect(); ready(); mqtt.receive(timeout=60)",
    "messages": "connect(); ready(); list(mqtt.messages())",
    "urcs": "connect(); ready(); list(modem.urcs())",
    "publish": "connect(); broker.withhold_acks(); ready(); mqtt.publish('t', b'1', qos=1)",
    "subscribe": "connect(); broker.withhold_acks(); ready(); mqtt.subscribe('t')",
    "a delivery": (
        "connect(); broker.withhold_acks()\n"
        "delivery = mqtt.publish('t', b'1', qos=1, wait=False); ready(); delivery.wait()"
    ),
    "a slot": (
        "connect(); broker.withhold_acks()\n"
        "for _ in range(5): mqtt.publish('t', b'1', qos=1, wait=False)\n"
        "ready(); mqtt.publish('t', b'1', qos=1, wait=False)"
    ),
    "open to a silent port": (
        "master, slave = os.openpty(); tty.setraw(slave)\nready(); Modem(os.ttyname(slave)).open()"
    ),
    "open a host that does not answer": (
        "import socket; full = socket.socket(); full.bind(('127.0.0.1', 0)); full.listen(0)\n"
        "fill = socket.create_connection(full.getsockname())\n"
        "ready(); Modem('socket://127.0.0.1:%d' % full.getsockname()[1]).open()"
    ),
    "open to a silent server": (
        "import socket; full = socket.socket(); full.bind(('127.0.0.1', 0)); full.listen(0)\n"
        "fill = [socket.socket() for _ in range(4)]\n"
        "for one in fill: one.setblocking(False); one.connect_ex(full.getsockname())\n"
        "modem.open(); ready(); mqtt.open(*full.getsockname())"
    ),
    "command": (
        "master, slave = os.openpty(); tty.setraw(slave)\n"
        "def answer():\n"
        "    for _ in range(3): os.read(master, 99); os.write(master, b'\\r\\nOK\\r\\n')\n"
        "    os.read(master, 99); os.write(master, b'\\r\\n+CMEE: 1\\r\\n\\r\\nOK\\r\\n')\n"
        "threading.Thread(target=answer, daemon=True).start()\n"
        "silent = Modem(os.ttyname(slave), model='M95').open()\n"
        "ready(); silent.command('AT+COPS=?')"
    ),
    "wait_registered": "modem.open(); module.network(False); ready(); modem.wait_registered()",
    "close while a callback works": (
        "connect(); mqtt.subscribe('t'); started = threading.Event()\n"
        "mqtt.on_message = lambda _: (started.set(), time.sleep(30))\n"
        "broker.publish('t', b''); started.wait(); ready(); modem.close()"
    ),
}


@pytest.mark.parametrize("blocking", BLOCKING)
def test_an_interrupt_ends_a_wait_at_once(blocking: str) -> None:
    body = "\n    ".join(BLOCKING[blocking].splitlines())
    outcome = interrupt(
        f"""
try:
    {body}
except KeyboardInterrupt:
    print("interrupted", flush=True)
    os._exit(0)
"""
    )
    assert (outcome.returncode, outcome.output, outcome.errors) == (0, "interrupted\n", "")
    # The aim is a tenth of a second; a busy machine is given more.
    assert outcome.seconds_after_signal < 0.5


def test_an_interrupted_session_is_left_and_the_program_ends() -> None:
    outcome = interrupt(
        """
with modem, mqtt.session(broker.host, broker.port, client_id="bench-7"):
    ready()
    mqtt.receive()
"""
    )
    assert outcome.returncode != 0
    assert outcome.errors.rstrip().endswith("KeyboardInterrupt")
    assert outcome.seconds_after_signal < 2


def test_the_modem_is_usable_after_an_interrupt() -> None:
    outcome = interrupt(
        """
connect()
broker.withhold_acks()
try:
    ready()
    mqtt.publish("bench/t", b"1", qos=1)
except KeyboardInterrupt:
    broker.withhold_acks(False)
    print(modem.command("AT+CSQ").lines[0], mqtt.publish("bench/t", b"2", qos=1).state)
"""
    )
    assert (outcome.returncode, outcome.output, outcome.errors) == (0, "+CSQ: 20,0 acknowledged\n", "")


FORK = """
import warnings
warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of forking beside threads
connect()
mqtt.subscribe("bench/#")
seen = []
mqtt.on_message = seen.append
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
