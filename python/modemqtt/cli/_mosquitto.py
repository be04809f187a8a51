"""What ``pub`` and ``sub`` share: mosquitto's flags for a connection, and the session that they describe."""

from __future__ import annotations

import argparse
import contextlib
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from modemqtt import Tls, Will
from modemqtt.cli import _refused
from modemqtt.cli._arguments import add_modem, integer, tcp_port, utf8
from modemqtt.cli._device import is_virtual, opened, tell
from modemqtt.cli._exit import Failure
from modemqtt.cli._progress import Uploads
from modemqtt.exceptions import OpenError, UsageError

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator

    from modemqtt import Modem, MqttClient, Options
    from modemqtt.cli._arguments import Parser

_PASSWORD = "MODEMQTT_PASSWORD"  # noqa: S105 - its name
_PLAIN, _SECURED = 1883, 8883
_VERSIONS: dict[str, Literal["3.1", "3.1.1"]] = {"mqttv31": "3.1", "31": "3.1", "mqttv311": "3.1.1", "311": "3.1.1"}
_VERSIONS_OF_TLS: dict[str, Literal["1.0", "1.1", "1.2"]] = {
    "tlsv1": "1.0",
    "tlsv1.0": "1.0",
    "tlsv1.1": "1.1",
    "tlsv1.2": "1.2",
}
# Seconds for a module that has just been switched on.
_REGISTRATION = 60.0
# Of M95, which has the most.
_MOST_INDEX = 5


def add_connection(parser: Parser) -> None:
    """Add the arguments of a connection."""
    module = parser.add_argument_group("module")
    add_modem(module)
    module.add_argument("--client", type=_client, default=0, metavar="N", help="client index of the module; default: 0")
    broker = parser.add_argument_group("broker")
    broker.add_argument(
        "-h",
        "--host",
        type=utf8,
        help="broker, as the module reaches it; default: localhost, or with virtual:// the one beside it",
    )
    broker.add_argument("-p", "--port", type=tcp_port, metavar="N", help="TCP port; default: 1883, with TLS 8883")
    broker.add_argument("-L", "--url", type=_url, help="mqtt(s)://[user[:password]@]host[:port]/topic")
    broker.add_argument("-u", "--username", type=utf8, metavar="NAME", help="user name")
    broker.add_argument(
        "-P", "--pw", type=utf8, metavar="PASSWORD", help=f"password; `ps` shows it, unlike {_PASSWORD} and --pw-file"
    )
    broker.add_argument("--pw-file", metavar="FILE", help="a file whose first line is the password")
    broker.add_argument("-i", "--id", type=utf8, help="client id; default: modemqtt- and eight random digits")
    broker.add_argument(
        "-I", "--id-prefix", type=utf8, metavar="PREFIX", help="client id: PREFIX-, and the number of the process"
    )
    broker.add_argument(
        "-k",
        "--keepalive",
        type=integer,
        default=60,
        metavar="S",
        help="seconds, 0 for none; default: %(default)s",
    )
    broker.add_argument(
        "-V", "--protocol-version", metavar="VERSION", help="mqttv31 or mqttv311; default: the module's"
    )
    broker.add_argument(
        "-c", "--disable-clean-session", action="store_true", help="have the broker keep the session; needs --id"
    )
    will = parser.add_argument_group("will, which the broker publishes when the client vanishes")
    will.add_argument("--will-topic", type=utf8, metavar="TOPIC", help="its topic")
    will.add_argument("--will-payload", metavar="TEXT", help="its payload; default: empty")
    will.add_argument("--will-qos", type=qos, metavar="N", help="its QoS; default: 0")
    will.add_argument("--will-retain", action="store_true", help="have the broker keep it")
    tls = parser.add_argument_group("TLS")
    tls.add_argument("--cafile", metavar="FILE", help="certificates of the authorities that sign the broker's, PEM")
    tls.add_argument("--cert", metavar="FILE", help="certificate of the client, PEM; with --key")
    tls.add_argument("--key", metavar="FILE", help="its private key, PEM")
    tls.add_argument(
        "--insecure",
        action="store_true",
        help="encrypt without checking who the broker is; no effect with --cafile, since modules compare no names",
    )
    tls.add_argument("--tls-version", metavar="VERSION", help="tlsv1, tlsv1.1 or tlsv1.2, the default")
    parser.add_argument("--quiet", action="store_true", help="say nothing on standard error")


