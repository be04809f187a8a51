"""What many virtual modules in one process cost, each with a session: bench_many_modules.py [MODULES] [MESSAGES].

The host is as light as it gets: plain sockets on the modules' TCP ports, one thread for all of them.
"""

from __future__ import annotations

import contextlib
import resource
import socket
import sys
import time
from pathlib import Path

from modemqtt.virtual import Broker, VirtualModem


def memory() -> int:
    """Return the resident memory of this process in bytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def processor() -> float:
    """Return the processor time of this process in seconds, all threads."""
    return time.process_time()


class Host:
    """One module's host: a socket, and what was read from it."""

    def __init__(self, module: VirtualModem) -> None:
        address, _, port = module.port.removeprefix("socket://").rpartition(":")
        self.socket = socket.create_connection((address, int(port)), timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.read = b""

    def send(self, line: str) -> None:
        self.socket.sendall(line.encode())

    def expect(self, *wanted: bytes) -> None:
        """Read until all of these have come, in whichever order, and forget them."""
        while not all(text in self.read for text in wanted):
            self.read += self.socket.recv(4096)
        self.read = b""


class Stage:
    """Prints what a stage has cost when it is over."""

    def __init__(self, name: str, per: int) -> None:
        self.name, self.per = name, per

    def __enter__(self) -> None:
        self.began, self.memory, self.processor = time.monotonic(), memory(), processor()

    def __exit__(self, *_: object) -> None:
        took, used = time.monotonic() - self.began, processor() - self.processor
        grown = (memory() - self.memory) / 1024 / self.per
        print(
            f"{self.name:<28} {took:7.2f} s, processor {used:6.2f} s ({100 * used / took:5.1f} % of one core), "
            f"memory {grown:+8.1f} KiB a module"
        )


def together(hosts: list[Host], line: str, *wanted: bytes) -> None:
    """Send a line to every module, and wait until each has answered."""
    for number, host in enumerate(hosts):
        host.send(line.format(number=number))
    for host in hosts:
        host.expect(*wanted)


def main(count: int, messages: int) -> None:
    before = memory()
    with contextlib.ExitStack() as stack:
        broker = stack.enter_context(Broker())
        with Stage(f"{count} modules started", count):
            modules = [
                stack.enter_context(VirtualModem(("M95", "BC660K-GL")[number % 2], listen="127.0.0.1:0"))
                for number in range(count)
            ]
        with Stage("hosts connected, sessions", count):
            hosts = [Host(module) for module in modules]
            together(hosts, "ATE0\r", b"OK\r\n")
            together(hosts, f'AT+QMTOPEN=0,"{broker.host}",{broker.port}\r', b"+QMTOPEN: 0,0")
            together(hosts, 'AT+QMTCONN=0,"bench-{number}"\r', b"+QMTCONN: 0,0,0")
            together(hosts, 'AT+QMTSUB=0,1,"bench/{number}",1\r', b"+QMTSUB: 0,1,0,1")
        with Stage("idle", count):
            time.sleep(10)
        with Stage(f"{messages} messages each, QoS 1", count):
            for message in range(messages):
                together(hosts, f'AT+QMTPUB=0,{message % 1000 + 2},1,0,"bench/{{number}}"\r', b"> ")
                together(hosts, "21.5\x1a", b"+QMTPUB: 0", b"+QMTRECV: 0", b"21.5")
        print(
            f"in all: {(memory() - before) / 1024 / count:.1f} KiB a module with its sockets, the broker included, "
            f"{len(list(Path('/proc/self/task').iterdir()))} threads, "
            f"{len(list(Path('/proc/self/fd').iterdir()))} descriptors"
        )
        for host in hosts:
            host.socket.close()


if __name__ == "__main__":
    arguments = [int(argument) for argument in sys.argv[1:]]
    main(*(arguments + [100, 100][len(arguments) :]))
