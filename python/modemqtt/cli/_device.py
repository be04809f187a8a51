"""The way to the module that the command line names."""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from modemqtt import Modem
from modemqtt._recording import invented
from modemqtt.cli._arguments import PORT
from modemqtt.cli._streams import remark
from modemqtt.exceptions import UsageError

if TYPE_CHECKING:
    from argparse import Namespace

_LOG_FOLDER = "MODEMQTT_LOG_DIR"


def modem_of(options: Namespace) -> Modem:
    """Return the module that was named, not open yet.

    Raises:
        UsageError: none was named.

    """
    if options.modem is None:
        raise UsageError(f"no module is named; give --modem URL or set {PORT}; `modemqtt ports` lists the ports")
    modem = Modem(
        options.modem,
        model=options.model or "auto",
        baudrate=options.baud,
        log=log_of(options),
        record=options.record,
        record_identities=options.record_identities,
    )
    for value in vars(options).get("invented", ()):
        invented(modem, value)
    return modem


def opened(options: Namespace, *, timeout: float | None = None) -> Modem:
    """Open the module that was named."""
    return modem_of(options).open(timeout=timeout, recover=options.recover)


def is_virtual(options: Namespace) -> bool:
    """Whether the port is a virtual module of this process, with its own broker."""
    return str(options.modem).startswith(("virtual://", "virtual:"))


def asks_for_data(error: UsageError) -> bool:
    """Whether a command line was not sent because its data was missing."""
    return "data; give it as command(" in str(error)


def log_of(options: Namespace) -> str | None:
    """Return the file that was named, or a new one in the folder that the environment names."""
    folder = os.environ.get(_LOG_FOLDER)
    if options.log is not None or not folder:
        given: str | None = options.log
        return given
    stamp = time.strftime("%Y%m%d-%H%M%S")
    return str(Path(folder) / f"modemqtt-{options.command}-{stamp}-{os.getpid()}.log")


class _Remarks(logging.Handler):
    """Writes the package's warnings to standard error, where users of a command expect them."""

    def __init__(self, command: str) -> None:
        super().__init__(logging.NOTSET)
        self._command = command

    def emit(self, record: logging.LogRecord) -> None:
        """Write one remark."""
        if record.name == "modemqtt.wire":
            # The port is the same throughout.
            text = record.getMessage().partition(" ")[2]
        else:
            text = f"modemqtt {self._command}: {record.getMessage()}"
        remark(text)


def tell(options: Namespace) -> None:
    """Send warnings to standard error, with ``-d`` the wire as well, and with ``--quiet`` nothing."""
    logger = logging.getLogger("modemqtt")
    logger.propagate = False
    if options.quiet:
        logger.addHandler(logging.NullHandler())
    else:
        logger.addHandler(_Remarks(options.command))
    if options.debug:
        logging.getLogger("modemqtt.wire").setLevel(logging.DEBUG)
        logger.setLevel(logging.INFO)
