"""What `help()` shows: every public class has an example, and the examples do what they say."""

from __future__ import annotations

import asyncio
import doctest
import errno
import inspect
import pydoc

import pytest

import modemqtt
import modemqtt.aio
import modemqtt.virtual
from modemqtt import Modem

MODULES = (modemqtt, modemqtt.aio, modemqtt.virtual)
NAMES = {name: getattr(module, name) for module in MODULES for name in module.__all__}
CLASSES = {name: each for name, each in NAMES.items() if inspect.isclass(each)}
FUNCTIONS = {name: each for name, each in NAMES.items() if inspect.isfunction(each)}


@pytest.mark.parametrize("name", CLASSES)
def test_the_example_of_a_public_class_does_what_it_says(name: str) -> None:
    text = inspect.getdoc(CLASSES[name]) or ""
    assert "\nExample:\n" in text
    with Modem("virtual://M95") as modem:
        broker, mqtt = modem.virtual.broker, modem.mqtt()
        mqtt.open(broker.host, broker.port)
        mqtt.connect("bench-7")
        at_hand = {"modem": modem, "mqtt": mqtt, "broker": broker, "asyncio": asyncio, "errno": errno}
        example = doctest.DocTestParser().get_doctest(text, NAMES | at_hand, name, None, 0)
        assert example.examples
        told: list[str] = []
        ran = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(example, out=told.append)
    assert ran.failed == 0, "".join(told)


@pytest.mark.parametrize("name", CLASSES | FUNCTIONS)
def test_help_begins_with_what_it_is(name: str) -> None:
    text = pydoc.plain(pydoc.render_doc(NAMES[name]))
    first = (inspect.getdoc(NAMES[name]) or "").partition("\n")[0]
    assert first
    # Before it come a line about the object, its bases and its arguments.
    assert first in "\n".join(line.strip(" |") for line in text.splitlines()[:16])


def test_help_of_the_package_begins_with_a_session_and_lists_what_it_offers() -> None:
    text = pydoc.plain(pydoc.render_doc(modemqtt))
    assert 'with Modem("/dev/ttyUSB2") as modem:' in "\n".join(text.splitlines()[:12])
    for name in set(modemqtt.__all__) - {"__version__"}:
        assert name in text
