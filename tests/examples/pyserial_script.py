"""Log in, subscribe, publish and receive, with pyserial alone: pyserial_script.py PORT BROKER_HOST BROKER_PORT."""

import sys
import time

import serial

port, host, number = sys.argv[1:]


def expect(wanted: str) -> str:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        line = line_end.readline().decode().strip()
        if line.startswith(wanted):
            return line
    sys.exit(f"{wanted} did not come")


def command(line: str, wanted: str = "OK") -> None:
    line_end.write(line.encode() + b"\r")
    expect(wanted)


with serial.serial_for_url(port, 115200, timeout=1) as line_end:
    command("ATE0")
    command(f'AT+QMTOPEN=0,"{host}",{number}', "+QMTOPEN: 0,0")
    command('AT+QMTCONN=0,"pyserial"', "+QMTCONN: 0,0,0")
    command('AT+QMTSUB=0,1,"bench/t",1', "+QMTSUB: 0,1,0,1")
    line_end.write(b'AT+QMTPUB=0,2,1,0,"bench/t"\r')
    line_end.read_until(b"> ")
    line_end.write(b"21.5\x1a")
    sys.stdout.write(expect("+QMTRECV: 0,") + "\n")
    command("AT+QMTDISC=0", "+QMTDISC: 0,0")
