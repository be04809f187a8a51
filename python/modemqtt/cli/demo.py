"""``modemqtt demo``: one MQTT session, with what goes over the line below each step."""

from __future__ import annotations

import contextlib
import secrets
import time
from functools import partial
from typing import TYPE_CHECKING

from modemqtt import Modem
from modemqtt._recording import invented
from modemqtt.cli._arguments import Parser, add_modem, command, tcp_port
from modemqtt.cli._device import is_virtual, modem_of
from modemqtt.exceptions import ModemError, UsageError
from modemqtt.virtual import Broker, VirtualModem

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable

    from modemqtt import MqttClient

# Payload and QoS. The last payload is not text, and holds the quote and the comma with which fields end.
_MESSAGES = ((b"21.5", 0), (b'{"t": 21.5}', 1), (b'\x00\x01\x7f\x80\xff",', 2))

# For a message to come back through a real network.
_PATIENCE = 30.0


def parser() -> Parser:
    """Describe the arguments."""
    described = command(
        "demo",
        "Connect, subscribe, publish with QoS 0, 1 and 2, receive and disconnect, with the AT commands of "
        "each step. Without --modem nothing is needed: a virtual module and a small broker are started.",
        examples=(
            "modemqtt demo",
            "modemqtt demo --modem virtual://M95",
            "modemqtt demo --modem /dev/ttyUSB2 -h broker.lab",
        ),
    )
    add_modem(described)
    described.add_argument("-h", "--host", help="broker, as the module reaches it; required with --modem")
    described.add_argument("-p", "--port", type=tcp_port, help="TCP port of the broker; default: 1883")
    described.add_argument("-u", "--username", help="user name for the broker")
    described.add_argument("-P", "--pw", "--password", dest="password", help="password for the broker")
    return described


def run(options: Namespace) -> int:
    """Show the session."""
    named = options.modem is not None
    virtual = not named or is_virtual(options)
    if options.host is None:
        if not virtual:
            raise UsageError("a module needs a broker that it can reach; name one with --host")
        if any(value is not None for value in (options.port, options.username, options.password)):
            raise UsageError("--port, --username and --password belong to --host, which is missing")
    with contextlib.ExitStack() as stack:
        if named:
            modem = modem_of(options)
        else:
            module = stack.enter_context(VirtualModem(options.model or "BC660K-GL"))
            modem = Modem(module.port, record=options.record, record_identities=options.record_identities)
        stack.callback(modem.close)
        broker = _beside(modem, stack, named=named) if options.host is None else None
        server = (broker.host, broker.port) if broker else (options.host, options.port or 1883)
        print(f"A {'virtual module' if virtual else 'module'} on {modem.port}; a broker on {server[0]}:{server[1]}.")
        print("Below each line of the program: `>` from the host, `<` from the module, `=` what the program gets.")
        _session(_Narrator(modem), modem, server, options)
        if broker is not None:
            _seen(broker)
        print(f"\nShown: {modem.model} connected, subscribed, published with QoS 0, 1 and 2 (the last not text),")
        print("and received every payload byte for byte.")
    if virtual:
        print("Next: modemqtt demo --modem /dev/ttyUSB2 --host BROKER does the same on a real module;")
        print("      modemqtt virtual runs a virtual module for your own program.")
    else:
        print("Next: modemqtt virtual runs a virtual module, to test your own program without this one.")
    return 0


def _beside(modem: Modem, stack: contextlib.ExitStack, *, named: bool) -> Broker:
    """Return the broker of a virtual module that was named, or a new one."""
    return modem.virtual.broker if named else stack.enter_context(Broker())


def _seen(broker: Broker) -> None:
    print("\nWhat the broker has seen:")
    for message in broker.messages:
        print(f"    {message.topic}  QoS {message.qos}  {message.payload!r}")


class _Narrator:
    """Carries out a step and prints it with its part of the wire log."""

    def __init__(self, modem: Modem) -> None:
        self._modem = modem
        self._shown = 0

    def step(self, program: str, call: Callable[[], object]) -> None:
        print(f"\n{program}", flush=True)
        try:
            result = call()
        finally:
            self._wire()
        if result is not None:
            print(f"    = {result!r}", flush=True)

    def _wire(self) -> None:
        lines = list(self._modem.wire)
        for line in lines[self._shown :]:
            print(f"        {line}")
        self._shown = len(lines)


def _session(narrator: _Narrator, modem: Modem, server: tuple[str, int], options: Namespace) -> None:
    host, port = server
    own = secrets.token_hex(3)
    topic, client_id = f"demo/{own}", f"modemqtt-demo-{own}"
    invented(modem, own)
    credentials = () if options.username is None else (options.username, options.password)
    mqtt = modem.mqtt(0)

    def ready() -> str:
        modem.open(recover=options.recover)
        return f"{modem.model}, dialect {modem.dialect}"

    narrator.step(f'modem = Modem("{modem.port}").open()', ready)
    narrator.step("modem.wait_registered(timeout=60)", lambda: modem.wait_registered(timeout=60))
    narrator.step(f'mqtt = modem.mqtt(0); mqtt.open("{host}", {port})', lambda: mqtt.open(host, port))
    try:
        shown = ", ..." if credentials else ""
        narrator.step(f'mqtt.connect("{client_id}"{shown})', lambda: mqtt.connect(client_id, *credentials))
        narrator.step(f'mqtt.subscribe("{topic}", qos=2)', lambda: mqtt.subscribe(topic, qos=2))
        for payload, qos in _MESSAGES:
            program = f'mqtt.publish("{topic}", {payload!r}, qos={qos}); mqtt.receive().payload'
            narrator.step(program, partial(_there_and_back, mqtt, topic, payload, qos))
        narrator.step("mqtt.disconnect()", mqtt.disconnect)
    finally:
        # Some dialects close with the disconnect. After a failure, as far as possible.
        if mqtt.state != "closed":
            with contextlib.suppress(ModemError):
                narrator.step("mqtt.close()", mqtt.close)


def _there_and_back(mqtt: MqttClient, topic: str, payload: bytes, qos: int) -> bytes:
    mqtt.publish(topic, payload, qos)
    deadline = time.monotonic() + _PATIENCE
    while True:
        message = mqtt.receive(timeout=max(0.0, deadline - time.monotonic()))
        # Another client of the module may be at work, or an earlier session's message late.
        if message.topic == topic:
            break
    if message.payload != payload:
        raise ModemError(f"the payload came back as {message.payload!r}")
    return message.payload
