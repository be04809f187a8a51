"""What each way to a module costs in a lab: the round trip of AT, by transport. For docs/labgrid.md.

make .venv/labgrid/.ready && .venv/labgrid/bin/python benches/places.py
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from labgrid.factory import target_factory

import modemqtt.labgrid  # noqa: F401 - for its classes
from modemqtt.virtual import VirtualModem

if TYPE_CHECKING:
    from collections.abc import Iterator

ROUNDS = 300
# As labgrid's exporter starts it for a serial port, and what may be changed in a file of one's own.
ACCEPTERS = {
    "ser2net, rfc2217 (as the exporter starts it)": ("telnet(rfc2217,mode=server),", "", "rfc2217"),
    "ser2net, rfc2217, chardelay: false": ("telnet(rfc2217,mode=server),", "    chardelay: false\n", "rfc2217"),
    "ser2net, raw": ("", "", "raw"),
    "ser2net, raw, chardelay: false": ("", "    chardelay: false\n", "raw"),
}


@contextlib.contextmanager
def ser2net(device: str, accepter: str, options: str) -> Iterator[int]:
    """Run it before a device."""
    program = shutil.which("ser2net", path="/usr/sbin:/usr/bin")
    if program is None:
        raise FileNotFoundError("ser2net")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "ser2net.yaml"
        file.write_text(
            f"%YAML 1.1\n---\nconnection: &con\n  accepter: {accepter}tcp,127.0.0.1,{port}\n"
            f"  connector: serialdev(nouucplock=true),{device},115200n81,local\n  options:\n    mdns: false\n{options}"
        )
        command = [program, "-d", "-n", "-c", str(file)]
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)  # noqa: S603 - the bench's own
        time.sleep(1)
        try:
            yield port
        finally:
            process.terminate()
            process.wait()


def measure(name: str, resource: dict[str, object]) -> None:
    """Time a command through the modem, and as a step of the driver."""
    target = target_factory.make_target("main", {"resources": resource, "drivers": {"ModemMqttDriver": {}}})
    driver = target.get_driver("ModemMqttDriver")
    figures = []
    for call in (driver.modem.command, driver.command):
        times = []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            call("AT")
            times.append(time.perf_counter() - began)
        figures.append(statistics.median(times) * 1000)
    print(f"| {name} | {figures[0]:.2f} ms | {figures[1]:.2f} ms |", flush=True)
    target.cleanup()


def main() -> None:
    """Measure each."""
    print("| way to the module | `modem.command` | `driver.command`, a step |\n|---|---|---|")
    with VirtualModem("BC660K-GL") as module:
        measure("serial port of this machine", {"QuectelModem": {"port": module.port}})
        for name, (accepter, options, protocol) in ACCEPTERS.items():
            try:
                with ser2net(module.port, accepter, options) as port:
                    here = {"host": "127.0.0.1", "port": port, "protocol": protocol}
                    measure(name, {"NetworkQuectelModem": here})
            except FileNotFoundError:
                print("ser2net is not installed", file=sys.stderr)
                break
    with VirtualModem("BC660K-GL", listen="127.0.0.1:0") as module:
        here = {"host": "127.0.0.1", "port": int(module.port.rpartition(":")[2]), "protocol": "raw"}
        measure("raw TCP port of the module's own", {"NetworkQuectelModem": here})


if __name__ == "__main__":
    main()
