"""The log of another program becomes a transcript as well."""

from __future__ import annotations

import os
import select
import tty
from typing import TYPE_CHECKING

import pytest

from modemqtt.virtual import Broker, VirtualModem
from support import foreign_log, from_log, transcript
from support.player import Player

if TYPE_CHECKING:
    from collections.abc import Callable


class Program:
    """A host that writes a command, reads until what it wants has come, and logs both."""

    def __init__(self, port: str, write: Callable[[str, bytes], str]) -> None:
        self.line = os.open(port, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(self.line)
        self.write = write
        self.log: list[str] = []

    def ask(self, data: bytes, wanted: bytes) -> None:
        os.write(self.line, data)
        self.log.append(self.write("TX", data))
        read = b""
        while wanted not in read:
            assert select.select([self.line], [], [], 10)[0], read
            piece = os.read(self.line, 1024)
            self.log.append(self.write("RX", piece))
            read += piece


FORMS: dict[str, Callable[[str, bytes], str]] = {
    "bytes, as Python writes them": lambda way, data: f"2026-05-01 12:00:00,100 DEBUG {way}: {data!r}",
    "text behind arrows": lambda way, data: f"{'-->' if way == 'TX' else '<--'} {data.decode()!r}",
    "text with names of control characters": lambda way, data: (
        f"[12:00:00.1] [{way}] " + data.decode().replace("\r", "<CR>").replace("\n", "<LF>").replace("\x1a", "<Ctrl-Z>")
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_log_of_another_program_is_a_transcript_of_what_it_did(form: str) -> None:
    with Broker() as broker, VirtualModem("M95") as module:
        program = Program(module.port, FORMS[form])
        program.ask(b"ATE0\r\n", b"OK\r\n")
        program.ask(b"AT+CMEE=1\r\n", b"OK\r\n")
        program.ask(b"AT+CSQ\r\n", b"OK\r\n")
        program.ask(f'AT+QMTOPEN=0,"{broker.host}",{broker.port}\r\n'.encode(), b"+QMTOPEN: 0,0\r\n")
        program.ask(b'AT+QMTCONN=0,"bench"\r\n', b"+QMTCONN: 0,0,0\r\n")
        program.ask(b'AT+QMTSUB=0,7,"bench/a",1\r\n', b"+QMTSUB: 0,7,0,1\r\n")
        program.ask(b'AT+QMTPUB=0,8,1,0,"bench/a"\r\n', b"> ")
        program.ask(b"21.5\x1a", b"+QMTRECV: 0,1,")
        program.ask(b"AT+QMTDISC=0\r\n", b"+QMTDISC: 0,0\r\n")
        os.close(program.line)
    told = from_log.convert("\n".join(program.log), "M95", "A program")
    assert "* publish 0 1 0 bench/a 21.5\n" in told
    Player(transcript.parse(transcript.FOLDER / "m95" / "report.at", told)).play()


def test_data_of_a_foreign_log_is_what_the_command_asked_for() -> None:
    pieces = foreign_log.pieces(
        '1.0 >> AT+QMTPUBEX=0,1,1,0,"t",5\n1.1 << >\n1.2 >> hello\n1.3 << OK\n'
        '1.4 >> AT+QMTPUB=0,2,1,0,"t"\n1.5 << >\n1.6 >> hi\n'
    )
    assert [piece.payload for piece in pieces if piece.payload is not None] == [b"hello", b"hi\x1a"]


def test_a_line_end_in_a_counted_message_of_a_foreign_log_is_the_payloads() -> None:
    pieces = foreign_log.pieces('12:00:00 RX: b\'\\r\\n+QMTRECV: 0,0,"t",4,"a\\r\\nb"\\r\\n\\r\\nOK\\r\\n\'')
    assert [(piece.line, piece.payload, piece.behind) for piece in pieces] == [
        (b'+QMTRECV: 0,0,"t",4,"', b"a\r\nb", '"'),
        (b"OK", None, ""),
    ]


def test_lines_without_a_direction_and_times_past_midnight_do_no_harm() -> None:
    log = "23:59:59.900 TX: AT+CSQ\nopening the port at 12:00:00\n00:00:00.100 RX: OK\n"
    first, second = foreign_log.pieces(log)
    assert (first.line, second.line) == (b"AT+CSQ", b"OK")
    assert second.at - first.at == pytest.approx(0.2)
