"""How objects show themselves in a notebook.

Colours come from the page, light or dark: text keeps its own, and lines and shades are mixed from it. Text from outside
is escaped as in the log, and then for HTML. Nothing here talks to a module.
"""

from __future__ import annotations

import html
from datetime import datetime
from typing import TYPE_CHECKING

from modemqtt._lanes import Kind, told_apart
from modemqtt._shown import escaped

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from modemqtt._lanes import LoggedLine

# How much is shown: bytes of a payload, characters of other texts, lines of the wire and of an answer, rows of a list.
_PAYLOAD, _TEXT, _WIRE, _LINES, _ROWS = 512, 256, 60, 30, 5

_RULE = "1px solid var(--jp-border-color2, rgba(128,128,128,.35))"
_MONO = "font-family:var(--jp-code-font-family, ui-monospace, monospace)"
_BOX = (
    "display:inline-block;max-width:100%;color:inherit;background:transparent;"
    f"border:{_RULE};border-radius:4px;padding:.4em .8em"
)
_TABLE = "border-collapse:collapse;border:0;margin:.2em 0 0;color:inherit;background:transparent;font-size:inherit"
_ROW = "background:transparent;border:0"
_CELL = "text-align:left;vertical-align:top;padding:.05em 1em .05em 0;border:0;color:inherit;background:transparent"
_FAINT = "opacity:.75"

_SIGNS = {
    Kind.COMMAND: "&rarr;",
    Kind.DATA: "&#8658;",
    Kind.ECHO: "&#8617;",
    Kind.PROMPT: "?",
    Kind.ANSWER: "&larr;",
    Kind.DONE: "&#10003;",
    Kind.FAILED: "&#10007;",
    Kind.URC: "!",
}
# The counters that report a loss or a mistake.
_TROUBLES = ("messages_dropped", "overruns", "restarts", "urcs_dropped", "events_dropped", "callback_errors")
_STATES = {
    "queued": "&#8230;",
    "accepted": "&rarr;",
    "retransmitting": "&#8635;",
    "sent": "&#10003;",
    "acknowledged": "&#10003;",
    "failed": "&#10007;",
    "unknown": "?",
}


def modem_html(  # noqa: PLR0917 - what is known of it, in the order of its rows
    name: str,
    port: str,
    known: tuple[str, str] | None,
    firmware: tuple[str, ...] | None,
    signal: tuple[int | None, float] | None,
    clients: Iterable[tuple[int, str, tuple[str, int] | None]],
) -> str:
    """Show a modem: what is known without asking it. A closed one has no model."""
    rows = [("port", _code(port)), ("state", "open" if known else "closed")]
    if known is not None:
        rows.append(("model", _plain(f"{known[0]} (dialect {known[1]})")))
        rows.append(("firmware", _code(", ".join(firmware)) if firmware else _unasked("modem.identity")))
        rows.append(("signal", _signal_html(signal)))
    shown = [f"{index}: {_plain(state)}{f' {_server(at)}' if at else ''}" for index, state, at in clients]
    rows.append(("clients", "<br>".join(shown) or "none"))
    return _box(name, rows)


def client(
    name: str, modem: str, state: str, server: tuple[str, int] | None, *, reconnects: bool, callbacks: Iterable[str]
) -> str:
    """Show a client: where it stands, and what is called."""
    rows = [
        ("modem", _code(modem)),
        ("state", _plain(state)),
        ("server", _server(server)),
        ("reconnects", "yes" if reconnects else "no"),
        ("callbacks", _plain(", ".join(callbacks) or "none")),
    ]
    return _box(name, rows)


def message(topic: str, payload: bytes, message_id: int, client: int, timestamp: float, *, complete: bool) -> str:
    """Show a message; a long payload is cut."""
    rows = [
        ("topic", _code(topic)),
        ("payload", _payload_html(payload)),
        ("size", _plain(_bytes(len(payload)))),
        ("received", _plain(_date_and_time(timestamp))),
        ("client", _plain(str(client))),
        ("message id", _plain(f"{message_id}" if message_id else "0 (QoS 0)")),
    ]
    if not complete:
        rows.append(("complete", "&#10007; no: the module's framing leaves in doubt where the payload ends"))
    return _box("Message", rows)


