"""The flags of mosquitto's programs that a module cannot honour, each with the reason."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any, NoReturn

from modemqtt.cli._models import models

if TYPE_CHECKING:
    from collections.abc import Sequence

_VERSION_5 = "MQTT 5 has them, and a module speaks 3.1 or 3.1.1"
_OWN_TLS = "a module does TLS itself, with what AT+QSSLCFG sets"
_OWN_TCP = "a module makes its network connections itself, by AT+QMTOPEN with a host and a port"
_NO_RETAIN = "+QMTRECV does not say whether a message was retained"

# Flags, how many words follow, why not.
_BOTH: tuple[tuple[tuple[str, ...], int, str], ...] = (
    (("-A",), 1, _OWN_TCP),
    (("-D", "--property"), 3, f"properties are not known: {_VERSION_5}"),
    (("-x", "--session-expiry-interval"), 1, f"an expiry of sessions is not known: {_VERSION_5}"),
    (("--unix",), 1, _OWN_TCP),
    (("--proxy",), 1, _OWN_TCP),
    (("--nodelay",), 0, _OWN_TCP),
    (("-S",), 0, "AT+QMTOPEN takes no SRV record"),
    (("--psk",), 1, "AT+QSSLCFG takes certificates and no pre-shared key"),
    (("--psk-identity",), 1, "AT+QSSLCFG takes certificates and no pre-shared key"),
    (("--capath",), 1, "a module is given one file of certificates; name it with --cafile"),
    (("--tls-use-os-certs",), 0, "a module comes without certificates; name a file with --cafile"),
    (("--ciphers",), 1, f"{_OWN_TLS}: one suite by its number, or all, as modemqtt.Tls(cipher_suite=…) has it"),
    (("--tls-alpn",), 1, _OWN_TLS),
    (("--tls-engine",), 1, _OWN_TLS),
    (("--tls-engine-kpass-sha1",), 1, _OWN_TLS),
    (("--keyform",), 1, f"{_OWN_TLS}; keys are PEM"),
)
PUB = (*_BOTH, (("-M", "--max-inflight"), 1, "the module has its own window: 5 publishes, one on BC660K-GL"))
SUB = (
    *_BOTH,
    (("-R",), 0, _NO_RETAIN),
    (("--retained-only",), 0, _NO_RETAIN),
    (("--remove-retained",), 0, _NO_RETAIN),
)


def add_refused(parser: argparse.ArgumentParser, flags: Sequence[tuple[tuple[str, ...], int, str]]) -> None:
    """Make each of the flags an error that says why."""
    for names, count, reason in flags:
        words: Any = {0: 0, 1: None}.get(count, "*")
        parser.add_argument(
            *names, action=_Refuse, nargs=words, const=reason, help=argparse.SUPPRESS, default=argparse.SUPPRESS
        )


def check_refused(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """End where one of the flags was given."""
    for flag, reason in vars(options).get("refused", ()):
        refuse(parser, flag, options.model, reason)


def refuse(parser: argparse.ArgumentParser, flag: str, model: str | None, reason: str) -> NoReturn:
    """End with the flag, the dialect and the reason."""
    parser.error(f"{flag}: {_cannot(model)}; {reason}")


def _cannot(model: str | None) -> str:
    """Name the dialect of a model, or all of them if the model is not known."""
    known = models()
    for name, about in known.items():
        if model is not None and name.casefold() == model.casefold():
            return f"{name} (dialect {about.dialect}) cannot"
    return f"no dialect can ({', '.join(dict.fromkeys(about.dialect for about in known.values()))})"


class _Refuse(argparse.Action):
    """Keeps the flag until the model is known, which may be named after it."""

    def __call__(
        self, _parser: argparse.ArgumentParser, namespace: argparse.Namespace, _values: Any, flag: str | None = None
    ) -> None:
        namespace.refused = [*vars(namespace).get("refused", ()), (flag, self.const)]
