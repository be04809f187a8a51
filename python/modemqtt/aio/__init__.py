"""The same as `modemqtt`, awaited.

    import asyncio
    from modemqtt.aio import AsyncModem

    async def main():
        async with AsyncModem("/dev/ttyUSB2") as modem:
            mqtt = modem.mqtt()
            async with mqtt.session("broker.lab", 1883, client_id="bench-7"):
                await mqtt.subscribe("bench/#", qos=1)
                await mqtt.publish("bench/7/temp", b"21.5", qos=1)
                async for message in mqtt.messages(timeout=5):
                    print(message.topic, message.payload)

    asyncio.run(main())

A cancelled wait ends and loses no message. No wait needs a thread, and any number of event loops may be used, one after
another or at the same time in threads.
"""

from modemqtt.aio._client import AsyncMqttClient
from modemqtt.aio._delivery import AsyncDelivery
from modemqtt.aio._modem import AsyncModem

__all__ = ["AsyncDelivery", "AsyncModem", "AsyncMqttClient"]
