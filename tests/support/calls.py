"""The calls and reports of transcripts, in terms of the package."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modemqtt import (
    Alibaba,
    CommandError,
    ConnectError,
    ConnectionLost,
    Delivery,
    Modem,
    ModemError,
    ModuleRestarted,
    OneNet,
    OperationError,
    ProtocolError,
    Response,
    ResponseTimeout,
    SubscribeError,
    Tencent,
    Tls,
    UsageError,
    Will,
)
from support.settings import typed

if TYPE_CHECKING:
    from collections.abc import Callable

# Codes of the MQTT versions, of any dialect.
_VERSIONS = {"0": "3.1", "1": "3.1.1", "3": "3.1", "4": "3.1.1"}
# The words of `configure` that make one option together.
_TLS = (b"tls=", b"ca=", b"cert=", b"key=")
_PAST = {
    b"configured": "configure",
    b"configuration": "configuration",
    b"opened": "open",
    b"connected": "connect",
    b"subscribed": "subscribe",
    b"unsubscribed": "unsubscribe",
    b"disconnected": "disconnect",
    b"closed": "close",
    b"response": "command",
    b"token": "token",
}

# The codes that refuse a call (V.250, 6.3).
_NO_CALL = ("NO CARRIER", "NO ANSWER", "NO DIALTONE", "BUSY")


def prepare(modem: Modem, words: list[bytes]) -> Callable[[], Any]:
    """Return the function that carries out a `*` step."""
    texts = [word.decode(errors="replace") for word in words[1:5]]
    if words[0] == b"command":
        line = b" ".join(words[1:]).decode()
        return lambda: modem.command(line)
    if words[0] == b"token":
        fields = [word.decode() for word in words[1:]]
        expire, url = [*fields[4:], None, None][:2]
        device = Tencent(fields[0], fields[1], fields[2], fields[3], int(expire) if expire else None, url)
        return lambda: modem.mqtt().authenticate(device)
    mqtt = modem.mqtt(int(texts[0]))
    match words[0].decode():
        case "configure":
            options = _options(words[2:])
            return lambda: mqtt.configure(**options)
        case "configuration":
            return mqtt.configuration
        case "open":
            return lambda: mqtt.open(texts[1], int(texts[2]))
        case "connect":
            return lambda: mqtt.connect(*texts[1:])
        case "subscribe":
            fields = [word.decode() for word in words[2:]]
            topics = [(topic, int(qos)) for topic, qos in zip(fields[::2], fields[1::2], strict=True)]
            return lambda: mqtt.subscribe(topics)
        case "unsubscribe":
            return lambda: mqtt.unsubscribe([word.decode() for word in words[2:]])
        case "publish":
            _, qos, retain, topic = texts
            return lambda: mqtt.publish(topic, words[5], int(qos), retain == "1", wait=False)
        case "disconnect":
            return mqtt.disconnect
        case "close":
            return mqtt.close
    raise ValueError(f"no call {words!r}")


def _options(words: list[bytes]) -> dict[str, Any]:
    options = _tls_options([word for word in words if word.startswith(_TLS)])
    for word in words:
        if word.startswith(_TLS):
            continue
        key, _, value = word.partition(b"=")
        match key.decode(), value:
            case "timeout", _:
                names = ("packet_timeout", "retries", "timeout_notice")
                given = [int(field) if field else None for field in value.split(b",")]
                options |= {name: field for name, field in zip(names, given, strict=False) if field is not None}
                if "timeout_notice" in options:
                    options["timeout_notice"] = options["timeout_notice"] == 1
            case "will", b"off":
                options["will"] = None
            case "will", _:
                topic, qos, retain, payload = value.split(b",", 3)
                options["will"] = Will(topic.decode(), payload, int(qos), retain == b"1")
            case ("clean_session" | "show_length" | "echo_data" | "view_data") as name, _:
                options[name] = value == b"1"
            case ("tls_context" | "edit_timeout") as name, _:
                options[name] = None if value == b"off" else int(value)
            case ("keepalive" | "pdp_context" | "ping_interval") as name, _:
                options[name] = int(value)
            case "alibaba", _:
                options["alibaba"] = Alibaba(*value.decode().split(","))
            case "onenet", _:
                options["onenet"] = OneNet(*value.decode().split(","))
            case name, _:
                options[name] = value.decode()
    return options


def _tls_options(words: list[bytes]) -> dict[str, Any]:
    given = {name.decode(): value for name, _, value in (word.partition(b"=") for word in words)}
    fields = given.pop("tls", b"off").decode()
    if fields == "off":
        return {"tls": None} if words else {}
    context, level, version, suite, check_time, sni, seconds = [*fields.split(","), *[""] * 7][:7]
    values: dict[str, Any] = {
        "verify": ("none", "server", "mutual")[int(level)],
        "versions": ("ssl3", "1.0", "1.1", "1.2", "all")[int(version or 3)],
        "cipher_suite": int(suite, 16) if suite else None,
        "check_time": check_time == "1",
        "sni": sni == "1" if sni else None,
        "handshake_timeout": int(seconds) if seconds else None,
    }
    credentials: dict[str, Any] = dict(given)
    return {"tls": Tls(context=int(context), **values, **credentials)}


def word_of(report: list[bytes]) -> str:
    """Return the word of the call that a report is about."""
    return report[1].decode() if report[0] == b"failed" else _PAST[report[0]]


def report(call: list[str], result: Any, expected: list[bytes]) -> list[bytes]:  # noqa: ANN401 - each call its own
    """Return the words for how a call has ended; of settings, which are typed, those expected where they are true."""
    if isinstance(result, ModemError):
        index = "0" if call[0] in ("token", "command") else call[1]
        return [b"failed", call[0].encode(), index.encode(), *failure(result)]
    if isinstance(result, str):
        return [b"token", result.encode()]
    if isinstance(result, Response):
        return [b"response", *(line.encode() for line in result.lines), result.final.encode()]
    past = next(past for past, word in _PAST.items() if word == call[0])
    words = [past, call[1].encode()]
    match result:
        case None:
            return words
        case list():
            return [*words, ",".join(map(str, result)).encode()]
        case dict():
            read = dict(word.decode().split("=", 1) for word in expected[2:])
            return expected if typed(read, _VERSIONS) == result else [*words, repr(result).encode()]
    raise TypeError(f"{call} returned {result!r}")


def failure(error: ModemError) -> list[bytes]:
    """Return the words for an exception."""
    match error:
        case ConnectError(result=result, return_code=int(code)):
            return [b"result", b"%d" % result, b"return_code", b"%d" % code]
        case SubscribeError(result=0, granted=granted):
            return [b"granted", ",".join(map(str, granted)).encode()]
        case OperationError(result=result):
            return [b"result", b"%d" % result]
        case CommandError(code=None, name=None):
            return [b"error", b"ERROR"]
        case CommandError(code=code, name=name):
            words = str(error).rpartition(": ")[2]
            if code is None and words in _NO_CALL:
                return [b"error", words.encode()]
            if str(error).startswith("the module gave up waiting for the data"):
                return [b"error", str(name).encode()]
            kind = b"CMS" if "+CMS ERROR" in str(error) else b"CME"
            return [b"error", kind, str(name).encode() if code is None else b"%d" % code]
        case ConnectionLost(code=code):
            return [b"lost", b"%d" % code]
        case ResponseTimeout():
            return [b"timeout"]
        case ModuleRestarted():
            return [b"restarted"]
        case ProtocolError():
            return [b"protocol"]
        case UsageError():
            return [b"usage"]
    raise error


def publish_report(
    call: list[str], delivery: Delivery | None, raised: ModemError | None, expected: list[bytes]
) -> list[bytes]:
    """Return what can be said of a publish, in the words of `expected` where they are true."""
    failed = [b"failed", b"publish", call[1].encode()]
    if raised is not None:
        return [*failed, *failure(raised)]
    if delivery is None:
        return [b"nothing"]
    who = [b"%d" % delivery.client, b"%d" % delivery.message_id]
    match expected[0]:
        case b"accepted":
            # It may have gone on from there.
            return [b"queued" if delivery.state == "queued" else b"accepted", *who]
        case b"retransmitting":
            times = min(delivery.retransmissions, int(expected[-1]))
            return [b"retransmitting", *who, b"%d" % times]
    if delivery.state in ("sent", "acknowledged"):
        delivery.wait()
    elif delivery.state in ("failed", "unknown"):
        error = _raised(delivery)
        if delivery.state == "failed" or isinstance(error, ModuleRestarted):
            return [*failed, *failure(error)]
        if not isinstance(error, (ConnectionLost, ResponseTimeout)):
            return [*failed, *failure(error)]
    return [delivery.state.encode(), *who]


def _raised(delivery: Delivery) -> ModemError:
    try:
        delivery.wait()
    except ModemError as error:
        return error
    raise AssertionError(f"{delivery} raises nothing")
