"""The modem, awaited."""

from __future__ import annotations

import asyncio
import inspect
import time
from typing import TYPE_CHECKING

import pytest

import modemqtt
from modemqtt import (
    ConnectionLost,
    Modem,
    ModuleRestarted,
    MqttClient,
    ResponseTimeout,
    UsageError,
    UsageTypeError,
)
from modemqtt.aio import AsyncDelivery, AsyncModem, AsyncMqttClient
from support.loops import go, until

if TYPE_CHECKING:
    from modemqtt.virtual import Broker, VirtualModem

MODELS = ("M95", "BC28", "BC660K-GL", "EG800Q")


@pytest.mark.parametrize("model", MODELS)
def test_a_session_publishes_and_receives(model: str) -> None:
    async def program() -> None:
        async with AsyncModem(f"virtual://{model}") as modem:
            broker = modem.virtual.broker
            async with modem.mqtt().session(broker.host, broker.port, client_id="bench-7", keepalive=60) as mqtt:
                assert (mqtt.state, mqtt.server) == ("connected", (broker.host, broker.port))
                assert await mqtt.subscribe([("bench/#", 1), ("other", 0)]) == [1, 0]
                delivery = await mqtt.publish("bench/t", bytes(range(1, 26)), qos=1)
                assert isinstance(delivery, AsyncDelivery)
                assert None not in (delivery.queued_at, delivery.sent_at, delivery.accepted_at, delivery.ended_at)
                assert (delivery.state, (await delivery.wait()).message_id) == ("acknowledged", delivery.message_id)
                message = await mqtt.receive(5)
                assert (message.topic, message.payload) == ("bench/t", bytes(range(1, 26)))
                await mqtt.unsubscribe(["bench/#", "other"])
            assert mqtt.state == "closed"
        assert not modem.is_open

    go(program)


def test_every_member_of_the_blocking_classes_is_there() -> None:
    for blocking, awaited in ((Modem, AsyncModem), (MqttClient, AsyncMqttClient)):
        members = {name for name in dir(blocking) if not name.startswith("_")}
        assert members <= set(dir(awaited))
        for name in members:
            assert inspect.getdoc(getattr(awaited, name)), name


def test_what_blocks_in_the_one_is_awaited_in_the_other() -> None:
    immediate = {
        *("port", "model", "dialect", "is_open", "wire", "stats", "virtual", "dtr", "rts", "cts", "dsr", "mqtt"),
        *("index", "state", "server"),
    }
    for blocking, awaited in ((Modem, AsyncModem), (MqttClient, AsyncMqttClient)):
        for name in (name for name in dir(blocking) if not name.startswith(("_", "on_"))):
            found = inspect.unwrap(getattr(awaited, name))
            is_awaited = inspect.iscoroutinefunction(found) or inspect.isasyncgenfunction(found)
            assert is_awaited == (name not in immediate), name


def test_a_modem_is_asked_for_its_numbers_and_its_network(module: VirtualModem) -> None:
    async def program() -> None:
        async with AsyncModem(module.port, model="M95") as modem:
            assert (await modem.imei(), await modem.imsi()) == ("490154203237518", "001010123456789")
            assert await modem.iccid() == "89001010000000000017"
            assert await modem.identity() == await modem.identity()
            assert await modem.wait_registered(5) == await modem.registration() == 1
            assert isinstance(await modem.signal(), int)
            await modem.unlock("1234")
            assert (await modem.command("AT+CSQ")).final == "OK"
            await modem.restart()
            with pytest.raises(UsageTypeError, match="data must be bytes or str"):
                await modem.command("AT+QISEND=4", data=4)  # type: ignore[arg-type]

    go(program)


def test_options_are_set_and_read_back(module: VirtualModem) -> None:
    async def program() -> None:
        async with AsyncModem(module.port) as modem:
            mqtt = modem.mqtt()
            await mqtt.configure(keepalive=77)
            assert (await mqtt.configuration())["keepalive"] == 77
            assert "keepalive" in await mqtt.capabilities()
            with pytest.raises(UsageError, match="keepalive must be 0 to 3600 s, not 5000"):
                await mqtt.configure(keepalive=5000)

    go(program)


