"""The wire log is a sequence of lines."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from modemqtt import Modem, UsageError, UsageTypeError, WireLine, WireLog

if TYPE_CHECKING:
    from modemqtt.virtual import VirtualModem

ANSWER = ["> AT+CSQ", "< +CSQ: 20,0", "< OK"]


@pytest.fixture(params=["M95"])
def model(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def texts(lines: Sequence[WireLine]) -> list[str]:
    return [str(line) for line in lines]


def test_a_line_is_found_by_its_place_from_either_end(modem: Modem) -> None:
    modem.command("AT+CSQ")
    wire = modem.wire
    lines = list(wire)
    assert isinstance(wire, Sequence)
    assert len(wire) == len(lines)
    assert [wire[place] for place in range(len(lines))] == lines
    assert [wire[place] for place in range(-len(lines), 0)] == lines
    assert list(reversed(wire)) == lines[::-1]
    assert wire.index(lines[2]) == 2
    assert lines[-1] in wire
    assert texts(wire[-3:]) == ANSWER
    for beyond in (len(lines), -len(lines) - 1):
        with pytest.raises(IndexError):
            wire[beyond]


def test_a_slice_stays_as_it_is_while_the_log_grows(modem: Modem) -> None:
    wire = modem.wire
    before = len(wire)
    part, every = wire[-2:], wire[:]
    modem.command("AT+CSQ")
    assert texts(wire[-3:]) == ANSWER
    assert len(wire) == before + 3
    assert len(every) == before
    assert isinstance(part, WireLog)
    assert len(part) == 2
    assert texts(part[-1:]) == texts(part)[1:]
    assert texts(wire[::-1]) == texts(list(wire))[::-1]
    assert part.tail(1) == [part[-1]]
    assert part.tail(0) == []
    assert part.tail(5) == list(part)
    assert str(part) == "\n".join(texts(part))
    assert not wire[len(wire) :]


def test_lines_are_found_by_what_they_hold(modem: Modem) -> None:
    modem.command("AT+CSQ")
    assert texts(modem.wire.find("+CSQ")) == ANSWER[:2]
    assert modem.wire.find("QMTSTAT") == []
    assert modem.wire[-1:].find("OK") == [modem.wire[-1]]


@pytest.mark.parametrize("wrong", [3, b"x", None, re.compile("x")])
def test_only_a_text_can_be_looked_for(wrong: object) -> None:
    with pytest.raises(UsageTypeError, match=r'text must be a text such as "OK", not '):
        Modem("/dev/ttyUSB2").wire.find(wrong)  # type: ignore[arg-type]


def test_the_log_of_a_modem_that_was_never_open_is_empty() -> None:
    wire = Modem("/dev/ttyUSB2").wire
    assert len(wire) == 0
    assert list(wire) == wire.tail() == []
    assert str(wire) == ""
    assert repr(wire) == "<WireLog of /dev/ttyUSB2>"
    assert repr(wire[:]) == "<WireLog of 0 lines>"
    with pytest.raises(IndexError):
        wire[-1]


def test_the_log_is_saved_as_a_log_file_has_it(virtual_modem: VirtualModem, tmp_path: Path) -> None:
    log, saved, part = tmp_path / "wire.log", tmp_path / "saved.log", str(tmp_path / "part.log")
    with Modem(virtual_modem.port, log=log) as modem:
        modem.command("AT+CSQ")
        modem.wire.save(saved)
        modem.wire[-3:].save(part)
    assert saved.read_text(encoding="utf-8") == log.read_text(encoding="utf-8")
    assert [line.partition(" ")[2] for line in Path(part).read_text(encoding="utf-8").splitlines()] == ANSWER
    with pytest.raises(UsageError, match=r"^path must be that of a new file; '.*part\.log' exists$"):
        modem.wire.save(part)
    with pytest.raises(FileNotFoundError):
        modem.wire.save(tmp_path / "none" / "x.log")
    with pytest.raises(UsageError, match=r"^path must be the path of a file, not 'a.x00b'$"):
        modem.wire.save("a\0b")
    with pytest.raises(UsageTypeError, match=r"^path must be the path of a file, not 3$"):
        modem.wire.save(3)  # type: ignore[arg-type]
