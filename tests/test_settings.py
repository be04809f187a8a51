"""What `AT+QMTCFG` prints, taken apart."""

from __future__ import annotations

import pytest

from modemqtt import Alibaba, Values, Will
from modemqtt._settings import ranges, typed

CLIENTS = Values(ranges=((0, 5),))


@pytest.mark.parametrize(
    ("line", "key", "values"),
    [
        ('+QMTCFG: "keepalive",(0-5),(0-3600)', "keepalive", (CLIENTS, Values(ranges=((0, 3600),)))),
        ('+QMTCFG:"KEEPALIVE", (0-5) ,( 0 - 3600 )', "keepalive", (CLIENTS, Values(ranges=((0, 3600),)))),
        ("+QMTCFG: “SSL”,(0-5),(0,1)", "ssl", (CLIENTS, Values(single=(0, 1)))),
        ('+QMTCFG: "x",(0-5), <msgid>,(0-2)', "x", (CLIENTS, Values(), Values(ranges=((0, 2),)))),
        ('+QMTCFG: "x",(0,2-4,9)', "x", (Values(single=(0, 9), ranges=((2, 4),)),)),
        ('+QMTCFG: "aliauth",(0-5),"key","name","secret"', "aliauth", (CLIENTS, Values(), Values(), Values())),
        ('+QMTCFG: "x"', "x", ()),
    ],
)
def test_a_line_of_the_test_form_is_read_whatever_its_spacing(line: str, key: str, values: tuple[Values, ...]) -> None:
    assert ranges(line) == (key, values)


@pytest.mark.parametrize("line", ["", "OK", "+CSQ: 1,2", "+QMTCFG", "QMTCFG: 1"])
def test_a_line_that_is_no_setting_is_left_out(line: str) -> None:
    assert ranges(line) is None


def test_a_value_is_in_a_range_with_both_its_ends() -> None:
    values = Values(single=(9,), ranges=((2, 4),))
    assert [number for number in range(12) if number in values] == [2, 3, 4, 9]
    assert "2" not in values


@pytest.mark.parametrize(
    ("printed", "setting"),
    [
        ({"will": "0"}, {"will": None}),
        ({"will": '1,2,1,"a/b","x,"y" z"'}, {"will": Will("a/b", b'x,"y" z', 2, retain=True)}),
        ({"will": "1,0,0,a,gone"}, {"will": Will("a", b"gone")}),
        ({"willex": '1,0,0,"a",12'}, {"willex": ("a", 0, False, 12)}),
        ({"ssl": "1,2"}, {"tls_context": 2}),
        ({"ssl": "0"}, {"tls_context": None}),
        ({"edit/timeout": "1,30"}, {"edit_timeout": 30}),
        ({"aliauth": '"k","n","s"'}, {"alibaba": Alibaba("k", "n", "s")}),
        ({"aliauth": ""}, {"alibaba": None}),
        ({"version": "4"}, {"version": "3.1.1"}),
        ({"version": "9"}, {"version": "9"}),
        ({"keepalive": "soon"}, {"keepalive": "soon"}),
        ({"new/key": "1,2"}, {"new/key": "1,2"}),
    ],
)
def test_a_setting_is_named_and_typed_and_what_is_odd_stays_text(
    printed: dict[str, str], setting: dict[str, object]
) -> None:
    assert typed(printed, {"4": "3.1.1"}) == setting
