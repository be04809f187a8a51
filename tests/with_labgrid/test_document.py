"""The examples of docs/labgrid.md and examples/labgrid work as written, except for names of machines and devices."""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import shlex
import shutil
import stat
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from modemqtt.virtual import Broker, VirtualModem
from support import documents, ser2net
from support import lab as labs

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples" / "labgrid"
DOCUMENT = documents.read("docs/labgrid.md")
BLOCKS = documents.blocks("docs/labgrid.md")
COMMANDS = [line.partition("$ ")[::2] for kind, text in BLOCKS if kind == "console" for line in text.splitlines()]
# The first line of a file that exists only in the document gives its name.
OF_THE_DOCUMENT = {
    match[1]: text
    for kind, text in BLOCKS
    if kind == "yaml" and (match := re.match(r"# (\S+\.ya?ml)\n", text)) is not None
}


class Here(NamedTuple):
    """Where the commands of a user run."""

    lab: labs.Lab
    folder: Path
    broker: Broker

    def run(self, command: str, **more: str) -> str:
        """Run a command as its user does; it must succeed."""
        command = command.replace("broker.lab:1883", f"{self.broker.host}:{self.broker.port}")
        done = subprocess.run(  # noqa: S603 - the document's
            ["/bin/bash", "-c", command],
            cwd=self.folder,
            env=self.lab.environment(**more),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        return done.stdout


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Here]:
    """The lab of the document: its coordinator, its exporter, its places, as the commands make them."""
    folder = tmp_path_factory.mktemp("user")
    shutil.copytree(EXAMPLES, folder, dirs_exist_ok=True)
    programs = folder / "bin"
    programs.mkdir()
    for name, program in {
        "pytest": f'exec {labs.PROGRAMS}/python -m pytest -p no:cacheprovider "$@"',
        "uhubctl": ":",
    }.items():
        (programs / name).write_text(f"#!/bin/sh\n{program}\n")
        (programs / name).chmod(0o755)
    # The folder of the tests has settings that are not theirs.
    (folder / "pytest.ini").write_text("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    with contextlib.ExitStack() as stack:
        broker = stack.enter_context(Broker())
        first = stack.enter_context(VirtualModem("BC660K-GL"))
        if ser2net.find() is None:
            port = stack.enter_context(VirtualModem("M95", listen="127.0.0.1:0")).port.rpartition(":")[2]
        else:
            second = stack.enter_context(VirtualModem("M95"))
            port = stack.enter_context(_ser2net(folder, second.port))
        lab = stack.enter_context(labs.coordinator(folder))
        lab.extra["PATH"] = f"{programs}{os.pathsep}{labs.environment()['PATH']}"
        resources = (EXAMPLES / "exporter.yaml").read_text().replace("port: 4001", f"port: {port}")
        if ser2net.find() is None:
            resources = re.sub(r"bench-1:.*?\n\n", "", resources, flags=re.DOTALL)
        # udev knows nothing of a pseudo-terminal.
        resources = re.sub(
            r"USBSerialPort:\n    match:\n(      .*\n)+", f"RawSerialPort:\n    port: {first.port}\n", resources
        )
        stack.enter_context(labs.exporter(lab, "bench-pc", resources))
        user = Here(lab, folder, broker)
        for name in ("env.yaml", "on-a-bench"):
            text = (folder / name).read_text().replace("broker.lab:1883", f"{broker.host}:{broker.port}")
            (folder / name).write_text(text)
        for _, command in COMMANDS:
            if re.match(r"labgrid-client -p bench-\d (create|add-match|set-tags)", command):
                user.run(command)
        yield user


@contextlib.contextmanager
def _ser2net(folder: Path, device: str) -> Iterator[str]:
    """Run the ser2net of the document before a device."""
    ((_, command),) = (each for each in COMMANDS if each[1].startswith("ser2net"))
    assert command == "ser2net -c ser2net.yaml"
    text = (folder / "ser2net.yaml").read_text()
    # The system knows which port is free.
    text = text.replace("tcp,4001", "tcp,127.0.0.1,0")
    (folder / "ser2net.yaml").write_text(re.sub(r"serialdev,[^,]+,", f"serialdev,{device},", text))
    program = ser2net.find()
    assert program is not None
    command = f"{program} {command.partition(' ')[2]} -n -d"
    with subprocess.Popen(shlex.split(command), cwd=folder, stderr=subprocess.DEVNULL) as process:  # noqa: S603 - ours
        try:
            yield str(ser2net.listening(process))
        finally:
            process.terminate()


def test_every_file_of_the_examples_is_shown_and_no_other() -> None:
    shown = [text for kind, text in BLOCKS if kind in {"yaml", "bash"} and text not in OF_THE_DOCUMENT.values()]
    files = {path.name: path.read_text() for path in EXAMPLES.iterdir() if path.suffix != ".py" and path.is_file()}
    assert sorted(shown) == sorted(files.values())
    assert (EXAMPLES / "on-a-bench").stat().st_mode & stat.S_IXUSR
    suite = (EXAMPLES / "test_bench.py").read_text()
    assert all(text in suite for kind, text in BLOCKS if kind == "python")
    assert {kind for kind, _ in BLOCKS} == {"console", "yaml", "bash", "python"}


def test_every_command_is_known_here() -> None:
    assert [(host, command.split()[0]) for host, command in COMMANDS if command.split()[0] != "labgrid-client"] == [
        ("", "pip"),
        ("coordinator", "labgrid-coordinator"),
        ("bench-pc", "export"),
        ("", "export"),
        ("bench-pc", "labgrid-exporter"),
        ("", "export"),
        ("", "pytest"),
        ("", "./on-a-bench"),
        ("", "pytest"),
        ("bench-pc", "ser2net"),
    ]


@pytest.mark.parametrize("name", ["bench-1", "bench-2"])
def test_a_suite_runs_on_a_place(here: Here, name: str) -> None:
    if name == "bench-1" and ser2net.find() is None:
        pytest.skip("ser2net is not on the PATH")
    first, last = (
        place
        for place, (_, command) in enumerate(COMMANDS)
        if command in {"labgrid-client acquire", "labgrid-client release"}
    )
    acquire, run, release = (command for _, command in COMMANDS[first : last + 1])
    here.run(acquire, LG_PLACE=name)
    try:
        output = here.run(run, LG_PLACE=name)
        assert "3 passed, 2 skipped" in output
    finally:
        here.run(release, LG_PLACE=name)


def test_a_bench_is_chosen_by_its_model(here: Here) -> None:
    (command,) = (command for _, command in COMMANDS if command.startswith("./on-a-bench"))
    output = here.run(command)
    assert "acquired place bench-2" in output
    assert "3 passed, 2 skipped" in output
    assert "released place bench-2" in output
    assert here.run("labgrid-client reservations") == ""


def test_the_suite_runs_without_hardware(here: Here) -> None:
    (command,) = (command for _, command in COMMANDS if "virtual.yaml" in command)
    assert "4 passed, 1 skipped" in here.run(command)


def test_the_jobs_of_ci_have_the_commands_of_the_page() -> None:
    jobs = importlib.import_module("yaml").safe_load(OF_THE_DOCUMENT[".gitlab-ci.yml"])
    commands = [command for _, command in COMMANDS]
    for job in jobs.values():
        for line in job["script"]:
            # CI adds reports, and the model of a job.
            plain = re.sub(r" --(junit-xml=\S+|modem-require)", "", line).replace("$MODEL", "M95")
            assert plain in commands


def test_a_target_with_two_ports_and_one_with_power_are_made(here: Here) -> None:
    labgrid = importlib.import_module("labgrid")
    with VirtualModem("M95") as module:
        for name in ("two-ports.yaml", "power.yaml"):
            file = here.folder / name
            file.write_text(OF_THE_DOCUMENT[name].replace("/dev/ttyUSB2", module.port))
            environment = labgrid.Environment(str(file))
            target = environment.get_target()
            try:
                assert target.get_driver("ModemMqttDriver").modem.model == "M95"
                if name == "power.yaml":
                    with pytest.MonkeyPatch.context() as patch:
                        patch.setenv("PATH", here.lab.extra["PATH"])
                        target.get_strategy().transition("off")
                        target.get_strategy().transition("ready")
            finally:
                environment.cleanup()


def test_every_class_state_and_step_is_described() -> None:
    import modemqtt.labgrid as ours  # noqa: PLC0415 - it needs labgrid

    for name in ours.__all__:
        assert name == "Status" or f"| `{name}` |" in DOCUMENT
    for status in ours.Status:
        assert status is ours.Status.unknown or f"| `{status.name}` |" in DOCUMENT
    for step in ("command", "open", "subscribe", "publish", "wait_message", "close"):
        assert f"`{step}(" in DOCUMENT
