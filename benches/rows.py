"""The rows that the benchmarks measure, and how they are shown."""

from __future__ import annotations

import json
import statistics
import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

ROUNDS = 5


@dataclass(frozen=True)
class Row:
    """One measure: what it is compared with, how it is judged, and the figures behind it."""

    what: str
    against: str
    figure: float
    unit: str
    must: float
    aim: float
    at_most: bool = False
    """Whether less is better."""
    behind: str = ""

    def reached(self, bound: float) -> bool:
        """Whether the figure is as good as that."""
        return self.figure <= bound if self.at_most else self.figure >= bound

    def shown(self, figure: float) -> str:
        """Return a figure with its unit."""
        digits = f"{figure:,.0f}" if abs(figure) >= 100 or figure == round(figure) else f"{figure:.3g}"  # noqa: PLR2004
        return f"{digits}{'' if self.unit in ('×', '') else ' '}{self.unit}"

    @property
    def key(self) -> str:
        """What no other row goes by."""
        return f"{self.what}, {self.against}"

    @property
    def verdict(self) -> str:
        """Which of its bounds it has reached."""
        if self.reached(self.aim):
            return "aim"
        return "must" if self.reached(self.must) else "NOT REACHED"


def median_of(measure: Callable[[], float], rounds: int = ROUNDS) -> float:
    """Return the median of several rounds."""
    return statistics.median(measure() for _ in range(rounds))


def in_turn(*measures: Callable[[], float], rounds: int = ROUNDS) -> list[float]:
    """Return the median of each, all measured in turn, so that what else the machine does meets all of them."""
    figures = [[measure() for measure in measures] for _ in range(rounds)]
    return [statistics.median(column) for column in zip(*figures, strict=True)]


def table(rows: Iterable[Row], before: dict[str, float] | None = None) -> str:
    """Return the rows as a table of Markdown."""
    heads = ["what", "against", "must / aim", *([] if before is None else ["before"]), "now", "reached", "behind it"]
    lines = [heads, ["---"] * len(heads)]
    for row in rows:
        sign = "≤ " if row.at_most else "≥ "
        bounds = sign + " / ".join(dict.fromkeys((row.shown(row.must), row.shown(row.aim))))
        old = [] if before is None else [row.shown(before[row.key]) if row.key in before else "-"]
        lines.append([row.what, row.against or "-", bounds, *old, row.shown(row.figure), row.verdict, row.behind])
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    )


def main(measure: Callable[[], Iterable[Row]]) -> None:
    """Measure and print: a table, or with `--json` one row a line."""
    if "--json" in sys.argv:
        for row in measure():
            print(json.dumps(asdict(row)), flush=True)
    else:
        print(table(measure()))
