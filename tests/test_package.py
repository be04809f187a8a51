"""The Python package: who imports whom, and what it leaves to the core."""

from __future__ import annotations

import ast
import re
from graphlib import TopologicalSorter
from itertools import pairwise
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1] / "python" / "modemqtt"
# Uses of another class's private members, as ruff finds them (SLF001).
MOST_REACHES = 5
# What only the core may know: a command, or a name that begins a line of the module.
OF_THE_LINE = re.compile(r"\bAT[+&]?[A-Z]|\+(?:QMT|CME|CMS|C[A-Z]?REG|CPIN)")


def sources() -> dict[str, Path]:
    """Return the files of the package by their modules, the stub of the core among them."""
    files = (path for path in PACKAGE.rglob("*.py*") if path.suffix in {".py", ".pyi"})
    names = {".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts): path for path in files}
    return {name.removesuffix(".__init__"): path for name, path in sorted(names.items())}


def imports(tree: ast.AST, known: dict[str, Path]) -> set[str]:
    """Return our modules that a file imports, anywhere in it, even if only for types."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            inside = {f"{node.module}.{alias.name}" for alias in node.names}
            # `from modemqtt import _core` is about the module, `from modemqtt import Modem` about the package.
            found |= {name if name in known else node.module for name in inside}
    return found & known.keys()


def arrows() -> dict[str, set[str]]:
    """Return what each file imports."""
    known = sources()
    return {name: imports(ast.parse(path.read_text(encoding="utf-8")), known) for name, path in known.items()}


def texts(tree: ast.AST) -> list[str]:
    """Return the texts of a file, except docstrings."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    bodies = [node.body for node in ast.walk(tree) if isinstance(node, documented)]
    # A text that stands alone documents what is above it.
    alone = {id(each.value) for body in bodies for each in body if isinstance(each, ast.Expr)}
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in alone
    ]


def test_no_files_import_each_other_in_a_circle() -> None:
    order = list(TopologicalSorter(arrows()).static_order())
    assert set(order) == sources().keys()


def test_a_circle_would_be_found() -> None:
    known = sources()
    tree = ast.parse("from modemqtt import _core\nif TYPE_CHECKING:\n    from modemqtt._line import Line")
    assert imports(tree, known) == {"modemqtt._core", "modemqtt._line"}


def test_the_layers_of_the_package_point_one_way() -> None:
    order = list(TopologicalSorter(arrows()).static_order())
    tower = [
        "modemqtt.exceptions",
        "modemqtt._core",
        "modemqtt._line",
        "modemqtt._client",
        "modemqtt._modem",
        "modemqtt",
    ]
    assert all(order.index(below) < order.index(above) for below, above in pairwise(tower))


def test_only_a_program_that_asks_for_labgrid_needs_it() -> None:
    ours = {name for name, used in arrows().items() if any(each.startswith("modemqtt.labgrid") for each in used)}
    assert {name for name in ours if not name.startswith("modemqtt.labgrid")} == set()
    theirs = re.compile(r"^\s*(?:from|import) labgrid\b", re.MULTILINE)
    users = {name for name, path in sources().items() if theirs.search(path.read_text(encoding="utf-8"))}
    assert users == {"modemqtt.labgrid._foreign", "modemqtt._pytest.lab"}


def test_few_files_reach_into_what_another_class_keeps_to_itself() -> None:
    reaches = [
        f"{name}: {line.strip()}"
        for name, path in sources().items()
        for line in path.read_text(encoding="utf-8").splitlines()
        if "SLF001" in line
    ]
    assert len(reaches) <= MOST_REACHES, "\n".join(reaches)


def test_the_package_knows_no_command_of_the_module() -> None:
    # The shell shows people what to type, the plugin knows which lines a suite is after, and scripts are written in AT.
    written_in_it = ("modemqtt.cli", "modemqtt._pytest", "modemqtt._script")
    library = {name: path for name, path in sources().items() if not name.startswith(written_in_it)}
    found = [
        f"{name}: {text}"
        for name, path in library.items()
        for text in texts(ast.parse(path.read_text(encoding="utf-8")))
        if OF_THE_LINE.search(text)
    ]
    assert found == []
