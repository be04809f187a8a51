"""The pytest plugin on a local labgrid target: which target it is, and what its tests get from it."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import pytest

from modemqtt.virtual import Broker, VirtualModem
from support.suites import OF_SMALL, SMALL
from test_plugin import outcomes

if TYPE_CHECKING:
    from support.suites import Suite

TARGET = """
  {name}:
    drivers:
      VirtualQuectelModemDriver: {{model: {model}}}
      ModemMqttDriver: {{}}
      {more}
"""
STRATEGY = "ModemMqttStrategy: {}"
ENV = ("--lg-env", "env.yaml")


@pytest.fixture
def lab(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> Suite:
    monkeypatch.delenv("LG_ENV", raising=False)
    environment(suite)
    return suite


def environment(suite: Suite, *targets: str, more: str = STRATEGY, model: str = "M95", rest: str = "") -> None:
    parts = "".join(TARGET.format(name=name, model=model, more=more) for name in targets or ("main",))
    (suite.pytester.path / "env.yaml").write_text(f"targets:{parts}\nimports: [modemqtt.labgrid]\n{rest}")


def test_a_suite_runs_on_a_target_without_hardware(lab: Suite) -> None:
    lab.write(SMALL)
    result = lab.run_apart(*ENV)
    assert outcomes(result) == {"passed": OF_SMALL}
    result.stdout.fnmatch_lines(
        ["modemqtt: virtual module of labgrid's target main (--lg-env), broker in this process"]
    )


@pytest.mark.parametrize("scope", ["function", "module"])
def test_the_scope_is_that_of_the_option(lab: Suite, scope: str) -> None:
    environment(lab, more="")
    lab.write(SMALL)
    assert outcomes(lab.run_apart(*ENV, f"--modem-scope={scope}")) == {"passed": OF_SMALL}


def test_asked_for_before_the_strategy_opens_it_the_modem_is_the_same_and_closed(lab: Suite) -> None:
    lab.write("""
        import pytest
        from modemqtt import PortError

        def test_before(modem, strategy, target):
            assert target.get_driver("ModemMqttDriver", activate=False).modem is modem
            assert not modem.is_open
            with pytest.raises(PortError, match=r'^labgrid:main cannot be opened yet; transition'):
                modem.open()
            with pytest.raises(PortError, match=r'^labgrid:main is not open; transition\\("ready"\\) of its strategy'):
                modem.command("AT")
            strategy.transition("ready")
            assert modem.command("AT").final == "OK"
            modem.on_urc = print

        def test_behind(modem, strategy):
            assert modem.is_open
            assert modem.on_urc is None
            strategy.transition("off")
            assert not modem.is_open
            modem.on_urc = print

        def test_one_that_leaves_it_to_the_plugin(modem, modem_mqtt):
            assert modem.is_open
            assert modem.on_urc is None
            modem_mqtt.publish("t", b"x")

        def test_left_closed(strategy, modem):
            strategy.transition("off")

        @pytest.mark.modem_feature("tls")
        @pytest.mark.modem_models("M95", "BC28")
        def test_models(strategy, modem):
            assert not modem.is_open
    """)
    result = lab.run_apart(*ENV, "-p", "no:randomly")
    assert outcomes(result) == {"passed": 5, "skipped": 1}
    result.stdout.fnmatch_lines(["SKIPPED*needs BC28; there is M95 on labgrid's target main"])


def test_a_fixture_of_the_suite_goes_there_first(lab: Suite) -> None:
    lab.write(
        """
        import pytest
        @pytest.fixture(autouse=True)
        def ready(strategy): strategy.transition("ready")
        """
        + textwrap.indent(textwrap.dedent(SMALL), " " * 8)
    )
    assert outcomes(lab.run_apart(*ENV)) == {"passed": OF_SMALL}


def test_a_module_on_a_port_is_hardware(lab: Suite) -> None:
    lab.write(SMALL)
    lab.write(
        """
        import pytest
        @pytest.mark.modem_hardware
        @pytest.mark.modem_models("M95", "BC28")
        @pytest.mark.modem_feature("tls")
        def test_what_is_closed_has_what_its_model_has(strategy, modem):
            assert not modem.is_open
        @pytest.mark.modem_feature("buffer")
        def test_no_buffer(strategy, modem): pass
        @pytest.mark.modem_hardware
        def test_open(modem, modem_model): assert modem.is_open
        def test_virtual(virtual_modem): pass
        @pytest.mark.modem_fault("mute")
        def test_fault(modem): pass
        """,
        "test_another",
    )
    with VirtualModem("M95") as module, Broker() as broker:
        (lab.pytester.path / "env.yaml").write_text(
            f"targets:\n  main:\n    resources:\n      QuectelModem: {{port: {module.port}, model: M95}}\n"
            f"    drivers: {{ModemMqttDriver: {{}}, {STRATEGY}}}\nimports: [modemqtt.labgrid]\n"
        )
        result = lab.run_apart(*ENV, f"--modem-broker={broker.host}:{broker.port}")
    assert outcomes(result) == {"passed": OF_SMALL + 2, "skipped": 7}
    result.stdout.fnmatch_lines_random(
        [
            "SKIPPED*needs BC28; there is M95 on labgrid's target main",
            "SKIPPED*modem_feature: M95 has no buffer",
            "SKIPPED*virtual_modem: needs a virtual module, and this run is on labgrid's target main",
            "SKIPPED*modem_fault: needs a virtual module, and this run is on labgrid's target main",
            "SKIPPED*needs a model that speaks as BC660K-GL; there is M95 on labgrid's target main",
        ]
    )


def test_features_of_labgrid_and_markers_of_the_plugin_go_together(lab: Suite) -> None:
    environment(lab, rest="features: [roof]\n")
    lab.write("""
        import pytest
        @pytest.mark.lg_feature("roof")
        @pytest.mark.modem_feature("tls")
        def test_both(modem): pass
        @pytest.mark.lg_feature("cellar")
        @pytest.mark.modem_feature("tls")
        def test_not_there(modem): pass
        @pytest.mark.lg_feature("roof")
        @pytest.mark.modem_feature("files")
        @pytest.mark.modem_models("M95", "EG915Q")
        def test_on_its_model(modem): pass
        @pytest.mark.modem_hardware
        def test_hardware(modem): pass
        @pytest.mark.modem_fault("lost-result=1")
        def test_fault(modem_mqtt):
            with pytest.raises(TimeoutError): modem_mqtt.publish("t", b"x", qos=1, timeout=0.2)
        def test_virtual(virtual_modem, modem, target):
            assert virtual_modem is target.get_driver("VirtualQuectelModemDriver").module
            virtual_modem.expect("AT+CSQ").respond("+CSQ: 3,0", "OK")
            assert modem.command("AT+CSQ").lines == ("+CSQ: 3,0",)
    """)
    result = lab.run_apart(*ENV)
    assert outcomes(result) == {"passed": 4, "skipped": 3}
    result.stdout.fnmatch_lines_random(
        [
            "SKIPPED*unsupported feature(s): cellar",
            "SKIPPED*needs EG915Q; there is M95 on labgrid's target main",
            "SKIPPED*modem_hardware: needs a module on a port, and labgrid's target main has a virtual one",
        ]
    )


def test_what_a_test_fails_for_is_the_same(lab: Suite) -> None:
    lab.write("""
        def test_fails(modem_mqtt): assert 0
        def test_callback(modem, virtual_modem):
            modem.on_urc = lambda line: 1 / 0
            virtual_modem.urc("+CREG: 1")
            modem.command("AT")
        def test_expected(modem, virtual_modem): virtual_modem.expect("AT+CSQ")
        def test_behind(modem): pass
    """)
    result = lab.run_apart(*ENV, "--lg-log", "log")
    assert outcomes(result) == {"failed": 1, "passed": 3, "errors": 2}
    result.stdout.fnmatch_lines(["*modem wire log (M95)*", "*> AT+QMTOPEN=*"])
    assert "AT+QMTOPEN=0" in (lab.pytester.path / "log" / "console_main").read_text()


def test_a_port_beside_a_target_is_a_usage_error(lab: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.write("def test_it(modem): pass")
    result = lab.run_apart(*ENV, "--modem-port=virtual")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    line = "ERROR: --modem-port and --lg-env both name a modem; leave one of them out"
    assert line in result.errlines
    monkeypatch.setenv("LG_ENV", "env.yaml")
    monkeypatch.setenv("MODEMQTT_PORT", "virtual")
    result = lab.run_apart()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert line.replace("--modem-port", "MODEMQTT_PORT").replace("--lg-env", "LG_ENV") in result.errlines


def test_an_option_goes_before_a_variable_here_too(lab: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.write("def test_it(modem): print(modem.port)")
    monkeypatch.setenv("MODEMQTT_PORT", "virtual:BC28")
    lab.run_apart(*ENV).stdout.fnmatch_lines(["modemqtt: *target main (--lg-env)*", "*1 passed*"])
    monkeypatch.setenv("LG_ENV", "env.yaml")
    lab.run_apart("--modem-port=virtual").stdout.fnmatch_lines(
        ["modemqtt: virtual modules (--modem-port)*", "*1 passed*"]
    )
    monkeypatch.delenv("MODEMQTT_PORT")
    lab.run_apart().stdout.fnmatch_lines(["modemqtt: *target main (LG_ENV)*", "*1 passed*"])


def test_an_environment_without_the_driver_leaves_the_modem_to_the_options(lab: Suite) -> None:
    (lab.pytester.path / "env.yaml").write_text("targets:\n  main:\n    drivers: {}\n")
    lab.write("def test_it(modem): assert modem.model == 'BC28'")
    result = lab.run_apart(*ENV, "--modem-port=virtual:BC28")
    assert outcomes(result) == {"passed": 1}
    result.stdout.fnmatch_lines(["modemqtt: virtual modules (--modem-port)*"])


def test_of_several_targets_it_is_main_or_the_only_one_with_the_driver(lab: Suite) -> None:
    lab.write("def test_it(modem): pass")
    environment(lab, "peer", "main")
    lab.run_apart(*ENV).stdout.fnmatch_lines(["modemqtt: *target main (--lg-env)*", "*1 passed*"])
    environment(lab, "gateway")
    lab.run_apart(*ENV).stdout.fnmatch_lines(["modemqtt: *target gateway (--lg-env)*", "*1 passed*"])
    environment(lab, "one", "other")
    result = lab.run_apart(*ENV)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "ERROR: --lg-env: one and other have a ModemMqttDriver; call the one to be tested main" in result.errlines


def test_a_driver_of_ones_own_made_from_ours_is_found(lab: Suite) -> None:
    lab.pytester.makepyfile(
        own="""
        import attr
        from labgrid.factory import target_factory
        from modemqtt.labgrid import ModemMqttDriver
        @target_factory.reg_driver
        @attr.s(eq=False)
        class OwnDriver(ModemMqttDriver): pass
    """
    )
    environment(lab, more="")
    file = lab.pytester.path / "env.yaml"
    file.write_text(
        file.read_text().replace("ModemMqttDriver:", "OwnDriver:").replace("[modemqtt.labgrid]", "[own.py]")
    )
    lab.write("def test_it(modem, target): assert type(target.get_driver('ModemMqttDriver')).__name__ == 'OwnDriver'")
    assert outcomes(lab.run_apart(*ENV)) == {"passed": 1}


def test_a_target_that_cannot_be_opened_fails_each_test_in_one_sentence(lab: Suite) -> None:
    (lab.pytester.path / "env.yaml").write_text(
        "targets:\n  main:\n    resources:\n      QuectelModem: {port: /dev/never-there}\n"
        "    drivers: {ModemMqttDriver: {timeout: 0.1}}\nimports: [modemqtt.labgrid]\n"
    )
    lab.write("def test_it(modem): pass\ndef test_other(modem_mqtt): pass\n")
    result = lab.run_apart(*ENV, "--modem-broker=broker.lab:1883")
    assert outcomes(result) == {"errors": 2}
    result.stdout.fnmatch_lines(
        [
            "modemqtt: labgrid's target main (--lg-env), model as the module says, broker broker.lab:1883 *",
            "labgrid's target main: /dev/never-there: there is no such device; `modemqtt ports` lists those there are",
        ]
    )
    result.stdout.no_re_match_line(r".*modemqtt/.*\.py:\d")


def test_the_plugin_without_labgrid_takes_no_notice(lab: Suite) -> None:
    lab.write("def test_it(modem): pass")
    assert outcomes(lab.run_apart("-p", "no:labgrid")) == {"passed": 1}
