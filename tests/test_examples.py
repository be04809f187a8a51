"""Programs that know nothing of this package talk to its virtual module."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from modemqtt.virtual import PublishedMessage, VirtualModem

if TYPE_CHECKING:
    from modemqtt.virtual import Broker

SCRIPT = Path(__file__).parent / "examples" / "pyserial_script.py"
PROGRAM = Path(__file__).parent / "examples" / "session.c"
BRING_UP = Path(__file__).parent / "examples" / "bring_up.py"


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler: cc is not on the PATH")
    binary = tmp_path_factory.mktemp("examples") / "session"
    command = [compiler, "-D_DEFAULT_SOURCE", "-Wall", "-Wextra", "-Werror", "-o", str(binary), str(PROGRAM)]
    subprocess.run(command, check=True)  # noqa: S603 - our own
    return binary


def publishes_and_receives(
    program: list[str | Path], model: str, broker: Broker, *, client_id: str, listen: str | None = None
) -> None:
    with VirtualModem(model, listen=listen) as module:
        done = subprocess.run(  # noqa: S603 - our own
            [*program, module.port, broker.host, str(broker.port)],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout in ('+QMTRECV: 0,1,"bench/t",21.5\n', '+QMTRECV: 0,1,"bench/t","21.5"\n')
    assert broker.messages == [PublishedMessage("bench/t", b"21.5", 1, retain=False, client_id=client_id)]


@pytest.mark.parametrize("listen", [None, "127.0.0.1:0"], ids=["pty", "tcp"])
def test_a_script_on_pyserial_publishes_and_receives(model: str, broker: Broker, listen: str | None) -> None:
    script: list[str | Path] = [sys.executable, "-W", "error", SCRIPT]
    publishes_and_receives(script, model, broker, client_id="pyserial", listen=listen)


def test_a_program_in_c_publishes_and_receives(program: Path, model: str, broker: Broker) -> None:
    publishes_and_receives([program], model, broker, client_id="c-program")


def brings_up(program: list[str | Path], model: str, broker: Broker) -> None:
    """Run a program that was written for a module on the air: it waits for the start and for the registration."""
    with VirtualModem(model, timing="field", seed=11) as module:
        done = subprocess.run(  # noqa: S603 - our own
            [*program, module.port, broker.host, str(broker.port)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("+COPS")
    assert "+QMTRECV: 0," in done.stdout
    assert broker.messages == [PublishedMessage("bench/t", b"21.5", 1, retain=False, client_id="bring-up")]


@pytest.mark.parametrize("model", ["M95", "BC660K-GL", "BC28", "EG800Q", "EG916Q"])
def test_a_bring_up_with_crlf_on_pyserial_finds_a_module_on_the_air(model: str, broker: Broker) -> None:
    brings_up([sys.executable, "-W", "error", BRING_UP], model, broker)


def test_a_bring_up_with_crlf_in_the_shell_finds_a_module_on_the_air(broker: Broker) -> None:
    shell = shutil.which("sh")
    if shell is None or shutil.which("stty") is None:
        pytest.skip("there is no shell with stty")
    brings_up([shell, BRING_UP.with_suffix(".sh")], "M95", broker)


@pytest.mark.parametrize("bench_model", ["M95", "BC28"])
def test_a_bring_up_with_crlf_in_c_finds_a_module_on_the_air(tmp_path: Path, bench_model: str, broker: Broker) -> None:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler: cc is not on the PATH")
    binary = tmp_path / "bring_up"
    source = BRING_UP.with_suffix(".c")
    command = [compiler, "-D_DEFAULT_SOURCE", "-Wall", "-Wextra", "-Werror", "-o", str(binary), str(source)]
    subprocess.run(command, check=True)  # noqa: S603 - our own
    brings_up([binary], bench_model, broker)


def test_the_programs_are_short_and_know_nothing_of_this_package() -> None:
    for source in (SCRIPT, PROGRAM, BRING_UP, BRING_UP.with_suffix(".sh"), BRING_UP.with_suffix(".c")):
        text = source.read_text()
        assert "modemqtt" not in text
        assert text.count("\n") < 100
