"""One program for every dialect: open, connect, subscribe, publish, receive, disconnect.

    python every_dialect.py PORT BROKER_HOST BROKER_PORT

asks the module on PORT for its model and does the same whichever it is.
"""

import sys

from modemqtt import Modem


def main(port: str, host: str, broker_port: int) -> None:
    """Run one session."""
    with Modem(port) as modem:
        mqtt = modem.mqtt(0)
        topic = f"example/{modem.dialect}"
        with mqtt.session(host, broker_port, client_id=f"example-{modem.dialect}"):
            granted = mqtt.subscribe(topic, qos=1)
            mqtt.publish(topic, b"21.5", qos=1)
            message = mqtt.receive(timeout=10)
        print(f"{modem.model} ({modem.dialect}): granted {granted}, received {message.payload!r}")  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
