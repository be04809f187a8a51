"""Programs that know nothing of this package talk to its virtual module."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from modemqtt.virtual import PublishedMessage, VirtualModem

if TYPE_CHECKING:
    from modemqtt.virtual import Broker

SCRIPT = Path(__file__).parent / "examples" / "pyserial_script.py"


@pytest.mark.parametrize("listen", [None, "127.0.0.1:0"], ids=["pty", "tcp"])
def test_a_script_on_pyserial_publishes_and_receives(model: str, broker: Broker, listen: str | None) -> None:
    with VirtualModem(model, listen=listen) as module:
        done = subprocess.run(  # noqa: S603 - our own
            [sys.executable, "-W", "error", SCRIPT, module.port, broker.host, str(broker.port)],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout in ('+QMTRECV: 0,1,"bench/t",21.5\n', '+QMTRECV: 0,1,"bench/t","21.5"\n')
    assert broker.messages == [PublishedMessage("bench/t", b"21.5", 1, retain=False, client_id="pyserial")]


def test_the_script_knows_nothing_of_this_package() -> None:
    assert "modemqtt" not in SCRIPT.read_text()
