"""A suite that is recorded on a port, and runs on the recording without it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from modemqtt import Modem
from modemqtt.virtual import Broker, VirtualModem
from support.suites import OF_SMALL, SMALL, bench
from test_plugin import outcomes

if TYPE_CHECKING:
    from pathlib import Path

    from support.suites import Suite


def recorded(suite: Suite, path: Path, model: str, **expected: int) -> str:
    """Record the suite on a port, and return the option that runs it on the recording."""
    with VirtualModem(model) as module, Broker() as broker:
        result = suite.run(
            f"--modem-port={module.port}", f"--modem-broker={broker.host}:{broker.port}", f"--modem-record={path}"
        )
    assert outcomes(result) == expected
    return f"--modem-port=replay:{path}"


@pytest.mark.parametrize("model", ["M95", "BC660K-GL"])
def test_a_suite_runs_on_the_recording_of_itself(model: str, suite: Suite, tmp_path: Path) -> None:
    suite.write(SMALL)
    port = recorded(suite, tmp_path / "suite.rec", model, passed=OF_SMALL)
    # Client ids and topics are made up anew.
    assert outcomes(suite.run(port)) == {"passed": OF_SMALL}
    suite.write(
        """
        import pytest

        @pytest.mark.modem_hardware
        def test_a_real_one(modem): ...
        """,
        "test_hardware",
    )
    result = suite.run(port, "test_hardware.py")
    assert outcomes(result) == {"skipped": 1}
    result.stdout.fnmatch_lines([f"*modem_hardware: needs a module on a port, and replay:{tmp_path}/suite.rec is a*"])


def test_a_test_that_sends_something_else_fails_with_both_lines_and_the_others_do_not(
    suite: Suite, tmp_path: Path
) -> None:
    suite.write("""
        def test_one(modem):
            modem.command("AT+CSQ")
            modem.command("AT+CIMI")
        def test_two(modem): assert modem.command("AT+CSQ").lines
    """)
    port = recorded(suite, tmp_path / "suite.rec", "M95", passed=2)
    suite.write("""
        def test_one(modem):
            modem.command("AT+CSQ")
            modem.command("AT+COPS?")
        def test_two(modem): assert modem.command("AT+CSQ").lines
    """)
    result = suite.run(port)
    assert outcomes(result) == {"failed": 1, "passed": 1, "errors": 1}
    result.stdout.fnmatch_lines(
        [
            "*suite.rec: the test did not send what was recorded; record it again if it has changed, and *:",
            "*line * of the recording",
            "*expected AT+CIMI?r",
            "*got      AT+COPS[?]?r",
        ]
    )
    # What is left out is a difference too.
    suite.write("""
        def test_one(modem): modem.command("AT+CSQ")
        def test_two(modem): assert modem.command("AT+CSQ").lines
    """)
    result = suite.run(port)
    assert outcomes(result) == {"passed": 2, "errors": 1}
    result.stdout.fnmatch_lines(["*expected AT+CIMI?r", "*got      nothing more"])


# Tests that share a session.
SHARING = """
    import pytest

    @pytest.fixture(scope="module")
    def connected(modem, modem_broker):
        with modem.mqtt().session(modem_broker.host, modem_broker.port, client_id="bench-7") as mqtt:
            yield mqtt

    def test_one(connected, modem_topic): connected.publish(modem_topic, b"1", qos=1)

    @pytest.mark.modem_feature("tls")
    def test_two(modem): modem.command("AT+CSQ")

    def test_three(connected, modem_topic): connected.publish(modem_topic, b"3", qos=1)
"""
# Tests that need nothing of one another.
OWN = """
    import pytest

    def test_four(modem_mqtt, modem_topic):
        modem_mqtt.subscribe(modem_topic, qos=1)
        for payload in (b"\\0\\x01", b'a"b'):
            modem_mqtt.publish(modem_topic, payload, qos=1)
            assert modem_mqtt.receive(timeout=5).payload == payload

    @pytest.mark.asyncio
    async def test_six(amodem_mqtt, modem_topic):
        await amodem_mqtt.subscribe(modem_topic)
        await amodem_mqtt.publish(modem_topic, b"6", qos=1)
        assert (await amodem_mqtt.receive(timeout=5)).payload == b"6"

    @pytest.mark.xfail(strict=True)
    def test_seven(modem_mqtt_factory):
        modem_mqtt_factory(keepalive=30)
        modem_mqtt_factory(client_id="own").subscribe("a")
        assert False
"""
# It leaves the module in disorder.
DISORDER = """
    def test_five(modem, modem_broker):
        modem.mqtt(2).configure(keepalive=30)
        modem.restart()
        modem.mqtt(3).open(modem_broker.host, modem_broker.port)
        modem.close()
