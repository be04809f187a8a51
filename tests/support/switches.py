"""How often a thread was woken, from what Linux counts."""

from __future__ import annotations

import threading
from pathlib import Path

TASKS = Path("/proc/self/task")


def switches() -> dict[str, int]:
    """Return the context switches of every thread but this one, by its id and name."""
    counts = {}
    for task in TASKS.iterdir():
        if int(task.name) == threading.get_native_id():
            continue
        status = dict(line.split(":\t", 1) for line in (task / "status").read_text().splitlines() if ":\t" in line)
        counts[f"{status['Name']} ({task.name})"] = int(status["voluntary_ctxt_switches"]) + int(
            status["nonvoluntary_ctxt_switches"]
        )
    return counts


def between(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    """Return how often each thread was woken, without those that were not."""
    woken = {name: count - before.get(name, 0) for name, count in after.items()}
    return {name: count for name, count in woken.items() if count}
