"""Objects show themselves in a notebook: small, and harmless whatever came from outside."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Protocol

import pytest

from modemqtt import CommandError, Message, Modem, MqttClient, Response, Stats, WireLine, WireLog
from modemqtt._html import _bytes
from modemqtt.aio import AsyncModem
from modemqtt.virtual import Replay
from support.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from modemqtt.virtual import Broker, VirtualModem


class Shown(Protocol):
    """What a notebook asks for its HTML."""

    def _repr_html_(self) -> str: ...


# The tags that an object may use. None of them runs or fetches anything.
ELEMENTS = {"div", "table", "thead", "tbody", "tr", "th", "td", "b", "bdi", "span", "br"}
ATTRIBUTES = {"style", "scope"}
HOSTILE = "<script>alert(1)</script>&amp;\"'\x00\x1b[31m\r\n\u202ecba\u2066\u200b\ufeff\U000e0041"


class Page(HTMLParser):
    """The text and the tags of some HTML."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.elements: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.words.append(" ")

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())


def shown(it: Shown) -> str:
    """Return the visible text, once it is known to be harmless."""
    html = it._repr_html_()
    page = Page(html)
    assert page.elements <= ELEMENTS
    assert page.attributes <= ATTRIBUTES
    assert "url(" not in html
    # No theme is assumed: text and background come from the page.
    assert "color:inherit" in html
    text = "".join(page.words)
    assert not [character for character in text if not character.isprintable()]
    return page.text


def message(payload: bytes = b"21.5", topic: str = "bench/7/temp", *, complete: bool = True) -> Message:
    return Message(topic, payload, 7, 0, 1_700_000_000.25, complete)


def test_a_message_shows_its_topic_its_payload_and_its_size() -> None:
    text = shown(message())
    assert "topic bench/7/temp payload 21.5 size 4 bytes" in text
    assert ".250 client 0 message id 7" in text
    assert "complete" not in text
    assert "complete ✗ no" in shown(message(complete=False))
    assert "payload empty size 0 bytes" in shown(message(b""))


def test_what_came_from_outside_is_shown_and_does_nothing() -> None:
    escaped = r"""<script>alert(1)</script>&amp;"'\x00\x1b[31m\r\n\xe2\x80\xaecba\xe2\x81\xa6\xe2\x80\x8b\xef\xbb\xbf"""
    text = shown(message(HOSTILE.encode(), HOSTILE))
    assert text.count(escaped) == 2
    assert escaped in shown(Response((HOSTILE,), "OK"))
    assert escaped in shown(WireLog((WireLine(0.0, sent=False, text=HOSTILE),)))
    assert r"payload \xff\x00<b>" in shown(message(b"\xff\x00<b>"))
    # A topic that a program made may hold half of a surrogate pair.
    assert r"a\xed\xa0\x80b" in shown(message(topic="a\ud800b"))


def test_a_long_payload_is_cut_short_and_its_length_told() -> None:
    for payload in (b"<" * 1_000_000, b"\xff" * 1_000_000, "é".encode() * 500_000, HOSTILE.encode() * 20_000):
        it = message(payload, "t" * 60_000)
        text = shown(it)
        assert f"size {_bytes(len(payload))}" in text
        assert f"… {_bytes(len(payload) - 512)} more" in text
        assert "59,744 more characters" in text
        assert len(it._repr_html_()) < 16_000


def test_a_character_that_the_cut_parts_does_not_make_bytes_of_a_text() -> None:
    assert "\\x" not in shown(message(b"x" + "é".encode() * 400))
    assert "\\x" in shown(message(b"x" + b"\xe9" * 800))


def test_a_modem_shows_what_is_known_of_it_without_asking(modem: Modem, mqtt: MqttClient, broker: Broker) -> None:
    before = len(modem.wire)
    text = shown(modem)
    assert f"port {modem.port} state open model {modem.model} (dialect {modem.dialect})" in text
    assert "firmware not asked for yet: modem.identity signal not asked for yet: modem.signal()" in text
    assert f"clients 0: connected {broker.host}:{broker.port}" in text
    assert "state connected" in shown(mqtt)
    assert "state open" in shown(AsyncModem.of(modem))
    shown(modem.stats)
    assert len(modem.wire) == before
    identity, level = modem.identity, modem.signal()
    assert f"firmware {', '.join(identity)} signal {level} dBm at " in shown(modem)
    modem.close()
    assert "state closed clients 0: closed" in shown(modem)
    modem.open()
    assert "firmware not asked for yet" in shown(modem)
    assert "signal not asked for yet" in shown(modem)


def test_a_modem_that_was_never_open_shows_so() -> None:
    modem = Modem("/dev/<tty>")
    assert shown(modem) == "Modem port /dev/<tty> state closed clients none"
    assert "server none reconnects no callbacks none" in shown(modem.mqtt())
    assert shown(modem.wire) == "wire, 0 lines time host module"


def test_a_client_shows_its_server_and_what_is_called(modem: Modem, broker: Broker) -> None:
    mqtt = modem.mqtt()
    mqtt.on_message = mqtt.on_connection_lost = print
    with mqtt.session(broker.host, broker.port, client_id="bench-7", reconnect=True):
        text = shown(mqtt)
    assert text.startswith(f"MqttClient 0 modem {modem.port} {modem.model} state connected server {broker.host}:")
    assert "reconnects yes callbacks on_connection_lost, on_message" in text


