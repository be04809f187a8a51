"""``modemqtt completion``, in the shells themselves."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from modemqtt.cli import COMMANDS
from support import shell
from support.shell import refusal, run

if TYPE_CHECKING:
    from pathlib import Path

# The typed text, and some of the offered completions.
OFFERED = (
    ("modemqtt p", ("pub", "ports")),
    ("modemqtt pub --will", ("--will-topic", "--will-payload", "--will-qos", "--will-retain")),
    ("modemqtt at --model BC", ("BC28", "BC35-G", "BC660K-GL")),
    ("modemqtt completion ", ("bash", "zsh", "fish")),
    ("modemqtt sub -q ", ("0", "1", "2")),
    ("modemqtt at --log wire.", ("wire.log", "wire.old")),
)


def needs(name: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(name) is None, reason=f"{name} is not on the PATH")


def script(name: str) -> str:
    done = run("completion", name)
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout.decode()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("wire.log", "wire.old"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def asked(*command: str) -> list[str]:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()  # noqa: S603 - our own


@needs("bash")
def test_bash_completes_commands_options_and_values() -> None:
    ask = """
        for typed; do
            read -ra COMP_WORDS <<< "$typed"
            [[ $typed == *" " ]] && COMP_WORDS+=("")
            COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
            _modemqtt modemqtt "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
            echo "${COMPREPLY[*]}"
        done
    """
    offered = asked("bash", "-c", f"set -eu\n{script('bash')}\n{ask}", "bash", *(typed for typed, _ in OFFERED))
    assert [set(words) - set(line.split()) for line, (_, words) in zip(offered, OFFERED, strict=True)] == [set()] * 6
    assert set(offered[0].split()) == {"pub", "ports"}


@needs("fish")
def test_fish_completes_commands_options_and_values(folder: Path) -> None:
    (folder / "script.fish").write_text(script("fish"))
    for typed, words in OFFERED:
        offered = asked("fish", "--no-config", "-c", f"source script.fish; complete -C '{typed}'")
        assert set(words) <= {line.split("\t")[0] for line in offered}, typed


@needs("zsh")
def test_zsh_completes_commands_options_and_values(folder: Path) -> None:
    (folder / "script.zsh").write_text(script("zsh"))
    main, inner = pty.openpty()
    with subprocess.Popen(  # noqa: S603 - our own
        [shutil.which("zsh") or "zsh", "-f", "-i"],
        stdin=inner,
        stdout=inner,
        stderr=inner,
        cwd=folder,
        start_new_session=True,
        env=os.environ | {"TERM": "dumb", "PS1": "", "HOME": str(folder)},
    ) as process:
        try:
            # The prompt shows that keys are read; it is set in two parts, so that it differs from what was typed.
            os.write(main, b"autoload -Uz compinit && compinit -u; source script.zsh; PS1=rea; PS1+='dy> '\r")
            _read(main, ("ready> ",))
            for typed, words in OFFERED:
                # List them, and drop the line.
                os.write(main, f"{typed}\x04\x15".encode())
                _read(main, words)
        finally:
            process.kill()
            os.close(main)
            os.close(inner)


def _read(main: int, words: tuple[str, ...]) -> None:
    shown = ""
    deadline = time.monotonic() + shell.PATIENCE
    while not all(word in shown for word in words):
        ready, _, _ = select.select([main], [], [], max(0.0, deadline - time.monotonic()))
        assert ready, shown
        shown += os.read(main, 65_536).decode(errors="replace")


def test_every_command_is_in_every_script() -> None:
    for name in ("bash", "zsh", "fish"):
        written = script(name)
        assert all(command in written for command in COMMANDS)
        # Flags that a module cannot honour are not offered.
        assert "psk" not in written
    assert "bash, zsh, fish" in refusal(run("completion", "csh"), 2).replace("'", "")
