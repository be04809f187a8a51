"""Suites in a lab of labgrid: a coordinator, an exporter and the places of two modules, on the loopback."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, NamedTuple

import pytest

from modemqtt.virtual import Broker, VirtualModem
from support import lab as labs
from support import ser2net
from support.suites import OF_SMALL, SMALL
from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.lab import Lab

PLACE = """
    targets:
      main:
        resources:
          RemotePlace:
            name: {place}
        drivers:
          ModemMqttDriver: {{}}
          {strategy}
    imports: [modemqtt.labgrid]
"""


def place(name: str, strategy: str = "ModemMqttStrategy: {}") -> str:
    return PLACE.format(place=f'"{name}"', strategy=strategy)


class Running(NamedTuple):
    lab: Lab
    broker: Broker
    modules: dict[str, VirtualModem]

    @property
    def options(self) -> list[str]:
        return ["--lg-env", "env.yaml", "--modem-broker", f"{self.broker.host}:{self.broker.port}"]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A lab with the places `bench-1` and `bench-2`, raw TCP ports of a BC660K-GL and an M95, and a broker."""
    folder = tmp_path_factory.mktemp("lab")
    with (
        Broker() as broker,
        VirtualModem("BC660K-GL", listen="127.0.0.1:0") as first,
        VirtualModem("M95", listen="127.0.0.1:0") as second,
        VirtualModem("BC660K-GL") as device,
        labs.coordinator(folder) as lab,
    ):
        modules = {"bench-1": first, "bench-2": second, "served": device}
        resources = "".join(
            f"{name}:\n  NetworkQuectelModem:\n    host: 127.0.0.1\n    port: {module.port.rpartition(':')[2]}\n"
            f"    protocol: raw\n    model: {module.model}\n"
            for name, module in modules.items()
            if module.port.startswith("socket")
        )
        resources += f"served:\n  RawSerialPort:\n    port: {device.port}\n"
        with labs.exporter(lab, "pc-1", resources):
            tags = {name: {"model": module.model} for name, module in modules.items()}
            lab.make({name: f"pc-1/{name}/*" for name in modules}, tags)
            yield Running(lab, broker, modules)


@pytest.fixture
def acquired(running: Running) -> Iterator[None]:
    """Both places are the user's."""
    running.lab.acquire("bench-1", "bench-2")
    yield
    running.lab.release("bench-1", "bench-2")


def counts(output: str) -> str:
    return output.rstrip().rpartition("\n")[2].strip("= ").partition(" in ")[0]


@pytest.mark.usefixtures("acquired")
def test_two_suites_run_at_once_on_two_places(running: Running, tmp_path: Path) -> None:
    text = SMALL + "\n    def test_the_model(modem, modem_model):\n        print('model', modem.model)\n"
    folders = {name: labs.suite(tmp_path / name, text, place(name)) for name in ("bench-1", "bench-2")}
    options = [*running.options, "--lg-log", "log"]
    first, second = folders.values()
    with running.lab.start(first, *options) as one, running.lab.start(second, *options) as other:
        ended = [(process.communicate(timeout=100)[0], process.returncode) for process in (one, other)]
    for (output, status), (name, folder) in zip(ended, folders.items(), strict=True):
        assert status == 0, output
        assert counts(output) == f"{OF_SMALL + 1} passed, 3 skipped"
        assert f"needs a model that speaks as {'M95' if name == 'bench-1' else 'BC660K-GL'}; there is" in output
        console = (folder / "log" / "console_main").read_text()
        assert "AT+QMTOPEN" in console
        assert "+QMTOPEN: 0,0" in console


def test_a_place_that_is_not_acquired_ends_the_run_in_one_sentence(running: Running, tmp_path: Path) -> None:
    status, output = running.lab.run(labs.suite(tmp_path, SMALL, place("bench-1")), *running.options)
    assert status != 0
    assert "place bench-1 is not acquired" in output
    assert "Traceback" not in output


def test_a_suite_waits_for_a_place_that_another_has_reserved(running: Running, tmp_path: Path) -> None:
    mine, other = running.lab, labs.Lab(running.lab.coordinator, running.lab.folder, user="other")
    other.acquire("bench-2")
    command = [str(labs.PROGRAMS / "labgrid-client"), "reserve", "--wait", "--shell", "model=M95"]
    with subprocess.Popen(command, env=mine.environment(), stdout=subprocess.PIPE, text=True) as waiting:  # noqa: S603
        assert waiting.stdout is not None
        token = waiting.stdout.readline().strip().rpartition("=")[2]
        until(lambda: "waiting" in other.done("reservations"), patience=20)
        assert waiting.poll() is None
        other.release("bench-2")
        assert waiting.wait(30) == 0
    mine.done("-p", "+", "acquire", LG_TOKEN=token)
    try:
        folder = labs.suite(tmp_path, "def test_it(modem): assert modem.model == 'M95'", place("+"))
        status, output = mine.run(folder, *running.options, LG_TOKEN=token)
        assert (status, counts(output)) == (0, "1 passed"), output
    finally:
        mine.done("-p", "+", "release", LG_TOKEN=token)
        mine.done("cancel-reservation", token)


