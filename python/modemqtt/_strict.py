"""Objects that refuse misspelt attributes or keywords, objects that refuse to be copied, and the check of callbacks."""

from __future__ import annotations

import difflib
import functools
from types import FunctionType
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from modemqtt.exceptions import UsageTypeError

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

T = TypeVar("T")


def own_init(cls: type[T]) -> type[T]:
    """Give a class a copy of the `__init__` it inherits: the error for a wrong keyword then names this class."""
    base: Any = cls.__init__
    own = FunctionType(base.__code__, base.__globals__, closure=base.__closure__)
    functools.update_wrapper(own, base)
    own.__kwdefaults__ = base.__kwdefaults__
    own.__qualname__ = f"{cls.__qualname__}.__init__"
    cls.__init__ = own  # type: ignore[method-assign]
    return cls


class Strict:
    """Refuses attributes that its class does not have."""

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute of the class, or one that begins with an underscore.

        Raises:
            AttributeError: the class has no attribute of that name; the text suggests the most similar one.

        """
        if not name.startswith("_") and not hasattr(type(self), name):
            known = [other for other in dir(type(self)) if not other.startswith("_")]
            like = difflib.get_close_matches(name, known, 1)
            hint = f"; did you mean {like[0]!r}?" if like else ""
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}{hint}", name=name, obj=self)
        super().__setattr__(name, value)


class Single:
    """Refuses to be copied."""

    __slots__ = ()

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        """Refuse: a copy would close what the original has open.

        Raises:
            UsageTypeError: always.

        """
        name = type(self).__name__
        article = "an" if name[0] in "AEIOU" else "a"
        raise UsageTypeError(f"{article} {name} cannot be copied or pickled; make another one where it is needed")


class Running(Single):
    """Runs from when it is made until it is closed, at the latest by the end of its ``with`` block."""

    __slots__ = ()

    def close(self) -> None:
        """End it."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        """Return itself: it runs already."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close."""
        self.close()


def callback(name: str, value: Any) -> None:
    """Check a callback.

    Raises:
        UsageTypeError: it cannot be called.

    """
    if value is not None and not callable(value):
        raise UsageTypeError(f"{name} must be a callable or None, not {value!r}")
