"""The part of labgrid that is used here. labgrid has no types, so they are declared here and nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

__all__ = [
    "BindingError",
    "BindingState",
    "Driver",
    "ExecutionError",
    "InvalidConfigError",
    "NetworkResource",
    "NoResourceFoundError",
    "NoSupplierFoundError",
    "PowerProtocol",
    "Resource",
    "SerialPort",
    "Step",
    "Strategy",
    "StrategyError",
    "Target",
    "never_retry",
    "proxymanager",
    "step",
    "target_factory",
]

T = TypeVar("T")

if TYPE_CHECKING:
    import enum
    from collections.abc import Callable
    from logging import Logger

    import attr

    class BindingState(enum.Enum):
        """How far a resource or a driver has come."""

        bound = 1
        active = 2

    class BindingError(Exception):
        """A driver cannot be bound."""

    class InvalidConfigError(Exception):
        """The environment file is wrong."""

    class ExecutionError(Exception):
        """A driver could not do what it was asked for."""

    class NoSupplierFoundError(Exception):
        """What a driver is bound to is not there."""

    class NoResourceFoundError(NoSupplierFoundError):
        """A resource is not there, or not available."""

    class Target:
        """Something with resources and drivers."""

        name: str
        env: Any

        def activate(self, client: Binding) -> None: ...
        def deactivate(self, client: Binding) -> list[Binding]: ...

    @attr.s(eq=False)
    class Binding:
        """A resource or a driver."""

        target: Target = attr.ib()
        name: str | None = attr.ib()
        state: BindingState = attr.ib(init=False)
        bindings: dict[str, Any]
        logger: Logger

        def __attrs_post_init__(self) -> None: ...

    @attr.s(eq=False)
    class Resource(Binding):
        """What a driver uses."""

        avail: bool = attr.ib(init=False)

    @attr.s(eq=False)
    class NetworkResource(Resource):
        """A resource of another machine."""

        host: Any = attr.ib()

    @attr.s(eq=False)
    class SerialPort(Resource):
        """A serial port of this machine."""

        port: Any = attr.ib()
        speed: int = attr.ib()

    @attr.s(eq=False)
    class Driver(Binding):
        """What uses resources, and other drivers."""

        @classmethod
        def check_active(cls, method: T) -> T: ...
        def on_activate(self) -> None: ...
        def on_deactivate(self) -> None: ...

    class PowerProtocol:
        """A driver that switches power."""

        def on(self) -> None: ...
        def off(self) -> None: ...
        def cycle(self) -> None: ...

    class StrategyError(Exception):
        """A target cannot be brought to a state."""

    @attr.s(eq=False)
    class Strategy(Driver):
        """What brings a target from one state to another."""

        broken: Exception | None

    class Step:
        """A step under way."""

        args: dict[str, object] | None
        result: object

        def skip(self, reason: str) -> None: ...

    def step(
        *, title: str | None = None, args: list[str] | None = None, result: bool = False, tag: str | None = None
    ) -> Callable[[T], T]: ...
    def never_retry(method: T) -> T: ...

    class _Factory:
        def reg_driver(self, cls: type[T]) -> type[T]: ...
        def reg_resource(self, cls: type[T]) -> type[T]: ...

    class _Proxies:
        def get_host_and_port(self, resource: NetworkResource) -> tuple[str, int]: ...

    target_factory: _Factory
    proxymanager: _Proxies
else:
    from labgrid.binding import BindingError, BindingState
    from labgrid.driver import Driver, ExecutionError
    from labgrid.exceptions import InvalidConfigError, NoResourceFoundError, NoSupplierFoundError
    from labgrid.factory import target_factory
    from labgrid.protocol import PowerProtocol
    from labgrid.resource.base import SerialPort
    from labgrid.resource.common import NetworkResource, Resource
    from labgrid.step import Step, step
    from labgrid.strategy import Strategy, StrategyError, never_retry
    from labgrid.target import Target
    from labgrid.util.proxy import proxymanager
