"""A wire log becomes a transcript that tests both ends."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from modemqtt import CommandError, Modem
from modemqtt.cli._transcript import UnreadableError
from modemqtt.virtual import Broker, VirtualModem
from support import from_log, play, transcript
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


def test_no_empty_line_stands_between_the_lines_of_one_answer() -> None:
    told = from_log.convert("1.0 > AT+GMI\n1.1 < Quectel\n1.1 < EG915Q\n1.1 < OK\n", "EG915Q", "A log")
    assert "< \\r\\nQuectel\\r\\n\n< EG915Q\\r\\n\n< \\r\\nOK\\r\\n\n" in told
    told = from_log.convert("1.0 > AT+CSQ;+CFUN?\n1.1 < +CSQ: 20,0\n1.1 < +CFUN: 1\n1.1 < OK\n", "M95", "A log")
    assert "< \\r\\n+CSQ: 20,0\\r\\n\n< \\r\\n+CFUN: 1\\r\\n\n" in told


def test_a_recording_is_a_transcript_too(tmp_path: Path) -> None:
    path = tmp_path / "bench.rec"
    with VirtualModem("M95") as module, Modem(module.port, record=path) as modem:
        modem.command("AT+CSQ")
    told = from_log.made(path, "", "A recording")
    assert told.splitlines()[1] == "@ model M95"
    Player(transcript.parse(transcript.FOLDER / "m95" / "report.at", told)).play()


def test_a_log_without_a_model_is_said_to_lack_it(tmp_path: Path) -> None:
    path = tmp_path / "wire.log"
    path.write_text("1.0 > AT+CSQ\n1.1 < OK\n", encoding="utf-8")
    with pytest.raises(transcript.UnreadableError, match=r"^there is no model ''; known are BC35-G, "):
        from_log.made(path, "", "A log")


def test_a_file_outside_the_transcripts_is_not_played(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "report.at"
    path.write_text("# A log\n@ model M95\n", encoding="utf-8")
    assert play.main([str(path)]) == 2
    assert "must be in a folder of tests/transcripts: bc35, " in capsys.readouterr().err


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
