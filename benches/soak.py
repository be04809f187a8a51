"""Many messages through a virtual module at full speed while it, its line and the world behind it misbehave.

    python benches/soak.py [--model M95] [--messages 200000] [--seed 1]

Half of the messages go up: several threads publish them with QoS 1 and 2 on two clients of the module. The other half
come down: a third client has subscribed to all of them. Meanwhile faults are switched on and off, connections are cut,
acknowledgements withheld, the network taken away and the module restarted, children are forked in the middle of it and
commands answered without end, all by the seed, with a log on a pipe that nobody reads. What MQTT promises is checked:
whatever was acknowledged is at the broker, and whatever the broker has passed on has been received. No child may hang.

"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import logging
import os
import random
import signal
import sys
import threading
import time
import warnings
from collections import Counter, deque
from pathlib import Path
from typing import TYPE_CHECKING

from modemqtt import Modem, ModemError, Reconnect, UsageError
from modemqtt.virtual import Broker, VirtualModem

if TYPE_CHECKING:
    from modemqtt import ConnectionLost, Delivery, Message, MqttClient, Reconnected

# What real modules do. Each is a deviation that loses nothing, so what the QoS promises must hold.
FAULTS = (
    "blank-lines",
    "single-crlf",
    "unknown-line",
    "urc-before-ok",
    "publish-result-before-ok",
    "result-before-ok",
    "result-with-ok",
    "result-delay=0.05",
    "late-stat",
    "late-close",
    "slow-close=0.1",
    "lost-ok=0.002",
    "lost-prompt=0.001",
    "lost-result=0.002",
    "reopen-error",
    "no-retransmit",
    "connect-without-result=0.2",
    "connect-two-fields",
    "refused-without-stat",
    "stat-code=77",
    "bare-error",
    "cme-text",
    "cms-error",
    "prompt-crlf",
    "prompt-no-blank",
    "prompt-no-crlf",
    "prompt-bare",
    "echo-returns=0.01",
    "data-echo",
    "boot-rom-lines",
    "boot-app-rdy",
    "boot-without-ok",
    "line-chunk=3",
    "latency=0.002",
)
CHAOS = {
    "fault": 40,
    "faults": 20,
    "cut": 8,
    "silence": 5,
    "no network": 4,
    "restart": 2,
    "child": 8,
    "endless answer": 1,
}
# More than the host keeps of an answer.
ENDLESS = ("+COPS: " + "x" * 93,) * 12_000
PAYLOAD = 24


class Soak:
    """One run."""

    def __init__(self, modem: Modem, module: VirtualModem, broker: Broker, up: int, seed: int) -> None:
        """Begin with nothing sent."""
        self.modem, self.module, self.broker, self.up = modem, module, broker, up
        self.random = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
        # A byte a message: what has become of it.
        self.acknowledged, self.arrived, self.received = bytearray(up), bytearray(up), bytearray(up)
        self.outcomes: Counter[str] = Counter()
        self.chaos: Counter[str] = Counter()
        self.outages: list[float] = []
        self.numbers = itertools.count()
        self.lock = threading.Lock()
        self.end = threading.Event()
        self.all_tried = False

    def connect(self, stack: contextlib.ExitStack) -> list[MqttClient]:
        """Connect three clients, the last of which receives."""
        clients = [self.modem.mqtt(index) for index in range(3)]
        for index, mqtt in enumerate(clients):
            mqtt.on_connection_lost = self.lost
            mqtt.on_reconnected = self.reconnected
            session = mqtt.session(
                self.broker.host,
                self.broker.port,
                client_id=f"soak-{index}",
                reconnect=Reconnect(first=0.02, most=0.2),
                clean_session=False,
                packet_timeout=1,
                retries=1,
            )
            stack.enter_context(session)
        clients[2].on_message = self.message
        clients[2].subscribe("soak", qos=2)
        return clients

    def message(self, message: Message) -> None:
        """Note what was received."""
        number = int(message.payload[:8])
        self.outcomes["received twice"] += self.received[number]
        self.received[number] = 1

    def lost(self, _error: ConnectionLost) -> None:
        """Count."""
        self.outcomes["connections lost"] += 1

    def reconnected(self, event: Reconnected) -> None:
        """Count."""
        self.outages.append(event.seconds)

    def publish(self, mqtt: MqttClient) -> None:
        """Publish number after number until each is acknowledged; publishes overlap as far as the module lets them."""
        under_way: deque[tuple[int, Delivery]] = deque()
        while (number := next(self.numbers)) < self.up:
            if number == self.up - 1:
                # The last of them, which waits until all that may go wrong has gone wrong.
                while not self.all_tried:
                    time.sleep(0.01)
            self.hand_over(mqtt, number, under_way)
            self.settle(mqtt, under_way, at_most=4)
        self.settle(mqtt, under_way, at_most=0)

    def hand_over(self, mqtt: MqttClient, number: int, under_way: deque[tuple[int, Delivery]]) -> None:
        """Hand a message over, as soon as there is a connection."""
        payload = b"%08d" % number + bytes(PAYLOAD)
        while True:
            try:
                under_way.append((number, mqtt.publish("soak", payload, qos=1 + number % 2, wait=False)))
            except ModemError:
                self.count("not handed over")
                while mqtt.state != "connected":
                    time.sleep(0.005)
            else:
                return

    def settle(self, mqtt: MqttClient, under_way: deque[tuple[int, Delivery]], *, at_most: int) -> None:
        """Wait for outcomes; what may not have arrived is published again: at least once."""
        while len(under_way) > at_most:
            number, delivery = under_way.popleft()
            with contextlib.suppress(ModemError):
                delivery.wait()
            if delivery.state == "acknowledged":
                self.acknowledged[number] = 1
                continue
            self.count(delivery.state)
            while mqtt.state != "connected":
                time.sleep(0.005)
            self.hand_over(mqtt, number, under_way)

    def count(self, outcome: str) -> None:
        """Count what several threads count."""
        with self.lock:
            self.outcomes[outcome] += 1

    def misbehave(self) -> None:
        """Do what the field does until the end."""
        first = list(CHAOS)
        while not self.end.wait(self.random.uniform(0.02, 0.3)):
            # Each once, then at random.
            [what] = [first.pop()] if first else self.random.choices(list(CHAOS), list(CHAOS.values()))
            self.all_tried = not first
            self.chaos[what] += 1
            pause = self.random.uniform(0.02, 0.3)
            if what == "cut":
                self.broker.drop_clients()
            elif what == "restart":
                self.module.restart()
            elif what == "silence":
                self.broker.withhold_acks()
                self.end.wait(pause)
                self.broker.withhold_acks(on=False)
            elif what == "no network":
                self.module.network(up=False)
                self.end.wait(pause)
                self.module.network(up=True)
            elif what == "child":
                self.fork()
            elif what == "endless answer":
                self.module.expect("AT+COPS=?").respond(*ENDLESS)
                with contextlib.suppress(ModemError):
                    self.modem.command("AT+COPS=?", timeout=pause)
            else:
                for fault in self.random.sample(FAULTS, 1 if what == "fault" else 5):
                    self.module.inject(fault)
                self.end.wait(pause)
                self.module.heal()

    def fork(self) -> None:
        """Fork a child, which finds that the modem is its parent's, and ends."""
        with warnings.catch_warnings():
            # It is what this is about.
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
        if child == 0:
            signal.alarm(10)
            try:
                self.modem.command("AT")
            except UsageError:
                os._exit(0)
            finally:
                os._exit(1)
        if os.waitpid(child, 0)[1] != 0:
            self.count("children that hung")

    def record(self) -> None:
        """Note what is at the broker, which keeps the last 10,000."""
        for message in self.broker.messages:
            self.arrived[int(message.payload[:8])] = 1

    def run(self, clients: list[MqttClient]) -> tuple[float, int, int]:
        """Run it; how long that took, and the resident memory after a fifth and at the end."""
        threads = [threading.Thread(target=self.publish, args=(clients[at % 2],), daemon=True) for at in range(4)]
        storm = threading.Thread(target=self.misbehave, daemon=True)
        began = time.monotonic()
        for thread in (*threads, storm):
            thread.start()
        before = 0
        while any(thread.is_alive() for thread in threads):
            time.sleep(0.2)
            self.record()
            done = sum(self.acknowledged)
            if not before and done > self.up // 5:
                before = resident()
            print(f"\r{done} of {self.up} acknowledged, {sum(self.received)} received", end="", file=sys.stderr)
        self.end.set()
        storm.join()
        patience = time.monotonic() + 30
        while sum(self.received) < self.up and time.monotonic() < patience:
            time.sleep(0.1)
        self.record()
        print(file=sys.stderr)
        return time.monotonic() - began, before, resident()

    def missing(self) -> list[str]:
        """Tell what MQTT promises and did not come about."""
        checks = (
            ("never acknowledged", b"\1" * self.up, self.acknowledged),
            ("acknowledged, and not at the broker", self.acknowledged, self.arrived),
            ("at the broker, and not received", self.arrived, self.received),
        )
        hung = self.outcomes["children that hung"]
        found = [f"{hung} children hung"] if hung else []
        for what, given, wanted in checks:
            numbers = [number for number in range(self.up) if given[number] > wanted[number]]
            if numbers:
                found.append(f"{len(numbers)} {what}, such as {numbers[:5]}")
        return found