def delivery(  # noqa: PLR0917 - the same
    name: str, state: str, client: int, message_id: int, retransmissions: int, times: Sequence[float | None]
) -> str:
    """Show a publish on its way: where it stands, and how long each step took."""
    rows = [("state", f"{_STATES[state]} {_plain(state)}"), ("client", _plain(str(client)))]
    if message_id:
        rows.append(("message id", _plain(str(message_id))))
    if retransmissions:
        rows.append(("sent again", _plain(f"{retransmissions} times")))
    queued, *steps = times
    rows.append(("queued", _plain(_date_and_time(queued or 0.0))))
    for step, moment in zip(("sent", "accepted", "ended"), steps, strict=True):
        rows.append((step, "&ndash;" if moment is None else _plain(f"+{_seconds(moment - (queued or 0.0))}")))
    return _box(name, rows)


def response(lines: Sequence[str], final: str) -> str:
    """Show an answer: its lines and the final result code."""
    shown = [_code(line) for line in lines[:_LINES]]
    if len(lines) > _LINES:
        shown.append(_faint(f"{len(lines) - _LINES} more lines"))
    return _box("Response", [("lines", "<br>".join(shown) or "none"), ("final", _code(final))])


def stats(counters: Mapping[str, int]) -> str:
    """Show counters; those that report a loss or a mistake are marked when they are not 0."""
    rows = [
        (name.replace("_", " "), _plain(f"{'! ' if value and name in _TROUBLES else ''}{value:,}"))
        for name, value in counters.items()
    ]
    return _box("Stats", rows)


def broker(address: str, clients: Sequence[str], messages: Sequence[tuple[str, bytes]]) -> str:
    """Show a broker: who is connected, and what was published last, each by its topic and payload."""
    rows = [
        ("address", _code(address)),
        ("clients", "<br>".join(_some([_code(name) for name in clients])) or "none"),
        ("messages", _plain(f"{len(messages):,}")),
    ]
    last = [f"{_code(topic)} {_payload_html(payload, 48)}" for topic, payload in messages[-_ROWS:]]
    if last:
        rows.append(("the last", "<br>".join(last)))
    return _box("Broker", rows)


def virtual_modem_html(name: str, model: str, port: str, faults: Sequence[str], commands: Sequence[str]) -> str:
    """Show a virtual module: its port, its faults, and its last commands."""
    rows = [
        ("model", _plain(model)),
        ("port", _code(port)),
        ("faults", "<br>".join(_some([_code(fault) for fault in faults])) or "none"),
        ("commands", _plain(f"{len(commands):,}")),
    ]
    if commands:
        rows.append(("the last", "<br>".join(_code(line) for line in commands[-_ROWS:])))
    return _box(name, rows)


def replay_html(model: str | None, port: str, differences: Sequence[str], left: str | None) -> str:
    """Show a recording that is played: its port, what the host should send next, and what it sent otherwise."""
    rows = [
        ("model", _plain(model or "not known")),
        ("port", _code(port)),
        ("next", "nothing" if left is None else _code(left)),
        ("differences", "<br>".join(_some([_code(each) for each in differences])) or "none"),
    ]
    return _box("Replay", rows)


