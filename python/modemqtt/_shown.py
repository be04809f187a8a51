"""How text from elsewhere is shown: as in the log, on one line, and without anything that acts on a terminal."""

from __future__ import annotations

import re

# Characters that act on text beside them or are invisible: control characters, line ends, those of the bidirectional
# algorithm, those without a width, tags; and halves of a pair, which no output takes.
_ACTS = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"
    "\ud800-\udfff]"
)


def escaped(text: str) -> str:
    r"""Escape what acts on the text beside it, by its bytes in UTF-8: ``\r``, ``\x1b``, ``\xe2\x80\xae``."""
    return _ACTS.sub(lambda found: repr(found[0].encode("utf-8", "surrogatepass"))[2:-1], text)
