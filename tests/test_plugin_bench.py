"""The pytest plugin on the ports of a bench, here the virtual modules of another process."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from modemqtt._claims import Claim, Holder, claim
from modemqtt._pytest import usb
from support.suites import LOOPS, OF_SMALL, SMALL, STRICT, bench
from support.waiting import until
from test_plugin import outcomes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.suites import Bench, Suite


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Bench]:
    with bench(tmp_path, "M95") as ports:
        yield ports


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Bench]:
    with bench(tmp_path, "M95", "BC660K-GL") as ports:
        yield ports


# Tests that note on which port they ran, and who else was there.
NOTING = """
    import os, pathlib, time
    import pytest

    @pytest.mark.parametrize("number", range(12))
    def test_it(modem, modem_topic, number):
        place = pathlib.Path(os.environ["NOTES"]) / pathlib.Path(modem.port).name
        with place.open("x"):
            modem.command("AT+CSQ")
            time.sleep(0.02)
        place.unlink()
        with place.with_suffix(".log").open("a") as log:
            print(os.environ.get("PYTEST_XDIST_WORKER"), file=log)
"""


@pytest.mark.parametrize("scope", ["session", "function"])
def test_a_small_suite_passes_on_a_port(suite: Suite, one: Bench, scope: str) -> None:
    suite.write(SMALL)
    result = suite.run(*one.options, f"--modem-scope={scope}")
    assert outcomes(result) == {"passed": OF_SMALL}
    result.stdout.fnmatch_lines([f"modemqtt: port {one.ports[0]} (--modem-port), model as the module says, broker *"])


@pytest.mark.parametrize("workers", [2, 3])
def test_workers_share_two_ports_and_none_has_a_port_with_another(
    suite: Suite, two: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    notes = tmp_path / "notes"
    notes.mkdir()
    monkeypatch.setenv("NOTES", str(notes))
    suite.write(NOTING)
    assert outcomes(suite.run_apart(*two.options, f"-n{workers}")) == {"passed": 12}
    ran = [path.read_text().split() for path in notes.glob("*.log")]
    assert sum(map(len, ran)) == 12


def test_a_small_suite_passes_on_virtual_modules_with_workers(suite: Suite) -> None:
    suite.write(SMALL)
    assert outcomes(suite.run_apart("-n2")) == {"passed": OF_SMALL}


def test_tests_of_a_port_are_one_group_of_pytest_xdist(suite: Suite) -> None:
    suite.write("""
        import pytest
        @pytest.mark.parametrize("number", range(4))
        def test_it(modem, number): pass
        @pytest.mark.xdist_group("mine")
        def test_own(modem): pass
        def test_without(): pass
        def test_groups(request):
            groups = [[mark.args[0] for mark in item.iter_markers("xdist_group")] for item in request.session.items]
            a, b = ["modem:/dev/null"], ["modem:/dev/zero"]
            assert groups == [a, b, a, b, ["mine"], [], []]
    """)
    ports = ("--modem-port=/dev/null", "--modem-port=/dev/zero")
    result = suite.run_apart(*ports, "-n1", "--dist=loadgroup")
    assert outcomes(result) == {"passed": 2, "errors": 5}


def test_what_is_for_virtual_modules_is_skipped_and_what_is_for_hardware_runs(suite: Suite, one: Bench) -> None:
    suite.write("""
        import pytest
        @pytest.mark.modem_virtual
        def test_marked(modem): pass
        @pytest.mark.modem_fault("lost-ok")
        def test_fault(modem): pass
        def test_asking(modem, virtual_modem): pass
        @pytest.mark.modem_hardware
        def test_hardware(modem): pass
    """)
    result = suite.run(*one.options, "--modem-require")
    assert outcomes(result) == {"skipped": 3, "passed": 1}
    skipped = re.findall(
        r"^SKIPPED \[1\] test_suite.py:\d+: (\w+: needs a virtual module)", result.stdout.str(), re.MULTILINE
    )
    assert [reason.partition(":")[0] for reason in skipped] == ["modem_virtual", "modem_fault", "virtual_modem"]


def test_models_that_the_bench_lacks_are_skipped_and_each_other_finds_its_port(suite: Suite, two: Bench) -> None:
    suite.write("""
        import pytest
        def test_asking(modem, modem_model): assert modem.model == modem_model
        @pytest.mark.modem_models("BC28", "BC660K-GL", "M95")
        def test_marked(modem): pass
        def test_any(modem): pass
    """)
    result = suite.run(*two.options, "-v")
    assert outcomes(result) == {"skipped": 3, "passed": 5}
    ran = re.findall(r"::test_(\w+)(?:\[(.*?)\])? PASSED", result.stdout.str())
    assert [model for _, model in ran] == ["BC660K-GL", "BC660K-GL", "M95", "M95", ""]
    result.stdout.fnmatch_lines(["SKIPPED * test_suite.py:*: needs BC28; there is M95 on *, BC660K-GL on *"])


def test_a_module_that_is_known_by_the_options_is_not_asked(suite: Suite, one: Bench) -> None:
    suite.write("""
        import pytest
        @pytest.mark.modem_models("BC28")
        def test_other(modem): pass
        def test_it(modem, modem_wire, modem_model):
            assert modem_model == "M95"
            assert not modem_wire.find("CGMM")
    """)
    result = suite.run(*one.options, "--modem-model=M95", "--modem-scope=function")
    assert outcomes(result) == {"passed": 1, "skipped": 1}
    result.stdout.fnmatch_lines(["SKIPPED * needs BC28; there is M95"])


def test_a_feature_of_a_module_on_a_port_is_asked_for_once(suite: Suite, one: Bench) -> None:
    suite.write("""
        import pytest
        @pytest.mark.modem_feature("buffer")
        def test_buffer(modem): pass
        @pytest.mark.modem_feature("sleep")
        def test_sleep(modem): pass
        @pytest.mark.modem_feature("sleep")
        def test_again(modem, modem_wire): assert not modem_wire.find("QSCLK")
    """)
    assert outcomes(suite.run(*one.options)) == {"passed": 2, "skipped": 1}


def test_without_a_broker_what_needs_one_is_told_the_option(suite: Suite, one: Bench) -> None:
    suite.write("""
        def test_without(modem): modem.command("AT")
        def test_with(modem_mqtt): pass
    """)
    result = suite.run(f"--modem-port={one.ports[0]}")
    assert outcomes(result) == {"passed": 1, "errors": 1}
    result.stdout.fnmatch_lines(
        ["modem_broker: a module on a port needs a broker that it can reach; give --modem-broker=*"]
    )
    result.stdout.no_fnmatch_line("*.py:*: Failed")


@pytest.mark.parametrize("blank", [False, True])
def test_a_port_may_stand_behind_a_blank(suite: Suite, one: Bench, blank: bool) -> None:  # noqa: FBT001
    suite.write("def test_it(modem): modem.command('AT')")
    port = ["--modem-port", one.ports[0]] if blank else [f"--modem-port={one.ports[0]}"]
    assert outcomes(suite.run(*port)) == {"passed": 1}
    assert outcomes(suite.run(*port, "test_suite.py")) == {"passed": 1}


def test_an_ini_file_that_a_blank_hides_is_told_of(suite: Suite, one: Bench) -> None:
    device = os.path.realpath(one.ports[0])
    suite.pytester.makeini("[pytest]\nmodem_model = M95\n")
    suite.write("def test_it(modem): modem.command('AT')")
    result = suite.run("--modem-port", device)
    assert outcomes(result) == {"passed": 1}
    result.stdout.fnmatch_lines(
        [f"modemqtt: pytest looks for its ini file in /dev/pts; write --modem-port={device}, *"]
    )
    result = suite.run("--modem-port", device, "test_suite.py")
    result.stdout.fnmatch_lines([f"modemqtt: port {device} (--modem-port), model M95, no broker"])
    result.stdout.no_fnmatch_line("*looks for its ini file*")


def test_a_port_that_is_missing_or_held_is_told_in_one_sentence(suite: Suite, one: Bench, tmp_path: Path) -> None:
    suite.write("""
        def test_one(modem): pass
        def test_two(modem): pass
    """)
    result = suite.run(f"--modem-port={tmp_path / 'nothing'}")
    assert outcomes(result) == {"errors": 2}
    result.stdout.fnmatch_lines(["*/nothing: there is no such device; `modemqtt ports` lists those there are"])
    result.stdout.no_re_match_line(r".*\.py:\d")
    held = "from modemqtt import Modem; m = Modem('{}').open(); print('ready', flush=True); input()"
    command = [sys.executable, "-c", held.format(one.ports[0])]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:  # noqa: S603 - our own
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"ready\n"
        result = suite.run(*one.options, "--modem-timeout-factor=0.01")
        assert outcomes(result) == {"errors": 2}
        result.stdout.fnmatch_lines([f"*in use*{holder.pid}*"])
        result.stdout.no_re_match_line(r".*\.py:\d")
        holder.kill()


def test_a_silent_port_is_told_in_one_sentence_and_waited_for_once(suite: Suite) -> None:
    suite.write("""
        def test_one(modem): pass
        def test_two(modem): pass
    """)
    master, slave = os.openpty()
    try:
        began = time.monotonic()
        port = os.ttyname(slave)
        result = suite.run(f"--modem-port={port}", "--modem-timeout-factor=0.02")
        assert time.monotonic() - began < 5
    finally:
        os.close(master)
        os.close(slave)
    assert outcomes(result) == {"errors": 2}
    result.stdout.fnmatch_lines([f"{port}: no final result code for AT within *; nothing came: *"])
    result.stdout.no_re_match_line(r".*\.py:\d")


def test_power_is_taken_from_a_module_that_does_not_answer(suite: Suite, tmp_path: Path) -> None:
    control = tmp_path / "control"
    told = tmp_path / "told"
    (tmp_path / "power.py").write_text(f"""