@contextlib.contextmanager
def session(options: Namespace, *, reconnect: bool, until: float | None = None) -> Iterator[tuple[Modem, MqttClient]]:
    """Open the module and connect as the command line says; disconnect and close at the end.

    Args:
        options: what `check` has accepted.
        reconnect: whether to restore a lost connection.
        until: when it must be done, by the monotonic clock.

    """
    tell(options)
    with contextlib.ExitStack() as stack:
        # At once or not at all: with a timeout it would wait for a port that another program has.
        modem = stack.enter_context(opened(options))
        mqtt = modem.mqtt(options.client)
        left = _left(until)
        modem.wait_registered(_REGISTRATION if left is None else min(left, _REGISTRATION))
        settings: dict[str, Any] = {
            "client_id": options.id,
            "username": options.username,
            "password": options.pw,
            "reconnect": reconnect,
            "timeout": _left(until),
            "progress": stack.enter_context(Uploads(quiet=options.quiet)),
        }
        try:
            _enter(stack, mqtt, server_of(options, modem), settings, configuration(options))
        except OpenError as error:
            if options.host is None:
                raise Failure(f"{error}; -h names another broker") from error
            raise
        yield modem, mqtt


def _left(until: float | None) -> float | None:
    return None if until is None else max(0.0, until - time.monotonic())


def _enter(
    stack: contextlib.ExitStack, mqtt: MqttClient, server: tuple[str, int], settings: dict[str, Any], options: Options
) -> None:
    """Enter the session. TLS that another program has set is turned off unless it is wanted."""
    host, port = server
    try:
        secured: Options = options if "tls" in options else {**options, "tls": None}
        stack.enter_context(mqtt.session(host, port, **settings, **secured))
    except UsageError:
        if "tls" in options:
            raise
        # A dialect without TLS has nothing to turn off.
        stack.enter_context(mqtt.session(host, port, **settings, **options))


def topic_of(options: Namespace) -> str | None:
    """Return the topic of the URL, if there is one."""
    return options.url.topic if options.url is not None else None


def check_connection(parser: Parser, options: Namespace) -> None:
    """Check what belongs together, and settle what follows from it. A mistake ends the program."""
    _refused.check_refused(parser, options)
    version = options.protocol_version
    if version is not None and version not in _VERSIONS:
        if version in {"mqttv5", "5"}:
            _refused.refuse(parser, f"-V {version}", options.model, "a module speaks MQTT 3.1 or 3.1.1")
        parser.error(f"-V must be mqttv31 or mqttv311, not {version!r}")
    if options.url is not None:
        options.host = options.host or options.url.host
        options.port = options.port or options.url.port
        options.username = options.url.username if options.username is None else options.username
    _check_password(parser, options)
    _check_id(parser, options)
    if options.will_topic is None and (
        options.will_payload is not None or options.will_qos is not None or options.will_retain
    ):
        parser.error("--will-payload, --will-qos and --will-retain need --will-topic")
    _check_tls(parser, options)


def _check_id(parser: Parser, options: Namespace) -> None:
    if options.id is not None and options.id_prefix is not None:
        parser.error("--id and --id-prefix exclude each other")
    if options.disable_clean_session and options.id is None:
        parser.error("-c needs --id, by which the broker recognises the session")
    if options.id is None:
        prefix = options.id_prefix
        options.id = f"modemqtt-{os.urandom(4).hex()}" if prefix is None else f"{prefix}-{os.getpid()}"
        # A replay accepts any other in its place.
        options.invented = (options.id,)