"""


def test_the_tests_of_a_recording_may_run_in_any_order_and_be_left_out(suite: Suite, tmp_path: Path) -> None:
    suite.write(SHARING, "test_sharing")
    suite.write(OWN, "test_own")
    suite.write(DISORDER, "test_disorder")
    port = recorded(suite, tmp_path / "suite.rec", "EG915Q", passed=6, xfailed=1)
    names = [f"test_sharing.py::test_{name}" for name in ("one", "two", "three")]
    names += ["test_disorder.py::test_five", *(f"test_own.py::test_{name}" for name in ("four", "six", "seven"))]
    assert outcomes(suite.run(port)) == {"passed": 6, "xfailed": 1}
    assert outcomes(suite.run(port, *reversed(names))) == {"passed": 6, "xfailed": 1}
    for name in names:
        assert outcomes(suite.run(port, name)).keys() <= {"passed", "xfailed"}
    # As a module of its own in each test, too.
    assert outcomes(suite.run(port, "--modem-scope=module", "-k", "not five")) == {
        "passed": 5,
        "xfailed": 1,
        "deselected": 1,
    }


def test_each_test_that_is_not_in_the_recording_says_so_and_the_others_run(suite: Suite, tmp_path: Path) -> None:
    one = "def test_one(modem_mqtt, modem_topic): modem_mqtt.publish(modem_topic, b'1', qos=1)"
    suite.write(one)
    port = recorded(suite, tmp_path / "suite.rec", "M95", passed=1)
    # All of them have the same fixtures.
    suite.write("\n".join(one.replace("_one", name) for name in ("_new", "_newer", "_one")))
    result = suite.run(port)
    assert outcomes(result) == {"errors": 2, "passed": 1}
    for name in ("new", "newer"):
        said = f"*suite.rec has 1 test, such as test_suite.py::test_one, and not test_suite.py::test_{name}; record*"
        result.stdout.fnmatch_lines([said])


def test_a_test_that_has_logged_in_under_a_name_of_its_own_does_not_change_the_others(
    suite: Suite, tmp_path: Path
) -> None:
    suite.write("""
        def test_own(modem, modem_broker):
            server = (modem_broker.host, modem_broker.port)
            with modem.mqtt().session(*server, client_id="own", username="lab", password="hunter2"): ...
        def test_other(modem_mqtt, modem_topic): modem_mqtt.publish(modem_topic, b"x", qos=1)
    """)
    port = recorded(suite, tmp_path / "suite.rec", "M95", passed=2)
    assert outcomes(suite.run(port)) == {"passed": 2}


def test_a_recording_that_is_not_there_fails_in_one_sentence(suite: Suite, tmp_path: Path) -> None:
    suite.write("def test_one(modem): ...")
    result = suite.run(f"--modem-port=replay:{tmp_path}/none.rec")
    assert outcomes(result) == {"errors": 1}
    result.stdout.fnmatch_lines([f"*replay:{tmp_path}/none.rec: No such file or directory*"])


# What a suite of a lab has for several models, those first that are not on the bench.
MODELS = """
    import pytest

    @pytest.mark.modem_models("BC28", "BC660K-GL", "EG915Q", "M95")
    def test_on_each(modem, modem_model): assert modem.model == modem_model

    @pytest.mark.modem_models("BC28")
    def test_on_another(modem): ...

    def test_on_any(modem): modem.command("AT+CSQ")

    def test_anywhere(modem, modem_model): modem.command("AT+CIMI")
