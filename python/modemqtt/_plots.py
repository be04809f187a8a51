"""Tables and pictures of what went over the wire, of messages and of publishes.

pandas and matplotlib are imported when they are first used; the extra ``modemqtt[notebook]`` brings them.
"""

from __future__ import annotations

import importlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

from modemqtt._delivery import Delivery
from modemqtt._lanes import Kind, told_apart
from modemqtt._shown import escaped
from modemqtt._values import Message, WireLine
from modemqtt.exceptions import UsageTypeError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

T = TypeVar("T")

_DELIVERY = ("client", "message_id", "state", "retransmissions", "queued_at", "sent_at", "accepted_at", "ended_at")
_TIMES = frozenset({"timestamp", "queued_at", "sent_at", "accepted_at", "ended_at"})

# The rows of the wire, from the bottom: the module's lane below, the host's above. Markers tell them apart too.
_ROWS = {
    Kind.URC: "D",
    Kind.FAILED: "x",
    Kind.DONE: "o",
    Kind.ANSWER: "<",
    Kind.PROMPT: "_",
    Kind.ECHO: "1",
    Kind.DATA: "s",
    Kind.COMMAND: ">",
}
_OF_THE_MODULE = 6
_STATES = {"sent": ".", "acknowledged": "o", "failed": "x", "unknown": "^"}
# How many topics have a row of their own, and how many characters of them are shown.
_TOPICS, _TOPIC = 20, 40


def to_pandas(items: Iterable[Message | Delivery | WireLine]) -> pd.DataFrame:
    """Return a table of messages, of deliveries or of lines of the wire, a row each.

    Columns have the names of the attributes. Times are datetimes in UTC.

        table = modemqtt.to_pandas(deliveries)
        (table.ended_at - table.sent_at).describe()

    Args:
        items: messages, deliveries or lines, all of one kind.

    Raises:
        UsageTypeError: `items` holds something else, or more than one kind.
        ImportError: pandas is not installed; ``pip install 'modemqtt[notebook]'`` brings it.

    """
    each = _all_of("items", items, (Message, Delivery, WireLine))
    kinds = {kind for item in each for kind in (Message, Delivery, WireLine) if isinstance(item, kind)}
    if len(kinds) > 1:
        names = " and ".join(sorted(kind.__name__ for kind in kinds))
        raise UsageTypeError(f"items must be of one kind, not {names}; make a table of each")
    return _table(each, kinds.pop() if kinds else None)


def table_of_wire(lines: Iterable[WireLine]) -> pd.DataFrame:
    """Return a table of the wire, which has its columns even without a line."""
    return _table(list(lines), WireLine)


def plot_wire(lines: Iterable[WireLine], ax: Axes | None = None) -> Axes:
    """Draw the lines of the wire over time, a row for each kind: the host's above, the module's below."""
    ax = _axes(ax)
    shown = list(told_apart(lines))
    start = shown[0].line.timestamp if shown else 0.0
    for place, (kind, marker) in enumerate(_ROWS.items()):
        moments = [each.line.timestamp - start for each in shown if each.kind is kind]
        ax.scatter(moments, [place] * len(moments), marker=marker, s=24, label=f"{kind.value} ({len(moments)})")
    ax.axhline(_OF_THE_MODULE - 0.5, color="gray", linewidth=0.8)
    lanes = ["module"] * _OF_THE_MODULE + ["host"] * (len(_ROWS) - _OF_THE_MODULE)
    labels = [f"{lane}: {kind.value}" for lane, kind in zip(lanes, _ROWS, strict=True)]
    ax.set_yticks(range(len(_ROWS)), labels)
    ax.set_ylim(-0.5, len(_ROWS) - 0.5)
    ax.set_xlabel("seconds after the first line")
    return ax


def plot_deliveries(deliveries: Iterable[Delivery], ax: Axes | None = None, *, label: str | None = None) -> Axes:
    """Draw how long each publish took, from the command that was written to its end, over the time it was written at.

    Failed publishes, and those whose outcome is unknown, have their own markers. One that was never sent counts from
    when it was queued; one that is under way is not drawn, but counted in the legend.

        ax = modemqtt.plot_deliveries(deliveries)

    Args:
        deliveries: the publishes.
        ax: where to draw; ``None`` for a new figure.
        label: what the legend calls them, beside their state.

    Returns:
        The axes.

    Raises:
        UsageTypeError: something else is among them, or `ax` is not an Axes.
        ImportError: matplotlib is not installed; ``pip install 'modemqtt[notebook]'`` brings it.

    """
    each = _all_of("deliveries", deliveries, (Delivery,))
    ax = _axes(ax)
    # One that was never sent has only its queueing time.
    began = [delivery.sent_at or delivery.queued_at for delivery in each]
    start = min(began, default=0.0)
    points: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for delivery, at in zip(each, began, strict=True):
        # The state first: a publish may end in between, and one that has ended has a time.
        state, ended = delivery.state, delivery.ended_at
        if ended is None or state not in _STATES:
            points["under way"].append((at - start, float("nan")))
        else:
            points[state].append((at - start, 1000 * (ended - at)))
    for name, drawn in points.items():
        told = f"{name} ({len(drawn)})" if label is None else f"{label}, {name} ({len(drawn)})"
        seconds, took = zip(*drawn, strict=True)
        ax.scatter(seconds, took, marker=_STATES.get(name, "|"), s=14, label=told)
    ax.set_xlabel("sent, seconds after the first")
    ax.set_ylabel("from sent to ended, ms")
    if points:
        ax.legend()
    return ax