def _check_tls(parser: Parser, options: Namespace) -> None:
    if (options.cert is None) != (options.key is None):
        parser.error("--cert and --key need each other")
    if options.tls_version is not None and options.tls_version not in _VERSIONS_OF_TLS:
        parser.error(
            f"--tls-version must be tlsv1, tlsv1.1 or tlsv1.2, which modules have, not {options.tls_version!r}"
        )
    if _secured(options):
        if options.cafile is None and not options.insecure:
            parser.error("a module comes without certificates: give --cafile, or --insecure to check nothing")
    elif options.key is not None or options.tls_version is not None:
        parser.error("--cert, --key and --tls-version need --cafile, or --insecure")


def _check_password(parser: Parser, options: Namespace) -> None:
    """Find the password: from the command line, a file, the URL or the environment."""
    if options.pw is not None and options.pw_file is not None:
        parser.error("-P and --pw-file exclude each other")
    if options.pw_file is not None:
        try:
            options.pw = Path(options.pw_file).read_text(encoding="utf-8", errors="surrogateescape").partition("\n")[0]
        except OSError as error:
            parser.error(f"--pw-file: {options.pw_file} cannot be read: {error.strerror}")
    if options.pw is None and options.url is not None:
        options.pw = options.url.password
    if options.username is None:
        if options.pw is not None:
            parser.error("a password needs -u, the user name")
    elif options.pw is None:
        options.pw = os.environ.get(_PASSWORD) or None


def _secured(options: Namespace) -> bool:
    return options.cafile is not None or options.insecure or (options.url is not None and options.url.secured)


def configuration(options: Namespace) -> Options:
    """Return the options of the client that the command line asks for."""
    will: Will | None = None
    if options.will_topic is not None:
        payload = os.fsencode(options.will_payload or "")
        will = Will(options.will_topic, payload, qos=options.will_qos or 0, retain=options.will_retain)
    wanted: Options = {
        "keepalive": options.keepalive,
        "clean_session": not options.disable_clean_session,
        "will": will,
    }
    if options.protocol_version is not None:
        wanted["version"] = _VERSIONS[options.protocol_version]
    if _secured(options):
        versions = _VERSIONS_OF_TLS[options.tls_version or "tlsv1.2"]
        wanted["tls"] = Tls(
            ca=options.cafile,
            cert=options.cert,
            key=options.key,
            verify="none" if options.cafile is None else None,
            versions=versions,
        )
    return wanted


def server_of(options: Namespace, modem: Modem) -> tuple[str, int]:
    """Return host and port of the broker."""
    if options.host is None and options.port is None and is_virtual(options):
        broker = modem.virtual.broker
        return broker.host, broker.port
    return options.host or "localhost", options.port or (_SECURED if _secured(options) else _PLAIN)


class _Url(NamedTuple):
    secured: bool
    username: str | None
    password: str | None
    host: str
    port: int | None
    topic: str


def _url(text: str) -> _Url:
    """Take a URL apart as mosquitto does: nothing in it is escaped."""
    scheme, mark, rest = utf8(text).partition("://")
    if not mark or scheme not in {"mqtt", "mqtts"}:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a URL of the form mqtt(s)://[user[:password]@]host[:port]/topic"
        )
    server, slash, topic = rest.partition("/")
    if not slash or not topic:
        raise argparse.ArgumentTypeError(f"{text!r} names no topic after the host")
    user, _, address = server.rpartition("@")
    username, colon, password = user.partition(":")
    host, _, port = address.partition(":")
    if not host:
        raise argparse.ArgumentTypeError(f"{text!r} names no host")
    return _Url(
        scheme == "mqtts",
        username or None,
        password if colon else None,
        host,
        tcp_port(port) if port else None,
        topic,
    )


def _client(text: str) -> int:
    number = integer(text)
    if not 0 <= number <= _MOST_INDEX:
        raise argparse.ArgumentTypeError(f"the client index must be 0 to 5, not {text}")
    return number


def qos(text: str) -> int:
    """Return a QoS."""
    if text not in {"0", "1", "2"}:
        raise argparse.ArgumentTypeError(f"qos must be 0, 1 or 2, not {text}")
    return int(text)
