"""Make the pictures of docs/jupyter.md: run the notebooks, and have Chromium show what their cells gave.

Look at each before it is committed:

    .venv/bin/python release/notebook_pictures.py
"""

from __future__ import annotations

import base64
import io
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from PIL import Image, ImageChops

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = ROOT / "docs/notebooks"
PICTURES = ROOT / "docs/pictures"

# What JupyterLab 4 has for its outputs, as far as it touches these: its colours and its rules for tables.
RULES = """
.out { font: 14px/1.5 system-ui, sans-serif; padding: 10px; width: max-content; max-width: 860px }
.out > div { margin: 0 0 8px }
.out table { border-collapse: collapse; border: none; font-size: 12px; table-layout: fixed; margin: 0 auto }
.out td, .out th, .out tr { vertical-align: middle; padding: .5em; white-space: normal; border: none;
  text-align: right }
.out tbody tr:nth-child(odd) { background: rgba(128, 128, 128, .12) }
"""
THEMES = {
    "light": "--jp-border-color2: #e0e0e0; color: rgba(0, 0, 0, .87); background: #fff",
    "dark": "--jp-border-color2: #424242; color: #fff; background: #111",
}
# By the name of the picture: the notebook, and the last of what it shows in HTML that holds this.
SHOTS = {
    "notebook-objects": [("first-steps", "<b>Modem<"), ("first-steps", "<b>Delivery<"), ("first-steps", "<b>Message<")],
    "notebook-wire": [("lost-connection", "<b>wire")],
}
# The same of what they draw, by the place among the pictures of the notebook.
PLOTS = {"notebook-latency": ("latency", 0), "notebook-lost": ("lost-connection", 0)}


def run(name: str) -> list[dict[str, Any]]:
    """Run a notebook, and return what its cells gave, by MIME types."""
    notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)  # type: ignore[no-untyped-call] # it has none
    NotebookClient(notebook, timeout=120).execute()
    return [output["data"] for cell in notebook.cells for output in cell.get("outputs", []) if "data" in output]


def shoot(chromium: str, html: str, theme: str) -> Image.Image:
    """Show some HTML as an output of a notebook, and cut off the empty part of the page."""
    page = (
        f"<!doctype html><meta charset=utf-8><style>{RULES}</style><body style='margin:0;{theme}'><div class=out>{html}"
    )
    with tempfile.TemporaryDirectory() as folder:
        file, picture = Path(folder, "page.html"), Path(folder, "page.png")
        file.write_text(page, encoding="utf-8")
        size = "--window-size=900,1600"
        subprocess.run(
            [chromium, "--headless", "--no-sandbox", "--hide-scrollbars", size, f"--screenshot={picture}", str(file)],
            check=True,
            capture_output=True,
        )
        shot = Image.open(picture).convert("RGB")
    empty = Image.new("RGB", shot.size, shot.getpixel((shot.width - 1, shot.height - 1)))
    left, top, right, bottom = ImageChops.difference(shot, empty).getbbox() or (0, 0, 1, 1)
    margin = 8
    return shot.crop((max(0, left - margin), max(0, top - margin), right + margin, bottom + margin))


def save(picture: Image.Image, name: str) -> None:
    """Save it with few colours."""
    picture.convert("RGB").quantize(64).save(PICTURES / f"{name}.png", optimize=True)


def main() -> None:
    """Make each picture."""
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("Chromium is needed, and there is no chromium on the PATH; on Debian: apt install chromium")
    given = {path.stem: run(path.stem) for path in sorted(NOTEBOOKS.glob("*.ipynb"))}
    for name, wanted in SHOTS.items():
        shown = [[one["text/html"] for one in given[it] if part in one.get("text/html", "")][-1] for it, part in wanted]
        html = "".join(f"<div>{each}</div>" for each in shown)
        for theme, style in THEMES.items():
            save(shoot(chromium, html, style), f"{name}-{theme}")
    for name, (notebook, place) in PLOTS.items():
        drawn = [one["image/png"] for one in given[notebook] if "image/png" in one]
        save(Image.open(io.BytesIO(base64.b64decode(drawn[place]))), name)


if __name__ == "__main__":
    main()
