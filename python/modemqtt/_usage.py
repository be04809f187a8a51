"""Wrong calls, told apart from mistakes of this package."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from modemqtt.exceptions import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def arguments() -> Iterator[None]:
    """Have an argument that is of the wrong type, too large for any machine, or no Unicode be a :class:`UsageError`.

    It stands round the call that hands arguments over to the core, and round nothing else.
    """
    try:
        yield
    except (TypeError, OverflowError, UnicodeError) as error:
        message = " ".join([str(error), *getattr(error, "__notes__", ())])
    else:
        return
    # Outside of the handler: a UnicodeError holds the text, which may be a password.
    raise UsageError(message)


def seconds(timeout: float | None, *, otherwise: float) -> float:
    """Check a time in seconds."""
    if timeout is None:
        return otherwise
    if not timeout >= 0:
        raise UsageError(f"timeout: {timeout} is no time; give seconds from 0 on, or None")
    return timeout