def test_a_wait_that_is_cancelled_loses_no_message() -> None:
    async def program() -> None:
        async with AsyncModem("virtual://M95") as modem:
            broker = modem.virtual.broker
            async with modem.mqtt().session(broker.host, broker.port, client_id="bench-7") as mqtt:
                await mqtt.subscribe("bench/#")
                got: list[modemqtt.Message] = []
                for number in range(60):
                    broker.publish("bench/t", str(number).encode())
                    # At all moments: long before the message, and while it comes.
                    for patience in (0, number / 10_000):
                        try:
                            got.append(await asyncio.wait_for(mqtt.receive(), patience))
                        except asyncio.TimeoutError:
                            continue
                while len(got) < 60:
                    got.append(await mqtt.receive(5))
                assert [message.payload for message in got] == [str(number).encode() for number in range(60)]

    go(program)


def test_an_iterator_that_is_left_keeps_the_messages_that_came_together() -> None:
    async def program() -> None:
        async with AsyncModem("virtual://M95") as modem:
            broker = modem.virtual.broker
            async with modem.mqtt().session(broker.host, broker.port, client_id="bench-7") as mqtt:
                await mqtt.subscribe("bench/#")
                for number in range(100):
                    broker.publish("bench/t", str(number).encode())
                await until(lambda: modem.stats.messages == 100, "the last message")
                got: list[bytes] = []
                while len(got) < 100:
                    async for message in mqtt.messages(0.5):
                        got.append(message.payload)
                        if len(got) % 7 == 0:
                            break
                    if len(got) < 100:
                        got.append((await mqtt.receive(5)).payload)
                assert got == [str(number).encode() for number in range(100)]

    go(program)


def test_an_iterator_ends_when_nothing_comes_in_time(module: VirtualModem) -> None:
    async def program() -> None:
        async with AsyncModem(module.port) as modem:
            assert [message async for message in modem.mqtt().messages(timeout=0.05)] == []
            assert [line async for line in modem.urcs(timeout=0.05)] == []
            with pytest.raises(ResponseTimeout, match=r"no message for client 0 within 0\.05 s"):
                await modem.mqtt().receive(0.05)

    go(program)


def test_lines_that_no_one_waited_for_are_yielded(module: VirtualModem) -> None:
    async def program() -> None:
        async with AsyncModem(module.port) as modem:
            module.urc("+BENCH: 1")
            async for line in modem.urcs(timeout=5):
                assert line == "+BENCH: 1"
                break

    go(program)


def test_a_lost_connection_ends_the_iterator_after_what_is_queued(broker: Broker, module: VirtualModem) -> None:
    async def program() -> None:
        async with (
            AsyncModem(module.port) as modem,
            modem.mqtt().session(broker.host, broker.port, client_id="bench-7") as mqtt,
        ):
            await mqtt.subscribe("bench/#")
            broker.publish("bench/t", b"1")
            broker.publish("bench/t", b"2")
            await until(lambda: modem.stats.messages == 2, "the messages")
            broker.drop_clients()
            await until(lambda: mqtt.state == "closed", "the loss")
            got = []
            with pytest.raises(ConnectionLost):  # noqa: PT012 - it ends the loop
                async for message in mqtt.messages():
                    got.append(message.payload)  # noqa: PERF401 - what comes before the error is kept
            assert got == [b"1", b"2"]
            with pytest.raises(ConnectionLost):
                await mqtt.receive()

    go(program)


def test_a_restart_of_the_module_ends_the_iterator(broker: Broker, module: VirtualModem) -> None:
    async def program() -> None:
        async with (
            AsyncModem(module.port) as modem,
            modem.mqtt().session(broker.host, broker.port, client_id="bench-7") as mqtt,
        ):
            waiting = asyncio.ensure_future(mqtt.receive())
            module.restart()
            with pytest.raises(ModuleRestarted):
                await waiting

    go(program)


def test_an_iterator_goes_on_over_a_loss_that_the_session_mends(broker: Broker, module: VirtualModem) -> None:
    async def program() -> None:
        again = modemqtt.Reconnect(first=0.01)
        async with AsyncModem(module.port) as modem:
            mqtt = modem.mqtt()
            told: list[modemqtt.Reconnected] = []
            mqtt.on_reconnected = told.append
            async with mqtt.session(broker.host, broker.port, client_id="bench-7", reconnect=again):
                await mqtt.subscribe("bench/#")
                receiving = asyncio.ensure_future(mqtt.receive(10))
                broker.drop_clients()
                await until(lambda: mqtt.state == "closed", "the loss")
                await mqtt.wait_connected(10)
                await until(lambda: told, "the news")
                broker.publish("bench/t", b"1")
                assert (await receiving).payload == b"1"

    go(program)


