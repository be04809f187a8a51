"""Make the tag of a release: python release/tag.py. With a tag as argument it only checks that the tag fits.

The version is that of Cargo.toml, and CHANGELOG.md has to have it with its date.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VERSION = re.compile(r'^version = "([^"]+)"$', re.MULTILINE)


def wrong(root: Path, tag: str | None) -> str | None:
    """Say what is wrong with the version, the changelog or the tag; `None` where all of them agree."""
    found = VERSION.search((root / "Cargo.toml").read_text(encoding="utf-8"))
    if found is None:
        return "Cargo.toml has no version"
    if tag is not None and tag != f"v{found[1]}":
        return f"the tag must be v{found[1]}, as Cargo.toml has it, not {tag}"
    heading = re.compile(rf"^## \[{re.escape(found[1])}\] - \d{{4}}-\d{{2}}-\d{{2}}$", re.MULTILINE)
    if heading.search((root / "CHANGELOG.md").read_text(encoding="utf-8")) is None:
        return f"CHANGELOG.md needs the heading '## [{found[1]}] - YYYY-MM-DD'"
    return None


def git(*arguments: str) -> str:
    """Run git in the tree, and return what it printed."""
    done = subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True)  # noqa: S607 - from the PATH
    return done.stdout.strip()


def main() -> str | None:
    """Check, and without an argument make the tag."""
    if len(sys.argv) > 1:
        return wrong(ROOT, sys.argv[1])
    trouble = wrong(ROOT, None)
    if trouble is None and git("status", "--porcelain"):
        trouble = "the tree has changes that are not committed"
    if trouble is not None:
        return trouble
    version = VERSION.search((ROOT / "Cargo.toml").read_text(encoding="utf-8"))
    assert version is not None  # `wrong` has looked
    tag = f"v{version[1]}"
    git("tag", "--annotate", tag, "--message", f"modemqtt {version[1]}")
    print(f"{tag} is made. `git push origin {tag}` publishes it, by .github/workflows/release.yml.")
    return None


if __name__ == "__main__":
    sys.exit(main())