@pytest.mark.usefixtures("acquired")
def test_two_processes_on_one_place_are_kept_apart(running: Running, tmp_path: Path) -> None:
    text = """
        import pathlib, time
        def test_it(modem):
            pathlib.Path("began").touch()
            while not pathlib.Path("go").exists(): time.sleep(0.01)
            assert modem.command("AT").final == "OK"
    """
    folder = labs.suite(tmp_path / "a", text, place("bench-1"))
    with running.lab.start(folder, *running.options) as first:
        until((folder / "began").exists, "the first suite", 30)
        by_hand = """
            import pytest
            def test_by_hand(target):
                with pytest.raises(OSError, match=r"^target main: process \\d+ of this user has the place; wait for"):
                    target.get_driver("ModemMqttDriver")
            def test_waits_in_vain(modem): pass
        """
        other = labs.suite(tmp_path / "b", by_hand, place("bench-1"))
        _, output = running.lab.run(other, *running.options, "--modem-timeout-factor", "0.005")
        assert counts(output) == "1 passed, 1 error", output
        assert "another test run has the place: labgrid's target main by process " in output
        (folder / "go").touch()
        output, _ = first.communicate(timeout=30)
        assert first.returncode == 0, output


@pytest.mark.usefixtures("acquired")
def test_workers_take_turns_on_one_place(running: Running, tmp_path: Path) -> None:
    status, output = running.lab.run(labs.suite(tmp_path, SMALL, place("bench-1")), *running.options, "-n2")
    assert (status, counts(output)) == (0, f"{OF_SMALL} passed"), output


@pytest.mark.usefixtures("acquired")
def test_a_bench_that_dies_in_mid_test_is_told_and_one_that_comes_back_is_used(
    running: Running, tmp_path: Path
) -> None:
    text = """
        import pathlib, time
        def test_before(modem): pass
        def test_dies(modem_mqtt):
            pathlib.Path("die").touch()
            modem_mqtt.receive(timeout=20)
        def test_dead(modem): pass
        def test_back(modem):
            assert modem.command("AT").final == "OK"
    """
    with VirtualModem("BC28", listen="127.0.0.1:0") as mortal:
        address = mortal.port.removeprefix("socket://")
        resources = (
            f"mortal:\n  NetworkQuectelModem: {{host: 127.0.0.1, port: {address.rpartition(':')[2]}, protocol: raw}}\n"
        )
        with labs.exporter(running.lab, "pc-2", resources):
            running.lab.make({"mortal": "pc-2/mortal/*"})
            running.lab.acquire("mortal")
            folder = labs.suite(tmp_path, text, place("mortal", "").replace("Driver: {}", "Driver: {timeout: 0.5}"))
            reports = """
                import pathlib
                def pytest_runtest_logfinish(nodeid):
                    if nodeid.endswith("test_dead"):
                        pathlib.Path("dead").touch()
                        while not pathlib.Path("alive").exists(): pass
            """
            labs.suite(tmp_path, reports, (folder / "env.yaml").read_text(), "conftest.py")
            with running.lab.start(folder, *running.options) as process:
                until((folder / "die").exists, "the test that dies", 30)
                mortal.close()
                until((folder / "dead").exists, "the test behind it", 30)
                with VirtualModem("BC28", listen=address):
                    (folder / "alive").touch()
                    output, _ = process.communicate(timeout=30)
            running.lab.release("mortal")
    assert counts(output) == "1 failed, 2 passed, 1 error", output
    assert "PortError: " in output
    assert "ERROR test_suite.py::test_dead - Failed: labgrid's target main: " in output
    assert "modem wire log (BC28)" in output


@pytest.mark.ser2net
@pytest.mark.usefixtures("acquired")
def test_a_port_that_the_exporter_serves_by_ser2net_is_as_good(running: Running, tmp_path: Path) -> None:
    if ser2net.find() is None:
        pytest.skip("ser2net is not on the PATH")
    running.lab.acquire("served")
    try:
        folder = labs.suite(tmp_path, SMALL, place("served"))
        status, output = running.lab.run(folder, *running.options)
        assert (status, counts(output)) == (0, f"{OF_SMALL} passed"), output
    finally:
        running.lab.release("served")
