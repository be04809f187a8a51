"""Drive the MQTT client of Quectel cellular modules over AT commands.

    from modemqtt import Modem

    with Modem("/dev/ttyUSB2") as modem:
        mqtt = modem.mqtt()
        with mqtt.session("broker.lab", 1883, client_id="bench-7"):
            mqtt.subscribe("bench/#", qos=1)
            mqtt.publish("bench/7/temp", b"21.5", qos=1)
            print(mqtt.receive(timeout=5))

`modemqtt.virtual` has the other end: a virtual module that needs no hardware.
"""

from modemqtt._client import MqttClient
from modemqtt._core import __version__
from modemqtt._delivery import Delivery
from modemqtt._modem import Modem
from modemqtt._options import Options
from modemqtt._process import open_modems
from modemqtt._reconnect import Reconnect, Reconnected
from modemqtt._settings import Values
from modemqtt._tls import Tls, UploadProgress
from modemqtt._values import Alibaba, Message, OneNet, Response, Stats, Tencent, Will, WireLine
from modemqtt._wire import WireLog
from modemqtt.exceptions import (
    CloseError,
    CommandError,
    ConnectError,
    ConnectionLost,
    DisconnectError,
    ModemError,
    ModuleRestarted,
    OpenError,
    OperationError,
    PortError,
    ProtocolError,
    PublishError,
    RegistrationError,
    ResponseTimeout,
    ScriptError,
    SubscribeError,
    TokenError,
    UnsubscribeError,
    UsageError,
    UsageTypeError,
)

__all__ = [
    "Alibaba",
    "CloseError",
    "CommandError",
    "ConnectError",
    "ConnectionLost",
    "Delivery",
    "DisconnectError",
    "Message",
    "Modem",
    "ModemError",
    "ModuleRestarted",
    "MqttClient",
    "OneNet",
    "OpenError",
    "OperationError",
    "Options",
    "PortError",
    "ProtocolError",
    "PublishError",
    "Reconnect",
    "Reconnected",
    "RegistrationError",
    "Response",
    "ResponseTimeout",
    "ScriptError",
    "Stats",
    "SubscribeError",
    "Tencent",
    "Tls",
    "TokenError",
    "UnsubscribeError",
    "UploadProgress",
    "UsageError",
    "UsageTypeError",
    "Values",
    "Will",
    "WireLine",
    "WireLog",
    "__version__",
    "open_modems",
]
