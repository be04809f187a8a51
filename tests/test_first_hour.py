"""The mistakes of docs/tutorials/first-hour.md are told as the page has it."""

from __future__ import annotations

import re

import pytest

from modemqtt import Modem, ModemError
from support import documents

PAGE = documents.read("docs/tutorials/first-hour.md")
TABLE = PAGE.partition("## Mistakes that were made on purpose")[2].partition("\n## ")[0]
MISTAKES = re.findall(r"^\| `(.+?)` \| (.+) \|$", TABLE, re.MULTILINE)


def test_mistakes_are_found() -> None:
    assert len(MISTAKES) >= 10


@pytest.mark.parametrize(("mistake", "told"), MISTAKES, ids=[mistake for mistake, _ in MISTAKES])
def test_a_mistake_of_a_new_user_is_told_as_the_page_has_it(mistake: str, told: str) -> None:
    with Modem("virtual://M95") as modem:
        names = {"Modem": Modem, "modem": modem, "mqtt": modem.mqtt()}
        with pytest.raises(ModemError) as caught:
            eval(mistake, names)  # noqa: S307 - our own
    first = str(caught.value).splitlines()[0]
    assert re.sub(r"/dev/pts/\d+", "/dev/pts/0", first) == told
