"""Ctrl-C ends every wait at once."""

from __future__ import annotations

import inspect

import pytest

from modemqtt import Delivery, Modem, MqttClient
from support.programs import interrupt

# The waits of the public API, each with a program that waits there. The name before the colon is the member.
BLOCKING = {
    "Modem.open": "master, slave = os.openpty(); tty.setraw(slave)\nready(); Modem(os.ttyname(slave)).open()",
    "Modem.open: a host that does not answer": (
        "server, _ = absent(); ready(); Modem('socket://127.0.0.1:%d' % server.getsockname()[1]).open()"
    ),
    "Modem.reopen": "master, slave = os.openpty(); tty.setraw(slave)\nready(); Modem(os.ttyname(slave)).reopen()",
    "Modem.reopen: a port that is gone": (
        "with linked() as (module, modem): module.close(); ready(); modem.reopen(timeout=60)"
    ),
    "Modem.close: while a callback works": (
        "connect(); mqtt.subscribe('t'); started = threading.Event()\n"
        "mqtt.on_message = lambda _: (started.set(), time.sleep(30))\n"
        "broker.publish('t', b''); started.wait(); ready(); modem.close()"
    ),
    "Modem.command": "modem = silent(); ready(); modem.command('AT+COPS=?')",
    "Modem.identity": "modem = silent(); ready(); modem.identity",
    "Modem.imei": "modem = silent(); ready(); modem.imei",
    "Modem.imsi": "modem = silent(); ready(); modem.imsi",
    "Modem.iccid": "modem = silent(); ready(); modem.iccid",
    "Modem.unlock": "modem = silent(); ready(); modem.unlock('1234')",
    "Modem.signal": "modem = silent(); ready(); modem.signal()",
    "Modem.registration": "modem = silent(); ready(); modem.registration()",
    "Modem.wait_registered": "modem = silent(); ready(); modem.wait_registered()",
    "Modem.wait_registered: between": "modem.open(); module.network(False); ready(); modem.wait_registered()",
    "Modem.restart": "modem = silent(); ready(); modem.restart()",
    "Modem.urcs": "connect(); ready(); list(modem.urcs())",
    "MqttClient.configure": "mqtt = silent().mqtt(); ready(); mqtt.configure(keepalive=60)",
    "MqttClient.configuration": "mqtt = silent().mqtt(); ready(); mqtt.configuration()",
    "MqttClient.capabilities": "mqtt = silent().mqtt(); ready(); mqtt.capabilities()",
    "MqttClient.authenticate": "mqtt = silent('BC28').mqtt(); ready(); mqtt.authenticate(Tencent('p', 'd', 'c', 's'))",
    "MqttClient.open": "mqtt = silent().mqtt(); ready(); mqtt.open('h')",
    "MqttClient.open: a server": "server, _ = absent(); modem.open(); ready(); mqtt.open(*server.getsockname())",
    "MqttClient.connect": "mqtt = silent().mqtt(); ready(); mqtt.connect('c')",
    "MqttClient.connect: a server": (
        "server = socket.create_server(('127.0.0.1', 0)); modem.open()\n"
        "mqtt.open(*server.getsockname()); ready(); mqtt.connect('c')"
    ),
    "MqttClient.disconnect": "mqtt = silent().mqtt(); ready(); mqtt.disconnect()",
    "MqttClient.close": "mqtt = silent().mqtt(); ready(); mqtt.close()",
    "MqttClient.session: opening": (
        "server, _ = absent(); modem.open(); ready()\nwith mqtt.session(*server.getsockname(), client_id='c'): pass"
    ),
    "MqttClient.session: connecting": (
        "server = socket.create_server(('127.0.0.1', 0)); modem.open(); ready()\n"
        "with mqtt.session(*server.getsockname(), client_id='c'): pass"
    ),
    "MqttClient.session: within": (
        "modem.open()\nwith mqtt.session(broker.host, broker.port, client_id='c'): ready(); time.sleep(60)"
    ),
    "MqttClient.session: while it waits to connect again": (
        "modem.open()\n"
        "with mqtt.session(broker.host, broker.port, client_id='c', reconnect=Reconnect(first=60)):\n"
        "    broker.drop_clients(); ready(); mqtt.receive()"
    ),
    "MqttClient.session: while it connects again": (
        "modem.open()\n"
        "with mqtt.session(broker.host, broker.port, client_id='c', reconnect=Reconnect(first=0.05)):\n"
        "    port = broker.port; broker.close(); server = absent(port)\n"
        "    while mqtt.state != 'opening': time.sleep(0.001)\n"
        "    ready(); time.sleep(60)"
    ),
    "MqttClient.wait_connected": "modem.open(); ready(); mqtt.wait_connected()",
    "MqttClient.subscribe": "connect(); broker.withhold_acks(); ready(); mqtt.subscribe('t')",
    "MqttClient.unsubscribe": "connect(); broker.withhold_acks(); ready(); mqtt.unsubscribe('t')",
    "MqttClient.publish": "connect(); broker.withhold_acks(); ready(); mqtt.publish('t', b'1', qos=1)",
    "MqttClient.publish: room": (
        "connect(); broker.withhold_acks()\n"
        "for _ in range(1_005): mqtt.publish('t', b'1', qos=1, wait=False)\n"
        "ready(); mqtt.publish('t', b'1', qos=1, wait=False)"
    ),
    "MqttClient.receive": "connect(); ready(); mqtt.receive()",
    "MqttClient.receive: with a timeout": "connect(); ready(); mqtt.receive(timeout=60)",
    "MqttClient.messages": "connect(); ready(); list(mqtt.messages())",
    "Delivery.wait": (
        "connect(); broker.withhold_acks()\n"
        "delivery = mqtt.publish('t', b'1', qos=1, wait=False); ready(); delivery.wait()"
    ),
}

