"""Every measure of docs/performance.md, one after the other, and the table at the end.

    python benches/table.py [--save FILE] [--before FILE] [NAME …]

Each benchmark runs in a process of its own, beside its peer. With `--save` the figures go to a file as well, and with
`--before` those of such a file stand in the table. NAME is a benchmark such as `command`; without one all run.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from pathlib import Path

from rows import Row, table

HERE = Path(__file__).parent
# What the footprint is of is measured first, while the machine has done nothing yet.
NAMES = ("footprint", "command", "messages", "awaited", "publish", "many_modems", "recording", "decode")
DECODE = HERE / "decode" / "Cargo.toml"


def command_of(name: str) -> list[str]:
    """Return what runs a benchmark."""
    if name != "decode":
        return [sys.executable, str(HERE / f"bench_{name}.py"), "--json"]
    built = ["--release", "--manifest-path", str(DECODE), "--target-dir", str(HERE.parent / "target" / "decode")]
    return ["cargo", "run", "--quiet", *built, "--", "--json"]


def measured(name: str) -> list[Row]:
    """Run a benchmark and show its rows as they come."""
    print(f"{name} …", flush=True)
    with subprocess.Popen(command_of(name), stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own
        assert process.stdout is not None  # noqa: S101 - a pipe
        rows = []
        for line in process.stdout:
            row = Row(**json.loads(line))
            print(f"    {row.what}: {row.shown(row.figure)} ({row.verdict}) {row.behind}", flush=True)
            rows.append(row)
    if process.returncode:
        sys.exit(f"the benchmark {name} has failed")
    return rows


def main() -> None:
    """Run them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--save", type=Path, metavar="FILE", help="write the figures there, as JSON")
    parser.add_argument("--before", type=Path, metavar="FILE", help="figures to stand beside those of now")
    arguments = parser.parse_args()
    if wrong := [name for name in arguments.names if name not in NAMES]:
        parser.error(f"there is no benchmark {wrong[0]!r}; there are {', '.join(NAMES)}")
    began, rows = time.monotonic(), []
    for name in arguments.names or NAMES:
        if name == "decode" and not (DECODE.exists() and shutil.which("cargo")):
            continue
        rows += measured(name)
    before = json.loads(arguments.before.read_text()) if arguments.before else None
    print(f"\n{table(rows, before)}\n")
    cores, load = len(os.sched_getaffinity(0)), os.getloadavg()[1]
    took = time.monotonic() - began
    print(f"{cores} cores, Python {platform.python_version()}, load {load:.1f} over five minutes; {took:.0f} s in all")
    if arguments.save:
        arguments.save.write_text(json.dumps({row.key: row.figure for row in rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
