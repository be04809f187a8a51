"""Every tool that takes ``--record``: the same command says the same on what it has recorded, and sends the same."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from modemqtt.virtual import Broker, VirtualModem
from support.shell import run
from support.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# `{0}` and `{1}` stand for the address of the broker. A message is there before anyone subscribes.
TOOLS = {
    "at": ("ATI", "AT+CSQ", "AT+CGSN"),
    "info": (),
    "pub": ("-h", "{0}", "-p", "{1}", "-t", "bench/t", "-m", "21.5", "-q", "1"),
    "sub": ("-h", "{0}", "-p", "{1}", "-t", "#", "-q", "1", "-C", "1", "-F", "%t %p %r"),
    "doctor": ("--host", "{0}", "--port", "{1}"),
    "demo": ("--host", "{0}", "--port", "{1}"),
}
# What differs from one run to the next: times, what is made up, what is replaced, and the rights on a device.
CHANGES = re.compile(
    r"\b10(\.\d+){3}\b|demo/\w+|\d+(\.\d+)? m?s\b|\d+\.\d{3}|modemqtt[-/]\w+(-\w+)*|\b\d{15,20}\b|(?m:^.* rights +.*$)"
)


@pytest.fixture(scope="module")
def server() -> Iterator[Broker]:
    with Broker() as broker:
        broker.publish("bench/t", b"21.5", qos=1, retain=True)
        yield broker


def said(output: bytes, port: str) -> str:
    """Return what a tool says, but for what changes."""
    return CHANGES.sub("…", output.decode().replace(port, "PORT"))


@pytest.mark.parametrize("tool", TOOLS)
def test_a_tool_says_the_same_on_what_it_has_recorded(tool: str, server: Broker, tmp_path: Path) -> None:
    path = tmp_path / "tool.rec"
    arguments = [argument.format(server.host, server.port) for argument in TOOLS[tool]]
    with VirtualModem("EG915Q") as module:
        port, replay = module.port, f"replay:{path}"
        recorded = run(tool, "--modem", port, "--record", str(path), *arguments)
    assert recorded.returncode == 0, recorded.stderr
    played = run(tool, "--modem", replay, *arguments)
    # A host that sends something else than was recorded is told of it there.
    assert (played.returncode, said(played.stderr, replay)) == (0, said(recorded.stderr, port))
    assert said(played.stdout, replay) == said(recorded.stdout, port)


def test_a_terminal_shows_the_same_on_what_it_has_recorded(tmp_path: Path) -> None:
    path = tmp_path / "term.rec"
    with VirtualModem("M95") as module:
        for port, options in ((module.port, ["--record", str(path)]), (f"replay:{path}", [])):
            with Terminal("term", "--modem", port, *options) as terminal:
                terminal.wait("M95 on .*; ctrl-t q leaves")
                terminal.type("AT+CSQ\r")
                terminal.wait(r"^\+CSQ: 20,0$")
                terminal.type("AT+NONE\r")
                terminal.wait(r"^! the module refused AT\+NONE: ERROR")
                terminal.type("\x14q")
                assert terminal.end() == 0
