"""In a notebook: cells that are interrupted, run again, awaited, completed; kernels that are restarted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from modemqtt import Modem
from support.kernels import Kernel, kernel
from support.programs import PROLOGUE
from test_interrupt import BLOCKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modemqtt.virtual import Broker, VirtualModem


AWAITED = (
    "async for line in modem.urcs(): pass",
    "await mqtt.receive()",
    "async for message in mqtt.messages(): pass",
    "await mqtt.publish('bench/t', b'1', qos=1)",
    "await (await mqtt.publish('bench/t', b'1', qos=1, wait=False)).wait()",
    "await modem.mqtt(1).wait_connected()",
)


@pytest.fixture(scope="module")
def notebook() -> Iterator[Kernel]:
    with kernel() as started:
        yield started


def opened(module: VirtualModem) -> str:
    return f"from modemqtt import Modem\nmodem = Modem({module.port!r}).open()\nmodem"


@pytest.mark.parametrize("blocking", BLOCKING)
def test_an_interrupt_of_the_kernel_ends_a_wait_at_once(notebook: Kernel, blocking: str) -> None:
    body = "\n    ".join(BLOCKING[blocking].splitlines())
    seconds: list[float] = []
    # A busy machine gets more than one try.
    while not seconds or (seconds[-1] >= 0.1 and len(seconds) < 4):
        cell = notebook.run(
            f"""{PROLOGUE}
import logging; logging.disable()
try:
    {body}
except KeyboardInterrupt:
    print(time.monotonic())
module.close(); broker.close()
""",
            interrupt_when="ready",
        )
        assert cell.error == "", cell.text
        seconds.append(float(cell.printed.split()[-1]) - notebook.interrupted_at)
    assert min(seconds) < 0.1


def test_an_interrupt_leaves_a_session_within_a_second_however_silent_the_module(notebook: Kernel) -> None:
    seconds: list[float] = []
    while not seconds or (seconds[-1] >= 1 and len(seconds) < 4):
        cell = notebook.run(
            """import time
from modemqtt import Modem
modem = Modem("virtual://M95").open()
broker, mqtt = modem.virtual.broker, modem.mqtt()
try:
    with mqtt.session(broker.host, broker.port, client_id="bench-7"):
        modem.virtual.inject("mute")
        print("ready")
        mqtt.receive()
except KeyboardInterrupt:
    print(time.monotonic())
modem.close()
""",
            interrupt_when="ready",
        )
        assert cell.error == "", cell.text
        seconds.append(float(cell.printed.split()[-1]) - notebook.interrupted_at)
    assert min(seconds) < 1


@pytest.mark.parametrize("wait", AWAITED)
def test_an_interrupt_ends_an_awaited_wait_at_once(notebook: Kernel, wait: str) -> None:
    notebook.ok("""from modemqtt.aio import AsyncModem
modem = await AsyncModem("virtual://M95").open()
broker, mqtt = modem.virtual.broker, modem.mqtt()
await mqtt.open(broker.host, broker.port); await mqtt.connect("bench-7")
broker.withhold_acks()""")
    seconds: list[float] = []
    # A busy machine gets more than one try.
    while not seconds or (seconds[-1] >= 0.1 and len(seconds) < 4):
        cell = notebook.run(
            f"""import asyncio, time
print("ready")
try:
    {wait}
except (asyncio.CancelledError, KeyboardInterrupt):
    print(time.monotonic())
""",
            interrupt_when="ready",
        )
        assert cell.error == "", cell.text
        seconds.append(float(cell.printed.split()[-1]) - notebook.interrupted_at)
    assert min(seconds) < 0.1
    assert "+CSQ" in notebook.ok("print(await modem.command('AT+CSQ'))\nawait modem.close()").printed


def test_a_cell_that_has_shown_its_modem_can_be_run_again(notebook: Kernel, module: VirtualModem) -> None:
    for _ in range(3):
        cell = notebook.ok(opened(module))
        assert "<td" in cell.html[0]
    # The notebook keeps all three; the port is that of the last.
    kept = "import modemqtt\nprint([one.is_open for one in Out.values() if isinstance(one, Modem)][-3:])"
    assert notebook.ok(kept).printed == "[False, False, True]\n"
    assert notebook.ok("print(modem.command('AT+CSQ').lines)\nmodem.close()").printed == "('+CSQ: 20,0',)\n"


def test_a_cell_that_failed_in_the_middle_of_a_session_can_be_run_again(
    notebook: Kernel, module: VirtualModem, broker: Broker
) -> None:
    cell = f"""from modemqtt import Modem
