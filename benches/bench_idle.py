"""How often the threads of an idle modem wake in 10 s: python benches/bench_idle.py [SECONDS]."""

import sys
import time
from pathlib import Path

from modemqtt import Modem
from modemqtt.virtual import Broker, VirtualModem

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from support.switches import between, switches

seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0

with Broker() as broker, VirtualModem("M95") as module, Modem(module.port) as modem:
    mqtt = modem.mqtt()
    mqtt.open(broker.host, broker.port)
    mqtt.connect("bench-7")
    mqtt.subscribe("bench/#")
    for case in ("without callbacks", "with a callback"):
        if case == "with a callback":
            mqtt.on_message = print
        time.sleep(0.5)
        before, wakeups = switches(), modem.stats.wakeups
        time.sleep(seconds)
        woken = between(before, switches())
        shown = ", ".join(f"{name} {count}" for name, count in woken.items()) or "none"
        io = modem.stats.wakeups - wakeups
        print(f"{case}, {seconds:g} s: threads woken: {shown}; wake-ups of the I/O thread: {io}")
