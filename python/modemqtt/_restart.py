"""Restarting a module and finding it again."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

from modemqtt.exceptions import ModuleRestarted, ResponseTimeout

if TYPE_CHECKING:
    from modemqtt._modem import Modem

# A module that has said nothing by then is asked all the same: some print nothing when they start.
_SILENCE = 10.0
_BETWEEN_LOOKS = 0.02


def restart(modem: Modem, allowed: float) -> None:
    """Restart it, and return once it answers again; at most `allowed` seconds."""
    deadline = time.monotonic() + allowed
    engine = modem._running()  # noqa: SLF001 - our own
    family = engine.family
    restarts = engine.statistics()["restarts"]
    # BC35-G/BC28 restart without an OK, so the command itself may end with the restart.
    with contextlib.suppress(ModuleRestarted):
        modem.command((family and family[1]) or "AT+CFUN=1,1", timeout=allowed)
    silence = min(deadline, time.monotonic() + _SILENCE)
    # A module on USB may take its port away with it.
    while engine.is_open and engine.statistics()["restarts"] == restarts and time.monotonic() < silence:
        time.sleep(_BETWEEN_LOOKS)
    unnoticed = engine.statistics()["restarts"] == restarts
    while True:
        try:
            engine.set_up(anew=unnoticed, timeout=max(0.0, deadline - time.monotonic())).wait()
        except (ResponseTimeout, ModuleRestarted):
            if time.monotonic() >= deadline:
                raise
            unnoticed = False
        else:
            return