def test_a_publish_shows_where_it_stands_and_how_long_each_step_took(mqtt: MqttClient, broker: Broker) -> None:
    assert "state ✓ acknowledged client 0 message id " in shown(mqtt.publish("bench/t", b"1", qos=1))
    broker.withhold_acks()
    waiting = mqtt.publish("bench/t", b"1", qos=1, wait=False)
    until(lambda: waiting.state == "accepted", "the module's OK")
    text = shown(waiting)
    assert "state → accepted" in text
    assert text.endswith("ms ended \N{EN DASH}")
    behind = [mqtt.publish("bench/t", b"1", qos=1, wait=False) for _ in range(6)][-1]
    assert "state … queued" in shown(behind)


def test_the_wire_shows_two_lanes_whose_lines_are_told_apart_in_words() -> None:
    lines = [
        (True, "AT+CSQ"),
        (False, "AT+CSQ"),
        (False, "+CSQ: 20,0"),
        (False, "+CREG: 1"),
        (False, "OK"),
        (True, 'AT+QMTPUB=0,1,1,0,"t",2'),
        (False, "> "),
        (True, "AT <2 bytes>"),
        (False, "OK"),
        (False, "+QMTPUB: 0,1,0"),
        (True, "ATI"),
        (False, "Quectel_M95"),
        (False, "+CME ERROR: 3"),
    ]
    wire = WireLog(tuple(WireLine(1_700_000_000 + place / 8, *line) for place, line in enumerate(lines)))
    _, *rows = re.split(r"(?= \d\d:\d\d:\d\d\.\d{3} )", shown(wire))
    assert [row[14:] for row in rows] == [
        "→ command AT+CSQ",
        "↩ echo AT+CSQ",
        "← answer +CSQ: 20,0",
        "! URC +CREG: 1",
        "✓ result OK",
        '→ command AT+QMTPUB=0,1,1,0,"t",2',
        "? prompt >",
        "⇒ data AT <2 bytes>",
        "✓ result OK",
        "! URC +QMTPUB: 0,1,0",
        "→ command ATI",
        "← answer Quectel_M95",
        "✗ failure +CME ERROR: 3",
    ]
    assert rows[1][1:13].endswith(":20.125")
    assert shown(wire).startswith("wire, 13 lines time host module ")


def test_a_long_wire_shows_its_end(modem: Modem) -> None:
    for _ in range(30):
        modem.command("AT+CSQ")
    text = shown(modem.wire)
    assert text.startswith(f"wire, {len(modem.wire)} lines: the last 60; wire[:60] shows the first ")
    assert text.count("→ command AT+CSQ") == 20
    assert text.endswith("✓ result OK")


def test_an_answer_shows_its_lines(modem: Modem) -> None:
    assert shown(modem.command("AT+CSQ")) == "Response lines +CSQ: 20,0 final OK"
    assert "7 more lines" in shown(Response(("x",) * 37, "OK"))


def test_counters_that_tell_of_a_loss_are_marked() -> None:
    text = shown(Stats(**dict.fromkeys(Stats.__slots__, 0) | {"messages_dropped": 1_234, "messages": 5_678}))
    assert "messages 5,678 messages dropped ! 1,234 overruns 0" in text


def test_a_broker_and_a_virtual_module_show_what_they_were_told_last(
    mqtt: MqttClient, broker: Broker, virtual_modem: VirtualModem
) -> None:
    mqtt.publish("bench/<b>", b"\xff\x00<i>", qos=1)
    virtual_modem.inject("lost-ok=0.01")
    text = shown(broker)
    assert f"address {broker.host}:{broker.port} clients bench-7 messages 1 the last bench/<b> \\xff\\x00<i>" in text
    text = shown(virtual_modem)
    assert f"model {virtual_modem.model} port {virtual_modem.port} faults lost-ok=0.01 commands " in text
    assert 'AT+QMTPUB=0,1,1,0,"bench/<b>"' in text


def test_a_replay_shows_what_is_next_and_what_was_sent_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "a.rec"
    with Modem("virtual://M95", record=path) as modem:
        modem.command("AT+CSQ")
    with Replay(path) as replay, Modem(replay.port) as modem:
        text = shown(replay)
        assert text == f"Replay model M95 port {replay.port} next AT+CSQ\\r differences none"
        with pytest.raises(CommandError):
            modem.command("AT+COPS?")
        modem.command("AT+CSQ")
        text = shown(replay)
    assert " next nothing differences line " in text
    assert r"got AT+COPS?\r" in " ".join(text.replace(r"\n", " ").split())


def test_no_password_is_shown(modem: Modem, broker: Broker) -> None:
    mqtt = modem.mqtt()
    with mqtt.session(broker.host, broker.port, client_id="bench-7", username="u", password="correct-horse"):
        assert "correct-horse" not in "".join(it._repr_html_() for it in (modem, mqtt, modem.wire, broker))


@pytest.mark.parametrize(
    ("payload", "complete", "told"),
    [
        (b"a\xff", True, r"not UTF-8 text: byte 2 of 2 is 0xFF; message\.payload has the bytes$"),
        (b"a\xff", False, r"; it may not be complete$"),
        (b"{", True, r"not JSON: Expecting property name .*; message\.text\(\) has the text$"),
        (b"", True, r"the payload on 'bench/7/temp' is not JSON: Expecting value"),
        (b"[" * 200_000, True, r"not JSON: "),
    ],
)
def test_a_payload_that_is_not_json_is_an_error_that_says_why(
    payload: bytes,
    complete: bool,  # noqa: FBT001 - a parameter of the test
    told: str,
) -> None:
    with pytest.raises(ValueError, match=told) as caught:
        message(payload, complete=complete).json()
    assert len(str(caught.value)) < 300
    assert caught.value.__context__ is None


def test_a_payload_is_read_as_text_and_as_json() -> None:
    assert message("é".encode()).text() == "é"
    assert message(b'{"t": [21.5, null]}').json() == {"t": [21.5, None]}
    assert message(b"21.5").json() == 21.5
