"""``modemqtt pub`` and ``sub`` next to mosquitto's programs: the same flags give the same output."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from modemqtt.virtual import Broker, VirtualModem
from support import shell
from support.shell import refusal, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.mosquitto import Address

needs_clients = pytest.mark.skipif(shutil.which("mosquitto_sub") is None, reason="mosquitto_sub is not on the PATH")


@pytest.fixture(scope="module")
def module() -> Iterator[VirtualModem]:
    with VirtualModem("EG915Q") as module:
        yield module


@pytest.fixture(scope="module")
def here() -> Iterator[Broker]:
    with Broker() as broker:
        yield broker


def theirs(name: str, to: Address | Broker, *arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(  # noqa: S603 - the oracle
        [f"mosquitto_{name}", "-h", to.host, "-p", str(to.port), *arguments],
        input=given,
        capture_output=True,
        timeout=shell.PATIENCE,
        check=False,
    )


def ours(
    name: str, module: VirtualModem, to: Address | Broker, *arguments: str, given: bytes | None = None
) -> subprocess.CompletedProcess[bytes]:
    at = ("--modem", module.port, "-h", to.host, "-p", str(to.port))
    return run(name, *at, *arguments, given=given)


@needs_clients
@pytest.mark.mosquitto
class TestPub:
    @pytest.mark.parametrize(
        ("flags", "given"),
        [
            (["-m", "21.5"], b""),
            (["-m", "-5", "-q", "1"], b""),
            (["-m", "--message", "-q", "2", "-r"], b""),
            (["-m", "=x=", "-i", "bench-7", "-k", "30"], b""),
            (["-m", ""], b""),
            (["-n"], b""),
            (["-f", "{file}"], b""),
            (["-s"], b"two\nlines\n\0\xff"),
            (["-l"], b"one\n\nthree\r\nno end"),
            (["-m", "again", "--repeat", "3", "--repeat-delay", "0.01"], b""),
        ],
        ids=str,
    )
    def test_publishes_what_the_program_of_mosquitto_publishes(
        self, module: VirtualModem, here: Broker, tmp_path: Path, flags: list[str], given: bytes
    ) -> None:
        file = tmp_path / "payload"
        file.write_bytes(b"\x00\x1a\xff binary\n")
        flags = [flag.format(file=file) for flag in flags]
        before = len(here.messages)
        assert theirs("pub", here, "-t", "a/b", *flags, given=given).returncode == 0
        expected = here.messages[before:]
        done = ours("pub", module, here, "-t", "a/b", *flags, given=given)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
        published = here.messages[before + len(expected) :]
        assert expected
        assert [(m.topic, m.payload, m.qos, m.retain) for m in published] == [
            (m.topic, m.payload, m.qos, m.retain) for m in expected
        ]

    def test_takes_a_url_and_a_will(self, module: VirtualModem, here: Broker) -> None:
        will = ("--will-topic", "w", "--will-payload", "gone", "--will-qos", "1", "--will-retain", "-i", "bench-8")
        url = f"mqtt://user:pw@{here.host}:{here.port}/url/topic"
        assert run("pub", "--modem", module.port, "-L", url, "-m", "x", "-q", "1", *will).returncode == 0
        assert here.messages[-1].topic == "url/topic"
        assert here.messages[-1].client_id == "bench-8"
        assert 'AT+QMTCFG="will",0,1,1,1,"w","gone"' in module.commands

    def test_stops_with_the_first_line_that_cannot_be_sent_and_says_what_arrived(
        self, module: VirtualModem, here: Broker
    ) -> None:
        before = len(here.messages)
        done = ours("pub", module, here, "-t", "a/b", "-q", "1", "-l", given=b"one\ntwo\n" + bytes(9_000) + b"\nfour\n")
        assert "; 2 messages arrived" in refusal(done, 1)
        assert [message.payload for message in here.messages[before:]] == [b"one", b"two"]


@pytest.fixture(scope="module")
def kept(mosquitto: Address) -> Address:
    """A broker that has a message of each kind for every subscriber."""
    payloads = {
        "1": b"plain",
        "2": b'{"a": 1.50, "b": [1, {"c": null, "d": []}, true, 1e3, 0.1, 12], "e": {}, "a": "twice \\u00e9 \\n"}',
        "3": 'quote " back \\ tab \t bell \a \u00fcn\u00efcode'.encode(),
        "4": b"\xff\xfe bytes",
    }
    for name, payload in payloads.items():
        assert theirs("pub", mosquitto, "-t", f"kept/{name}", "-q", "1", "-r", "-s", given=payload).returncode == 0
    return mosquitto


@needs_clients
@pytest.mark.mosquitto
class TestSub:
    @pytest.mark.parametrize(
        "flags",
        [
            [],
            ["-v"],
            ["-N", "-v"],
            ["-T", "kept/2", "-T", "kept/+/x", "-v", "-q", "1"],
            ["-q", "1", "-F", "%j"],
            ["-q", "1", "-F", "%j", "--pretty", "-T", "kept/4"],
            ["-F", "%J", "-T", "kept/1", "-T", "kept/3", "-T", "kept/4"],
            ["-F", "%J", "--pretty", "-T", "kept/1", "-T", "kept/3", "-T", "kept/4"],
            ["-F", "%t|%p|%l|%x|%X|%%|@@|\\t\\\\\\e\\a\\v\\0\\r\\n|"],
            ["-F", "%10t|%-10t|%6l|%-6l|%06l|%3p|%-70p|%070p|%5x|%-4X|%03x|%.2p"],
        ],
        ids=str,
    )
    def test_prints_what_the_program_of_mosquitto_prints(
        self, module: VirtualModem, kept: Address, flags: list[str]
    ) -> None:
        flags = [
            *flags,
            "-t",
            "kept/#",
            "-C",
            str(4 - sum(flag.startswith("kept/") and flag[5] != "+" for flag in flags)),
        ]
        expected = theirs("sub", kept, *flags)
        done = ours("sub", module, kept, *flags)
        assert (done.returncode, done.stderr) == (expected.returncode, expected.stderr) == (0, b"")
        assert comparable(done.stdout) == comparable(expected.stdout)

    def test_prints_the_time_as_the_program_of_mosquitto_does(self, module: VirtualModem, kept: Address) -> None:
        flags = ["-t", "kept/1", "-C", "1", "-F", "%I %U @Y-@m-@dT@H:@M:@S @N"]
        shapes = [
            re.sub(rb"\d", b"0", done.stdout)
            for done in (theirs("sub", kept, *flags), ours("sub", module, kept, *flags))
        ]
        assert shapes[0] == shapes[1]

    def test_prints_what_is_published_while_it_runs_and_nothing_else(self, module: VirtualModem, here: Broker) -> None:
        at = ("--modem", module.port, "-h", here.host, "-p", str(here.port))
        here.publish("live/ready", b"", retain=True)
        with shell.start("sub", *at, "-t", "live/#", "-v", "-C", "4") as process:
            assert process.stdout is not None
            here.publish("live/ready", b"ready", retain=True)
            assert process.stdout.readline() == b"live/ready ready\n"
            for payload in (b"", b"\x00\xff", b"last"):
                here.publish("live/x", payload)
            output, errors = process.communicate(timeout=shell.PATIENCE)
        assert (process.returncode, errors) == (0, b"")
        assert output == b"live/x (null)\nlive/x \x00\xff\nlive/x last\n"


def comparable(output: bytes) -> bytes:
    """Remove the time, and what a module does not report."""
    output = re.sub(rb'("tst":\t?)"[^"]*"', rb"\1null", output)
    output = re.sub(rb'("(?:qos|retain)":\t?)(?:\d|null)', rb"\1null", output)
    return re.sub(rb'"mid":\t?\d+', b'"mid"', output)
