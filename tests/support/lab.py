"""A lab of labgrid on the loopback: a coordinator, an exporter, and what their users type."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.suites import LOOPS, STRICT
from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

# labgrid's programs are next to the interpreter that has labgrid.
PROGRAMS = Path(sys.executable).parent
_PATIENCE = 30.0
_HOST = "bench-pc"
# labgrid uses a name that pytest 9 will remove, and a warning says so.
LENIENT = ("-W", "ignore::DeprecationWarning:labgrid")


def environment(**more: str) -> dict[str, str]:
    """Return the environment of a program, which says nothing about labs or modems except what is given."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LG_", "MODEMQTT_"))}
    return {**kept, "PATH": f"{PROGRAMS}{os.pathsep}{kept.get('PATH', '')}{os.pathsep}/usr/sbin", **more}


@dataclass
class Lab:
    """A lab that runs."""

    coordinator: str
    folder: Path
    user: str = "lab"
    extra: dict[str, str] = field(default_factory=dict)

    def environment(self, **more: str) -> dict[str, str]:
        """Return the environment of one of its users."""
        named = {"LG_COORDINATOR": self.coordinator, "LG_USERNAME": self.user, "LG_HOSTNAME": _HOST}
        return environment(**named, **self.extra, **more)

    def client(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run ``labgrid-client`` to its end."""
        return subprocess.run(  # noqa: S603 - the test's own
            [str(PROGRAMS / "labgrid-client"), *arguments],
            env=self.environment(**more),
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
        )

    def done(self, *arguments: str, **more: str) -> str:
        """Run it, and return its output; it must succeed."""
        result = self.client(*arguments, **more)
        assert result.returncode == 0, (arguments, result.stdout, result.stderr)
        return result.stdout

    def make(self, places: Mapping[str, str], tags: Mapping[str, Mapping[str, str]] | None = None) -> None:
        """Make places, each from what a pattern matches, as ``create``, ``add-match`` and ``set-tags`` do."""
        calls: list[tuple[str, dict[str, object]]] = []
        for name, pattern in places.items():
            calls += [("AddPlace", {"name": name}), ("AddPlaceMatch", {"placename": name, "pattern": pattern})]
        calls += [("SetPlaceTags", {"placename": name, "tags": pairs}) for name, pairs in (tags or {}).items()]
        self._ask(calls)

    def acquire(self, *places: str) -> None:
        """Acquire them."""
        self._ask([("AcquirePlace", {"placename": name}) for name in places])

    def release(self, *places: str) -> None:
        """Release them."""
        self._ask([("ReleasePlace", {"placename": name}) for name in places])

    def _ask(self, calls: list[tuple[str, dict[str, object]]]) -> None:
        """Call the coordinator, in one session: a program a call takes half a second each."""
        client = importlib.import_module("labgrid.remote.client")
        messages = importlib.import_module("labgrid.remote.generated.labgrid_coordinator_pb2")

        async def ask() -> None:
            session = client.ClientSession(self.coordinator, asyncio.get_running_loop())
            await session.start()
            try:
                for name, arguments in calls:
                    await getattr(session.stub, name)(getattr(messages, f"{name}Request")(**arguments))
                await session.sync_with_coordinator()
            finally:
                await session.stop()
                await session.close()

        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("LG_USERNAME", self.user)
            patch.setenv("LG_HOSTNAME", _HOST)
            asyncio.run(ask())

    def start(self, folder: Path, *arguments: str, **more: str) -> subprocess.Popen[str]:
        """Start a suite of a folder."""
        return subprocess.Popen(  # noqa: S603 - the test's own
            [sys.executable, "-m", "pytest", *STRICT, *LOOPS, *LENIENT, *arguments],
            cwd=folder,
            env=self.environment(**more),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, folder: Path, *arguments: str, **more: str) -> tuple[int, str]:
        """Run it to its end; its status and its output."""
        with self.start(folder, *arguments, **more) as process:
            try:
                output, _ = process.communicate(timeout=50)
            finally:
                process.kill()
        return process.returncode, output


def suite(folder: Path, text: str, env: str, name: str = "test_suite.py") -> Path:
    """Write a suite and its environment file."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(textwrap.dedent(text))
    (folder / "env.yaml").write_text(textwrap.dedent(env))
    # The folder of the tests has settings that are not theirs.
    (folder / "pytest.ini").write_text("[pytest]\n")
    return folder


@contextlib.contextmanager
def coordinator(folder: Path) -> Iterator[Lab]:
    """Run a coordinator, which keeps its places in a folder."""
    with _running(["labgrid-coordinator", "--listen", "127.0.0.1:0"], folder, "listening on ") as address:
        yield Lab(address, folder)


@contextlib.contextmanager
def exporter(lab: Lab, name: str, resources: str) -> Iterator[None]:
    """Run an exporter of these resources."""
    file = lab.folder / f"{name}.yaml"
    file.write_text(textwrap.dedent(resources))
    command = [
        "labgrid-exporter",
        "--name",
        name,
        "--hostname",
        "127.0.0.1",
        "--coordinator",
        lab.coordinator,
        str(file),
    ]
    with _running(command, lab.folder, "Exporter ready"):
        yield


@contextlib.contextmanager
def _running(command: Sequence[str], folder: Path, ready: str) -> Iterator[str]:
    """Run a program, and yield the text after the word by which it says that it is ready."""
    program, *arguments = command
    log = folder / f"{program}.log"
    with log.open("ab") as output:
        begins = output.tell()
        process = subprocess.Popen(  # noqa: S603 - the test's own
            [str(PROGRAMS / program), *arguments],
            cwd=folder,
            env=environment(PYTHONUNBUFFERED="1"),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )

    def told() -> str | None:
        assert process.poll() is None, log.read_text()
        said = log.read_bytes()[begins:].decode()
        return next((line for line in said.splitlines(keepends=True) if line.startswith(ready) and "\n" in line), None)

    try:
        until(told, f"{program}: {ready!r}", _PATIENCE)
        yield (told() or "").removeprefix(ready).strip()
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
