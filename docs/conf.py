"""How `make site` makes pages of this folder, with Sphinx."""

from __future__ import annotations

import re
from importlib.metadata import version as version_of
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from docutils.nodes import Element, Node
    from sphinx.addnodes import pending_xref
    from sphinx.application import Sphinx

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent

project = "modemqtt"
author = "The modemqtt authors"
project_copyright = author
version = release = version_of("modemqtt")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
]
source_suffix = {".md": "markdown"}
root_doc = "index"
# GitHub shows README.md as the front page of the folder; the site has index.md.
exclude_patterns = ["README.md", "_build"]
default_role = "code"

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 4

autodoc_typehints = "signature"
autodoc_member_order = "bysource"
# What is inherited from these is Python's own, or said with ModemError.
autodoc_default_options = {
    "members": True,
    "inherited-members": "ModemError, BaseException, Exception, OSError, tuple, dict",
}
napoleon_numpy_docstring = False
add_module_names = False
python_use_unqualified_type_names = True

html_theme = "furo"
html_title = f"modemqtt {version}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = ["tables.js"]
html_show_sphinx = False
html_copy_source = False
html_theme_options = {"navigation_with_keys": True}
pygments_style = "default"
pygments_dark_style = "monokai"

# What the package makes; a program calls none of these.
GIVEN = {
    "modemqtt.MqttClient",
    "modemqtt.Delivery",
    "modemqtt.WireLog",
    "modemqtt.aio.AsyncMqttClient",
    "modemqtt.aio.AsyncDelivery",
}

# Files at the root, or below tests, that are pages of the site as well.
ALSO_PAGES = {
    "changelog": "CHANGELOG.md",
    "contributing": "CONTRIBUTING.md",
    "wire-in-the-field": "tests/transcripts/FIELD.md",
    "transcripts": "tests/transcripts/README.md",
}
# What a link to one of these files leads to.
PAGE_OF = {"README.md": "index", "docs/README.md": "index", **{file: page for page, file in ALSO_PAGES.items()}}
LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#)([^)#\s]+)(#[^)\s]*)?(?=\))")


def source_address() -> str:
    """Return where the project's source is, as pyproject.toml has it."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    found = re.search(r'^Source = "([^"]+)"$', text, re.MULTILINE)
    if found is None:
        raise LookupError("pyproject.toml names no Source under [project.urls]")
    return found[1]


def lead_within_the_site(text: str, written_in: Path, page: str) -> str:
    """Return a document whose links lead to pages of the site, or to the project's source where there is no page."""
    here = (DOCS / page).parent

    def led(match: re.Match[str]) -> str:
        target = (written_in.parent / match[1]).resolve()
        anchor = match[2] or ""
        if not target.exists():
            return match[0]
        named = target.relative_to(ROOT).as_posix()
        if named in PAGE_OF:
            return f"{'../' * page.count('/')}{PAGE_OF[named]}.md{anchor}"
        if DOCS in target.parents and target.is_file():
            up = "../" * len(here.relative_to(DOCS).parts)
            return f"{up}{target.relative_to(DOCS).as_posix()}{anchor}"
        return f"{source_address()}/blob/main/{named}{anchor}"

    return LINK.sub(led, text)


def read(_app: Sphinx, page: str, source: list[str]) -> None:
    """Have each page, and those that are written elsewhere, with links that work in the site."""
    written_in = ROOT / ALSO_PAGES[page] if page in ALSO_PAGES else DOCS / f"{page}.md"
    text = written_in.read_text(encoding="utf-8") if page in ALSO_PAGES else source[0]
    source[0] = lead_within_the_site(text, written_in, page)


def leave_out(
    _app: Sphinx, _kind: str, name: str, _object: object, _options: object, signature: str | None, returns: str | None
) -> tuple[str | None, str | None]:
    """Show no constructor of what the package makes."""
    return (None, None) if name in GIVEN else (signature, returns)


def resolve(app: Sphinx, _environment: object, node: pending_xref, content: Element) -> Node | None:
    """Let a docstring name what another file of the package defines, as `modemqtt` offers it."""
    domain = app.env.domains.python_domain
    module = (node.get("py:module") or "").rpartition("._")[0] or "modemqtt"
    for prefix in (module, "modemqtt", "modemqtt.virtual"):
        name = f"{prefix}.{node['reftarget']}"
        if name in domain.objects:
            return domain.resolve_xref(app.env, node["refdoc"], app.builder, node["reftype"], name, node, content)
    return None


def setup(app: Sphinx) -> None:
    """Tell Sphinx of what is done above."""
    app.connect("autodoc-process-signature", leave_out)
    app.connect("missing-reference", resolve)
    app.connect("source-read", read)
