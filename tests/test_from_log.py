"""A wire log becomes a transcript that tests both ends."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from modemqtt import CommandError, Modem
from modemqtt.cli._transcript import UnreadableError
from modemqtt.virtual import Broker, VirtualModem
from support import from_log, transcript
from support.player import Player

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("model", ["M95", "BC28", "EG915Q", "BC660K-GL"])
def test_the_log_of_a_session_is_a_transcript_of_it(model: str, tmp_path: Path) -> None:
    log = tmp_path / "wire.log"
    with Broker() as broker, VirtualModem(model) as module, Modem(module.port, log=log) as modem:
        modem.command("AT+CSQ")
        with pytest.raises(CommandError):
            modem.command("AT+NOSUCH")
        with modem.mqtt().session(broker.host, broker.port, client_id="bench 7", keepalive=60) as mqtt:
            mqtt.subscribe([("käse\\x", 1), ("b", 2)])
            mqtt.publish("käse\\x", b"a\0\\ b", qos=1)
            assert mqtt.receive(timeout=10).payload == b"a\0\\ b"
            broker.publish("b", b"from another", qos=1)
            assert mqtt.receive(timeout=10).payload == b"from another"
            broker.publish("b", b'a quote ends it"', qos=1)
            assert mqtt.receive(timeout=10).payload == b'a quote ends it"'
            mqtt.publish("elsewhere", b"y" * 200, qos=0)
            mqtt.unsubscribe(["käse\\x", "b"])
    told = from_log.convert(log.read_text(encoding="utf-8"), model, "A session of ours")
    dialect = transcript.dialect_of(model)
    assert "* publish 0 1 0 " in told
    assert "! broker publish 1 0 b " in told
    assert re.search(r"# The log leaves out 13[67] bytes of that", told)
    Player(transcript.parse(transcript.FOLDER / dialect / "report.at", told)).play()


def test_ids_begin_at_1_wherever_the_log_does() -> None:
    told = from_log.convert(
        '1.0 > AT+QMTPUB=0,17,1,0,"t"\n1.1 < >\n1.2 > x\\x1a <2 bytes>\n1.3 < OK\n1.4 < +QMTPUB: 0,17,1,1\n'
        "1.5 < +QMTPUB: 0,17,0\n",
        "M95",
        "A log",
    )
    assert '> AT+QMTPUB=0,1,1,0,"t"\\r\n' in told
    assert "= retransmitting 0 1 1\n" in told
    assert told.endswith("= acknowledged 0 1\n")


@pytest.mark.parametrize(
    ("log", "said"),
    [
        ("1.0 > AT\n1.1 < OK\n", "the log has no command after the set-up"),
        ('1.0 > AT+QMTPUB=0,1,1,0,"t"\n1.1 < ERROR\n', "line 1: the payload of the publish is not in the log"),
    ],
)
def test_a_log_that_makes_no_transcript_is_said_to(log: str, said: str) -> None:
    with pytest.raises(UnreadableError, match=said):
        from_log.convert(log, "M95", "A log")
