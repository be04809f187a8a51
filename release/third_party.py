"""THIRD-PARTY.txt: the crates that are linked into the extension, with their licences.

python release/third_party.py            write it
python release/third_party.py --check    fail where it is out of date
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "THIRD-PARTY.txt"
# The systems that wheels are for.
SYSTEMS = (
    "x86_64-unknown-linux-gnu",
    "aarch64-unknown-linux-gnu",
    "x86_64-unknown-linux-musl",
    "aarch64-unknown-linux-musl",
    "x86_64-apple-darwin",
    "aarch64-apple-darwin",
)
# A crate under MIT or another licence is used under MIT. Of any other, every text counts.
CHOSEN = "LICENSE-MIT"
TEXTS = re.compile(r"(?:LICEN[CS]E|COPYING|NOTICE)[^/]*")
ALWAYS = re.compile(r"LICENSE-THIRD-PARTY|NOTICE.*")
# Licences of code within a crate, beside the crate's own.
WITHIN = {"ring": ("src/polyfill/once_cell/LICENSE-MIT",)}
# These ship no text. Their manifests offer Apache-2.0, whose text is in LICENSE.
WITHOUT_TEXT = {"embassy-futures"}

BEGINNING = """\
The compiled part of modemqtt, modemqtt/_core.abi3.so, holds the software below, each under the licence named with it.
Where a licence is offered as MIT or another, MIT is chosen. modemqtt itself is under the licences in LICENSE.

The source of each crate is at https://crates.io/crates/NAME/VERSION. That of serialport, which is under the Mozilla
Public License 2.0 and used unchanged, is there as well.

Rust's standard library and the crates that it is made of are under MIT or Apache-2.0; compiler-builtins and the
libunwind of LLVM, which wheels for Linux hold, under Apache-2.0 with the LLVM exception. The text of Apache-2.0 is in
LICENSE. Some crates are for Linux or for macOS only.

This file is made by release/third_party.py from the licences that the crates ship.
"""


def cargo(*arguments: str) -> str:
    """Return what cargo prints."""
    return subprocess.run(["cargo", *arguments], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout  # noqa: S607 - ours


def linked() -> list[dict[str, Any]]:
    """Return the crates of others that are linked in on any of the systems, by name and version."""
    names: set[tuple[str, ...]] = set()
    for system in SYSTEMS:
        shape = ("-e", "normal,no-proc-macro", "--prefix", "none", "--format", "{p}")
        lines = cargo("tree", "--quiet", "--locked", "-p", "modemqtt", "--target", system, *shape).splitlines()
        names |= {tuple(line.split()[:2]) for line in lines}
    packages = json.loads(cargo("metadata", "--quiet", "--locked", "--format-version", "1"))["packages"]
    found = [each for each in packages if each["source"] and (each["name"], f"v{each['version']}") in names]
    return sorted(found, key=lambda each: (each["name"], each["version"]))


def texts(crate: dict[str, Any]) -> list[str]:
    """Return the licence texts that hold for a crate."""
    folder = Path(crate["manifest_path"]).parent
    shipped = sorted(path.name for path in folder.iterdir() if TEXTS.fullmatch(path.name))
    if CHOSEN in shipped:
        shipped = [CHOSEN, *(name for name in shipped if ALWAYS.fullmatch(name))]
    paths = [*shipped, *WITHIN.get(crate["name"], ())]
    if bool(paths) == (crate["name"] in WITHOUT_TEXT):
        sys.exit(
            f"{crate['name']} {crate['version']} ships {paths or 'no licence text'}: see WITHOUT_TEXT in {__file__}"
        )
    return ["\n".join(map(str.rstrip, (folder / path).read_text("utf-8").strip().splitlines())) for path in paths]


def document() -> str:
    """Return the file as it should be."""
    crates = linked()
    titles = [f"{crate['name']} {crate['version']}" for crate in crates]
    licences = [" OR ".join(re.split(r"\s*/\s*", crate["license"])) for crate in crates]
    width = max(map(len, titles))
    parts = [BEGINNING, *(f"{title:{width}}  {licence}" for title, licence in zip(titles, licences, strict=True))]
    users: dict[str, list[str]] = {}
    for title, crate in zip(titles, crates, strict=True):
        for text in texts(crate):
            users.setdefault(text, []).append(title)
    for text, those in users.items():
        parts += ["", "=" * 100, ", ".join(those), "-" * 100, text]
    return "\n".join(parts) + "\n"


def main() -> None:
    """Write the file, or compare it."""
    text = document()
    if sys.argv[1:] != ["--check"]:
        TARGET.write_text(text, encoding="utf-8")
    elif not TARGET.exists() or TARGET.read_text(encoding="utf-8") != text:
        sys.exit(f"{TARGET.name} is out of date; `python release/third_party.py` writes it anew")


main()
