"""Modems as resources, with the properties by which a bench is chosen."""

from __future__ import annotations

from typing import Any

import attr

from modemqtt.labgrid._foreign import InvalidConfigError, NetworkResource, Resource, target_factory

PROTOCOLS = {"raw": "socket", "rfc2217": "rfc2217"}
_LAST_PORT = 65_535


@target_factory.reg_resource
@attr.s(eq=False)
class QuectelModem(Resource):
    """A modem on a serial port of this machine.

    Args:
        port: the device, such as ``/dev/ttyUSB2``, or any other port that :class:`modemqtt.Modem` takes.
        speed: bits per second.
        model: the model, such as ``BC660K-GL``. The driver checks it.
        imei: the number of the module, 15 digits. The driver checks it.

    """

    port: Any = attr.ib(default=None)
    speed: int = attr.ib(default=115200)
    model: str | None = attr.ib(default=None)
    imei: str | None = attr.ib(default=None, converter=attr.converters.optional(str))

    def __attrs_post_init__(self) -> None:
        """Check what was given.

        Raises:
            InvalidConfigError: the port is missing.

        """
        super().__attrs_post_init__()
        if not isinstance(self.port, str) or not self.port:
            raise InvalidConfigError(f"QuectelModem needs port, a device such as /dev/ttyUSB2, not {self.port!r}")


@target_factory.reg_resource
@attr.s(eq=False)
class NetworkQuectelModem(NetworkResource):
    """A modem behind a TCP port of another machine.

    labgrid's exporter passes it on as written in the exporter's file. It has these parameters and no others.

    Args:
        host: the machine.
        port: the TCP port, 1 to 65535.
        protocol: ``rfc2217``, or ``raw`` for bytes alone.
        speed: bits per second, which ``rfc2217`` sets.
        model: the model, such as ``BC660K-GL``. The driver checks it.
        imei: the number of the module, 15 digits. The driver checks it.

    """

    host: Any = attr.ib(default=None)
    port: Any = attr.ib(default=None)
    protocol: str = attr.ib(default="rfc2217")
    speed: int = attr.ib(default=115200)
    model: str | None = attr.ib(default=None)
    imei: str | None = attr.ib(default=None, converter=attr.converters.optional(str))

    def __attrs_post_init__(self) -> None:
        """Check what was given.

        Raises:
            InvalidConfigError: host, port or protocol is missing or wrong.

        """
        super().__attrs_post_init__()
        if not isinstance(self.host, str) or not self.host:
            raise InvalidConfigError(f"NetworkQuectelModem needs host, the name of a machine, not {self.host!r}")
        if isinstance(self.port, bool) or not isinstance(self.port, int) or not 0 < self.port <= _LAST_PORT:
            raise InvalidConfigError(f"NetworkQuectelModem needs port, a TCP port from 1 to 65535, not {self.port!r}")
        check_protocol(self)


def check_protocol(resource: Any) -> str:
    """Return the scheme of a port that speaks the protocol of a resource.

    Raises:
        InvalidConfigError: the protocol is neither ``raw`` nor ``rfc2217``.

    """
    if resource.protocol not in PROTOCOLS:
        kind = type(resource).__name__
        raise InvalidConfigError(f"{kind}: protocol must be raw or rfc2217, not {resource.protocol!r}")
    return PROTOCOLS[resource.protocol]
