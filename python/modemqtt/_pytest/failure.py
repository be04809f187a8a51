"""Failing a test, a fixture or a collection in one sentence, with no traceback of the plugin."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, NoReturn

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


def fail(text: str) -> NoReturn:
    """Fail with that text and nothing else."""
    __tracebackhide__ = True
    raise pytest.fail.Exception(text, pytrace=False) from None


def sentence(error: BaseException) -> str:
    """Return what an error says, without its further lines."""
    return str(error).partition("\n")[0]


@contextlib.contextmanager
def told(port: str = "") -> Iterator[None]:
    """Turn an error of a module, a port or an argument into a failure of one sentence that names the port."""
    from modemqtt import ModemError  # noqa: PLC0415 - markers are checked when nothing else of it is loaded

    try:
        yield
    except (ModemError, OSError) as error:
        text = sentence(error)
        fail(text if port in text else f"{port}: {text}")
