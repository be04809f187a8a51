"""What ``AT+QMTCFG`` prints, read by Python: a second reading, which checks that of the core."""

from __future__ import annotations

import re
from typing import Any

from modemqtt import Alibaba, OneNet, Will


def typed(values: dict[str, str], versions: dict[str, str]) -> dict[str, Any]:
    """Name and type what the module printed. What has another form than the note gives stays as its text."""
    settings: dict[str, Any] = {}
    for key, text in values.items():
        fields = [field.strip() for field in text.split(",")]
        settings |= _device(key, fields) or _will(key, text) or _numbers(key, fields, versions) or {key: text}
    return settings


def _device(key: str, fields: list[str]) -> dict[str, Any] | None:
    plain = [field.strip('"') for field in fields]
    match key, plain:
        case "aliauth", [product_key, name, secret]:
            return {"alibaba": Alibaba(product_key, name, secret) if product_key else None}
        case "onenet", [product, access_key]:
            return {"onenet": OneNet(product, access_key) if product else None}
        case "aliauth", [""]:
            return {"alibaba": None}
        case "onenet", [""]:
            return {"onenet": None}
    return None


def _will(key: str, text: str) -> dict[str, Any] | None:
    if key not in ("will", "willex"):
        return None
    # Quotes inside a payload are not escaped: the last one ends it. `willex` reads back a length in place of the
    # payload.
    found = re.fullmatch(r'1,([0-2]),([01]),"?([^",]*)"?,(?:"(.*)"|(.*))', text, re.DOTALL)
    if found is None:
        return {key: None} if text == "0" else None
    qos, retain, topic, quoted, bare = found.groups()
    if key == "willex":
        return {key: (topic, int(qos), retain == "1", int(bare or 0))}
    return {key: Will(topic, (bare if quoted is None else quoted).encode(), int(qos), retain == "1")}


def _numbers(key: str, fields: list[str], versions: dict[str, str]) -> dict[str, Any] | None:  # noqa: PLR0912 - one line a key
    if not all(field.isdigit() for field in fields):
        return None
    words = {"0": "text", "1": "hex"}
    match key, fields:
        case "version", [code]:
            return {"version": versions.get(code, code)}
        case "timeout", [packet_timeout, retries, notice]:
            return {
                "packet_timeout": int(packet_timeout),
                "retries": int(retries),
                "timeout_notice": notice == "1",
            }
        case "session", [flag]:
            return {"clean_session": flag == "1"}
        case "keepalive", [seconds]:
            return {"keepalive": int(seconds)}
        case "ssl", [enabled, *context]:
            return {"tls_context": int(context[0]) if enabled == "1" and context else None}
        case "showrecvlen", [flag]:
            return {"show_length": flag == "1"}
        case "echo_mode", [flag]:
            return {"echo_data": flag == "1"}
        case "view/mode", [flag]:
            return {"view_data": flag == "1"}
        case "dataformat", [send, receive]:
            return {"send_format": words.get(send, send), "receive_format": words.get(receive, receive)}
        case "send/mode", [mode]:
            return {"send_mode": words.get(mode, mode)}
        case "pdpcid", [context]:
            return {"pdp_context": int(context)}
        case "qmtping", [seconds]:
            return {"ping_interval": int(seconds)}
        case "recv/mode", [mode, length]:
            return {"receive": "buffer" if mode == "1" else "urc", "show_length": length == "1"}
        case "edit/timeout", [enabled, *seconds]:
            return {"edit_timeout": int(seconds[0]) if enabled == "1" and seconds else None}
    return None