def plot_messages(messages: Iterable[Message], ax: Axes | None = None) -> Axes:
    """Draw when each message came, a row for each topic; the larger its marker, the longer its payload.

    Beyond 20 topics the rest share a row. A message whose end is in doubt (`complete` is False) is a cross.

        ax = modemqtt.plot_messages(mqtt.messages(timeout=5))

    Args:
        messages: the messages.
        ax: where to draw; ``None`` for a new figure.

    Returns:
        The axes.

    Raises:
        UsageTypeError: something else is among them, or `ax` is not an Axes.
        ImportError: matplotlib is not installed; ``pip install 'modemqtt[notebook]'`` brings it.

    """
    each = _all_of("messages", messages, (Message,))
    ax = _axes(ax)
    topics = list(dict.fromkeys(message.topic for message in each))
    rows = {topic: min(place, _TOPICS) for place, topic in enumerate(topics)}
    start = min((message.timestamp for message in each), default=0.0)
    for complete, marker, name in ((True, "o", "complete"), (False, "x", "end in doubt")):
        drawn = [message for message in each if message.complete is complete]
        if drawn:
            ax.scatter(
                [message.timestamp - start for message in drawn],
                [rows[message.topic] for message in drawn],
                s=[12 + 2 * len(message.payload) ** 0.5 for message in drawn],
                marker=marker,
                label=f"{name} ({len(drawn)})",
            )
    labels = [_shortened(topic) for topic in topics[:_TOPICS]]
    if len(topics) > _TOPICS:
        labels.append(f"{len(topics) - _TOPICS} other topics")
    # A topic may hold what would be a formula.
    ax.set_yticks(range(len(labels)), labels, parse_math=False)
    ax.set_xlabel("seconds after the first message")
    if each:
        ax.legend()
    return ax


def _table(items: list[Any], kind: type | None) -> pd.DataFrame:
    pandas = _needed("pandas", "a table")
    names: tuple[str, ...] = ()
    if kind is not None:
        names = _DELIVERY if kind is Delivery else tuple(field.name for field in fields(kind))
    columns = {name: [getattr(item, name) for item in items] for name in names}
    table: pd.DataFrame = pandas.DataFrame({name: _column(pandas, name, values) for name, values in columns.items()})
    return table


def _column(pandas: Any, name: str, values: list[Any]) -> Any:
    if name not in _TIMES:
        return values
    return pandas.to_datetime(pandas.Series(values, dtype="float64"), unit="s", utc=True).dt.as_unit("ns")


def _axes(ax: Axes | None) -> Axes:
    if ax is None:
        pyplot = _needed("matplotlib.pyplot", "a picture")
        axes: Axes = pyplot.subplots(layout="constrained")[1]
        return axes
    if not hasattr(ax, "scatter") or not hasattr(ax, "set_yticks"):
        raise UsageTypeError(f"ax must be a matplotlib Axes or None, not {type(ax).__name__}")
    return ax


def _needed(module: str, wanted: str) -> Any:
    library = module.partition(".")[0]
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        # A missing part of the library itself is not reported here.
        if error.name != library:
            raise
    raise ImportError(
        f"{wanted} needs {library}, which is not installed: pip install 'modemqtt[notebook]'", name=library
    )


def _all_of(name: str, items: Iterable[T], kinds: tuple[type, ...]) -> list[T]:
    wanted = {Message: "messages", Delivery: "deliveries", WireLine: "lines of the wire"}
    said = " or ".join(wanted[kind] for kind in kinds)
    if isinstance(items, (str, bytes)) or not isinstance(items, Iterable):
        raise UsageTypeError(f"{name} must be {said}, not {type(items).__name__}")
    each = list(items)
    for item in each:
        if not isinstance(item, kinds):
            raise UsageTypeError(f"{name} must be {said}, not {type(item).__name__} among them")
    return each


def _shortened(topic: str) -> str:
    return escaped(topic if len(topic) <= _TOPIC else f"{topic[:_TOPIC]}…")
