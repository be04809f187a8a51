"""Ctrl-C at random times while a modem is opened and closed: whether `close()` cures what each of them leaves.

    python benches/interrupts.py [--rounds 100000] [--seed 1]

The module is in another process, and the signals are real. Each round interrupts a call at a random time of it; then
the modem is closed, and has to open, to answer and to close again.

"""

from __future__ import annotations

import argparse
import faulthandler
import logging
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from modemqtt import Modem, ModemError, Reconnect

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

MODULE = """
import sys
from modemqtt.virtual import Broker, VirtualModem
with Broker() as broker, VirtualModem("M95") as module:
    print(module.port, broker.host, broker.port, flush=True)
    sys.stdin.read()
"""
# How often each is interrupted.
SHARES = {"open and close": 60, "with callbacks": 15, "reopen": 15, "session": 10}
# A round that does not end by then never will.
PATIENCE = 60


class Alarm:
    """Interrupts a call once."""

    def __init__(self) -> None:
        """Take the signal."""
        self._armed = False
        signal.signal(signal.SIGALRM, self._raise)

    def _raise(self, _number: int, _frame: FrameType | None) -> None:
        if self._armed:
            self._armed = False
            raise KeyboardInterrupt

    def interrupt(self, call: Callable[[], object], after: float) -> bool:
        """Call it, and interrupt it after this many seconds; whether it was still under way."""
        self._armed = True
        try:
            signal.setitimer(signal.ITIMER_REAL, after)
            call()
            self._armed = False
        except KeyboardInterrupt:
            return True
        finally:
            self._armed = False
            signal.setitimer(signal.ITIMER_REAL, 0)
        return False


class Rounds:
    """Interrupts what opens and closes a modem until it was interrupted often enough."""

    def __init__(self, port: str, broker: tuple[str, int], seed: int) -> None:
        """Begin."""
        self.port, self.broker = port, broker
        self.random = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
        self.alarm = Alarm()
        self.modem = self.fresh()
        self.seconds = dict.fromkeys(SHARES, 0.003)
        self.interrupted: Counter[str] = Counter()
        self.failures: list[str] = []

    def fresh(self) -> Modem:
        """Return another modem on the port."""
        return Modem(self.port, model="M95")

    def open_and_close(self) -> None:
        """Do what most do."""
        self.modem.open()
        self.modem.close()

    def session(self) -> None:
        """Enter a session that connects again, and leave it."""
        host, port = self.broker
        with self.modem.open().mqtt().session(host, port, client_id="rounds", reconnect=Reconnect(first=0.001)):
            pass
        self.modem.close()

    def prepare(self, kind: str) -> Callable[[], object]:
        """Return the call of that kind."""
        self.modem.on_urc = print if kind == "with callbacks" else None
        if kind == "session":
            return self.session
        if kind == "reopen":
            self.modem.open()
            return self.modem.reopen
        return self.open_and_close

    def round(self) -> None:
        """Interrupt one call, and see that closing cures what it leaves."""
        [kind] = self.random.choices(list(SHARES), list(SHARES.values()))
        call = self.prepare(kind)
        began = time.monotonic()
        try:
            if self.alarm.interrupt(call, self.random.uniform(1e-6, 1.1 * self.seconds[kind])):
                self.interrupted[kind] += 1
            else:
                self.seconds[kind] += 0.1 * (time.monotonic() - began - self.seconds[kind])
        except ModemError as error:
            self.failures.append(f"{kind}: {error!r}")
        try:
            self.modem.close()
            with self.modem.open(timeout=5) as modem:
                modem.command("AT")
        except ModemError as error:
            self.failures.append(f"after {kind}: {error!r}")
            # Is it for good?
            self.modem.close()
            self.modem = self.fresh()

    def run(self, wanted: int) -> None:
        """Go on until it was interrupted so often."""
        while (done := sum(self.interrupted.values())) < wanted:
            faulthandler.dump_traceback_later(PATIENCE, exit=True)
            self.round()
            if done % 100 == 0:
                print(f"\r{done} of {wanted} interrupted, {len(self.failures)} not cured", end="", file=sys.stderr)
        faulthandler.cancel_dump_traceback_later()
        print(file=sys.stderr)


def held() -> tuple[int, int]:
    """Return how many threads and descriptors this process has."""
    return threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))


def main() -> int:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rounds", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    logging.disable()
    command = [sys.executable, "-c", MODULE]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:  # noqa: S603 - our own
        port, host, number = next(iter(other.stdout or ())).split()
        rounds = Rounds(port, (host, int(number)), arguments.seed)
        with rounds.modem:
            pass
        before, began = held(), time.monotonic()
        rounds.run(arguments.rounds)
        rounds.modem.close()
        after, seconds = held(), time.monotonic() - began
        other.communicate()
    counted = ", ".join(f"{count} × {kind}" for kind, count in rounds.interrupted.items())
    print(f"{sum(rounds.interrupted.values())} interrupted in {seconds:.0f} s: {counted}")
    print(f"  threads and descriptors before {before}, after {after}")
    print("  " + ("; ".join(rounds.failures[:10]) or "every one cured by close()"))
    return 1 if rounds.failures or after > before else 0


if __name__ == "__main__":
    sys.exit(main())