import socket, sys
with socket.socket(socket.AF_UNIX) as orders, open({str(told)!r}, "a") as told:
    orders.connect({str(control)!r})
    orders.sendall(b"power on\\n")
    orders.recv(99)
    told.write(sys.argv[1])
""")
    with bench(tmp_path, "M95", arguments=("--control", str(control))) as one:
        suite.write("""
            def test_dies(modem): modem.command("AT+QPOWD=1")
            def test_behind(modem, modem_mqtt): modem_mqtt.publish("t", b"x", qos=1)
            def test_again(modem): modem.command("AT")
        """)
        command = f"--modem-power-command={sys.executable} {tmp_path / 'power.py'} {{port}}"
        assert outcomes(suite.run(*one.options, command, "--modem-timeout-factor=0.1")) == {"passed": 3}
        assert told.read_text() == one.ports[0]


def test_a_power_command_that_fails_is_told_with_its_last_words(suite: Suite) -> None:
    suite.write("def test_it(modem): pass")
    master, slave = os.openpty()
    try:
        for command, told in {
            "sh -c 'echo no such hub >&2; exit 3'": "sh ended with status 3: no such hub",
            "/nowhere/at/all": "/nowhere/at/all could not be run: No such file or directory",
        }.items():
            port = f"--modem-port={os.ttyname(slave)}"
            result = suite.run(port, "--modem-timeout-factor=0.02", f"--modem-power-command={command}")
            assert outcomes(result) == {"errors": 1}
            result.stdout.fnmatch_lines([f"--modem-power-command: {told}"])
    finally:
        os.close(master)
        os.close(slave)


def test_a_bench_that_dies_ends_every_test_in_one_sentence(
    suite: Suite, one: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH", str(one.process.pid))
    suite.write("""
        import os, signal
        def test_before(modem): modem.command("AT")
        def test_dies(modem):
            os.kill(int(os.environ["BENCH"]), signal.SIGKILL)
            # What it leads to may be another's port by now.
            os.unlink(modem.port)
            modem.command("AT", timeout=5)
        def test_one(modem): pass
        def test_two(modem): pass
    """)
    result = suite.run(*one.options, "--modem-timeout-factor=0.05")
    assert outcomes(result) == {"passed": 1, "failed": 1, "errors": 2}
    result.stdout.fnmatch_lines(["the modem that tests share did not come back: *"])


def test_a_worker_that_is_killed_in_a_test_leaves_its_port_to_the_next(suite: Suite, two: Bench) -> None:
    suite.write("""
        import os, signal
        import pytest
        @pytest.mark.parametrize("number", range(8))
        def test_it(modem, modem_mqtt, modem_topic, number):
            modem_mqtt.subscribe(modem_topic)
            modem_mqtt.publish(modem_topic, b"x")
            if number == 3:
                os.kill(os.getpid(), signal.SIGKILL)
            assert modem_mqtt.receive(timeout=5).payload == b"x"
    """)
    result = suite.run_apart(*two.options, "-n2")
    assert outcomes(result) == {"passed": 7, "failed": 1}
    result.stdout.fnmatch_lines(["worker 'gw?' crashed while running *"])


def test_another_run_at_the_port_is_waited_for(suite: Suite, one: Bench) -> None:
    suite.write("""
        import time
        def test_it(modem):
            modem.command("AT")
            print("here", flush=True)
            time.sleep(0.5)
    """)
    command = [sys.executable, "-m", "pytest", *STRICT, *LOOPS, *one.options, "-s"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=suite.pytester.path) as other:  # noqa: S603
        assert other.stdout is not None
        assert any("here" in line for line in other.stdout)
        assert outcomes(suite.run(*one.options)) == {"passed": 1}
        other.communicate()
    assert other.returncode == 0


def test_another_run_that_keeps_the_port_is_named(suite: Suite, one: Bench) -> None:
    suite.write("""
        def test_one(modem): pass
        def test_two(modem): pass
    """)
    claimed = claim(one.ports[0], "another", "gw1")
    assert isinstance(claimed, Claim)
    result = suite.run(*one.options, "--modem-timeout-factor=0.001")
    assert outcomes(result) == {"errors": 2}
    result.stdout.fnmatch_lines(
        [f"another test run has the port: * by process {os.getpid()} (gw1); wait for its end, *"]
    )
    claimed.release()


def test_a_port_is_claimed_by_whatever_name_it_has(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "device")
    first = claim(str(tmp_path / "device"), "run", "master")
    assert isinstance(first, Claim)
    assert claim(str(tmp_path / "link"), "run", "gw0") == Holder(os.getpid(), "run", "master")
    first.release()
    second = claim(str(tmp_path / "link"), "run", "gw0")
    assert isinstance(second, Claim)
    second.release()


def test_a_folder_of_locks_of_another_user_is_reported_in_one_sentence(
    suite: Suite, one: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    suite.write("def test_it(modem): pass")
    (tmp_path / f"modemqtt-{os.getuid()}").write_text("")
    result = suite.run(*one.options)
    assert outcomes(result) == {"errors": 1}
    result.stdout.fnmatch_lines(
        ["*/modemqtt-* must be a folder that belongs to this user, for the locks of ports; remove it"]
    )
    result.stdout.no_re_match_line(r".*\.py:\d")


def test_a_claim_ends_with_its_process(tmp_path: Path) -> None:
    device = str(tmp_path / "device")
    program = f"from modemqtt._claims import claim; c = claim({device!r}, 'x', 'y'); print('ready', flush=True)"
    command = [sys.executable, "-c", program + "; input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:  # noqa: S603 - our own
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"ready\n"
        assert claim(device, "run", "master") == Holder(holder.pid, "x", "y")
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    until(lambda: isinstance(claim(device, "run", "master"), Claim), "the claim")


def usb_port(root: Path, name: str, serial: str, usb_id: str = "0403:6001", interface: str = "00") -> None:
    """Make what Linux shows of a terminal."""
    device = root / "bus" / serial
    port = device / interface / name
    port.mkdir(parents=True)
    vendor, _, product = usb_id.partition(":")
    (device / "idVendor").write_text(f"{vendor}\n")
    (device / "idProduct").write_text(f"{product}\n")
    (device / "serial").write_text(f"{serial}\n")
    (device / interface / "bInterfaceNumber").write_text(f"{interface}\n")
    terminal = root / "sys/class/tty" / name
    terminal.mkdir(parents=True)
    (terminal / "device").symlink_to(port)


def test_a_port_is_found_by_the_serial_number_of_its_usb_device(tmp_path: Path) -> None:
    usb_port(tmp_path, "ttyUSB0", "FT1")
    for number in range(4):
        usb_port(tmp_path, f"ttyUSB{number + 1}", "Q1", "2c7c:0125", f"0{number}")
        usb_port(tmp_path, f"ttyUSB{number + 5}", "FT4", interface=f"0{number}")
    assert usb.find("FT1", tmp_path) == "/dev/ttyUSB0"
    assert usb.find("Q1", tmp_path) == "/dev/ttyUSB3"
    with pytest.raises(LookupError, match=r"^usb:FT4 has several ports; name one of /dev/ttyUSB5, .*, /dev/ttyUSB8$"):
        usb.find("FT4", tmp_path)
    with pytest.raises(LookupError, match=r"^usb:FT9: no port has .*; those that have one: FT1, FT4, Q1$"):
        usb.find("FT9", tmp_path)


def test_a_serial_number_that_no_port_has_is_told_in_one_sentence(suite: Suite) -> None:
    suite.write("def test_it(modem): pass")
    result = suite.run("--modem-port=usb:no-such-number")
    assert outcomes(result) == {"errors": 1}
    result.stdout.fnmatch_lines(["usb:no-such-number: no port has this USB serial number; those that have one: *"])