"""


@pytest.mark.parametrize("scope", ["session", "function"])
def test_a_port_has_one_recording_whatever_models_tests_want(suite: Suite, tmp_path: Path, scope: str) -> None:
    suite.write(MODELS)
    path = tmp_path / "bench.rec"
    with VirtualModem("M95") as module:
        at = (f"--modem-port={module.port}", f"--modem-record={path}")
        result = suite.run(*at, f"--modem-scope={scope}")
    expected = {"passed": 3, "skipped": 7}
    assert outcomes(result) == expected
    assert [*tmp_path.glob("*.rec*")] == [path]
    # A module that another test wants is not opened for it a second time.
    openings = path.read_text(encoding="ascii").count('"AT+CGMM')
    assert (openings == 1) == (scope == "session")
    for again in ("session", "function"):
        result = suite.run(f"--modem-port=replay:{path}", f"--modem-scope={again}")
        assert outcomes(result) == expected
        result.stdout.fnmatch_lines([f"SKIPPED *needs BC28; there is M95 in replay:{path}"])


def test_two_ports_and_their_workers_are_recorded_and_played_in_any_way(suite: Suite, tmp_path: Path) -> None:
    suite.write(SMALL)
    folder = tmp_path / "recorded"
    folder.mkdir()
    with bench(tmp_path, "M95", "BC660K-GL") as two:
        result = suite.run_apart(*two.options, "-n2", f"--modem-record={folder}/bench.rec")
    assert outcomes(result) == {"passed": OF_SMALL}
    files = sorted(folder.iterdir())
    assert [file.name for file in files] == ["bench-2.rec", "bench.rec"]
    ports = [f"--modem-port=replay:{file}" for file in files]
    assert outcomes(suite.run(*ports)) == {"passed": OF_SMALL}
    assert outcomes(suite.run_apart(*ports, "-n2")) == {"passed": OF_SMALL}
    # One of them has not all of the tests.
    result = suite.run(ports[0])
    told = outcomes(result)
    assert told["passed"] + told["errors"] == OF_SMALL
    result.stdout.fnmatch_lines([f"replay:{files[0]} has * test*, such as *, and not *; record the suite again"])


def test_virtual_modules_are_recorded_by_their_model(suite: Suite, tmp_path: Path) -> None:
    suite.write(MODELS)
    path = tmp_path / "bench.rec"
    assert outcomes(suite.run(f"--modem-record={path}")) == {"passed": 10}
    files = sorted(tmp_path.glob("*.rec"))
    assert "bench-2.rec" in [file.name for file in files]
    result = suite.run(*(f"--modem-port=replay:{file}" for file in files))
    assert outcomes(result) == {"passed": 10}


def test_a_module_that_loses_its_power_goes_on_in_its_recording(suite: Suite, tmp_path: Path) -> None:
    suite.write("""
        def test_one(modem): modem.command("AT+CSQ")
        def test_two(modem): modem.close()
        def test_three(modem_mqtt, modem_topic): modem_mqtt.publish(modem_topic, b"x", qos=1)
    """)
    path = tmp_path / "bench.rec"
    with VirtualModem("M95") as module, Broker() as broker:
        script = tmp_path / "power.py"
        script.write_text("import sys; print(sys.argv)", encoding="ascii")
        result = suite.run(
            f"--modem-port={module.port}",
            f"--modem-broker={broker.host}:{broker.port}",
            f"--modem-record={path}",
            f"--modem-power-command={sys.executable} {script} {{port}}",
        )
    assert outcomes(result) == {"passed": 3}
    assert [*tmp_path.glob("*.rec")] == [path]
    assert outcomes(suite.run(f"--modem-port=replay:{path}", "-k", "three")) == {"passed": 1, "deselected": 2}


def test_a_test_that_failed_and_one_that_was_run_again_are_played_as_they_were(suite: Suite, tmp_path: Path) -> None:
    suite.write("""
        import pathlib
        def test_one(modem):
            assert "20" in modem.command("AT+CSQ").lines[0]
            modem.command("AT+CIMI")
        def test_two(modem): modem.command("AT+CREG?")
    """)
    path = tmp_path / "bench.rec"
    with VirtualModem("M95") as module:
        module.expect("AT+CSQ").respond("+CSQ: 7,0", "OK")
        at = (f"--modem-port={module.port}", f"--modem-record={path}")
        once = ("test_suite.py", "--keep-duplicates", "test_suite.py")
        assert outcomes(suite.run(*at, *once)) == {"failed": 1, "passed": 3}
    port = f"--modem-port=replay:{path}"
    assert outcomes(suite.run(port, *once)) == {"failed": 1, "passed": 3}
    assert outcomes(suite.run(port)) == {"failed": 1, "passed": 1}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["--modem-port=replay:{}/a.rec", "--modem-record={}/b.rec"],
            "--modem-record: replay:*a.rec is a recording alr*",
        ),
        (
            ["--modem-port=replay:{}/a.rec", "--modem-port=/dev/ttyUSB2"],
            "--modem-port: a run is on recordings or on p*",
        ),
        (
            ["--modem-record={}/a.rec"],
            "--modem-record: *a.rec exists, and a recording never replaces a file; name ano*",
        ),
        (["--modem-record={}/none/a.rec"], "--modem-record: *none is not a folder; make it, or name another file"),
        (["--modem-record={}/c.rec"], "--modem-record: *c-2.rec exists, and a recording never*"),
    ],
)
def test_what_cannot_be_recorded_is_refused_before_any_test(
    suite: Suite, tmp_path: Path, arguments: list[str], said: str
) -> None:
    suite.write("def test_one(modem): ...")
    for name in ("a.rec", "c-2.rec"):
        (tmp_path / name).write_text("", encoding="ascii")
    result = suite.run(*(argument.format(tmp_path) for argument in arguments))
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*{said}"])


def test_a_feature_that_was_not_asked_for_is_told(suite: Suite, tmp_path: Path) -> None:
    suite.write("def test_one(modem): ...")
    port = recorded(suite, tmp_path / "bench.rec", "M95", passed=1)
    suite.write("""
        import pytest
        @pytest.mark.modem_feature("tls")
        def test_one(modem): ...
    """)
    result = suite.run(port)
    assert outcomes(result) == {"errors": 1}
    result.stdout.fnmatch_lines(["*bench.rec does not say whether the module has tls; record the suite again"])


def test_the_recording_of_a_program_is_played_from_its_beginning(suite: Suite, tmp_path: Path) -> None:
    path = tmp_path / "program.rec"
    with Modem("virtual:M95", record=path) as modem:
        modem.command("AT+CSQ")
        modem.command("AT+CIMI")
    suite.write("""
        def test_one(modem): modem.command("AT+CSQ")
        def test_two(modem): modem.command("AT+CIMI")
    """)
    port = f"--modem-port=replay:{path}"
    assert outcomes(suite.run(port)) == {"passed": 2}
    result = suite.run(port, "-k", "two")
    assert outcomes(result)["errors"] == 1
    result.stdout.fnmatch_lines(["*was recorded; run on it what was recorded, in the same order:"])
