"""Many messages through a virtual module at full speed while it, its line and the world behind it misbehave.

    python benches/soak.py [--model M95] [--messages 200000] [--seed 1]

Half of the messages go up: several threads publish them with QoS 1 and 2 on two clients of the module. The other half
come down: a third client has subscribed to all of them. Meanwhile faults are switched on and off, connections are cut,
acknowledgements withheld, the network taken away and the module restarted, all by the seed. What MQTT promises is
checked: whatever was acknowledged is at the broker, and whatever the broker has passed on has been received.

"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import random
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from modemqtt import Modem, ModemError, Reconnect, UsageError
from modemqtt.virtual import Broker, VirtualModem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modemqtt import Message, MqttClient

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
PAYLOAD = 24


@dataclass
class Tally:
    """What has happened, by message number."""

    acknowledged: set[int] = field(default_factory=set)
    arrived: set[int] = field(default_factory=set)
    received: set[int] = field(default_factory=set)
    duplicates: int = 0
    unknown: int = 0
    failed: int = 0
    losses: int = 0
    reconnections: int = 0
    outages: list[float] = field(default_factory=list)
    chaos: dict[str, int] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)


def resident() -> int:
    """Return the resident memory of this process in KiB."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmRSS:")[1].split()[0])


def publisher(mqtt: MqttClient, numbers: Iterator[int], tally: Tally, wait: threading.Event) -> None:
    """Publish each number until it is acknowledged; publishes overlap as far as the module lets them."""
    due: list[tuple[int, object]] = []

    def settle(at_most: int) -> None:
        while len(due) > at_most:
            number, delivery = due.pop(0)
            with contextlib.suppress(ModemError):
                delivery.wait()  # type: ignore[attr-defined]
            state = delivery.state  # type: ignore[attr-defined]
            with tally.lock:
                if state == "acknowledged":
                    tally.acknowledged.add(number)
                    continue
                tally.unknown += state == "unknown"
                tally.failed += state == "failed"
            # At least once: what may not have arrived is published again.
            publish(number)

    def publish(number: int) -> None:
        while True:
            try:
                due.append((number, mqtt.publish("soak", b"%08d" % number + b"x" * PAYLOAD, qos=1 + number % 2, wait=False)))
            except UsageError:
                raise
            except ModemError:
                with tally.lock:
                    tally.failed += 1
            else:
                return
            # Without a connection there is nothing to do but to wait for it.
            while mqtt.state != "connected":
                wait.wait(0.005)

    for number in numbers:
        publish(number)
        settle(4)
    settle(0)


def chaos(module: VirtualModem, broker: Broker, rng: random.Random, tally: Tally, end: threading.Event) -> None:
    """Misbehave until the end."""
    while not end.wait(rng.uniform(0.02, 0.3)):
        what = rng.choices(["fault", "faults", "drop", "withhold", "network", "restart"], [40, 20, 8, 5, 4, 2])[0]
        with tally.lock:
            tally.chaos[what] = tally.chaos.get(what, 0) + 1
        pause = rng.uniform(0.02, 0.3)
        if what in ("fault", "faults"):
            faults = rng.sample(FAULTS, 1 if what == "fault" else 5)
            for fault in faults:
                module.inject(fault)
            end.wait(pause)
            for fault in faults:
                module.heal(fault.split("=")[0])
        elif what == "drop":
            broker.drop_clients()
        elif what == "withhold":
            broker.withhold_acks()
            end.wait(pause)
            broker.withhold_acks(on=False)
        elif what == "network":
            module.network(up=False)
            end.wait(pause)
            module.network(up=True)
        else:
            module.restart()


def record(broker: Broker, tally: Tally) -> None:
    """Note what is at the broker; it keeps the last 10,000."""
    for message in broker.messages:
        tally.arrived.add(int(message.payload[:8]))


