"""Opening a port next to the other modems of the process."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import sys
from typing import TYPE_CHECKING

from modemqtt._registry import holding
from modemqtt._usage import text
from modemqtt.exceptions import PortError, UsageError, UsageTypeError

if TYPE_CHECKING:
    from modemqtt._core import Engine
    from modemqtt._registry import Held

logger = logging.getLogger("modemqtt")

_LEAST_SIZE, _MOST_SIZE = 64 * 1024, 2**40
_LONGEST_PAUSE = 60

# The engines of modems that the program forgot, until their threads have let go of their ports.
_forgotten: list[Engine] = []


def check_settings(  # noqa: PLR0917 - in the order of Modem()
    port: object, model: object, baudrate: object, flow_control: object, log: object, wake_after: object
) -> None:
    """Check the types of a modem's settings; their values are the core's to check.

    Raises:
        UsageTypeError: one is of the wrong type.

    """
    if not isinstance(port, str) and isinstance(getattr(port, "port", None), str):
        raise UsageTypeError(f'port must be a text such as "/dev/ttyUSB2", not {port!r}; give its own `port`')
    text("port", port, '"/dev/ttyUSB2"')
    text("model", model, '"M95" or "auto"')
    text("flow_control", flow_control, '"none" or "rtscts"')
    if isinstance(baudrate, bool) or not isinstance(baudrate, int):
        raise UsageTypeError(f"baudrate must be a whole number such as 115200, not {baudrate!r}")
    if log is not None and not isinstance(log, (str, os.PathLike)):
        raise UsageTypeError(f"log must be the path of a file, or None, not {log!r}")
    if isinstance(wake_after, bool) or not (wake_after in (None, "auto") or isinstance(wake_after, (int, float))):
        raise UsageTypeError(f'wake_after must be "auto", 0 s or more, or None, not {wake_after!r}')


def check_record(record: object, identities: object) -> None:
    """Check how a modem is recorded.

    Raises:
        UsageTypeError: something is of the wrong type.

    """
    if record is not None and not isinstance(record, (str, os.PathLike)):
        raise UsageTypeError(f"record must be the path of a file, or None, not {record!r}")
    if not isinstance(identities, bool):
        raise UsageTypeError(f"record_identities must be True or False, not {identities!r}")


def check_pause(name: str, value: object) -> None:
    """Check one of a modem's pauses.

    Raises:
        UsageTypeError: it is not a number.
        UsageError: it is out of range.

    """
    wrong = f"{name} must be 0 to {_LONGEST_PAUSE} s, not {value!r}"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise UsageTypeError(wrong)
    if not 0 <= value <= _LONGEST_PAUSE:
        raise UsageError(wrong)


def check_size(name: str, value: object) -> None:
    """Check how many bytes of something a modem keeps.

    Raises:
        UsageTypeError: it is not a whole number.
        UsageError: it is too small.

    """
    wrong = f"{name} must be {_LEAST_SIZE} bytes (64 KiB) or more, not {value!r}"
    if isinstance(value, bool) or not isinstance(value, int):
        raise UsageTypeError(wrong)
    if not _LEAST_SIZE <= value <= _MOST_SIZE:
        raise UsageError(
            wrong if value < _LEAST_SIZE else f"{name} must be {_MOST_SIZE} bytes (1 TiB) or less, not {value}"
        )


def forget(engine: Engine) -> None:
    """Have the engine of a collected modem close its port, without waiting for that."""
    engine.close_later()
    _forgotten.append(engine)


def make_way(line: Held, *, take_over: bool | None) -> None:
    """Free the port from forgotten modems and, with `take_over`, from any other modem of this process.

    ``None`` takes over under IPython, whose ``Out`` keeps the modem that a cell has shown.
    """
    for engine in tuple(_forgotten):
        engine.close()
        with contextlib.suppress(ValueError):  # another thread has done the same
            _forgotten.remove(engine)
    if take_over or (take_over is None and in_ipython()):
        for other in holding(line.device, besides=line):
            # Text: a record that is kept must not keep the modem.
            shown = repr(other)
            logger.warning("%s: closing %s, another Modem of this process takes the port over", line.device, shown)
            other.close()


def named(error: PortError, line: Held) -> PortError:
    """Name the modem in the error of a port that this process itself has open."""
    others = holding(line.device, besides=line) if error.errno == errno.EBUSY else []
    if not others:
        return error
    message = (
        f"{line.device}: the port is in use by this process: {others[0]!r}; close() that one, or open(take_over=True)"
    )
    return PortError(message, errno=errno.EBUSY)


def in_ipython() -> bool:
    """Whether a person at IPython or in a notebook runs this."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and ipython.get_ipython() is not None
