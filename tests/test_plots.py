"""Tables and pictures of the wire, of messages and of publishes."""

from __future__ import annotations

import sys
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

import modemqtt
from modemqtt import Message, Modem, MqttClient, UsageTypeError, WireLine, WireLog
from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from matplotlib.axes import Axes

    from modemqtt.virtual import Broker


@pytest.fixture(params=["M95"])
def model(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def _pictures(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Pictures are drawn on no screen, and are gone after the test."""
    monkeypatch.setenv("MPLBACKEND", "Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415 - where it draws is decided before

    yield
    plt.close("all")


MESSAGES = [
    Message("bench/7", b"21.5", 1, 0, 1_700_000_000.25, complete=True),
    Message("bench/$8$", b"x" * 400, 2, 0, 1_700_000_001.5, complete=True),
    Message("bench/7", b"2", 0, 0, 1_700_000_002.0, complete=False),
]


def legend(ax: Axes) -> list[str]:
    shown = ax.get_legend()
    return [] if shown is None else [text.get_text() for text in shown.get_texts()]


def drawn(ax: Axes) -> None:
    """Really draw it: only that shows a wrong text."""
    ax.figure.canvas.draw()


def test_the_wire_is_a_table_with_datetimes(modem: Modem) -> None:
    modem.command("AT+CSQ")
    wire = modem.wire[-3:]
    table = wire.to_pandas()
    assert list(table.columns) == ["timestamp", "sent", "text"]
    assert list(table.text) == ["AT+CSQ", "+CSQ: 20,0", "OK"]
    assert list(table.sent) == [True, False, False]
    assert abs(table.timestamp[0] - datetime.fromtimestamp(wire[0].timestamp, timezone.utc)).total_seconds() < 1e-5
    same = pd.DataFrame(wire)
    assert list(same.columns) == list(table.columns)
    assert list(same.text) == list(table.text)
    empty = modem.wire[:0].to_pandas()
    assert list(empty.columns) == list(table.columns)
    assert empty.timestamp.dtype == table.timestamp.dtype


def test_messages_are_a_table() -> None:
    table = modemqtt.to_pandas(iter(MESSAGES))
    assert list(table.columns) == ["topic", "payload", "message_id", "client", "timestamp", "complete"]
    assert table.payload[0] == b"21.5"
    assert table.timestamp[1] - table.timestamp[0] == pd.Timedelta(seconds=1.25)
    assert list(pd.DataFrame(MESSAGES).topic) == list(table.topic)
    assert len(modemqtt.to_pandas([])) == 0


def test_publishes_are_a_table_with_their_four_times(mqtt: MqttClient, broker: Broker) -> None:
    deliveries = [mqtt.publish("bench/t", b"1", qos=qos) for qos in (0, 1)]
    broker.withhold_acks()
    deliveries.append(mqtt.publish("bench/t", b"1", qos=1, wait=False))
    until(lambda: deliveries[-1].state == "accepted", "the module's OK")
    table = modemqtt.to_pandas(deliveries)
    assert list(table.state) == ["sent", "acknowledged", "accepted"]
    assert list(table.message_id) == [0, 1, 2]
    assert ((table.ended_at - table.sent_at)[:2] > pd.Timedelta(0)).all()
    assert table.ended_at.isna().tolist() == [False, False, True]


@pytest.mark.usefixtures("_pictures")
def test_the_wire_is_drawn_with_a_row_for_each_kind(modem: Modem) -> None:
    modem.command("AT+CSQ")
    ax = modem.wire[-3:].plot()
    drawn(ax)
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert labels[-2:] == ["host: data", "host: command"]
    assert labels[0] == "module: URC"
    rows = {labels[round(float(y))] for points in ax.collections for _, y in points.get_offsets().tolist()}  # type: ignore[union-attr]
    assert rows == {"host: command", "module: answer", "module: result"}
    assert modem.wire[:0].plot(ax) is ax


@pytest.mark.usefixtures("_pictures")
def test_publishes_are_drawn_by_their_end(mqtt: MqttClient, broker: Broker) -> None:
    deliveries = [mqtt.publish("bench/t", b"1", qos=1) for _ in range(3)]
    broker.withhold_acks()
    lost, waiting = (mqtt.publish("bench/t", b"1", qos=1, wait=False) for _ in range(2))
    until(lambda: waiting.state == "accepted", "the module's OK")
    ax = modemqtt.plot_deliveries([*deliveries, waiting])
    drawn(ax)
    assert legend(ax) == ["acknowledged (3)", "under way (1)"]
    broker.drop_clients()
    until(lambda: lost.state == "unknown", "the loss")
    assert modemqtt.plot_deliveries([*deliveries, lost], ax, label="M95") is ax
    assert legend(ax)[2:] == ["M95, acknowledged (3)", "M95, unknown (1)"]
    assert legend(modemqtt.plot_deliveries([])) == []


@pytest.mark.usefixtures("_pictures")
def test_messages_are_drawn_by_topic_and_a_topic_is_no_formula() -> None:
    ax = modemqtt.plot_messages(iter(MESSAGES))
    drawn(ax)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["bench/7", "bench/$8$"]
    assert legend(ax) == ["complete (2)", "end in doubt (1)"]
    hostile = "$\\frac{\u202e\x00" + "x" * 60_000
    many = [Message(f"{number}{hostile}", b"", 0, 0, float(number), complete=True) for number in range(30)]
    ax = modemqtt.plot_messages(many)
    drawn(ax)
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert len(labels) == 21
    assert labels[0].startswith(r"0$\frac{\xe2\x80\xae\x00xxx")
    assert labels[-1] == "10 other topics"
    assert modemqtt.plot_messages([], ax) is ax


@pytest.mark.parametrize(
    ("call", "wrong", "told"),
    [
        (modemqtt.plot_deliveries, MESSAGES, "deliveries must be deliveries, not Message among them"),
        (modemqtt.plot_deliveries, 3, "deliveries must be deliveries, not int"),
        (modemqtt.plot_messages, "text", "messages must be messages, not str"),
        (modemqtt.plot_messages, [b"1"], "messages must be messages, not bytes among them"),
        (modemqtt.to_pandas, [1], "items must be messages or deliveries or lines of the wire, not int among them"),
        (
            modemqtt.to_pandas,
            [*MESSAGES, WireLine(0.0, sent=True, text="AT")],
            "items must be of one kind, not Message and WireLine; make a table of each",
        ),
        (lambda ax: modemqtt.plot_messages(MESSAGES, ax), 3, "ax must be a matplotlib Axes or None, not int"),
        (lambda ax: modemqtt.plot_deliveries([], ax=ax), [], "ax must be a matplotlib Axes or None, not list"),
        (WireLog(()).plot, "ax", "ax must be a matplotlib Axes or None, not str"),
    ],
)
def test_what_cannot_be_drawn_is_named(call: Callable[[Any], object], wrong: object, told: str) -> None:
    with pytest.raises(UsageTypeError, match=f"^{told}$"):
        call(wrong)


@pytest.mark.parametrize(
    ("call", "library"),
    [
        (lambda: WireLog(()).to_pandas(), "pandas"),
        (lambda: modemqtt.to_pandas(MESSAGES), "pandas"),
        (lambda: WireLog(()).plot(), "matplotlib"),
        (lambda: modemqtt.plot_deliveries([]), "matplotlib"),
        (lambda: modemqtt.plot_messages(MESSAGES), "matplotlib"),
    ],
)
def test_without_the_library_the_error_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, call: Callable[[], Any], library: str
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == library]:
        monkeypatch.delitem(sys.modules, name)
    found = list(sys.meta_path)
    monkeypatch.setattr(sys, "meta_path", [Without(library), *found])
    with pytest.raises(
        ImportError, match=rf"needs {library}, which is not installed: pip install 'modemqtt\[notebook\]'$"
    ) as caught:
        call()
    assert caught.value.name == library


class Without:
    """Finds no module of a library, as if it were not installed."""

    def __init__(self, library: str) -> None:
        self._library = library

    def find_spec(self, name: str, *_: object) -> None:
        if name.partition(".")[0] == self._library:
            raise ModuleNotFoundError(f"No module named {self._library!r}", name=self._library)
