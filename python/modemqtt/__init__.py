"""Drive the MQTT client of Quectel cellular modules over AT commands.

    from modemqtt import Modem

    with Modem("/dev/ttyUSB2") as modem:
        mqtt = modem.mqtt()
        with mqtt.session("broker.lab", 1883, client_id="bench-7"):
            mqtt.subscribe("bench/#", qos=1)
            mqtt.publish("bench/7/temp", b"21.5", qos=1)
            print(mqtt.receive(timeout=5))

`modemqtt.virtual` has the other end: a virtual module that needs no hardware.

PYTEST_DONT_REWRITE: spares a program that has imported this and then runs pytest a warning about assertions here.
"""

import sys

TYPE_CHECKING = False  # as in `typing`, whose import takes a while
if TYPE_CHECKING:
    from modemqtt._names import *  # noqa: F403 - listed there
    from modemqtt._names import __all__ as __all__

try:
    from modemqtt._core import __version__ as __version__
except ImportError as _error:
    from modemqtt import _unsupported

    raise ImportError(_unsupported.explain(_error), name="modemqtt._core") from _error


def _load(name: str) -> object:
    """Load the public names when the first is used, so that importing the package alone costs little."""
    if not name.startswith("_") or name == "__all__":
        from modemqtt import _names  # noqa: PLC0415 - what this is about

        offered = {each: getattr(_names, each) for each in _names.__all__}
        globals().update(offered, __all__=_names.__all__)
        if name in globals():
            return globals()[name]
    if name[:1].isupper():
        _say_where(name)
    raise AttributeError(f"module 'modemqtt' has no attribute {name!r}", name=name, obj=sys.modules[__name__])


def _say_where(name: str) -> None:
    """Raise an error that says which module has a name, if one of ours has it."""
    import importlib  # noqa: PLC0415 - for a mistake alone
    import inspect  # noqa: PLC0415

    for home in ("modemqtt.virtual", "modemqtt.aio"):
        if name in importlib.import_module(home).__all__:
            told = f"{name} is in {home}: `from {home} import {name}`"
            # `from modemqtt import …` asks there, and would replace the text of an AttributeError by its own.
            if inspect.stack(0)[2].function == "_handle_fromlist":
                raise ImportError(told, name="modemqtt")
            raise AttributeError(told, name=name, obj=sys.modules[__name__])


def __dir__() -> list[str]:
    """Return the names of the package, loaded or not."""
    _load("__all__")
    return sorted(globals().keys() - {"TYPE_CHECKING", "sys"})


if not TYPE_CHECKING:
    # A type checker that sees this accepts any name.
    __getattr__ = _load
