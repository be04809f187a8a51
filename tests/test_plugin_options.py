"""The options of the pytest plugin: where they come from, what they refuse, and what they do."""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING

import pytest

from modemqtt import _core
from modemqtt.virtual import Broker
from support import mosquitto as real_broker
from support import servers
from support.suites import SMALL
from test_plugin import outcomes

if TYPE_CHECKING:
    from pathlib import Path

    from support.suites import Suite

NAMES = (
    "port",
    "power-command",
    "model",
    "baud",
    "broker",
    "scope",
    "log-dir",
    "log",
    "record",
    "require",
    "seed",
    "timeout-factor",
)
MODELS = ", ".join(model for model, _, _ in _core.models())


def usage(result: pytest.RunResult) -> str:
    """Return the one sentence of a run that was refused."""
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    lines = [line for line in result.stderr.lines if line]
    assert len(lines) == 1, lines
    return lines[0].removeprefix("ERROR: ")


def test_every_option_has_its_twins_and_is_described(suite: Suite) -> None:
    shown = suite.run("--help").stdout.str()
    assert re.findall(r"^  --modem-([a-z-]+)", shown, re.MULTILINE) == list(NAMES)
    ini = re.findall(r"^  modem_(\w+) \(", shown, re.MULTILINE)
    assert ini == [name.replace("-", "_") for name in NAMES]
    told = re.sub(r"\s+", " ", shown)
    for name in NAMES:
        assert f"(also MODEMQTT_{name.replace('-', '_').upper()}," in told


