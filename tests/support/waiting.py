"""Waiting for what another thread does, without sleeping longer than it takes."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

PATIENCE = 5.0


def until(condition: Callable[[], object], what: str = "the condition", patience: float = PATIENCE) -> None:
    """Return once the condition holds; fail if it does not in time."""
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come about within {patience:g} s"
        time.sleep(0.002)


def in_thread(call: Callable[[], T]) -> Future[T]:
    """Run a blocking call next to the test. It may outlive the test: the thread does not keep the process alive."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:  # noqa: BLE001 - whatever it is, the test is told
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future
