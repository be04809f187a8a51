"""Recordings of a line: what is in the file, what is not, and what happens to it when something goes wrong."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ctypes
import json
import logging
import os
import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from modemqtt import CommandError, Modem, UsageError, UsageTypeError
from modemqtt.aio import AsyncModem
from modemqtt.virtual import MODELS, Broker, Replay, VirtualModem
from support.shell import PATIENCE, run

if TYPE_CHECKING:
    from collections.abc import Iterator

PASSWORD = "hunter2/?+"
PAYLOAD = bytes(range(32, 127))
ONE_OF_EACH = sorted({model.dialect: model.name for model in MODELS}.values())


def entries(path: Path) -> list[dict[str, Any]]:
    """Return the header and the entries of a recording."""
    return [json.loads(line) for line in path.read_text(encoding="ascii").splitlines()]


def wire(path: Path, direction: str) -> str:
    return "".join(entry.get(direction, "") for entry in entries(path))


def forms(value: str) -> set[str]:
    """Return a value in plain text and in the encodings in which it could get through."""
    raw = value.encode()
    swapped = value + "F" * (len(value) % 2)
    return {
        value,
        raw.hex(),
        raw.hex().upper(),
        quote(value, safe=""),
        "".join(f"00{byte:02X}" for byte in raw),
        "".join(b + a for a, b in zip(swapped[::2], swapped[1::2], strict=True)),
        *(base64.b64encode(b"\0" * shift + raw)[(0, 2, 3)[shift] : -4].decode() for shift in range(3)),
    }


@pytest.mark.parametrize("model", ONE_OF_EACH)
def test_every_byte_is_recorded_and_no_secret_or_identity_is_in_the_file(model: str, tmp_path: Path) -> None:
    path = tmp_path / "a.rec"
    with Modem(f"virtual://{model}", record=path) as modem:
        broker = modem.virtual.broker
        identities = [modem.imei, modem.imsi, modem.iccid]
        with modem.mqtt().session(
            broker.host, broker.port, client_id="bench", username="lab", password=PASSWORD
        ) as mqtt:
            mqtt.subscribe("bench/#", qos=1)
            for value in (*identities, PASSWORD):
                for text in (value, value.encode().hex(), base64.b64encode(b"x" + value.encode()).decode()):
                    mqtt.publish("bench/t", text, qos=1)
                    assert mqtt.receive(timeout=5).payload.decode() == text
        addresses: list[str] = []
        sent, received = modem.stats.bytes_sent, modem.stats.bytes_received
        with contextlib.suppress(CommandError):
            addresses = [line.partition(",")[2].strip('"') for line in modem.command("AT+CGPADDR=1").lines]
    recorded = path.read_text(encoding="ascii")
    for value in (*identities, PASSWORD, *filter(None, addresses)):
        assert [form for form in forms(value) if json.dumps(form)[1:-1] in recorded] == [], value
    # Masks have their own lengths; everything else is there.
    assert abs(len(wire(path, ">")) - sent) < len(PASSWORD) + len("AT+CGPADDR=1\r") + 1
    assert len(wire(path, "<")) >= received
    header, *rest = entries(path)
    assert (header["recording"], header["version"], header["port"], header["baudrate"]) == (
        "modemqtt",
        1,
        "virtual",
        115200,
    )
    assert model in [entry["module"]["model"] for entry in rest if "module" in entry]
    times = [entry["t"] for entry in rest]
    assert times == sorted(times)


def test_identities_stay_where_the_program_says_so_and_secrets_do_not(tmp_path: Path) -> None:
    path = tmp_path / "a.rec"
    with Modem("virtual://M95", record=path, record_identities=True) as modem:
        imei = modem.imei
    assert imei in path.read_text(encoding="ascii")
    assert entries(path)[0]["identities"] == "kept"


def test_a_file_that_exists_is_refused_before_the_port_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "a.rec"
    path.write_text("mine", encoding="ascii")
    for port in ("virtual://M95", str(tmp_path / "no-such-port")):
        with pytest.raises(UsageError, match=r"a\.rec exists, and a recording never replaces a file"):
            Modem(port, record=path).open()
    assert path.read_text(encoding="ascii") == "mine"
    with pytest.raises(UsageError, match="its folder does not exist"):
        Modem("virtual://M95", record=tmp_path / "none" / "a.rec").open()


def test_a_part_of_another_recording_is_not_run_into(tmp_path: Path) -> None:
    left = tmp_path / "a.rec.1"
    left.write_text("", encoding="ascii")
    with pytest.raises(UsageError, match=r"a\.rec\.1 is left from another recording; move that one away"):
        Modem("virtual://M95", record=tmp_path / "a.rec").open()
    assert [*tmp_path.iterdir()] == [left]


def test_a_module_number_of_an_odd_form_does_not_end_the_recording(tmp_path: Path) -> None:
    path = tmp_path / "a.rec"
    with VirtualModem("M95") as module, Modem(module.port, record=path) as modem:
        module.urc("+CGSN: 8664250-3123456")
        modem.command("AT+CSQ")
    assert entries(path)[-1].get("event") == "closed"


def test_what_is_of_the_wrong_type_is_refused() -> None:
    with pytest.raises(UsageTypeError, match="record must be the path of a file, or None, not 7"):
        Modem("virtual://M95", record=7)  # type: ignore[arg-type]
    with pytest.raises(UsageTypeError, match="record_identities must be True or False, not 'no'"):
        Modem("virtual://M95", record="a.rec", record_identities="no")  # type: ignore[arg-type]


def test_a_modem_that_is_opened_again_goes_on_in_its_recording(tmp_path: Path) -> None:
    path = tmp_path / "a.rec"
    with VirtualModem("M95") as module:
        modem = Modem(module.port, record=path)
        for _ in range(3):
            with modem:
                modem.command("AT+CSQ")
    assert wire(path, ">").count("AT+CSQ\r") == 3
    assert [entry["event"] for entry in entries(path) if entry.get("event") == "closed"] == ["closed"] * 3
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_part_that_is_full_is_followed_by_another(tmp_path: Path) -> None:
    path = tmp_path / "a.rec"
    modem = Modem("virtual://M95", record=path)
    recording = modem._line.recording  # noqa: SLF001 - a part of 64 MiB takes long
    recording.part = 2000
    with modem:
        for _ in range(40):
            modem.command("AT+CSQ")
            recording.finish()
    parts = sorted(tmp_path.iterdir(), key=lambda part: int(part.suffix[1:]) if part.suffix != ".rec" else 0)
    assert len(parts) > 2
    headers = [entries(part)[0] for part in parts]
    assert [header["part"] for header in headers] == list(range(len(parts)))
    assert len({header["started"] for header in headers}) == 1
    assert headers[-1]["model"] == "M95"
    assert sum(wire(part, ">").count("AT+CSQ\r") for part in parts) == 40


def test_a_recording_that_cannot_go_on_is_told_once_and_the_session_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "folder" / "a.rec"
    path.parent.mkdir()
    modem = Modem("virtual://M95", record=path)
    caplog.set_level(logging.WARNING, "modemqtt")
    modem.open()
    path.unlink()
    path.parent.rmdir()
    with pytest.warns(RuntimeWarning, match="nothing is recorded any more"):
        modem.close()
    with modem:
        assert modem.command("AT+CSQ").lines
    told = [record.getMessage() for record in caplog.records if "recorded" in record.getMessage()]
    why = "it was removed while it was written"
    assert told == [f"virtual://M95: nothing is recorded any more, since {why}; the session goes on"]


def test_a_device_is_no_file_to_record_to() -> None:
    with pytest.raises(UsageError, match="/dev/null exists"):
        Modem("virtual://M95", record="/dev/null").open()


def test_the_commands_of_the_shell_record(tmp_path: Path, broker: Broker) -> None:
    with VirtualModem("BC660K-GL") as module:
        at = run("at", "--modem", module.port, "--record", str(tmp_path / "at.rec"), "AT+CSQ")
        assert (at.returncode, wire(tmp_path / "at.rec", ">").count("AT+CSQ\r")) == (0, 1)
        pub = run(
            *("pub", "--modem", module.port, "--record", str(tmp_path / "pub.rec")),
            *("-h", broker.host, "-p", str(broker.port), "-t", "t", "-m", "x"),
        )
        assert pub.returncode == 0, pub.stderr
        again = run("at", "--modem", module.port, "--record", str(tmp_path / "at.rec"), "AT+CSQ")
    assert again.returncode == 2
    assert b"at.rec exists" in again.stderr
    connect = next(entry for entry in entries(tmp_path / "pub.rec") if "QMTCONN=" in entry.get(">", ""))
    # The client id was made up.
    assert [kind for _, _, kind, _ in connect["spans"]] == ["invented"]


FULL = """
import logging, resource, signal, sys, warnings
logging.basicConfig(stream=sys.stdout, format="%(message)s")
warnings.simplefilter("ignore", RuntimeWarning)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
from modemqtt import Modem
with Modem("virtual://M95", record=sys.argv[1]) as modem:
    for _ in range(200):
        assert modem.command("AT+CSQ").final == "OK"
