"""The options of a client: those of the core have their types in Python."""

from __future__ import annotations

import pytest

from modemqtt import Modem, Options, UsageError, Values
from modemqtt._core import option_table


def test_the_options_of_python_are_those_of_the_core_with_their_types() -> None:
    annotations = {name: reference.__forward_arg__ for name, reference in Options.__annotations__.items()}
    assert annotations == dict(option_table())


def test_an_unknown_option_is_refused_with_those_that_there_are(modem: Modem) -> None:
    with pytest.raises(UsageError) as refused:
        modem.mqtt().configure(keepalive=60, tempo=1, answer=2)  # type: ignore[call-arg]
    names = ", ".join(sorted(dict(option_table())))
    assert str(refused.value) == (
        f"there is no option answer, tempo; the options are {names}; client_id, username and password are arguments of "
        "connect() and session()"
    )


def test_a_value_is_in_a_range_with_both_its_ends() -> None:
    values = Values(single=(9,), ranges=((2, 4),))
    assert [number for number in range(12) if number in values] == [2, 3, 4, 9]
    assert "2" not in values
