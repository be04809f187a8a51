"""The pytest plugin on virtual modules: its fixtures, its markers, and what fails a test."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from modemqtt._pytest.wire import pattern
from support.suites import OF_SMALL, SMALL

if TYPE_CHECKING:
    from support.suites import Suite


def outcomes(result: pytest.RunResult) -> dict[str, int]:
    return {name: count for name, count in result.parseoutcomes().items() if name != "warnings"}


def test_a_small_suite_passes_where_there_is_no_hardware(suite: Suite) -> None:
    suite.write(SMALL)
    result = suite.run("-v")
    assert outcomes(result) == {"passed": OF_SMALL}
    result.stdout.fnmatch_lines(["modemqtt: virtual modules (the default), broker in this process"])


@pytest.mark.parametrize("scope", ["class", "module", "package", "session"])
def test_a_small_suite_passes_when_its_tests_share_a_modem(suite: Suite, scope: str) -> None:
    suite.write(SMALL)
    assert outcomes(suite.run(f"--modem-scope={scope}", "--modem-seed=7")) == {"passed": OF_SMALL}


def test_the_plugin_can_be_turned_off(suite: Suite) -> None:
    suite.write("""
        import pytest
        def test_it(request):
            with pytest.raises(pytest.FixtureLookupError): request.getfixturevalue("modem")
    """)
    assert outcomes(suite.run_apart("-p", "no:modemqtt")) == {"passed": 1}
    assert suite.run_apart("-p", "no:modemqtt", "--modem-port=virtual").ret == pytest.ExitCode.USAGE_ERROR


def test_every_fixture_and_marker_is_described(suite: Suite) -> None:
    suite.write("")
    shown = suite.run("--fixtures", "-q").stdout.str()
    names = re.findall(r"^(\w+)(?: \[\w+ scope\])? -- .*modemqtt/pytest_plugin.py", shown, re.MULTILINE)
    assert set(names) == {
        "amodem",
        "amodem_mqtt",
        "modem",
        "modem_mqtt",
        "modem_topic",
        "modem_mqtt_factory",
        "virtual_modem",
        "modem_broker",
        "modem_wire",
        "modem_model",
        "cap_modem_urc",
    }
    assert not re.search(r"modemqtt/pytest_plugin\.py:\d+\n\s+no docstring available", shown)
    markers = re.findall(r"^@pytest\.mark\.(modem_\w+)", suite.run("--markers").stdout.str(), re.MULTILINE)
    assert markers == ["modem_hardware", "modem_virtual", "modem_models", "modem_feature", "modem_fault"]


def test_importing_the_plugin_loads_no_more_than_the_core(suite: Suite) -> None:
    suite.write("""
        import sys
        def test_it(): assert not {"modemqtt._modem", "modemqtt.virtual", "modemqtt._pytest.bench"} & set(sys.modules)
    """)
    assert outcomes(suite.run_apart()) == {"passed": 1}


def test_a_test_that_asks_for_a_model_runs_once_on_one_of_each_dialect(suite: Suite) -> None:
    suite.write("""
        def test_one(modem, modem_model): assert modem.model == modem_model
        def test_two(virtual_modem, modem_model): assert virtual_modem.model == modem_model
        def test_three(modem): assert modem.model == "BC660K-GL"
    """)
    result = suite.run("-v")
    assert outcomes(result) == {"passed": 9}
    ran = re.findall(r"::test_(\w+)(?:\[(.*?)\])? PASSED", result.stdout.str())
    models = ["BC35-G", "BC660K-GL", "EG800Q", "M95"]
    assert ran == [(test, model) for model in models for test in ("one", "two")] + [("three", "")]


def test_models_are_those_of_the_marker_then_those_of_the_options(suite: Suite) -> None:
    suite.write("""
        import pytest
        @pytest.mark.modem_models("m95", "BC28")
        def test_marked(modem): assert modem.model in ("M95", "BC28")
        def test_asking(modem_model): pass
        def test_other(modem): assert modem.model == "EG915Q"
    """)
    result = suite.run("-v", "--modem-model=EG915Q", "--modem-model", "M95")
    ran = re.findall(r"::test_(\w+)(?:\[(.*?)\])? PASSED", result.stdout.str())
    assert sorted(ran) == [
        ("asking", "EG915Q"),
        ("asking", "M95"),
        ("marked", "BC28"),
        ("marked", "M95"),
        ("other", ""),
    ]


def test_what_needs_hardware_is_skipped_with_the_way_to_run_it(suite: Suite) -> None:
    suite.write("""
        import pytest
        @pytest.mark.modem_hardware
        def test_it(modem): pass
    """)
    result = suite.run()
    assert outcomes(result) == {"skipped": 1}
    result.stdout.fnmatch_lines(
        ["SKIPPED * test_suite.py:*: modem_hardware: *--modem-port=/dev/ttyUSB2, MODEMQTT_PORT*"]
    )
    result = suite.run("--modem-require")
    assert outcomes(result) == {"errors": 1}
    result.stdout.fnmatch_lines(["modem_hardware: --modem-require wants it run; *"])


def test_a_feature_is_what_the_module_reports(suite: Suite) -> None:
    suite.write("""
        import pytest
        pytestmark = pytest.mark.modem_models("M95", "BC28", "BC660K-GL", "EG915Q")
        @pytest.mark.modem_feature("tls")
        def test_tls(modem): pass
        @pytest.mark.modem_feature("buffer")
        def test_buffer(modem): pass
        @pytest.mark.modem_feature("hex")
        def test_hex(modem): pass
        @pytest.mark.modem_feature("sleep", "files")
        def test_both(modem_wire): assert not modem_wire.find("QSCLK")
    """)
    result = suite.run("-v")
    ran = re.findall(r"::test_(\w+)\[(.*?)\] PASSED", result.stdout.str())
    assert sorted(ran) == [
        ("both", "EG915Q"),
        ("both", "M95"),
        ("buffer", "EG915Q"),
        ("hex", "BC660K-GL"),
        ("hex", "EG915Q"),
        ("tls", "BC660K-GL"),
        ("tls", "EG915Q"),
        ("tls", "M95"),
    ]
    result.stdout.fnmatch_lines(["SKIPPED * test_suite.py:*: modem_feature: BC28 has no tls"])


def test_a_fault_is_on_while_the_test_runs_and_not_around_it(suite: Suite) -> None:
    suite.write("""
        import pytest
        from modemqtt.virtual import Fault

        @pytest.fixture
        def around(modem, virtual_modem):
            assert virtual_modem.faults == ()
            yield
            assert virtual_modem.faults == ()

        @pytest.mark.modem_fault("lost-result", Fault("stat-code", 7))
        def test_it(modem_mqtt, virtual_modem, around):
            assert set(virtual_modem.faults) == {"lost-result", "stat-code=7"}

        def test_healed(virtual_modem): assert virtual_modem.faults == ()
    """)
    assert outcomes(suite.run()) == {"passed": 2}
    assert outcomes(suite.run("--modem-scope=session")) == {"passed": 2}


def test_topics_and_client_ids_are_each_tests_own(suite: Suite) -> None:
    suite.write("""
        import re
        import pytest
        seen = set()
        @pytest.mark.parametrize("number", [1, 2])
        def test_it(modem_topic, modem_mqtt_factory, modem_broker, number):
            modem_mqtt_factory(), modem_mqtt_factory(keepalive=30)
            assert re.fullmatch("modemqtt/[0-9a-f]{32}/master/[0-9a-f]{8}", modem_topic)
            clients = modem_broker.clients
            assert len(clients) == 2 and all(len(each) <= 23 for each in clients)
            assert not seen & {modem_topic, *clients}
            seen.update([modem_topic, *clients])
        def test_given(modem_mqtt_factory, modem_broker):
            mqtt = modem_mqtt_factory(3, client_id="bench-7")
            assert (mqtt.index, mqtt.state, modem_broker.clients) == (3, "connected", ["bench-7"])
    """)
    assert outcomes(suite.run()) == {"passed": 3}


def test_what_goes_wrong_in_the_factory_is_the_tests_to_catch_and_in_the_fixture_one_sentence(suite: Suite) -> None:
    suite.write("""
        import pytest
        from modemqtt import ConnectError, UsageError

        def test_refused(modem_mqtt_factory, modem_broker):
            modem_broker.refuse(5)
            with pytest.raises(ConnectError): modem_mqtt_factory()
        def test_too_many(modem_mqtt_factory):
            for _ in range(5): modem_mqtt_factory()
            with pytest.raises(UsageError): modem_mqtt_factory()
            with pytest.raises(UsageError, match="client index must be 0 to 4, not 5"): modem_mqtt_factory(5)

        @pytest.fixture
        def refusing(modem_broker): modem_broker.refuse(4)
        def test_fixture(refusing, modem_mqtt): pass
    """)
    result = suite.run()
    assert outcomes(result) == {"passed": 2, "errors": 1}
    result.stdout.fnmatch_lines(["connect to 127.0.0.1:* on client 0 failed: return code 4 *"])
    result.stdout.no_re_match_line(r".*\.py:\d")


def test_the_wire_of_a_test_is_its_own_part(suite: Suite) -> None:
    suite.write("""
        import pytest
        @pytest.mark.parametrize("number", [1, 2])
        def test_it(modem, modem_wire, number):
            modem.command("AT+CSQ")
            assert modem_wire.sent.count("AT+CSQ") == 1
            assert modem_wire.received[-2:] == ["+CSQ: 20,0", "OK"]
            assert [line.text for line in modem_wire.find("+CSQ")] == ["AT+CSQ", "+CSQ: 20,0"]
            assert len(modem_wire) == len(list(modem_wire)) == len(str(modem_wire).splitlines())
        def test_sequence(modem, modem_wire):
            modem.command("AT+CSQ")
            modem.command("AT+CIMI")
            modem_wire.assert_sequence(["> AT+CSQ", "+CSQ: *", "> AT+CIMI", "< OK"])
            with pytest.raises(AssertionError) as caught:
                modem_wire.assert_sequence(["AT+CIMI", "AT+CSQ"])
            first, *lines = str(caught.value).splitlines()
            assert first == "'AT+CSQ' did not go over the wire after 'AT+CIMI':"
            assert "  > AT+CSQ" in lines
            with pytest.raises(AssertionError): modem_wire.assert_sequence(["< AT+CSQ"])
    """)
    assert outcomes(suite.run()) == {"passed": 3}
    assert outcomes(suite.run("--modem-scope=session")) == {"passed": 3}


@pytest.mark.parametrize(
    ("text", "line", "fits"),
    [
        ("AT+CSQ", "AT+CSQ", True),
        ("AT+CSQ", "AT+CSQ?", False),
        ("+QMTPUB: 0,*,0", "+QMTPUB: 0,17,0", True),
        ("AT*T", "AT\nT", True),
        (r"AT\*T", "AT*T", True),
        (r"AT\*T", "AT+T", False),
        (r"a\\*", r"a\b", True),
        (r"a\b", r"a\b", True),
    ],
)
def test_a_pattern_reads_as_that_of_an_expectation(text: str, line: str, fits: bool) -> None:  # noqa: FBT001
    assert (pattern(text).fullmatch(line) is not None) == fits


def test_unsolicited_lines_are_kept_for_the_test(suite: Suite) -> None:
    suite.write("""
        import pytest
        @pytest.mark.parametrize("number", [1, 2])
        def test_it(modem, virtual_modem, cap_modem_urc, number):
            assert cap_modem_urc.lines == []
            virtual_modem.urc("+X: 1")
            modem.command("AT")
            assert cap_modem_urc.lines == ["+X: 1"]
            virtual_modem.urc("+Y: 2")
            assert cap_modem_urc.wait("+Y") == "+Y: 2"
            assert cap_modem_urc.find("X") == ["+X: 1"]
            cap_modem_urc.clear()
            assert cap_modem_urc.lines == []
            with pytest.raises(AssertionError, match="no unsolicited line with 'RDY' came within 0.1 s"):
                cap_modem_urc.wait("RDY", timeout=0.1)
            virtual_modem.urc("+Z: 3")
    """)
    assert outcomes(suite.run()) == {"passed": 2}
    assert outcomes(suite.run("--modem-scope=session")) == {"passed": 2}


@pytest.mark.parametrize("scope", ["function", "session"])
def test_what_was_expected_and_did_not_come_fails_its_test_alone(suite: Suite, scope: str) -> None:
    suite.write("""
        def test_met(virtual_modem, modem):
            virtual_modem.expect("AT+CSQ").respond("+CSQ: 1,1")
            assert modem.command("AT+CSQ").lines == ("+CSQ: 1,1",)
        def test_unmet(virtual_modem, modem):
            virtual_modem.expect("AT+CSQ").respond("+CSQ: 2,2")
            virtual_modem.expect("AT+CIMI", times=None).respond("ERROR")
        def test_behind(modem):
            assert modem.command("AT+CSQ").lines == ("+CSQ: 20,0",)
            modem.command("AT+CIMI")
    """)
    result = suite.run(f"--modem-scope={scope}")
    assert outcomes(result) == {"passed": 3, "errors": 1}
    result.stdout.fnmatch_lines(["*ERROR at teardown of test_unmet*", "expected, and did not come:", "  AT+CSQ"])


def test_a_callback_that_raised_fails_the_test_that_it_ran_in(suite: Suite) -> None:
    suite.write("""
        def test_it(virtual_modem, modem, cap_modem_urc):
            def told(line): raise ValueError("not this line")
            modem.on_urc = told
            virtual_modem.urc("+X: 1")
            cap_modem_urc.wait("X")
        def test_behind(modem): pass
        def test_on_purpose(virtual_modem, modem, cap_modem_urc, caplog):
            modem.on_urc = lambda line: 1 / 0
            virtual_modem.urc("+X: 1")
            cap_modem_urc.wait("X")
            modem.close()
            assert "ZeroDivisionError" in caplog.text
            caplog.clear()
    """)
    result = suite.run()
    assert outcomes(result) == {"passed": 3, "errors": 1}
    result.stdout.fnmatch_lines(
        ["*ERROR at teardown of test_it*", "a callback for 'urc' raised: ValueError: not this line"]
    )


def test_a_modem_that_is_left_open_is_named_and_closed_and_fails_its_test(suite: Suite) -> None:
    suite.write("""
        import pytest
        from modemqtt import Modem, open_modems
        from modemqtt.virtual import VirtualModem
        kept = []

        @pytest.fixture(scope="module")
        def shared():
            with VirtualModem("M95") as module, Modem(module.port) as modem:
                yield modem
            assert not open_modems()

        @pytest.fixture
        def careless(other):
            return Modem(other.port).open()

        @pytest.fixture(scope="module")
        def other():
            with VirtualModem("M95") as module: yield module

        def test_shared(shared): shared.command("AT")
        def test_left(other): kept.append(Modem(other.port).open())
        def test_fixture(careless): kept.append(careless)
        def test_virtual(virtual_modem): kept.append(Modem(virtual_modem.port).open())
        def test_shared_again(shared):
            shared.command("AT")
            assert [modem.is_open for modem in kept] == [False] * 3
            assert open_modems() == [shared]
    """)
    result = suite.run()
    assert outcomes(result) == {"passed": 5, "errors": 3}
    told = re.findall(
        r"^<Modem \S+ (?:M95|BC660K-GL)> was left open; close\(\) it, or use `with`$", str(result.stdout), re.MULTILINE
    )
    assert len(told) == 3


def test_an_awaited_modem_that_is_left_open_is_named_and_closed_too(suite: Suite) -> None:
    suite.write("""
        import asyncio
        import pytest
        from modemqtt.aio import AsyncModem
        from modemqtt import open_modems
        kept = []

        def test_left(virtual_modem):
            kept.append(asyncio.run(AsyncModem(virtual_modem.port).open()))
        @pytest.mark.skip
        def test_skipped(virtual_modem): ...
        def test_again(virtual_modem):
            assert not open_modems() and not kept[0].is_open
    """)
    result = suite.run()
    # That the next test is skipped tells nothing twice.
    assert outcomes(result) == {"passed": 2, "skipped": 1, "errors": 1}
    result.stdout.re_match_lines([r"<AsyncModem \S+ \S+> was left open; close\(\) it, or use `async with`"])


def test_what_a_fixture_of_a_wider_scope_has_opened_and_set_stays(suite: Suite) -> None:
    suite.write("""
        import pytest
        heard = []

        @pytest.fixture(scope="module")
        def connected(modem, modem_broker):
            modem.on_urc = heard.append
            with modem.mqtt(2).session(modem_broker.host, modem_broker.port, client_id="kept") as mqtt:
                yield mqtt

        def test_one(connected, modem_mqtt):
            assert (connected.state, modem_mqtt.index) == ("connected", 0)
            modem_mqtt.on_message = heard.append
        def test_two(connected, modem, virtual_modem, cap_modem_urc):
            assert [modem.mqtt(index).state for index in range(4)] == ["closed", "closed", "connected", "closed"]
            assert (modem.on_urc, modem.mqtt().on_message) == (heard.append, None)
    """)
    assert outcomes(suite.run("--modem-scope=session")) == {"passed": 2}


def test_what_a_test_has_set_is_set_back_for_the_next(suite: Suite) -> None:
    suite.write("""
        import pytest
        pytestmark = pytest.mark.modem_models("M95", "BC28", "BC660K-GL", "EG915Q")
        def test_one(modem, modem_broker, virtual_modem):
            mqtt = modem.mqtt()
            mqtt.configure(keepalive=77, packet_timeout=9)
            mqtt.open(modem_broker.host, modem_broker.port)
            mqtt.connect("left")
            mqtt.publish("t", b"x")
            mqtt.on_message = modem.on_restart = print
            virtual_modem.set_registration(3)
            modem_broker.refuse(5)
        def test_two(modem, modem_mqtt):
            assert modem_mqtt.state == "connected"
            assert (modem_mqtt.on_message, modem.on_restart) == (None, None)
            told = modem_mqtt.configuration()
            assert told["keepalive"] == 120
            assert told["packet_timeout"] != 9
    """)
    assert outcomes(suite.run("--modem-scope=session")) == {"passed": 8}


def test_a_module_that_dies_in_a_test_fails_that_test_and_no_other(suite: Suite) -> None:
    suite.write("""
        def test_dies(modem, virtual_modem):
            virtual_modem.power_off()
            modem.command("AT", timeout=0.2)
        def test_behind(modem_mqtt): modem_mqtt.publish("t", b"x", qos=1)
        def test_closes_all(modem, virtual_modem, modem_broker):
            modem_broker.close()
            modem.close()
        def test_closed(modem): assert modem.command("AT").final == "OK"
    """)
    assert outcomes(suite.run()) == {"failed": 1, "passed": 3}
    assert outcomes(suite.run("--modem-scope=module")) == {"failed": 1, "passed": 3}


def test_a_shared_module_that_a_test_has_closed_is_told_of_in_one_sentence(suite: Suite) -> None:
    suite.write("""
        def test_closes(virtual_modem, modem): virtual_modem.close()
        def test_one(modem): pass
        def test_two(modem): pass
    """)
    result = suite.run("--modem-scope=session", "--modem-timeout-factor=0.01")
    assert outcomes(result) == {"passed": 1, "errors": 2}
    result.stdout.fnmatch_lines(
        ["the modem that tests share did not come back: a test closed its virtual module, /dev/pts/*"]
    )
    result.stdout.no_fnmatch_line("*pytest_plugin.py*")
