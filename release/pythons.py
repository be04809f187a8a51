"""The Pythons of this machine that a wheel can be tried with, each with an environment that holds nothing else."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ASKED = """
import json, platform, sys, sysconfig
print(json.dumps([sys.base_prefix, platform.python_implementation(), platform.python_version(),
                  sys.version_info >= (3, 10) and not sysconfig.get_config_var("Py_GIL_DISABLED")]))
"""
# Nothing of the caller's gets into the environments.
BARE = {
    name: value
    for name, value in os.environ.items()
    if not name.startswith(("PYTHON", "PIP_", "MODEMQTT_")) and name not in ("VIRTUAL_ENV", "PYENV_VERSION")
}


@dataclass(frozen=True)
class Python:
    """One interpreter."""

    path: Path
    version: str

    def environment(self, folder: Path) -> Path:
        """Make an empty environment, and return its interpreter."""
        subprocess.run([self.path, "-I", "-m", "venv", "--without-pip", folder], check=True, env=BARE, timeout=60)
        return folder / "bin/python"


def install(wheel: Path, interpreter: Path) -> None:
    """Install the wheel, and nothing from elsewhere."""
    options = ("--quiet", "--disable-pip-version-check", "--no-index", "--no-cache-dir")
    command: list[str | Path] = [sys.executable, "-m", "pip", "--python", interpreter, "install", *options, wheel]
    subprocess.run(command, check=True, env=BARE, timeout=120)


def _candidates() -> Iterator[Path]:
    folders = [Path(folder) for folder in os.get_exec_path()]
    folders += Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser().glob("versions/*/bin")
    folders += Path("~/.local/share/uv/python").expanduser().glob("*/bin")
    for folder in folders:
        found = shutil.which("python3", path=str(folder))
        if found:
            yield Path(found)
        yield from sorted(folder.glob("python3.[0-9][0-9]"))


def found() -> list[Python]:
    """Return each CPython of 3.10 or later once, the oldest first; a free-threaded one takes no wheel for abi3."""
    pythons: dict[tuple[str, str], Python] = {}
    for path in _candidates():
        # A shim of pyenv's that leads nowhere, and the like, is none.
        asked = subprocess.run([path, "-I", "-c", ASKED], capture_output=True, text=True, env=BARE, check=False)
        if asked.returncode == 0:
            prefix, implementation, version, takes_it = json.loads(asked.stdout)
            if implementation == "CPython" and takes_it:
                pythons.setdefault((prefix, version), Python(path, version))
    return sorted(
        pythons.values(), key=lambda python: [int(part) for part in python.version.split(".") if part.isdigit()]
    )
