"""Programs that a test runs in a separate process."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from dataclasses import dataclass

READY = "ready"

# Every program has these at hand. Standard output shows its progress.
PROLOGUE = """\
import contextlib, os, signal, socket, sys, tempfile, threading, time, tty
from modemqtt import *
from modemqtt.virtual import Broker, VirtualModem

# A shell that puts tests into the background has them ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)

def ready(): print("ready", flush=True)

broker, module = Broker(), VirtualModem("M95")
modem = Modem(module.port)
mqtt = modem.mqtt()

def connect():
    modem.open()
    mqtt.open(broker.host, broker.port)
    mqtt.connect("bench-7")

def silent(model="M95"):
    # A module that is found and says nothing more.
    master, slave = os.openpty()
    tty.setraw(slave)
    def answer():
        for _ in range(3): os.read(master, 99); os.write(master, b"\\r\\nOK\\r\\n")
        os.read(master, 99); os.write(master, b"\\r\\n+CMEE: 1\\r\\n\\r\\nOK\\r\\n")
    threading.Thread(target=answer, daemon=True).start()
    return Modem(os.ttyname(slave), model=model).open()

@contextlib.contextmanager
def linked():
    # A module whose name goes with it. The number of a pseudo-terminal may become another program's at once.
    with tempfile.TemporaryDirectory() as folder:
        with VirtualModem("M95", link=folder + "/module") as module, Modem(folder + "/module") as modem:
            yield module, modem

def absent(port=0):
    # A server that takes no connection, and what keeps it from doing so.
    server = socket.create_server(("127.0.0.1", port), backlog=0)
    return server, socket.create_connection(server.getsockname())

"""


@dataclass(frozen=True)
class Outcome:
    """How a program has ended."""

    returncode: int
    output: str
    errors: str
    seconds_after_signal: float = 0.0
    signalled_at: float = 0.0


def command(program: str) -> list[str]:
    """Return the command line that runs it with every warning an error."""
    return [sys.executable, "-X", "dev", "-W", "error", "-c", PROLOGUE + program]


def run(program: str, *, patience: float = 20.0) -> Outcome:
    """Run it to its end."""
    done = subprocess.run(  # noqa: S603 - the test's own
        command(program), capture_output=True, text=True, timeout=patience, check=False
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


def interrupt(program: str, *, after: float = 0.15, patience: float = 20.0) -> Outcome:
    """Run it, and send SIGINT some time after it has said that it is about to block."""
    process = subprocess.Popen(  # noqa: S603 - the test's own
        command(program), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line.strip() == READY, f"{line!r}; {process.communicate(timeout=patience)}"
        # The call cannot report that it waits.
        time.sleep(after)
        start = time.monotonic()
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=patience)
        return Outcome(process.returncode, output, errors, time.monotonic() - start, start)
    finally:
        process.kill()
        process.wait()