# The members that never wait.
IMMEDIATE = {
    "Modem": {
        "cts",
        "dialect",
        "dsr",
        "dtr",
        "is_open",
        "model",
        "mqtt",
        "on_port_lost",
        "on_restart",
        "on_urc",
        "port",
        "rts",
        "stats",
        "virtual",
        "wire",
    },
    "MqttClient": {
        "index",
        "on_connection_lost",
        "on_delivery",
        "on_message",
        "on_reconnect_failed",
        "on_reconnected",
        "server",
        "state",
    },
    "Delivery": {
        "accepted_at",
        "client",
        "ended_at",
        "message_id",
        "queued_at",
        "retransmissions",
        "sent_at",
        "state",
    },
}


@pytest.mark.parametrize("kind", [Modem, MqttClient, Delivery])
def test_every_member_is_known_to_wait_or_not_to(kind: type) -> None:
    members = {f"{kind.__name__}.{name}" for name, _ in inspect.getmembers(kind) if not name.startswith("_")}
    waiting = {name.split(":")[0] for name in BLOCKING if name.startswith(f"{kind.__name__}.")}
    assert members == waiting | {f"{kind.__name__}.{name}" for name in IMMEDIATE[kind.__name__]}


@pytest.mark.parametrize("blocking", BLOCKING)
def test_an_interrupt_ends_a_wait_at_once(blocking: str) -> None:
    body = "\n    ".join(BLOCKING[blocking].splitlines())
    seconds: list[float] = []
    # A busy machine gets more than one try.
    while not seconds or (seconds[-1] >= 0.1 and len(seconds) < 4):
        outcome = interrupt(
            f"""
import logging; logging.disable()
try:
    {body}
except KeyboardInterrupt:
    print(time.monotonic(), flush=True)
    os._exit(0)
"""
        )
        assert (outcome.returncode, outcome.errors) == (0, "")
        seconds.append(float(outcome.output) - outcome.signalled_at)
    assert min(seconds) < 0.1


def test_an_interrupted_session_is_left_and_the_program_ends() -> None:
    outcome = interrupt(
        """
with modem, mqtt.session(broker.host, broker.port, client_id="bench-7"):
    ready()
    mqtt.receive()
"""
    )
    assert outcome.returncode != 0
    assert outcome.errors.rstrip().endswith("KeyboardInterrupt")
    assert outcome.seconds_after_signal < 2


def test_a_session_with_a_silent_module_is_left_within_a_second() -> None:
    outcome = interrupt(
        """
modem.open()
try:
    with mqtt.session(broker.host, broker.port, client_id="bench-7"):
        module.inject("mute")
        ready()
        mqtt.receive()
except KeyboardInterrupt:
    print(time.monotonic(), flush=True)
    os._exit(0)
"""
    )
    assert 0.5 < float(outcome.output) - outcome.signalled_at < 1, outcome


def test_the_modem_is_usable_after_an_interrupt() -> None:
    outcome = interrupt(
        """
connect()
broker.withhold_acks()
try:
    ready()
    mqtt.publish("bench/t", b"1", qos=1)
except KeyboardInterrupt:
    broker.withhold_acks(False)
    print(modem.command("AT+CSQ").lines[0], mqtt.publish("bench/t", b"2", qos=1).state)
"""
    )
    told = "the wait for the publish was interrupted, but the call goes on\n"
    assert (outcome.returncode, outcome.output, outcome.errors) == (0, "+CSQ: 20,0 acknowledged\n", told)