def wire(lines: Iterable[LoggedLine]) -> str:
    """Show the wire: a lane for the host, one for the module, the time of each line. A long log is cut to its end."""
    every = list(told_apart(lines))
    shown = every[-_WIRE:]
    title = f"wire, {len(every):,} lines"
    if len(every) > len(shown):
        title += f": the last {len(shown)}; wire[:{_WIRE}] shows the first"
    heads = "".join(
        f'<th scope="col" style="{_CELL};border-bottom:{_RULE};font-weight:600">{name}</th>'
        for name in ("time", "host", "module")
    )
    rows = []
    for line, kind in shown:
        sign = f'<span style="{_FAINT};font-size:.85em;white-space:nowrap">{_SIGNS[kind]} {kind.value}</span>'
        strong = ";font-weight:600" if kind in (Kind.URC, Kind.FAILED) else ""
        text = f'<td style="{_CELL}{strong}">{sign} {_code(line.text, wrap="break-word")}</td>'
        gap = f'<td style="{_CELL}"></td>'
        moment = f'<td style="{_CELL};white-space:nowrap;{_FAINT}">{_time_of_day(line.timestamp)}</td>'
        rows.append(
            f'<tr style="{_ROW}">{moment}{text}{gap}</tr>'
            if line.sent
            else f'<tr style="{_ROW}">{moment}{gap}{text}</tr>'
        )
    table = (
        f'<table style="{_TABLE}"><thead><tr style="{_ROW}">{heads}</tr></thead><tbody>{"".join(rows)}</tbody></table>'
    )
    return f'<div style="{_BOX};max-height:32em;overflow:auto"><b>{_plain(title)}</b>{table}</div>'


def _box(title: str, rows: Iterable[tuple[str, str]]) -> str:
    """Lay rows out; names and values are HTML already."""
    cells = "".join(
        f'<tr style="{_ROW}"><th scope="row" style="{_CELL};font-weight:400;white-space:nowrap;{_FAINT}">{name}</th>'
        f'<td style="{_CELL};white-space:normal">{value}</td></tr>'
        for name, value in rows
    )
    return f'<div style="{_BOX}"><b>{_plain(title)}</b><table style="{_TABLE}"><tbody>{cells}</tbody></table></div>'


def _plain(text: str) -> str:
    """Escape a text, cut short where it is long."""
    more = len(text) - _TEXT
    shown = html.escape(escaped(text[:_TEXT]))
    return f"{shown}{_faint(f'… {more:,} more characters')}" if more > 0 else shown


def _code(text: str, *, wrap: str = "anywhere") -> str:
    """Show what goes over the wire or came from elsewhere; its direction of writing is its own."""
    return f'<bdi style="{_MONO};overflow-wrap:{wrap}">{_plain(text)}</bdi>'


def _faint(text: str) -> str:
    return f'<span style="{_FAINT}">{html.escape(text)}</span>'


def _unasked(member: str) -> str:
    return _faint(f"not asked for yet: {member}")


def _payload_html(payload: bytes, most: int = _PAYLOAD) -> str:
    """Show the head of a payload, as text where it is UTF-8, else by its bytes."""
    head = payload[:most]
    try:
        text = head.decode()
    except UnicodeDecodeError as error:
        # The cut may have parted a character, which says nothing about the payload.
        parted = len(payload) > most and error.start > most - 4 and error.end == most
        text = head[: error.start].decode() if parted else repr(head)[2:-1]
    rest = len(payload) - most
    more = _faint(f"… {_bytes(rest)} more") if rest > 0 else ""
    shown = html.escape(escaped(text))
    return f'<bdi style="{_MONO};overflow-wrap:anywhere">{shown}</bdi>{more}' if payload else _faint("empty")


def _some(shown: Sequence[str]) -> list[str]:
    rest = len(shown) - _ROWS
    return [*shown[:_ROWS], *([_faint(f"{rest} more")] if rest > 0 else [])]


def _signal_html(told: tuple[int | None, float] | None) -> str:
    if told is None:
        return _unasked("modem.signal()")
    level, moment = told
    shown = "not known" if level is None else f"{level} dBm"
    return f"{_plain(shown)} {_faint(f'at {_time_of_day(moment)}')}"


def _server(server: tuple[str, int] | None) -> str:
    return "none" if server is None else _code(f"{server[0]}:{server[1]}")


def _bytes(count: int) -> str:
    return "1 byte" if count == 1 else f"{count:,} bytes"


def _date_and_time(timestamp: float) -> str:
    return f"{datetime.fromtimestamp(timestamp).astimezone():%Y-%m-%d %H:%M:%S.%f}"[:-3]


def _time_of_day(timestamp: float) -> str:
    return f"{datetime.fromtimestamp(timestamp).astimezone():%H:%M:%S.%f}"[:-3]


def _seconds(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"
