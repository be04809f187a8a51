"""How large a wheel is, and how long it takes to install and to import: python release/figures.py WHEEL [RUNS].

Each time is the median of RUNS runs (11), by the wall clock. An import is that of a fresh interpreter, less one that
imports nothing; the two take turns.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from statistics import median

from pythons import BARE, found, install


def took(*command: str | Path) -> float:
    """Return how long a program runs, in seconds."""
    start = time.perf_counter()
    subprocess.run(command, check=True, env=BARE, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> None:
    """Print a line for each Python."""
    wheel = Path(sys.argv[1]).resolve()
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else 11  # noqa: PLR2004 - an optional argument
    with zipfile.ZipFile(wheel) as archive:
        core = archive.getinfo("modemqtt/_core.abi3.so").file_size
    print(f"wheel {wheel.stat().st_size / 1e6:.2f} MB, compiled part {core / 1e6:.2f} MB")
    for python in found():
        with tempfile.TemporaryDirectory() as folder:
            installs = []
            for number in range(3):
                interpreter = python.environment(Path(folder) / str(number))
                start = time.perf_counter()
                install(wheel, interpreter)
                installs.append(time.perf_counter() - start)
            times: dict[str, list[float]] = {
                program: [] for program in ("pass", "import modemqtt", "from modemqtt import Modem")
            }
            for _ in range(runs):
                for program, each in times.items():
                    each.append(took(interpreter, "-c", program))
            empty, package, modem = (1000 * median(each) for each in times.values())
            print(
                f"Python {python.version}: pip install {median(installs):.1f} s, an empty interpreter {empty:.0f} ms, "
                f"import modemqtt {package - empty:+.1f} ms, from modemqtt import Modem {modem - empty:+.1f} ms"
            )


main()
