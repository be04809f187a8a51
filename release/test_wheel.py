"""What a wheel has to be before anyone is given it. `make wheel` runs this, with its path in MODEMQTT_WHEEL."""

from __future__ import annotations

import os
import re
import subprocess
import zipfile
from email import message_from_bytes
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pythons import BARE, Python, found, install

if TYPE_CHECKING:
    from email.message import Message

ROOT = Path(__file__).resolve().parents[1]
WHEEL = Path(os.environ["MODEMQTT_WHEEL"])
LARGEST = 2_600_000
PYTHONS = found()

EVERY_NAME = """
import modemqtt, modemqtt.cli, modemqtt.virtual
missing = [name for name in modemqtt.__all__ if not hasattr(modemqtt, name)]
print(modemqtt.__version__, missing, *sorted({__import__("os").path.dirname(modemqtt.__file__)}))
"""


@cache
def contents() -> dict[str, bytes]:
    """Return the files of the wheel; those of its metadata by their last names alone."""
    with zipfile.ZipFile(WHEEL) as wheel:
        return {re.sub(r"^.*\.dist-info/", "", name): wheel.read(name) for name in wheel.namelist()}


def metadata() -> Message:
    """Return what an index shows."""
    return message_from_bytes(contents()["METADATA"])


def said(file: str, field: str) -> str:
    """Return what a file of the tree's says in one line."""
    line = re.search(rf'^{field} = "(.+)"$', (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE)
    assert line
    return line[1]


def test_one_wheel_is_for_every_python_from_3_10_and_for_manylinux2014() -> None:
    name, _version, python, abi, system = WHEEL.stem.split("-")
    assert (name, python, abi) == ("modemqtt", "cp310", "abi3")
    assert re.search(r"(?:^|\.)manylinux2014_(?:x86_64|aarch64)(?:\.|$)", system)


def test_the_wheel_is_small() -> None:
    assert WHEEL.stat().st_size < LARGEST


def test_the_wheel_holds_the_package_and_nothing_else() -> None:
    package = {
        f"modemqtt/{path.relative_to(ROOT / 'python/modemqtt')}" for path in ROOT.glob("python/modemqtt/**/*.py*")
    }
    package = {name for name in package if "__pycache__" not in name}
    assert {name for name in contents() if name.startswith("modemqtt/")} == {
        *package,
        "modemqtt/py.typed",
        "modemqtt/_core.abi3.so",
    }


def test_the_metadata_are_complete() -> None:
    given = metadata()
    assert given["Name"] == "modemqtt"
    assert given["Version"] == said("Cargo.toml", "version")
    assert given["Summary"] == said("pyproject.toml", "description")
    assert given["License-Expression"] == "MIT OR Apache-2.0"
    assert given["Requires-Python"] == ">=3.10"
    # A name with an address is one field, and there is no `Author` then.
    assert re.fullmatch(r"[\w ]+ <[^@>]+@[^@>]+>", given["Author-email"])
    assert len(given["Keywords"].split(",")) >= 5  # noqa: PLR2004
    # Nothing is needed but for an extra.
    assert [needed for needed in given.get_all("Requires-Dist") or [] if "extra ==" not in needed] == []
    entry_points = contents()["entry_points.txt"].replace(b" ", b"")
    assert b"[console_scripts]\nmodemqtt=modemqtt.cli:main" in entry_points
    assert b"[pytest11]\nmodemqtt=modemqtt.pytest_plugin" in entry_points


def test_there_is_a_classifier_for_each_python_that_was_tried() -> None:
    given = metadata().get_all("Classifier") or []
    tried = {"Programming Language :: Python :: " + ".".join(python.version.split(".")[:2]) for python in PYTHONS}
    assert tried <= set(given)


def test_the_documentation_source_changelog_and_issues_have_addresses() -> None:
    addresses = dict(entry.split(", ") for entry in metadata().get_all("Project-URL") or [])
    assert addresses.keys() == {"Documentation", "Source", "Changelog", "Issues"}
    # One constant: whoever replaces it has replaced it everywhere.
    assert addresses["Source"] == said("Cargo.toml", "repository")
    assert all(address.startswith(addresses["Source"]) for address in addresses.values())


def test_a_link_of_the_readme_works_wherever_it_is_shown() -> None:
    shown = metadata()
    assert shown["Description-Content-Type"].startswith("text/markdown")
    text = str(shown.get_payload())
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert len(links) > 5  # noqa: PLR2004
    assert [link for link in links if not link.startswith("https://")] == []
    # What they lead to is in the tree; a picture is the file itself.
    pictures = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", text)
    assert pictures
    assert [link for link in pictures if "/raw/main/" not in link] == []
    ours = [re.split(r"/(?:blob|raw)/main/|#", link)[1] for link in links if re.search(r"/(?:blob|raw)/main/", link)]
    assert ours
    assert [path for path in ours if not (ROOT / path).exists()] == []


def test_the_licences_of_everything_linked_in_are_in_the_wheel() -> None:
    listed = metadata().get_all("License-File")
    assert listed == ["LICENSE", "THIRD-PARTY.txt"]
    for name in listed:
        assert contents()[f"licenses/{name}"] == (ROOT / name).read_bytes()


def test_nothing_tells_where_it_was_built() -> None:
    core = contents()["modemqtt/_core.abi3.so"]
    places = {str(ROOT), str(Path.home() / ".cargo")}
    assert [place for place in places if place.encode() in core] == []


def test_there_are_pythons_to_try_it_with() -> None:
    assert PYTHONS


@pytest.fixture(scope="module", params=PYTHONS, ids=lambda python: python.version)
def environment(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel where nothing else is, and return the folder of its programs."""
    python: Python = request.param
    interpreter = python.environment(tmp_path_factory.mktemp("environment") / "env")
    install(WHEEL, interpreter)
    return interpreter.parent


def run(*command: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a program away from the tree."""
    return subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=folder, env=BARE, check=False)


def test_the_package_is_imported_without_a_warning(environment: Path, tmp_path: Path) -> None:
    done = run(environment / "python", "-X", "dev", "-W", "error", "-c", EVERY_NAME, folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    version, missing, place = done.stdout.split()
    assert (version, missing) == (metadata()["Version"], "[]")
    assert place.startswith(str(environment.parent))


def test_the_demo_runs(environment: Path, tmp_path: Path) -> None:
    done = run(environment / "modemqtt", "demo", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "AT+QMTPUB" in done.stdout


def test_the_program_says_which_version_it_is(environment: Path, tmp_path: Path) -> None:
    done = run(environment / "python", "-X", "dev", "-W", "error", "-m", "modemqtt", "--version", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert metadata()["Version"] in done.stdout
