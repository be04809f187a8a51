"""The shell examples of docs/shell.md and the README work as written, except for the names of ports and of a broker."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from modemqtt.cli import COMMANDS
from modemqtt.cli import _refused as refused
from modemqtt.virtual import Broker, VirtualModem
from support import documents, shell

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
SHELL = documents.read("docs/shell.md")
BLOCKS = [
    pytest.param(block, id=f"{name}-{place}")
    for name in documents.NAMES
    for place, block in enumerate(documents.of_kind(name, "sh"))
]


@pytest.fixture(scope="module")
def names() -> Iterator[dict[str, str]]:
    """The replacements for the names in the documents."""
    with Broker() as broker, VirtualModem("EG915Q") as one, VirtualModem("BC660K-GL") as other:
        yield {
            "/dev/ttyUSB2": one.port,
            "/dev/ttyUSB3": other.port,
            "-h broker.lab": f"-h {broker.host} -p {broker.port}",
            "//broker.lab/": f"//{broker.host}:{broker.port}/",
        }


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Put the command on the PATH, as an installed package does."""
    program = tmp_path / "bin/modemqtt"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m modemqtt "$@"\n')
    program.chmod(0o755)
    return f"{program.parent}:/usr/local/bin:/usr/bin:/bin"


@pytest.mark.parametrize("block", BLOCKS)
def test_a_block_of_the_documents_runs(block: str, names: dict[str, str], path: str, tmp_path: Path) -> None:
    for written, here in names.items():
        block = block.replace(written, here)
    assert "broker.lab" not in block
    done = subprocess.run(  # noqa: S603 - our own
        ["/bin/bash", "-e", "-o", "pipefail", "-c", block],
        cwd=tmp_path,
        env=shell.environment(PATH=path),
        capture_output=True,
        text=True,
        timeout=45,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr


def test_blocks_are_found() -> None:
    assert len(BLOCKS) >= 8


def test_every_command_is_shown_and_every_help_has_examples() -> None:
    for command in COMMANDS:
        assert f"modemqtt {command}" in SHELL
        told = import_module(f"modemqtt.cli.{command}").parser().format_help()
        assert "\nexamples:\n  " in told
        assert f"modemqtt {command}" in told.partition("\nexamples:\n")[2]


def test_every_flag_that_a_module_cannot_honour_is_listed() -> None:
    table = SHELL.partition("## What a module cannot do")[2].partition("## ")[0]
    listed = set(re.findall(r"`(-[-\w]+)", table)) - {"-V", "--cafile", "--cert", "--key", "--insecure"}
    assert listed == {name for flags in (refused.PUB, refused.SUB) for names, _, _ in flags for name in names}
