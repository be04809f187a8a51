"""A suite that is recorded on a port, and runs on the recording without it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modemqtt.virtual import Broker, VirtualModem
from support.suites import OF_SMALL, SMALL
from test_plugin import outcomes

if TYPE_CHECKING:
    from pathlib import Path

    from support.suites import Suite


def recorded(suite: Suite, path: Path, model: str) -> str:
    """Record the suite on a port, and return the option that runs it on the recording."""
    with VirtualModem(model) as module, Broker() as broker:
        result = suite.run(
            f"--modem-port={module.port}", f"--modem-broker={broker.host}:{broker.port}", f"--modem-record={path}"
        )
    assert outcomes(result) == {"passed": OF_SMALL}
    return f"--modem-port=replay:{path}"


@pytest.mark.parametrize("model", ["M95", "BC660K-GL"])
def test_a_suite_runs_on_the_recording_of_itself(model: str, suite: Suite, tmp_path: Path) -> None:
    suite.write(SMALL)
    port = recorded(suite, tmp_path / "suite.rec", model)
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


def test_a_suite_that_sends_something_else_fails_with_both_lines(suite: Suite, tmp_path: Path) -> None:
    suite.write(SMALL)
    port = recorded(suite, tmp_path / "suite.rec", "M95")
    suite.write(SMALL.replace("AT+CIMI", "AT+COPS?"))
    result = suite.run(port)
    assert outcomes(result)["passed"] >= OF_SMALL - 2
    result.stdout.fnmatch_lines(
        [
            "*the test did not send what was recorded:",
            "*line * of the recording",
            "*expected AT+CIMI?r",
            "*got      AT+COPS[?]?r",
        ]
    )


def test_a_recording_that_is_not_there_fails_in_one_sentence(suite: Suite, tmp_path: Path) -> None:
    suite.write("def test_one(modem): ...")
    result = suite.run(f"--modem-port=replay:{tmp_path}/none.rec")
    assert outcomes(result) == {"errors": 1}
    result.stdout.fnmatch_lines([f"*replay:{tmp_path}/none.rec: No such file or directory*"])
