"""The line of a run that says what its tests run on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modemqtt._pytest import settings

if TYPE_CHECKING:
    import pytest


def header_lines(config: pytest.Config) -> list[str]:
    """Return it, and a remark if pytest took a port for the folder of the tests."""
    told = settings.of(config)
    return [f"modemqtt: {', '.join(_parts(told))}", *_remarks(config, told)]


def _parts(told: settings.Settings) -> list[str]:
    if told.target is not None:
        parts = [f"{'virtual module of ' if told.virtual else ''}{told.where} ({told.ports_from})"]
    elif told.virtual:
        parts = [f"virtual modules ({told.ports_from})"]
    else:
        ports = " ".join(port.text for port in told.ports)
        parts = [f"port{'s' if len(told.ports) > 1 else ''} {ports} ({told.ports_from})"]
    if told.models:
        parts.append(f"model{'s' if len(told.models) > 1 else ''} {' '.join(told.models)}")
    elif not told.virtual:
        parts.append("model as the module says")
    if told.broker is not None:
        # Without user and password.
        parts.append(f"broker {told.broker.rpartition('@')[2]} ({told.broker_from})")
    elif told.virtual:
        parts.append("broker in this process")
    else:
        parts.append("no broker")
    return parts


def _remarks(config: pytest.Config, told: settings.Settings) -> list[str]:
    """Say if the space in ``--modem-port /dev/ttyUSB2`` hides the ini file, which pytest looks for next to paths."""
    for port in told.ports:
        if port.url is not None and str(config.rootpath) == port.url.rpartition("/")[0]:
            remark = f"pytest looks for its ini file in {config.rootpath}; write --modem-port={port.text}"
            return [f"modemqtt: {remark}, or name the folder of the tests as well"]
    return []
