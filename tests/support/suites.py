"""Suites of users, written by a test and run by a separate pytest; and a bench for them, in another process."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

import modemqtt.virtual

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pytest

# A run within this process forgets what it was the first to import, while the core keeps its classes.
EVERYTHING = (*modemqtt.__all__, *modemqtt.virtual.__all__)

# The pytest settings of a strict project.
STRICT = ("--strict-markers", "--strict-config", "-W", "error", "-p", "no:cacheprovider", "-ra")
# What pytest-asyncio wants to be told, without a warning.
LOOPS = ("-o", "asyncio_default_fixture_loop_scope=function")

# A suite that does not know what it runs on.
SMALL = """
    import pytest

    def test_a_message_comes_back(modem_mqtt, modem_topic, modem_wire):
        modem_mqtt.subscribe(modem_topic, qos=1)
        modem_mqtt.publish(modem_topic, b"21.5", qos=1)
        assert modem_mqtt.receive(timeout=5).payload == b"21.5"
        modem_wire.assert_sequence(["> AT+QMTPUB=*", "< +QMTPUB: 0,*,0"])

    @pytest.mark.parametrize("line", ["AT", "AT+CSQ", "ATI", "AT+CIMI"])
    def test_a_command_is_answered(modem, line):
        assert modem.command(line).final == "OK"

    def test_two_clients(modem_mqtt, modem_mqtt_factory, modem_topic):
        other = modem_mqtt_factory()
        modem_mqtt.subscribe(modem_topic)
        other.publish(modem_topic, b"x")
        assert modem_mqtt.receive(timeout=5).payload == b"x"

    def test_nothing_is_left_of_the_test_before(modem, modem_mqtt):
        assert modem.on_urc is None
        assert [modem.mqtt(index).state for index in range(3)] == ["connected", "closed", "closed"]
        modem.on_urc = print
"""
OF_SMALL = 7


class Suite:
    """A folder with a suite."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        """Take an empty one."""
        self.pytester = pytester

    def write(self, text: str, name: str = "test_suite") -> None:
        """Write a module of tests."""
        self.pytester.makepyfile(**{name: textwrap.dedent(text)})

    def run(self, *arguments: str) -> pytest.RunResult:
        """Run it in this process."""
        return self.pytester.runpytest_inprocess(*STRICT, *LOOPS, *arguments)

    def run_apart(self, *arguments: str) -> pytest.RunResult:
        """Run it in a separate process, which it needs if it has workers."""
        return self.pytester.runpytest_subprocess(*STRICT, *LOOPS, *arguments, timeout=50)


class Bench:
    """Modules on ports, and a broker that they reach."""

    def __init__(self, ports: list[str], broker: str, process: subprocess.Popen[str]) -> None:
        """Take what runs."""
        self.ports = ports
        self.broker = broker
        self.process = process

    @property
    def options(self) -> list[str]:
        """The options of a run on it."""
        return [*(f"--modem-port={port}" for port in self.ports), f"--modem-broker={self.broker}"]


@contextlib.contextmanager
def bench(folder: Path, *models: str, arguments: tuple[str, ...] = ()) -> Iterator[Bench]:
    """Start virtual modules in another process, which are as good as hardware here."""
    named = [word for model in models for word in ("--model", model)]
    command = [sys.executable, "-m", "modemqtt", "virtual", *named, "--link", str(folder / "module"), *arguments]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MODEMQTT_")}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:  # noqa: S603
        try:
            assert process.stdout is not None
            ports, broker = [], ""
            while line := process.stdout.readline().strip():
                name, _, value = line.partition(": ")
                ports += [value] if name == "port" else []
                broker = value if name == "broker" else broker
            yield Bench(ports, broker, process)
        finally:
            process.kill()
