"""What `modemqtt` offers: a public name is imported and listed here, and is loaded with the first one that is used."""

from modemqtt._client import MqttClient
from modemqtt._core import __version__
from modemqtt._delivery import Delivery
from modemqtt._modem import Modem
from modemqtt._open_modems import open_modems
from modemqtt._options import Options
from modemqtt._plots import plot_deliveries, plot_messages, to_pandas
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
    "plot_deliveries",
    "plot_messages",
    "to_pandas",
]
