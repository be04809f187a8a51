"""A flame picture of what perf has recorded: an SVG without scripts or fonts, whose text can be selected.

    perf record --call-graph dwarf -F 999 -o perf.data …
    perf script -i perf.data | python benches/flame.py "one command" > docs/pictures/command.svg

The width of a box is its share of the samples; what it calls stands above it. Boxes below half a percent are left out.
The interpreter's own frames are one box, `python`, and the kernel's end at the system call.
"""

from __future__ import annotations

import html
import re
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

WIDTH, HEIGHT, LETTER = 1180, 17, 6.4
LEAST = 0.005
_FRAME = re.compile(r"^\s+[0-9a-f]+ (?P<name>.+?)(?:\+0x[0-9a-f]+)? \((?P<binary>[^)]*)\)$")
_HASH = re.compile(r"::h[0-9a-f]{16}$")
_PYTHON = re.compile(r"libpython|/python3?[\d.]*$")
_KERNEL = re.compile(r"kernel|vmlinux|\[unknown\]")
# What the compiler and the libraries put between ours.
_BETWEEN = re.compile(r"^(core|std|alloc|pyo3|__rust|<?F as |_start|_*libc_start|_*clone3?|start_thread)|thread_start$")
_ADAPTERS = re.compile(
    r"^(boxed|unwind_safe|raw_vec|vec|into_iter|adapters|chain|map|result|to_vec_in|arch|syscalls|function|Thread>)::"
    r"|^(backend|errno|reg|isize|condvar|futex|lock|mutex|header|inspect|cloned|iterator|vec_deque|trampoline|impl_|Global|alloc)::|errno::|::spin$"
    r"|^(Result|Worker::spawn)|syscalls::|Thread>::new|_impl(_runtime)?$|^arch::|^syscall"
)


@dataclass
class Box:
    """A function below the same callers, with its samples and what it calls."""

    samples: int = 0
    calls: dict[str, Box] = field(default_factory=dict)


def stacks(lines: Iterable[str]) -> Iterator[list[str]]:
    """Yield each sample as the thread and the functions from the outermost on."""
    thread, frames = "", []
    for line in lines:
        if frame := _FRAME.match(line):
            frames.append((frame["name"], frame["binary"]))
        elif line.strip():
            thread, frames = line.split()[0], []
        elif thread:
            yield [thread, *_shortened(_placed_in(frames))]
            thread = ""


def _placed_in(frames: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Yield them from the outermost on; what the compiler has put into another function is of that one's binary."""
    inside = ""
    for name, binary in reversed(frames):
        inside = inside if binary == "inlined" else binary
        yield name, inside


def _shortened(frames: Iterable[tuple[str, str]]) -> Iterator[str]:
    last = ""
    for name, binary in frames:
        short = _short(name, binary)
        if short and short != last:
            yield short
            last = short
        if binary.startswith("[") or _KERNEL.search(binary):
            # One box for the kernel's part: what is in there is not ours to change.
            return


def _short(name: str, binary: str) -> str:
    if _KERNEL.search(binary):
        return "kernel"
    if _PYTHON.search(binary):
        return "python"
    name = _HASH.sub("", name)
    if _BETWEEN.match(name) or name.startswith("[unknown"):
        return ""
    if name.startswith("_") and not name.startswith("_core"):
        return ""
    name = re.sub(r"<(?:impl )?(?:[\w:]+ for )?([\w:]+?)(?:<.*?>)? as [^>]+>", r"\1", name)
    short = "::".join(part for part in name.replace("modemqtt_", "").split("::")[-3:] if part != "{{closure}}")
    return "" if _ADAPTERS.search(short) else short


def draw(root: Box, title: str) -> Iterator[str]:
    """Yield the lines of the SVG."""
    boxes = list(_boxes(root, "all", 0, 0.0, root.samples))
    depth = 1 + max(level for _, level, *_ in boxes)
    height = (depth + 2) * HEIGHT
    yield f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}"'
    yield ' font-family="monospace" font-size="11">'
    yield f"<title>{html.escape(title)}</title>"
    yield f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>'
    yield f'<text x="4" y="13" font-weight="bold">{html.escape(title)}: {root.samples:,} samples</text>'
    for name, level, start, share in boxes:
        x, width, y = start * WIDTH, share * WIDTH, height - (level + 1) * HEIGHT
        hue = 210 if name == "kernel" else 120 if name == "python" else 30
        shade = 78 + sum(map(ord, name)) % 10
        shown = name if len(name) * LETTER < width - 4 else name[: max(0, int((width - 4) / LETTER) - 1)] + "…"
        whole = f"{html.escape(name)}, {100 * share:.1f} %"
        yield f'<g><title>{whole}</title><rect x="{x:.1f}" y="{y}" width="{max(width - 0.5, 0.5):.1f}"'
        yield f' height="{HEIGHT - 1}" fill="hsl({hue} 70% {shade}%)"/>'
        if width > 4 * LETTER:
            yield f'<text x="{x + 2:.1f}" y="{y + 12}">{html.escape(shown)}</text>'
        yield "</g>"
    yield "</svg>"


def _boxes(box: Box, name: str, level: int, start: float, whole: int) -> Iterator[tuple[str, int, float, float]]:
    yield name, level, start, box.samples / whole
    for called, inner in sorted(box.calls.items()):
        if inner.samples / whole >= LEAST:
            yield from _boxes(inner, called, level + 1, start, whole)
            start += inner.samples / whole


def main() -> None:
    root = Box()
    for stack in stacks(sys.stdin):
        box = root
        box.samples += 1
        for name in stack:
            box = box.calls.setdefault(name, Box())
            box.samples += 1
    if not root.samples:
        sys.exit("perf script printed no samples")
    print("\n".join(draw(root, sys.argv[1] if len(sys.argv) > 1 else "samples")))


if __name__ == "__main__":
    main()
