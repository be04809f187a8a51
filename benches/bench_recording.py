"""What recording costs: messages from a pseudo-terminal to a callback, with and without `record=`."""

from __future__ import annotations

import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import far_end
from rows import Row, in_turn, main

from modemqtt import Modem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modemqtt import Message

MESSAGES = 100_000


def to_callback(record: Path | None) -> float:
    """Return the messages a second."""
    count, began, last, done = 0, 0.0, 0.0, threading.Event()

    def on_message(_message: Message) -> None:
        nonlocal count, began, last
        began = began or time.perf_counter()
        count += 1
        if count == MESSAGES:
            last = time.perf_counter()
            done.set()

    with far_end.module(MESSAGES) as port, Modem(port, model="M95", record=record) as modem:
        mqtt = modem.mqtt()
        mqtt.open("broker.lab")
        mqtt.connect("bench")
        mqtt.on_message = on_message
        modem.command(far_end.POUR.decode())
        if not done.wait(60):
            raise SystemExit(f"{MESSAGES - count} messages were lost")
    return MESSAGES / (last - began)


def recorded() -> float:
    with tempfile.TemporaryDirectory() as folder:
        return to_callback(Path(folder) / "bench.rec")


def measure() -> Iterator[Row]:
    with_it, without = in_turn(recorded, lambda: to_callback(None))
    behind = f"{with_it:,.0f} beside {without:,.0f} messages/s"
    yield Row("PTY → callback, recorded", "not recorded", with_it / without, "×", must=0.9, aim=0.95, behind=behind)


if __name__ == "__main__":
    main(measure)
