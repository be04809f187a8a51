"""Names: those of models and of sections of a recording, and short ones for long texts."""

from __future__ import annotations

import hashlib

# The section of a test is named by this and the name of the test.
TEST = "test "
# How a client id begins that is made up.
CLIENT_ID = "modemqtt-"


def model_named(name: object) -> str:
    """Return the name of a model as the package writes it.

    Raises:
        LookupError: there is none of that name; the text lists the known ones.

    """
    from modemqtt.virtual import MODELS  # noqa: PLC0415 - loaded only where a model is named

    for model in MODELS:
        if isinstance(name, str) and model.name.lower() == name.lower():
            return model.name
    raise LookupError(f"{name!r} is not a model; the known ones are {', '.join(model.name for model in MODELS)}")


def short_hash(text: str, size: int = 4) -> str:
    """Return a few hexadecimal digits that stand for a text."""
    return hashlib.blake2b(text.encode(errors="replace"), digest_size=size).hexdigest()
