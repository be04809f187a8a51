"""Programs end whatever is going on: traffic with children, a log that stalls, an answer without an end, Ctrl-C."""

from __future__ import annotations

import os
import signal

import pytest

from support.programs import interrupt, run

# More runs take longer: MODEMQTT_RUNS=100.
RUNS = max(1, int(os.environ.get("MODEMQTT_RUNS", "10")) // 10)

# Publishes in three threads, and messages that come back to a callback.
TRAFFIC = """
import logging, warnings
logging.disable()
warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of forking beside threads
connect()
mqtt.on_message = lambda _: None
mqtt.subscribe("bench/#")

def traffic():
    try:
        while True: mqtt.publish("bench/t", b"1", qos=1), modem.stats, broker.clients
    except (ModemError, OSError):
        pass  # The modem is closed, or the broker, at which a thread may look last.

for _ in range(3): threading.Thread(target=traffic, daemon=True).start()
"""
METHODS = ["fork", "forkserver", "spawn"] if hasattr(os, "fork") else ["spawn"]


def ends(program: str) -> None:
    """Run it some times; it ends by itself and says nothing."""
    for _ in range(RUNS):
        outcome = run(program)
        assert (outcome.returncode, outcome.output, outcome.errors) == (0, "", "")


@pytest.mark.parametrize("method", METHODS)
def test_a_pool_made_in_the_middle_of_traffic_works_and_is_joined_after_everything_was_closed(method: str) -> None:
    ends(
        TRAFFIC
        + f"""
import multiprocessing
with multiprocessing.get_context({method!r}).Pool(4) as pool:
    assert pool.map(abs, range(-40, 0)) == list(range(40, 0, -1))
    modem.close(), module.close(), broker.close()
    pool.close()
    pool.join()
"""
    )


@pytest.mark.parametrize("method", METHODS)
def test_the_interpreter_ends_in_the_middle_of_traffic_while_a_pool_lives(method: str) -> None:
    ends(
        TRAFFIC
        + f"""
import multiprocessing
warnings.simplefilter("ignore", ResourceWarning)
pool = multiprocessing.get_context({method!r}).Pool(2)
assert pool.map(abs, [-1]) == [1]
"""
    )


@pytest.mark.parametrize("whose", ["modem", "module"])
def test_the_interpreter_ends_while_a_log_stalls(whose: str) -> None:
    ends(
        f"""
import tempfile
module.close()
with tempfile.TemporaryDirectory() as directory:
    fifo = os.path.join(directory, "fifo")
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    module = VirtualModem("M95", log=fifo if {whose!r} == "module" else None)
    module.expect("AT+LONG", times=None).respond(*["+LONG: " + "x" * 1000] * 100)
    modem = Modem(module.port, log=fifo if {whose!r} == "modem" else None).open()
    for _ in range(15): modem.command("AT+LONG", timeout=10)
"""
    )


# The other end of the line answers as long as someone reads.
ENDLESS = """
master, slave = os.openpty()
tty.setraw(slave)

def answer():
    try:
        for line in iter(lambda: os.read(master, 99), b""):
            if b"COPS" in line: break
            os.write(master, (b"\\r\\n+CMEE: 1" if b"?" in line else b"") + b"\\r\\nOK\\r\\n")
        while True: os.write(master, b"\\r\\n+COPS: (2,\\"operator\\")")
    except OSError:
        pass

threading.Thread(target=answer, daemon=True).start()
modem = Modem(os.ttyname(slave), model="M95").open()
"""


@pytest.mark.parametrize("end", ["", "modem.close()", "modem.close(); modem.open(timeout=0.2)"])
def test_the_interpreter_ends_while_a_module_answers_for_ever(end: str) -> None:
    ends(
        f"""{ENDLESS}
def wait():
    try:
        modem.command("AT+COPS=?", timeout=60)
    except ModemError:
        pass

waiting = threading.Thread(target=wait, daemon=True)
waiting.start()
time.sleep(0.05)
try:
    {end or "pass"}
except ResponseTimeout:
    pass
"""
    )


@pytest.mark.parametrize(
    "call", ["modem.command('AT+COPS=?', timeout=0.5)", "modem.close()", "modem.reopen(timeout=0.5)"]
)
def test_calls_keep_their_time_while_a_module_answers_for_ever(call: str) -> None:
    ends(
        f"""{ENDLESS}
modem.on_urc = lambda _: None
try:
    modem.command("AT+COPS=?", timeout=0.2)
except ModemError:
    pass
start = time.monotonic()
try:
    {call}
except ModemError:
    pass
assert time.monotonic() - start < 3, time.monotonic() - start
"""
    )


@pytest.mark.parametrize(
    "doing",
    [
        "while True: modem.open(), modem.close()",
        "modem.open()\nwhile True: modem.reopen()",
        "modem.open()\nwhile True:\n with mqtt.session(broker.host, broker.port, client_id='c', reconnect=True): pass",
        "mqtt.on_message = print\nwhile True: modem.open(), modem.close()",
        "while True:\n    with VirtualModem('M95'), Broker(): pass",
    ],
)
@pytest.mark.parametrize("after", [0.0, 0.011])
def test_an_interrupt_ends_a_program_that_opens_and_closes(doing: str, after: float) -> None:
    outcome = interrupt(f"import logging; logging.disable()\nready()\n{doing}\n", after=after)
    assert outcome.returncode == -signal.SIGINT
    assert outcome.errors.rstrip().endswith("KeyboardInterrupt"), outcome.errors
    assert outcome.seconds_after_signal < 2
