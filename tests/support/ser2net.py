"""A real server of serial ports: ser2net, on a port that the system has chosen."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# The gensio that stands before TCP, by the scheme of the URL that reaches it.
ACCEPTERS = {"socket": "", "rfc2217": "telnet(rfc2217),", "telnet": "telnet,"}

# No test asks for this speed: if a test finds another, somebody has set it.
_CONFIGURATION = """\
%YAML 1.1
---
connection: &module
  accepter: {accepter}tcp,127.0.0.1,0
  connector: serialdev,{device},9600n81,local
  options:
    mdns: false
"""
_PATIENCE = 10.0
_LISTENING = "0A"


@dataclass(frozen=True)
class Server:
    """A ser2net that runs."""

    url: str
    process: subprocess.Popen[bytes]

    def stop(self) -> None:
        """End it."""
        # Not killed: it would leave its lock file behind.
        self.process.terminate()
        self.process.wait()


def find() -> str | None:
    """Return the program; distributions put it into a folder that only administrators have on the PATH."""
    return shutil.which("ser2net", path=os.environ.get("PATH", "") + os.pathsep + "/usr/sbin")


@contextlib.contextmanager
def run(program: str, folder: Path, device: str, accepter: str) -> Iterator[Server]:
    """Run it in front of a device until the end of the block."""
    configuration = folder / "ser2net.yaml"
    configuration.write_text(_CONFIGURATION.format(accepter=ACCEPTERS[accepter], device=device))
    with (folder / "ser2net.log").open("ab") as log:
        process = subprocess.Popen(  # noqa: S603 - the test's own
            [program, "-n", "-d", "-c", str(configuration)], stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    scheme = "socket" if accepter == "socket" else "rfc2217"
    try:
        yield Server(f"{scheme}://127.0.0.1:{listening(process)}", process)
    finally:
        process.terminate()
        process.wait()


def listening(process: subprocess.Popen[bytes]) -> int:
    """Return the port on which it listens. A connection would make it open the device."""
    deadline = time.monotonic() + _PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        sockets = {found[1] for link in links(process) if (found := re.fullmatch(r"socket:\[(\d+)\]", link))}
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == _LISTENING and fields[9] in sockets:
                return int(fields[1].rpartition(":")[2], 16)
        time.sleep(0.01)
    raise RuntimeError("ser2net does not listen")


def links(process: subprocess.Popen[bytes]) -> Iterator[str]:
    """Yield what its descriptors stand for."""
    for descriptor in Path(f"/proc/{process.pid}/fd").iterdir():
        # It may close one meanwhile.
        with contextlib.suppress(FileNotFoundError):
            yield str(descriptor.readlink())
