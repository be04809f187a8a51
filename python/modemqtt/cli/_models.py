"""The known models and their dialects."""

from __future__ import annotations

from typing import NamedTuple

from modemqtt import _core


class KnownModel(NamedTuple):
    """A model."""

    dialect: str
    experimental: bool


def models() -> dict[str, KnownModel]:
    """Return the models by their names."""
    return {name: KnownModel(dialect, experimental) for name, dialect, experimental in _core.models()}
