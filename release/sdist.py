"""Make the sdist: python release/sdist.py FOLDER.

Where a README is shown apart from its tree, its links need the project's address; in the tree they need none.
"""

from __future__ import annotations

import gzip
import io
import re
import subprocess
import sys
import sysconfig
import tarfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ADDRESS = re.compile(r'^Source = "([^"]+)"$', re.MULTILINE)
SHOWN_APART = ("README.md", "PKG-INFO")


def absolute(text: str, address: str) -> str:
    """Return the README with links to the project's address instead of its tree.

    A picture needs the file itself, not the page that shows it. An index gives headings no anchors; links to them lead
    to the README at that address.
    """
    text = re.sub(r"(!\[[^\]]*\]\()(?![a-z]+:)([^)]+)\)", rf"\1{address}/raw/main/\2)", text)
    text = re.sub(r"\]\((#[^)]+)\)", rf"]({address}/blob/main/README.md\1)", text)
    return re.sub(r"\]\((?![a-z]+:)([^)]+)\)", rf"]({address}/blob/main/\1)", text)


def rewrite(archive: Path, address: str) -> None:
    """Put absolute links into what is shown apart."""
    buffer = io.BytesIO()
    with tarfile.open(archive) as before, tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as after:
        for member in before:
            file = before.extractfile(member)
            data = file.read() if file else b""
            if member.name.partition("/")[2] in SHOWN_APART:
                data = absolute(data.decode(), address).encode()
                member.size = len(data)
            # maturin leaves no program executable.
            member.mode = 0o755 if data.startswith(b"#!") else 0o644
            after.addfile(member, io.BytesIO(data))
    archive.write_bytes(gzip.compress(buffer.getvalue(), mtime=0))


def main() -> None:
    """Make it."""
    address = ADDRESS.search((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    if len(sys.argv) != 2 or address is None:  # noqa: PLR2004 - itself and the folder
        sys.exit("usage: python release/sdist.py FOLDER; pyproject.toml has the address of the project as `Source`")
    folder = Path(sys.argv[1]).resolve()
    maturin = Path(sysconfig.get_path("scripts")) / "maturin"
    subprocess.run([maturin, "sdist", "--out", folder], cwd=ROOT, check=True)
    (archive,) = folder.glob("modemqtt-*.tar.gz")
    rewrite(archive, address[1])


if __name__ == "__main__":
    main()
