"""The TLS settings of a connection, and the way of its credentials into the module."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Literal

from modemqtt._usage import finished, flag, whole
from modemqtt.exceptions import UsageError, UsageTypeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from modemqtt._core import Pending

logger = logging.getLogger("modemqtt")

# `<sslversion>` and `<seclevel>` of AT+QSSLCFG (M95 MQTT Application Note V1.0, 5.2).
_VERSIONS = {"ssl3": 0, "1.0": 1, "1.1": 2, "1.2": 3, "all": 4}
_LEVELS = {"none": 0, "server": 1, "mutual": 2}
_MOST_CONTEXT = 255
_EVERY_SUITE = 0xFFFF
# Longer than a handshake may take in any family.
_MOST_SECONDS = 65_535


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """How a connection is secured (``AT+QSSLCFG``, ``AT+QMTCFG="ssl"``): ``mqtt.configure(tls=Tls(ca="ca.pem"))``.

    The credentials are paths, as str or PathLike, or PEM as bytes. They are read when they are used, stored in
    the module and verified by the size and checksum that it reports; a path is read again at each use. The key appears
    in no output, and of the others only the length.

    Not on BC35-G/BC28, which has no TLS.

    Example:
        >>> tls = Tls(ca="lab-ca.pem", cert="bench-7.pem", key="bench-7.key")
        >>> tls.versions
        '1.2'

    """

    ca: str | os.PathLike[str] | bytes | None = None
    """The certificate of the authority that signed the server's, or several one after the other."""
    cert: str | os.PathLike[str] | bytes | None = None
    """The client's certificate; with `key`."""
    key: str | os.PathLike[str] | bytes | None = None
    """The client's private key, not encrypted; with `cert`."""
    verify: Literal["none", "server", "mutual"] | None = None
    """``"none"`` accepts any server. ``"server"`` accepts one whose certificate `ca` has signed. ``"mutual"`` also
    shows `cert` to it. ``None`` is mutual with `cert` and `key`, server with `ca` alone, else none. None of these
    modules checks that the certificate has the server's name."""
    versions: Literal["ssl3", "1.0", "1.1", "1.2", "all"] = "1.2"
    """The protocol versions: one, or ``"all"`` to leave it to the server. BC660K-GL has no ``"ssl3"``."""
    cipher_suite: int | None = None
    """One cipher suite by its number, such as 0xC02F; ``None`` for all. Not on BC660K-GL, which always offers all."""
    check_time: bool = False
    """True refuses a certificate that is not valid now by the module's clock, so the clock must be right. Not on
    BC660K-GL."""
    sni: bool | None = None
    """Whether to name the server in the handshake (RFC 6066, 3). True is for EG800Q/EG91xQ and BG9x only; ``None``
    names it where the module can."""
    handshake_timeout: int | None = None
    """10 to 300 seconds for the handshake (BC660K-GL, EG800Q/EG91xQ, BG9x); ``None`` leaves it as it is."""
    context: int = 0
    """The module's SSL context for all this, 0 to 5; 0 on BC660K-GL. Clients with other settings need another."""

    def __post_init__(self) -> None:
        """Check.

        Raises:
            UsageError: a value is out of range, or a credential lacks the one it goes with.
            UsageTypeError: a value is of the wrong type.

        """
        for name in ("ca", "cert", "key"):
            value = getattr(self, name)
            if not isinstance(value, (str, bytes, os.PathLike, type(None))):
                raise UsageTypeError(f"{name} must be a path, or PEM as bytes, not {type(value).__name__}")
        _one_of("verify", self.verify, [*_LEVELS, None])
        _one_of("versions", self.versions, [*_VERSIONS])
        whole("context", self.context, 0, _MOST_CONTEXT)
        if self.cipher_suite is not None:
            whole("cipher_suite", self.cipher_suite, 0, _EVERY_SUITE)
        if self.handshake_timeout is not None:
            whole("handshake_timeout", self.handshake_timeout, 0, _MOST_SECONDS)
        flag("check_time", self.check_time)
        if self.sni is not None and not isinstance(self.sni, bool):
            raise UsageTypeError(f"sni must be True, False or None, not {self.sni!r}")
        if (self.cert is None) != (self.key is None):
            given, missing = ("cert", "key") if self.key is None else ("key", "cert")
            raise UsageError(f"{given} needs {missing} as well")

    def __repr__(self) -> str:
        """Show paths as they are, and the length of PEM."""
        names = [name for name in self.__slots__ if getattr(self, name) is not None]
        return f"Tls({', '.join(f'{name}={_shown(getattr(self, name))}' for name in names)})"

    def _prepared(self) -> SimpleNamespace:
        """Read the credentials, for the core."""
        verify = self.verify
        if verify is None:
            verify = "mutual" if self.key is not None else "server" if self.ca is not None else "none"
        suite = None if self.cipher_suite == _EVERY_SUITE else self.cipher_suite
        return SimpleNamespace(
            context=self.context,
            version=_VERSIONS[self.versions],
            suite=suite,
            level=_LEVELS[verify],
            ca=_read("ca", self.ca),
            cert=_read("cert", self.cert),
            key=_read("key", self.key),
            check_time=self.check_time,
            sni=self.sni,
            handshake_timeout=self.handshake_timeout,
        )


@dataclass(frozen=True, slots=True)
class UploadProgress:
    """How much of a credential has been uploaded to the module.

    Example:
        >>> def shown(upload: UploadProgress) -> None:
        ...     print(upload.name, upload.sent, "of", upload.total)
        >>> mqtt.configure(keepalive=60, progress=shown)  # it is called for the credentials of a Tls

    """

    name: str
    """``"ca"``, ``"cert"`` or ``"key"``."""
    sent: int
    """Bytes written to the port so far."""
    total: int
    """Bytes in all."""


def wait_told(pending: Pending, progress: Callable[[UploadProgress], object] | None) -> None:
    """Wait for the end of a call and report its uploads. A callback that raises is logged."""
    while progress is not None and (upload := pending.next_upload()) is not None:
        call_back(progress, upload)
    finished(pending)


def call_back(progress: Callable[[UploadProgress], object], upload: tuple[str, int, int]) -> None:
    """Call back for a part of an upload. A callback that raises is logged."""
    try:
        progress(UploadProgress(*upload))
    except Exception:
        logger.exception("progress callback failed")


def _shown(value: object) -> str:
    return f"<{len(value)} bytes>" if isinstance(value, bytes) else repr(value)


def _read(name: str, source: str | os.PathLike[str] | bytes | None) -> bytes | None:
    if source is None or isinstance(source, bytes):
        return source
    try:
        with open(source, "rb") as file:  # noqa: PTH123 - a path of any kind
            return file.read()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
    raise UsageError(f"{name}: {os.fspath(source)!r} cannot be read: {reason}")


def _one_of(name: str, value: object, allowed: list[object]) -> None:
    if value not in allowed:
        wrong = f"{name} must be one of {', '.join(map(repr, allowed))}, not {value!r}"
        raise UsageError(wrong) if isinstance(value, str) else UsageTypeError(wrong)
