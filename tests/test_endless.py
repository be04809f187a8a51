"""A module whose answer has no end uses no more memory."""

from __future__ import annotations

import sys

import pytest

from support.programs import run

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells what is resident")

# How much of the answer is examined, and how much memory the process may gain from before the command on.
PRINTED = 2 * 1024 * 1024
TOLERANCE = 2 * 1024 * 1024

PROGRAM = """
import subprocess
from pathlib import Path

MODULE = '''
import os, sys
port, unread, block = int(sys.argv[1]), b"", sys.argv[2].encode().decode("unicode_escape").encode() * 64
while b"COPS" not in unread:
    unread += os.read(port, 4096)
    *lines, unread = unread.split(b"\\\\r")
    for line in lines:
        if b"COPS" in line: unread = line; break
        os.write(port, (b"\\\\r\\\\n+CMEE: 1\\\\r\\\\n" if b"?" in line else b"") + b"\\\\r\\\\nOK\\\\r\\\\n")
while True: os.write(port, block)
'''

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

master, slave = os.openpty()
tty.setraw(slave)
command = [sys.executable, "-c", MODULE, str(master), {printed!r}]
with subprocess.Popen(command, pass_fds=(master,)) as module, Modem(os.ttyname(slave), model="M95") as modem:
    modem.command("AT")
    taken = [resident()]

    def answer():
        try:
            modem.command("AT+COPS=?", timeout=60)
        except ModemError:
            pass

    asking = threading.Thread(target=answer)
    asking.start()
    while modem.stats.bytes_received < {enough}:
        time.sleep(0.01)
        taken.append(resident())
    module.kill()
    os.close(slave)
    os.close(master)
    asking.join()
print(*taken)
"""


@pytest.mark.parametrize(
    "printed",
    [r'\r\n+COPS: (2,"operator")', r"\r\n+COPS: " + 20 * "(2,long)", 20 * "(2,without a line end)"],
    ids=["short lines", "long lines", "no line end"],
)
def test_memory_is_flat_while_a_module_answers_without_end(printed: str) -> None:
    outcome = run(PROGRAM.format(printed=printed, enough=PRINTED), patience=60)
    assert outcome.returncode == 0, outcome.errors
    before, *taken = map(int, outcome.output.split())
    assert len(taken) > 1
    furthest = max(taken, key=lambda size: abs(size - before))
    assert abs(furthest - before) <= TOLERANCE, f"{before} bytes before the command, {furthest} behind it"