"""


def test_a_file_that_takes_no_more_is_told_once_and_what_is_there_can_be_played(tmp_path: Path) -> None:
    path = tmp_path / "a.rec"
    done = subprocess.run(  # noqa: S603 - our own
        [sys.executable, "-c", FULL, str(path)], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert len(re.findall("nothing is recorded any more, since File too large", done.stdout)) == 1
    assert path.stat().st_size <= 4096
    with Replay(path) as replay, Modem(replay.port) as modem:
        assert modem.command("AT+CSQ").lines == ("+CSQ: 20,0",)
        assert replay.differences == []


def test_an_awaited_modem_is_recorded_too(tmp_path: Path) -> None:
    path = tmp_path / "a.rec"

    async def session() -> None:
        async with AsyncModem("virtual://M95", record=path) as modem:
            await modem.command("AT+CSQ")

    asyncio.run(session())
    assert wire(path, ">").endswith("AT+CSQ\r")


def test_what_is_learnt_late_is_replaced_from_there_on_and_numbers_of_a_known_form_everywhere(tmp_path: Path) -> None:
    path = tmp_path / "a.rec"
    with VirtualModem("M95") as module, Modem(module.port, record=path) as modem:
        imsi, imei = modem.imsi, modem.imei
    path.unlink()
    with VirtualModem("M95") as module, Modem(module.port, record=path) as modem:
        for _ in range(2):
            module.urc(f"+BEFORE: {imsi} {imei}")
            module.urc("+BEHIND: end")
            assert modem.command("AT+CIMI").lines == (imsi,)
    recorded = wire(path, "<")
    assert recorded.count(imsi) == 1
    assert recorded.index(imsi) < recorded.index("+BEHIND")
    assert imei not in recorded


STALLED = """
import sys, warnings
warnings.simplefilter("always")
from modemqtt import Modem
modem = Modem("virtual://M95", record=sys.argv[1]).open()
print("open", flush=True)
sys.stdin.readline()
assert modem.command("AT+CSQ").final == "OK"
modem.close()
print("closed", flush=True)
sys.stdin.readline()
"""


def test_a_recording_that_is_not_complete_when_the_modem_is_closed_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.rec"
    with subprocess.Popen(  # noqa: S603 - our own
        [sys.executable, "-c", STALLED, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        bufsize=1,
    ) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        try:
            assert program.stdout.readline() == "open\n"
            # A disk that stalls holds the thread that writes, and nothing else of the program.
            with stopped(thread_of(program.pid, "modemqtt-record")):
                program.stdin.write("\n")
                assert program.stdout.readline() == "closed\n"
            _, errors = program.communicate("\n", timeout=PATIENCE)
        finally:
            program.kill()
    told = "virtual://M95: the recording is not complete: not everything could be written in 2 s"
    assert errors.count(f"RuntimeWarning: {told}") == 1
    # What it was late with is there in the end.
    assert wire(path, ">").endswith("AT+CSQ\r")


def thread_of(process: int, name: str) -> int:
    """Return the number of a thread, by its name."""
    tasks = Path(f"/proc/{process}/task")
    return next(
        int(task.name) for task in tasks.iterdir() if (task / "comm").read_text(encoding="ascii").strip() == name
    )


@contextlib.contextmanager
def stopped(thread: int) -> Iterator[None]:
    """Stop one thread of a program, as a debugger does."""
    seize, interrupt, detach = 0x4206, 0x4207, 17
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.ptrace(seize, thread, None, None) != 0:
        pytest.skip(f"no program may be stopped here: {os.strerror(ctypes.get_errno())}")
    libc.ptrace(interrupt, thread, None, None)
    os.waitpid(thread, 0x40000000)  # __WALL
    try:
        yield
    finally:
        libc.ptrace(detach, thread, None, None)
