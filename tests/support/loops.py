"""Programs in an event loop."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


def go(program: Callable[[], Awaitable[Any]], within: float = 20, *, debug: bool = True) -> Any:  # noqa: ANN401 - any
    """Run a program in a new loop that finds forgotten tasks and calls that hold the loop up."""

    async def limited() -> object:
        return await asyncio.wait_for(program(), within)

    return asyncio.run(limited(), debug=debug)


async def until(condition: Callable[[], object], what: str) -> None:
    """Let the loop run until the condition holds."""
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come"
        await asyncio.sleep(0.001)