def resident() -> int:
    """Return the resident memory of this process in KiB."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmRSS:")[1].split()[0])


def soak(model: str, messages: int, seed: int) -> list[str]:
    """Run it and print what has happened; what was lost."""
    with contextlib.ExitStack() as stack:
        broker = stack.enter_context(Broker())
        module = stack.enter_context(VirtualModem(model, seed=seed))
        reader, writer = os.pipe()
        stack.callback(os.close, reader)
        stack.callback(os.close, writer)
        modem = stack.enter_context(Modem(module.port, log=f"/proc/self/fd/{writer}"))
        run = Soak(modem, module, broker, messages // 2, seed)
        seconds, before, after = run.run(run.connect(stack))
        stats = modem.stats
    outages = sorted(run.outages) or [0.0]
    counted = ", ".join(f"{count} × {what}" for what, count in sorted((run.chaos + run.outcomes).items()))
    print(f"{model}, seed {seed}: {run.up} up and {sum(run.received)} down in {seconds:.0f} s,", end=" ")
    print(f"{2 * run.up / seconds:.0f} messages a second")
    print(f"  {counted}; module restarts {stats.restarts}")
    print(
        f"  {len(outages)} reconnections, outage median {outages[len(outages) // 2]:.2f} s, longest {outages[-1]:.2f} s"
    )
    print(f"  resident memory after a fifth {before} KiB, at the end {after} KiB")
    lost = run.missing()
    print("  " + ("; ".join(lost) or "nothing lost"))
    return lost


def main() -> int:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--model", default="M95")
    parser.add_argument("--messages", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    # Every loss is a warning.
    logging.getLogger("modemqtt").setLevel(logging.ERROR)
    return 1 if soak(arguments.model, arguments.messages, arguments.seed) else 0


if __name__ == "__main__":
    sys.exit(main())
