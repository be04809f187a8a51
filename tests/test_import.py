"""Importing the package: it is light, its names load when they are used, and it says so if it cannot run."""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from types import SimpleNamespace

import pytest

import modemqtt
from modemqtt import _unsupported

PACKAGE = Path(modemqtt.__file__).parent
MISSING = ImportError("No module named 'modemqtt._core'")


def python(program: str, *, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a program in a new interpreter; a folder comes before the installed packages."""
    search = "" if folder is None else f"import sys; sys.path.insert(0, {str(folder)!r})\n"
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", search + program]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)  # noqa: S603 - our own


def test_importing_the_package_loads_nothing_but_the_core() -> None:
    done = python("""
import sys
before = set(sys.modules)
import modemqtt
print(*sorted(sys.modules.keys() - before))
""")
    loaded = [name for name in done.stdout.split() if not name.startswith("encodings.")]
    assert loaded == ["modemqtt", "modemqtt._core"], done.stderr


def test_every_public_name_is_there_before_any_was_used() -> None:
    done = python("""
import modemqtt
listed = dir(modemqtt)
assert listed == sorted(set(listed)), listed
assert {"Modem", "UsageError", "__version__", "__doc__", "exceptions"} <= set(listed), listed
assert set(modemqtt.__all__) <= set(listed)
assert all(getattr(modemqtt, name) is not None for name in modemqtt.__all__)
assert not {"sys", "TYPE_CHECKING"} & set(listed)
""")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("first", ["modemqtt.Modem", "modemqtt.__all__", "modemqtt.exceptions.PortError"])
def test_any_name_may_be_the_first(first: str) -> None:
    done = python(f"import modemqtt; print({first} is {first})")
    assert (done.stdout, done.stderr) == ("True\n", "")


def test_a_star_brings_the_public_names_and_no_other() -> None:
    done = python("""
from modemqtt import *
names = set(globals())
import modemqtt
assert set(modemqtt.__all__) <= names
assert "sys" not in names and "exceptions" not in names
""")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_misspelt_name_of_the_package_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"^module 'modemqtt' has no attribute 'Modm'$") as caught:
        _ = modemqtt.Modm  # type: ignore[attr-defined]
    assert (caught.value.name, caught.value.obj) == ("Modm", modemqtt)
    assert not hasattr(modemqtt, "__wrapped__")
    assert "cannot import name 'Modm' from 'modemqtt'" in python("from modemqtt import Modm").stderr


@pytest.mark.parametrize(
    ("name", "home"),
    [("VirtualModem", "virtual"), ("Broker", "virtual"), ("Replay", "virtual"), ("AsyncModem", "aio")],
)
def test_a_name_of_another_module_is_an_error_that_says_which(name: str, home: str) -> None:
    said = f"{name} is in modemqtt.{home}: `from modemqtt.{home} import {name}`"
    assert python(f"from modemqtt import {name}").stderr.endswith(f"\nImportError: {said}\n")
    with pytest.raises(AttributeError, match=f"^{re.escape(said)}$"):
        getattr(modemqtt, name)
    assert not hasattr(modemqtt, name)


def test_many_threads_may_use_their_first_name_at_once() -> None:
    done = python("""
import modemqtt, threading
gate, seen = threading.Barrier(16), []
def use():
    gate.wait()
    seen.append(modemqtt.Modem)
threads = [threading.Thread(target=use) for _ in range(16)]
for each in threads: each.start()
for each in threads: each.join()
print(len(seen), len(set(seen)))
""")
    assert (done.stdout, done.stderr) == ("16 1\n", "")


def copy(folder: Path) -> Path:
    """Copy the package without its compiled part."""
    return Path(shutil.copytree(PACKAGE, folder / "modemqtt", ignore=shutil.ignore_patterns("*.so", "__pycache__")))


def last_line(done: subprocess.CompletedProcess[str]) -> str:
    """Return the last line of the traceback."""
    assert done.returncode == 1
    return done.stderr.splitlines()[-1]


def test_without_its_compiled_part_the_package_says_so_in_one_sentence(tmp_path: Path) -> None:
    copy(tmp_path)
    version = ".".join(platform.python_version_tuple()[:2])
    assert last_line(python("import modemqtt", folder=tmp_path)) == (
        f"ImportError: the compiled part of modemqtt cannot be loaded by CPython {version} on {platform.system()} "
        f"{platform.machine()} (No module named 'modemqtt._core'); "
        "`pip install --force-reinstall modemqtt` installs one that can"
    )


def test_a_compiled_part_of_another_machine_is_named_as_the_cause(tmp_path: Path) -> None:
    (copy(tmp_path) / "_core.abi3.so").write_bytes(b"\x7fELF of another machine")
    ending = last_line(python("import modemqtt.virtual", folder=tmp_path))
    assert ending.startswith("ImportError: the compiled part of modemqtt cannot be loaded by CPython 3.")
    assert f"({tmp_path}/modemqtt/_core.abi3.so: " in ending


def test_windows_is_told_what_is_supported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_unsupported, "sys", SimpleNamespace(platform="win32", version_info=(3, 12, 1)))
    monkeypatch.setattr(platform, "system", lambda: "Windows")
    monkeypatch.setattr(platform, "machine", lambda: "AMD64")
    monkeypatch.setattr(sysconfig, "get_config_var", lambda _name: None)
    assert _unsupported.explain(MISSING) == (
        "modemqtt runs on Linux and macOS, and this is CPython 3.12 on Windows AMD64; under WSL it runs on Windows"
    )


def test_a_free_threaded_build_is_told_what_is_supported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sysconfig, "get_config_var", {"Py_GIL_DISABLED": 1}.get)
    assert _unsupported.explain(MISSING).startswith(
        "modemqtt runs under CPython 3.10 or later with its global interpreter lock, and this is free-threaded CPython "
    )


def test_another_python_is_told_what_is_supported(monkeypatch: pytest.MonkeyPatch) -> None:
    interpreter = SimpleNamespace(name="pypy")
    monkeypatch.setattr(
        _unsupported, "sys", SimpleNamespace(platform="linux", version_info=(3, 10, 14), implementation=interpreter)
    )
    monkeypatch.setattr(platform, "python_implementation", lambda: "PyPy")
    assert ", and this is PyPy 3.10 on " in _unsupported.explain(MISSING)