def test_the_command_line_precedes_the_environment_and_that_the_ini_file(
    suite: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite.write("def test_it(modem): print('\\nran on', modem.model)")
    suite.pytester.makeini("[pytest]\nmodem_model = M95\nmodem_seed = 5\n")

    def model(*arguments: str) -> str:
        ran = re.search(r"^ran on (\S+)", suite.run("-s", *arguments).stdout.str(), re.MULTILINE)
        return "" if ran is None else ran[1]

    assert model() == "M95"
    monkeypatch.setenv("MODEMQTT_MODEL", "BC28")
    assert model() == "BC28"
    assert model("--modem-model=EG915Q") == "EG915Q"
    monkeypatch.setenv("MODEMQTT_MODEL", "")
    assert model() == "M95"


@pytest.mark.parametrize("port", ["virtual:EG915Q", "virtual://eg915q"])
def test_a_model_may_stand_in_the_port(suite: Suite, port: str) -> None:
    suite.write("def test_it(modem): assert modem.model == 'EG915Q'")
    assert outcomes(suite.run(f"--modem-port={port}")) == {"passed": 1}
    result = suite.run("--modem-port", port)
    result.stdout.fnmatch_lines(["modemqtt: virtual modules (--modem-port), model EG915Q, broker in this process"])


def test_a_pool_in_the_environment_and_in_the_ini_file(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    suite.pytester.makeini("[pytest]\nmodem_port = /dev/a /dev/b\nmodem_require = yes\n")
    suite.write("")
    suite.run().stdout.fnmatch_lines(["modemqtt: ports /dev/a /dev/b (modem_port in tox.ini), model as *"])
    monkeypatch.setenv("MODEMQTT_PORT", "/dev/c /dev/d")
    suite.run().stdout.fnmatch_lines(["modemqtt: ports /dev/c /dev/d (MODEMQTT_PORT), model as *"])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--modem-scope=test"], "--modem-scope must be function, class, module, package or session, not 'test'"),
        (["--modem-log=some"], "--modem-log must be failed, all or none, not 'some'"),
        (["--modem-seed=x"], "--modem-seed must be a whole number from 0 to 4294967295, not 'x'"),
        (["--modem-seed=-1"], "--modem-seed must be a whole number from 0 to 4294967295, not '-1'"),
        (["--modem-baud=fast"], "--modem-baud must be a whole number of bits per second, such as 115200, not 'fast'"),
        (["--modem-timeout-factor=0"], "--modem-timeout-factor must be a number above 0, such as 2.5, not '0'"),
        (["--modem-timeout-factor=nan"], "--modem-timeout-factor must be a number above 0, such as 2.5, not 'nan'"),
        (
            ["--modem-power-command='"],
            "--modem-power-command must be a command with its arguments, such as 'uhubctl -a cycle -p 2', not \"'\"",
        ),
        (
            ["--modem-model=SIM800"],
            f"--modem-model: 'SIM800' is not a model; the known ones are {MODELS}",
        ),
        (
            ["--modem-port=virtual:SIM800"],
            f"--modem-port: 'SIM800' is not a model; the known ones are {MODELS}",
        ),
        (
            ["--modem-port=virtual", "--modem-port=/dev/ttyUSB2"],
            "--modem-port: a run is on virtual modules or on ports, not on both: virtual, /dev/ttyUSB2",
        ),
        (
            ["--modem-port=replay:"],
            "--modem-port: replay: names no file; replay:bench.rec does",
        ),
        (
            ["--modem-port=usb:"],
            "--modem-port must be a port such as usb:0123456789 for a USB serial number, not 'usb:'",
        ),
        (
            ["--modem-broker=broker.lab"],
            "--modem-broker must be HOST:PORT, mqtt://user:pw@HOST:PORT or mosquitto, not 'broker.lab'",
        ),
        (
            ["--modem-broker=h:0x1"],
            "--modem-broker must be HOST:PORT, mqtt://user:pw@HOST:PORT or mosquitto, not 'h:0x1'",
        ),
        (
            ["--modem-broker=http://u:secret@h:1"],
            "--modem-broker must be HOST:PORT, mqtt://user:pw@HOST:PORT or mosquitto, not 'h:1'",
        ),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_what_is_wrong_with_an_option_is_one_sentence(suite: Suite, arguments: list[str], told: str) -> None:
    suite.write("")
    assert usage(suite.run(*arguments)) == told


def test_a_wrong_value_is_told_with_its_source(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    suite.write("")
    suite.pytester.makeini("[pytest]\nmodem_scope = all\n")
    allowed = "function, class, module, package or session"
    assert usage(suite.run()) == f"modem_scope in tox.ini must be {allowed}, not 'all'"
    monkeypatch.setenv("MODEMQTT_SCOPE", "none")
    assert usage(suite.run()) == f"MODEMQTT_SCOPE must be {allowed}, not 'none'"


@pytest.mark.parametrize(
    ("marker", "told"),
    [
        ('modem_models("SIM800")', "modem_models: 'SIM800' is not a model; the known ones are BC35-G, *"),
        ("modem_models(3)", "modem_models: 3 is not a model; the known ones are BC35-G, *"),
        ("modem_models", 'modem_models takes names, as in modem_models("M95", "BC660K-GL")'),
        (
            'modem_feature("wifi")',
            "modem_feature: 'wifi' is not a feature; the known ones are tls, buffer, hex, sleep, files",
        ),
        ('modem_feature(name="tls")', 'modem_feature takes names, as in modem_feature("tls")'),
        ('modem_fault("lost-o")', "modem_fault: 'lost-o' is not a fault; `modemqtt virtual --list-faults` lists them"),
        (
            'parametrize("modem_model", ["M95"])',
            'modem_model comes from the module; choose models with the marker modem_models("M95", …)',
        ),
        ("modem_hardware(3)", "modem_hardware takes no argument, but has 3"),
    ],
)
def test_a_wrong_marker_ends_the_collection_in_one_sentence(suite: Suite, marker: str, told: str) -> None:
    suite.write(f"import pytest\n@pytest.mark.{marker}\ndef test_it(modem): pass\n")
    result = suite.run()
    assert outcomes(result) == {"errors": 1}
    result.stdout.fnmatch_lines([told.replace("[", "[[]")])
    result.stdout.no_re_match_line(r".*\.py:\d")


def test_a_value_that_a_fault_does_not_take_is_told_in_one_sentence(suite: Suite) -> None:
    suite.write("""
        import pytest
        @pytest.mark.modem_fault("stat-code=300")
        def test_it(modem): pass
        @pytest.mark.modem_fault("lost-ok")
        def test_without(): pass
        @pytest.mark.modem_feature("tls")
        def test_feature(): pass
    """)
    result = suite.run()
    assert outcomes(result) == {"failed": 3}
    result.stdout.fnmatch_lines(
        ["*stat-code*300*", "modem_fault: the test takes no fixture that gives a module, such as modem"]
    )
    result.stdout.no_re_match_line(r".*plugin\.py:\d")


def test_a_broker_that_does_not_answer_is_told_in_one_sentence(suite: Suite) -> None:
    suite.write("def test_it(modem_mqtt): pass\ndef test_without(modem): pass\n")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    result = suite.run(f"--modem-broker=127.0.0.1:{port}")
    assert outcomes(result) == {"errors": 1, "passed": 1}
    told = f"no broker answers at 127.0.0.1:{port} (--modem-broker): Connection refused; start it, or name another one"
    assert told in result.stdout.lines
    with servers.mute() as mute:
        result = suite.run(f"--modem-broker=127.0.0.1:{mute.port}", "--modem-timeout-factor=0.02")
    assert outcomes(result) == {"errors": 1, "passed": 1}
    result.stdout.no_re_match_line(r".*\.py:\d")


def test_a_broker_elsewhere_gets_its_user_and_password_and_no_output_does(
    suite: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite.write("""
        def test_it(modem_broker, modem_mqtt, modem_topic):
            modem_mqtt.publish(modem_topic, b"x", qos=1)
            assert "pw" + "-secret" not in repr(modem_broker) + str(modem_broker)
            assert modem_broker.host == "127.0.0.1"
            assert 0
    """)
    with Broker(users={"bench": "pw-secret/1"}) as broker:
        result = suite.run(f"--modem-broker=mqtt://bench:pw-secret%2F1@127.0.0.1:{broker.port}")
        monkeypatch.setenv("MODEMQTT_PASSWORD", "pw-secret/1")
        again = suite.run(f"--modem-broker=mqtt://bench@127.0.0.1:{broker.port}")
    for run in (result, again):
        assert outcomes(run) == {"failed": 1}
        assert "assert 0" in run.stdout.str()
        assert "pw-secret" not in run.stdout.str()
    result.stdout.fnmatch_lines(
        [f"modemqtt: virtual modules (the default), broker 127.0.0.1:{broker.port} (--modem-broker)"]
    )


@pytest.mark.mosquitto
def test_a_mosquitto_is_started_for_the_run(suite: Suite) -> None:
    if real_broker.find() is None:
        pytest.skip("mosquitto is not on the PATH")
    suite.write(SMALL)
    assert outcomes(suite.run("--modem-broker=mosquitto"))["passed"]


def test_without_a_mosquitto_the_run_says_so(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda *_arguments, **_options: None)
    suite.write("def test_it(modem_mqtt): pass")
    result = suite.run("--modem-broker=mosquitto")
    assert outcomes(result) == {"errors": 1}
    result.stdout.fnmatch_lines(["--modem-broker mosquitto: there is no mosquitto on the PATH; install it"])


def test_a_mosquitto_that_does_not_start_is_told_with_its_last_words(
    suite: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "mosquitto"
    program.write_text("#!/bin/sh\necho Error: no room; exit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    suite.write("def test_it(modem_mqtt): pass")
    result = suite.run("--modem-broker=mosquitto")
    assert outcomes(result) == {"errors": 1}
    result.stdout.fnmatch_lines(["--modem-broker mosquitto: it does not start: Error: no room"])


def test_a_speed_is_that_of_the_line_and_a_seed_that_of_the_module(suite: Suite) -> None:
    suite.write("""
        import time
        def test_it(modem):
            began = time.monotonic()
            modem.command("ATI")
            assert time.monotonic() - began > 0.02
    """)
    assert outcomes(suite.run("--modem-baud=9600", "--modem-seed=4294967295")) == {"passed": 1}