modem = Modem({module.port!r}).open()
mqtt = modem.mqtt()
with mqtt.session({broker.host!r}, {broker.port}, client_id="bench-7"):
    print(mqtt.publish("bench/t", b"1", qos=1).state)
    1 / 0
"""
    for _ in range(2):
        ran = notebook.run(cell)
        assert (ran.printed, ran.error) == ("acknowledged\n", "ZeroDivisionError")
    notebook.ok("modem.close()")


def test_cells_that_await_can_be_run_again(notebook: Kernel, module: VirtualModem, broker: Broker) -> None:
    cell = f"""from modemqtt.aio import AsyncModem
modem = await AsyncModem({module.port!r}).open()
async with modem.mqtt().session({broker.host!r}, {broker.port}, client_id="bench-7") as mqtt:
    await mqtt.subscribe("bench/#")
    await mqtt.publish("bench/t", b"21.5")
    print(await mqtt.receive(timeout=5))
modem
"""
    for _ in range(2):
        ran = notebook.ok(cell)
        assert "b'21.5'" in ran.printed
        assert "AsyncModem" in ran.html[0]
    notebook.ok("await modem.close()")


def test_what_a_callback_prints_shows_in_the_notebook(notebook: Kernel, module: VirtualModem, broker: Broker) -> None:
    cell = notebook.ok(f"""{opened(module)}
import threading
come = threading.Event()
mqtt = modem.mqtt()
mqtt.on_message = lambda message: (print("came:", message.text(), flush=True), come.set())
with mqtt.session({broker.host!r}, {broker.port}, client_id="bench-7"):
    mqtt.subscribe("bench/#")
    mqtt.publish("bench/t", "21.5")
    come.wait(5)
    import time; time.sleep(0.3)  # output of another thread takes its time to the notebook
modem.close()
""")
    assert "came: 21.5" in cell.printed


def test_a_port_is_free_after_the_kernel_was_restarted(notebook: Kernel, module: VirtualModem) -> None:
    notebook.ok(opened(module))
    notebook.restart()
    with Modem(module.port) as modem:
        assert modem.command("AT+CSQ").lines == ("+CSQ: 20,0",)
    assert notebook.run("modem").error == "NameError"
    notebook.ok(opened(module))
    notebook.ok("modem.close()")


def test_completing_and_looking_up_ask_the_module_nothing(notebook: Kernel, module: VirtualModem) -> None:
    notebook.ok(opened(module))
    before = notebook.ok("print(len(modem.wire))").printed
    offered = {name.removeprefix("modem.") for name in notebook.completions("modem.")}
    assert {"command", "imei", "mqtt", "open", "wire"} <= offered
    notebook.completions("modem.imei.")
    assert "number of the module, 15 digits" in notebook.help_of("modem.imei")
    assert "Send one command line" in notebook.help_of("modem.command")
    assert notebook.ok("print(len(modem.wire))").printed == before
    notebook.ok("modem.close()")


def test_everything_shows_itself_in_a_cell(notebook: Kernel) -> None:
    notebook.ok("""from modemqtt import Modem
modem = Modem("virtual://BC660K-GL").open()
broker, mqtt = modem.virtual.broker, modem.mqtt()
mqtt.open(broker.host, broker.port); mqtt.connect("bench-7"); mqtt.subscribe("bench/#")
delivery = mqtt.publish("bench/t", b"<script>", qos=1)
message = mqtt.receive(timeout=5)""")
    for shown in (
        "modem",
        "mqtt",
        "delivery",
        "message",
        "modem.command('ATI')",
        "modem.stats",
        "modem.wire",
        "modem.wire[-3:]",
        "broker",
        "modem.virtual",
    ):
        [html] = notebook.ok(shown).html
        assert html.startswith("<div"), shown
        assert "<script" not in html
    notebook.ok("modem.close()")


NOTEBOOKS = sorted((Path(__file__).resolve().parents[1] / "docs/notebooks").glob("*.ipynb"))


def cells_of(path: Path) -> list[dict[str, Any]]:
    cells: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return cells


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_from_top_to_bottom(notebook: Kernel, path: Path) -> None:
    cells = ["".join(cell["source"]) for cell in cells_of(path) if cell["cell_type"] == "code"]
    notebook.ok("%reset -f\n%matplotlib inline")
    ran = [notebook.ok(cell) for cell in cells]
    assert any(cell.pictures for cell in ran)
    assert any("<t" in html for cell in ran for html in cell.html)
    notebook.ok("import modemqtt; assert modemqtt.open_modems() == []")


def test_notebooks_are_kept_without_what_they_print() -> None:
    assert len(NOTEBOOKS) == 3
    for path in NOTEBOOKS:
        for cell in cells_of(path):
            assert not cell.get("outputs"), path
            assert cell.get("execution_count") is None, path
