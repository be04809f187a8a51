"""The port of a virtual module: its lock ends with the last host, and a TCP host may come back at once."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import subprocess
import sys
import termios
import threading

import pytest

from modemqtt.virtual import VirtualModem
from support.waiting import until

TIOCGEXCL = 0x80045440

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell who has a device open")


def is_locked(descriptor: int) -> bool:
    return fcntl.ioctl(descriptor, TIOCGEXCL, bytes(4)) != bytes(4)


def opened(port: str) -> int:
    return os.open(port, os.O_RDWR | os.O_NOCTTY)


def ended(port: str) -> bool:
    """Whether nobody has locked the port. The superuser may open a locked one as well."""
    with contextlib.suppress(OSError):
        descriptor = opened(port)
        try:
            return not is_locked(descriptor)
        finally:
            os.close(descriptor)
    return False


def test_exclusive_use_ends_with_the_last_of_several_descriptors_that_close_at_once() -> None:
    with VirtualModem("M95") as module:
        for _ in range(20):
            descriptors = [opened(module.port) for _ in range(4)]
            fcntl.ioctl(descriptors[0], termios.TIOCEXCL)
            closers = [threading.Thread(target=os.close, args=(descriptor,)) for descriptor in descriptors]
            for closer in closers:
                closer.start()
            for closer in closers:
                closer.join()
            until(lambda: ended(module.port), "the end of exclusive use")


def test_exclusive_use_outlasts_another_program_that_ends() -> None:
    with VirtualModem("M95") as module:
        mine = opened(module.port)
        for _ in range(20):
            other = opened(module.port)
            fcntl.ioctl(mine, termios.TIOCEXCL)
            os.close(other)
            module.set_signal(20, 0)
            assert is_locked(mine)
            fcntl.ioctl(mine, termios.TIOCNXCL)
        fcntl.ioctl(mine, termios.TIOCEXCL)
        os.close(mine)
        until(lambda: ended(module.port), "the end of exclusive use")


def test_exclusive_use_ends_with_a_program_that_is_killed() -> None:
    program = "import fcntl, os, sys, termios, time; d = os.open(sys.argv[1], os.O_RDWR); e = os.dup(d); "
    program += "fcntl.ioctl(d, termios.TIOCEXCL); os.fork(); print('ready', flush=True); time.sleep(60)"
    with VirtualModem("M95") as module:
        with subprocess.Popen(  # noqa: S603 - our own
            [sys.executable, "-c", program, module.port], stdout=subprocess.PIPE, start_new_session=True
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline()
            os.killpg(process.pid, 9)
        until(lambda: ended(module.port), "the end of exclusive use")


def test_a_host_that_writes_closes_and_comes_back_at_once_is_never_turned_away() -> None:
    with VirtualModem("M95", listen="127.0.0.1:0") as module:
        host, port = module.port.removeprefix("socket://").split(":")
        for number in range(100):
            with socket.create_connection((host, int(port))) as connection:
                connection.sendall(f"AT+TEST={number}\r".encode())
        lines = [f"AT+TEST={number}" for number in range(100)]
        until(lambda: module.commands == lines, "every line")


def test_a_second_tcp_host_is_turned_away_while_the_first_is_there() -> None:
    with VirtualModem("M95", listen="127.0.0.1:0") as module:
        host, port = module.port.removeprefix("socket://").split(":")
        with socket.create_connection((host, int(port))) as first:
            first.sendall(b"ATE0\r")
            with socket.create_connection((host, int(port)), timeout=10) as second:
                assert second.recv(1) == b""
            first.settimeout(10)
            assert first.recv(5) == b"ATE0\r"
