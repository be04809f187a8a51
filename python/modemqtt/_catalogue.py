"""The models, faults and profiles of virtual modules. A profile is a module that was seen in the field."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from modemqtt import _core
from modemqtt._usage import text
from modemqtt.exceptions import UsageTypeError


class Model(NamedTuple):
    """A model that the virtual module can be, and that :class:`modemqtt.Modem` drives.

    Example:
        >>> [model.name for model in MODELS if model.dialect == "eg91xq"]
        ['EG800Q', 'EG915Q', 'EG916Q']

    """

    name: str
    """Its name, such as ``"M95"``."""
    dialect: str
    """The dialect that it speaks, such as ``"m95"``: models of one dialect take the same commands."""
    experimental: bool
    """Whether its rows come from other sources than an application note."""


MODELS: tuple[Model, ...] = tuple(Model(*row) for row in _core.models())
"""The models."""


class FaultDescription(NamedTuple):
    """The description of a fault.

    Example:
        >>> len(FAULT_TABLE) == len(FAULTS)
        True

    """

    name: str
    """Its name, as :meth:`VirtualModem.inject` takes it."""
    value: str
    """What the value after the name means, its range, and what applies without one; empty if the fault takes none."""
    description: str
    """What it does."""


FAULT_TABLE: tuple[FaultDescription, ...] = tuple(FaultDescription(*row) for row in _core.fault_table())
"""The faults that a virtual module can have."""


class Profile(NamedTuple):
    """A module that was seen in the field.

    Example:
        >>> all(profile.models for profile in PROFILES)
        True

    """

    name: str
    """Its name, as `as_seen` of :class:`VirtualModem` takes it."""
    models: list[str]
    """The models that it applies to."""
    description: str
    """What it does wrong."""
    source: str
    """Where it was seen."""


PROFILES: tuple[Profile, ...] = tuple(Profile(*row) for row in _core.profile_table())
"""The modules that were seen in the field."""

FAULTS: tuple[str, ...] = tuple(row.name for row in FAULT_TABLE)
"""The names of the faults."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault whose value is a number: ``Fault("lost-ok", 0.01)`` is ``"lost-ok=0.01"``.

    Example:
        >>> modem.virtual.inject(Fault("lost-ok", 0.01))
        >>> modem.virtual.faults
        ('lost-ok=0.01',)

    """

    name: str
    """Its name, one of :data:`FAULTS`."""
    value: float | None = None
    """What it means is in :data:`FAULT_TABLE`; ``None`` for what applies without a value."""

    def __post_init__(self) -> None:
        """Check the types; the rest is checked where it is used.

        Raises:
            UsageTypeError: `name` is not a str, or `value` is not a number.

        """
        text("name", self.name, '"lost-ok"')
        if self.value is not None and not isinstance(self.value, (int, float)):
            raise UsageTypeError(f"value must be a number or None, not {self.value!r}")

    def __str__(self) -> str:
        """As it is written."""
        if self.value is None:
            return self.name
        digits = f"{Decimal(repr(float(self.value))):f}"
        return f"{self.name}={digits.removesuffix('.0')}"


def written(fault: str | Fault) -> str:
    """Write a fault as the core takes it."""
    return str(fault) if isinstance(fault, Fault) else fault
