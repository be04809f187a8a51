"""Modems on the benches of labgrid: resources, drivers and a strategy, for ``imports: [modemqtt.labgrid]``.

docs/labgrid.md says how to use them.
"""

from modemqtt.labgrid._driver import ModemMqttDriver
from modemqtt.labgrid._resources import NetworkQuectelModem, QuectelModem
from modemqtt.labgrid._strategy import ModemMqttStrategy, Status
from modemqtt.labgrid._virtual import VirtualQuectelModemDriver

__all__ = [
    "ModemMqttDriver",
    "ModemMqttStrategy",
    "NetworkQuectelModem",
    "QuectelModem",
    "Status",
    "VirtualQuectelModemDriver",
]