def soak(model: str, messages: int, seed: int) -> Tally:
    """Run it, and check what MQTT promises."""
    tally = Tally()
    up = messages // 2
    numbers = itertools.count()
    ends = threading.Event()

    def share() -> Iterator[int]:
        while (number := next(numbers)) < up:
            yield number

    def receive(message: Message) -> None:
        number = int(message.payload[:8])
        with tally.lock:
            tally.duplicates += number in tally.received
            tally.received.add(number)

    def lost(_error: object) -> None:
        with tally.lock:
            tally.losses += 1

    def reconnected(event: object) -> None:
        with tally.lock:
            tally.reconnections += 1
            tally.outages.append(event.seconds)  # type: ignore[attr-defined]

    plan = Reconnect(first=0.02, most=0.2)
    with contextlib.ExitStack() as stack:
        broker = stack.enter_context(Broker())
        module = stack.enter_context(VirtualModem(model, seed=seed))
        modem = stack.enter_context(Modem(module.port))
        clients = []
        for index in range(3):
            mqtt = modem.mqtt(index)
            mqtt.on_connection_lost = lost
            mqtt.on_reconnected = reconnected
            options = {"clean_session": False, "packet_timeout": 1, "retries": 1, "keepalive": 60}
            stack.enter_context(
                mqtt.session(broker.host, broker.port, client_id=f"soak-{index}", reconnect=plan, **options)
            )
            clients.append(mqtt)
        clients[2].on_message = receive
        clients[2].subscribe("soak", qos=2)
        threads = [
            threading.Thread(target=publisher, args=(clients[at % 2], share(), tally, ends), daemon=True) for at in range(4)
        ]
        storm = threading.Thread(target=chaos, args=(module, broker, random.Random(seed), tally, ends), daemon=True)
        began = time.monotonic()
        for thread in threads:
            thread.start()
        storm.start()
        before = 0
        while any(thread.is_alive() for thread in threads):
            time.sleep(0.2)
            record(broker, tally)
            done = len(tally.acknowledged)
            if not before and done > up // 5:
                before = resident()
            print(f"\r{done} of {up} acknowledged, {len(tally.received)} received", end="", file=sys.stderr)
        ends.set()
        storm.join()
        module.heal()
        patience = time.monotonic() + 30
        while not tally.arrived <= tally.received and time.monotonic() < patience:
            time.sleep(0.1)
            record(broker, tally)
        seconds = time.monotonic() - began
        after = resident()
        stats = modem.stats
    print(file=sys.stderr)
    print(f"{model}, seed {seed}: {up} up, {len(tally.received)} down in {seconds:.0f} s, {2 * up / seconds:.0f} messages a second")
    print(f"  {', '.join(f'{count} × {what}' for what, count in sorted(tally.chaos.items()))}; module restarts {stats.restarts}")
    print(f"  connections lost {tally.losses}, made again {tally.reconnections}, outage median "
          f"{sorted(tally.outages)[len(tally.outages) // 2]:.2f} s, longest {max(tally.outages):.2f} s")
    print(f"  publishes unknown {tally.unknown}, failed {tally.failed}; received twice {tally.duplicates}")
    print(f"  resident memory after a fifth {before} KiB, at the end {after} KiB")
    check(tally, up, stats.messages_dropped)
    return tally


def check(tally: Tally, up: int, dropped: int) -> None:
    """Fail if anything is lost."""
    missing = set(range(up)) - tally.acknowledged
    assert not missing, f"{len(missing)} were never acknowledged"
    missing = tally.acknowledged - tally.arrived
    assert not missing, f"{len(missing)} were acknowledged and are not at the broker, such as {min(missing)}"
    missing = tally.arrived - tally.received
    assert not missing, f"{len(missing)} are at the broker and were not received, such as {min(missing)}"
    assert dropped == 0, f"{dropped} received messages were dropped"
    print("  nothing lost")


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--model", default="M95")
    parser.add_argument("--messages", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    soak(arguments.model, arguments.messages, arguments.seed)


if __name__ == "__main__":
    main()
