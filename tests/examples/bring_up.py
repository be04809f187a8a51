"""A whole bring-up, with pyserial, as firmware does it: bring_up.py PORT BROKER_HOST BROKER_PORT.

Lines end in CR and LF, the registration is waited for by its own line, and after each command the program looks away
for a moment: what comes within it is lost.
"""

import sys
import time

import serial

port, host, number = sys.argv[1:]
LOOKS_AWAY = 0.001


def expect(*wanted: str, seconds: float = 15) -> str:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        line = line_end.readline().decode().strip()
        if line.startswith(wanted):
            return line
    sys.exit(f"{wanted} did not come")


def command(line: str) -> None:
    line_end.write(line.encode() + b"\r\n")
    expect("OK")
    time.sleep(LOOKS_AWAY)
    line_end.reset_input_buffer()


with serial.serial_for_url(port, 115200, timeout=0.2) as line_end:
    expect("RDY", "Neul")
    time.sleep(0.2)
    line_end.reset_input_buffer()
    command("ATE0")
    registration = "CREG"
    line_end.write(b"AT+CREG=1\r\n")
    if expect("OK", "ERROR", "+CME ERROR") != "OK":
        registration = "CEREG"
        command("AT+CEREG=1")
    expect(f"+{registration}: 1", f"+{registration}: 5", f"+{registration}:1", f"+{registration}:5")
    line_end.write(b"AT+COPS?\r\n")
    sys.stdout.write(expect("+COPS") + "\n")
    expect("OK")
    command("AT+CSQ")
    command("AT+CCLK?")
    command(f'AT+QMTOPEN=0,"{host}",{number}')
    expect("+QMTOPEN: 0,0")
    command('AT+QMTCONN=0,"bring-up"')
    expect("+QMTCONN: 0,0,0")
    command('AT+QMTSUB=0,1,"bench/t",1')
    expect("+QMTSUB: 0,1,0,1")
    line_end.write(b"AT+QMTPUBEX=?\r\n")
    if expect("OK", "ERROR", "+CME ERROR") == "OK":
        line_end.write(b'AT+QMTPUBEX=0,2,1,0,"bench/t",4\r\n')
        line_end.read_until(b"> ")
        line_end.write(b"21.5")
    else:
        line_end.write(b'AT+QMTPUB=0,2,1,0,"bench/t"\r\n')
        line_end.read_until(b"> ")
        line_end.write(b"21.5\x1a")
    sys.stdout.write(expect("+QMTRECV: 0,") + "\n")
