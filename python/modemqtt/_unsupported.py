"""Why the compiled part of the package cannot be loaded here, in one sentence."""

from __future__ import annotations

import platform
import sys
import sysconfig


def explain(error: ImportError) -> str:
    """Return what is supported, what this is, and what to do where it should have worked."""
    version = ".".join(map(str, sys.version_info[:2]))
    free_threaded = "free-threaded " if sysconfig.get_config_var("Py_GIL_DISABLED") else ""
    here = f"{free_threaded}{platform.python_implementation()} {version} on {platform.system()} {platform.machine()}"
    if sys.platform == "win32":
        return f"modemqtt runs on Linux and macOS, and this is {here}; under WSL it runs on Windows"
    if sys.version_info < (3, 10):  # noqa: UP036 - an installation for another Python may be on the path
        return f"modemqtt needs Python 3.10 or later, and this is {here}"
    if free_threaded or sys.implementation.name != "cpython":
        return f"modemqtt runs under CPython 3.10 or later with its global interpreter lock, and this is {here}"
    return (
        f"the compiled part of modemqtt cannot be loaded by {here} ({error}); "
        "`pip install --force-reinstall modemqtt` installs one that can"
    )
