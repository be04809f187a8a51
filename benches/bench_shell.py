"""The shell: one publish from the start of the process, and messages a second through `modemqtt sub` to a pipe.

mosquitto's own programs stand beside it, on the same broker.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import time

from modemqtt.virtual import Broker, VirtualModem

RUNS = 15
MESSAGES = 8_000
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("MODEMQTT_")}


def seconds(command: list[str]) -> float:
    """Return the median of the time that a command takes."""
    times = []
    for _ in range(RUNS):
        began = time.perf_counter()
        subprocess.run(command, check=True, env=ENVIRONMENT)  # noqa: S603 - our own
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def rate(broker: Broker, command: list[str]) -> float:
    """Return how many messages a second come out of a pipe."""
    broker.publish("bench/x", b"ready", retain=True)
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=ENVIRONMENT) as process:  # noqa: S603 - our own
        assert process.stdout is not None  # noqa: S101 - a pipe
        process.stdout.readline()
        began = time.perf_counter()
        for number in range(MESSAGES):
            broker.publish("bench/x", b"message %d" % number)
        process.stdout.read()
        return MESSAGES / (time.perf_counter() - began)


def main() -> None:
    ours = [sys.executable, "-m", "modemqtt"]
    with Broker() as broker, VirtualModem("M95") as module:
        to = ["-h", broker.host, "-p", str(broker.port)]
        at = ["--modem", module.port]
        pub = ["-t", "bench/y", "-m", "21.5", "-q", "1"]
        sub = ["-t", "bench/x", "-v", "-C", str(MESSAGES + 1)]
        print(
            f"modemqtt pub           {seconds([*ours, 'pub', *at, *to, *pub]):.3f} s from process start (at most 0.4)"
        )
        print(f"modemqtt pub virtual:// {seconds([*ours, 'pub', '--modem', 'virtual://M95', *pub]):.3f} s")
        print(f"modemqtt sub           {rate(broker, [*ours, 'sub', *at, *to, *sub]):,.0f} messages/s (at least 2,000)")
        if shutil.which("mosquitto_pub"):
            print(f"mosquitto_pub          {seconds(['mosquitto_pub', *to, *pub]):.3f} s")
            print(f"mosquitto_sub          {rate(broker, ['mosquitto_sub', *to, *sub]):,.0f} messages/s")


if __name__ == "__main__":
    main()
