"""The values that an option takes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Values:
    """The values that a parameter takes: single ones, and ranges that include both ends.

    Example:
        >>> qos = Values(single=(0, 1))
        >>> 1 in qos, 2 in qos, 60 in Values(ranges=((1, 60),))
        (True, False, True)

    """

    single: tuple[int, ...] = ()
    """Single values, as in ``(0,1)``."""
    ranges: tuple[tuple[int, int], ...] = ()
    """Ranges, as in ``(1-60)``."""

    def __contains__(self, value: object) -> bool:
        """Whether the parameter takes that value."""
        return value in self.single or (
            isinstance(value, int) and any(low <= value <= high for low, high in self.ranges)
        )
