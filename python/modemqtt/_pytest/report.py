"""What a failed test reports: its wire, in the report, in JUnit's XML and in a file."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import pytest

from modemqtt._pytest.names import short_hash

if TYPE_CHECKING:
    from pathlib import Path

    from modemqtt import Modem, WireLine
    from modemqtt._pytest.bench import Bench
    from modemqtt.aio import AsyncModem

# Lines of a section; the file has them all.
_SHOWN = 100
_LONGEST_NAME = 150


def add_wire(bench: Bench, item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    """Add the wire of a test to its report, once, in the phase in which it failed or at its end."""
    if bench.settings.log == "none":
        return
    failed = call.excinfo is not None and not isinstance(call.excinfo.value, pytest.skip.Exception)
    bench.test.failed |= failed
    wanted = bench.test.failed or bench.settings.log == "all"
    if not wanted or not (parts := _wires(bench)):
        return
    note = _keep(bench.settings.log_dir, item, parts)
    # The section goes into the report of this phase and of the following ones.
    if bench.test.reported or not (failed or call.when == "call"):
        return
    bench.test.reported = True
    for model, lines in parts:
        # JUnit takes only sections that begin with stdout, and drops the title.
        title = f"modem wire log ({model})"
        began = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(lines[0].timestamp))
        text = f"{title}, in seconds since {began}\n{_lines_text(lines, _SHOWN)}"
        item.add_report_section(call.when, f"stdout: {title}", text)
    if note is not None:
        item.add_report_section(call.when, "stdout: modem wire log file", note)


def _keep(folder: Path | None, item: pytest.Item, parts: list[tuple[str, list[WireLine]]]) -> str | None:
    """Write the file of a test, and return what the report says of it."""
    if folder is None:
        return None
    path = _file(folder, item.nodeid)
    try:
        _write(path, parts)
    except OSError as error:
        return f"{path} could not be written: {error.strerror or error}\n"
    if ("modem_wire_log", str(path)) not in item.user_properties:
        item.user_properties.append(("modem_wire_log", str(path)))
    return f"[[ATTACHMENT|{path}]]\n"


def _wires(bench: Bench) -> list[tuple[str, list[WireLine]]]:
    """Return each modem's part of the wire, by its model."""
    parts = []
    if bench.test.modem is not None and (lines := bench.test.lines()[0]):
        parts.append((_model_of(bench, bench.test.modem), lines))
    others = [modem for modem in bench.others() if modem is not bench.test.modem]
    parts += [(_model_of(bench, modem), lines) for modem in others if (lines := list(modem.wire))]
    return parts


def _model_of(bench: Bench, modem: Modem | AsyncModem) -> str:
    if modem is bench.test.modem:
        return bench.test.model
    return modem.model if modem.is_open else modem.port


def _lines_text(lines: list[WireLine], most: int | None = None) -> str:
    shown = lines if most is None else lines[-most:]
    earlier = len(lines) - len(shown)
    told = [f"… {earlier} earlier lines"] if earlier else []
    start = lines[0].timestamp
    return "\n".join([*told, *(f"{line.timestamp - start:9.3f} {line}" for line in shown)]) + "\n"


def _write(path: Path, parts: list[tuple[str, list[WireLine]]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(f"{model}\n{_lines_text(lines)}" for model, lines in parts), encoding="utf-8")


def _file(folder: Path, nodeid: str) -> Path:
    """Return a file that no other test has."""
    readable = re.sub(r"[^\w.\[\]=,+-]+", "-", nodeid, flags=re.ASCII)[-_LONGEST_NAME:].strip("-")
    return folder / f"{readable}-{short_hash(nodeid)}.log"