def test_waiting_for_a_connection_that_does_not_come_ends_in_time(module: VirtualModem) -> None:
    async def program() -> None:
        async with AsyncModem(module.port) as modem:
            with pytest.raises(ResponseTimeout, match=r"client 0 was not connected within 0\.05 s; it is closed"):
                await modem.mqtt().wait_connected(0.05)

    go(program)


def test_a_publish_need_not_be_waited_for(broker: Broker, module: VirtualModem) -> None:
    async def program() -> None:
        async with (
            AsyncModem(module.port) as modem,
            modem.mqtt().session(broker.host, broker.port, client_id="bench-7") as mqtt,
        ):
            deliveries = [await mqtt.publish("bench/t", str(i), qos=1, wait=False) for i in range(20)]
            assert {(await delivery.wait(5)).state for delivery in deliveries} == {"acknowledged"}
            with pytest.raises(UsageError):
                await mqtt.publish("bench/\r", b"", wait=False)
            broker.withhold_acks()
            late = await mqtt.publish("bench/t", b"x", qos=1, wait=False)
            with pytest.raises(ResponseTimeout, match=r"no result for the publish within 0\.1"):
                await late.wait(0.1)

    go(program)


def test_more_publishes_than_there_is_room_for_are_all_sent(broker: Broker, module: VirtualModem) -> None:
    async def program() -> None:
        async with (
            AsyncModem(module.port) as modem,
            modem.mqtt().session(broker.host, broker.port, client_id="bench-7") as mqtt,
        ):
            sent = await asyncio.gather(*(mqtt.publish("bench/t", str(i), qos=0) for i in range(1_050)))
            assert {delivery.state for delivery in sent} == {"sent"}
        assert len(broker.messages) == 1_050

    go(program, within=60, debug=False)


def test_a_cancelled_call_that_was_not_sent_is_taken_back(broker: Broker, module: VirtualModem) -> None:
    async def program() -> None:
        async with (
            AsyncModem(module.port) as modem,
            modem.mqtt().session(broker.host, broker.port, client_id="bench-7") as mqtt,
        ):
            module.inject("mute")
            first = asyncio.ensure_future(modem.command("AT+CSQ", timeout=0.5))
            second = asyncio.ensure_future(mqtt.publish("bench/t", b"never", qos=1))
            await asyncio.sleep(0.05)
            second.cancel()
            with pytest.raises(asyncio.CancelledError):
                await second
            module.heal()
            await asyncio.wait([first])
            first.exception()
            await mqtt.publish("bench/t", b"after", qos=1)
        assert [message.payload for message in broker.messages] == [b"after"]

    go(program, within=30)


def test_a_session_closes_what_it_opened_and_leaves_alone_what_was_open(broker: Broker, module: VirtualModem) -> None:
    async def program() -> None:
        async with AsyncModem(module.port) as modem:
            mqtt = modem.mqtt()
            with pytest.raises(UsageError):
                async with mqtt.session(broker.host, broker.port, client_id="a\rb"):
                    pytest.fail("there is no session")
            assert mqtt.state == "closed"
            await mqtt.open(broker.host, broker.port)
            await mqtt.connect("bench-7")
            with pytest.raises(UsageError):
                async with mqtt.session(broker.host, broker.port, client_id="bench-8", keepalive=5000):
                    pytest.fail("there is no session")
            assert mqtt.state == "connected"

    go(program)


def test_a_cancelled_session_is_left_within_a_second(broker: Broker, module: VirtualModem) -> None:
    async def program() -> None:
        async with AsyncModem(module.port) as modem:

            async def session() -> None:
                async with modem.mqtt().session(broker.host, broker.port, client_id="bench-7"):
                    await asyncio.sleep(60)

            task = asyncio.ensure_future(session())
            await until(lambda: broker.clients == ["bench-7"], "the client")
            module.inject("mute")
            start = time.monotonic()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert time.monotonic() - start < 2

    go(program)
