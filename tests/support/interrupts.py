"""KeyboardInterrupt wherever the package may meet it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import modemqtt

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any, TypeAlias

    Trace: TypeAlias = Callable[[FrameType, str, Any], Any]

_PACKAGE = str(Path(modemqtt.__file__).parent)


class Interrupt:
    """Raises KeyboardInterrupt at the place of that number in the package, counted from the first that is run within.

    A place is a line when it is run first; with `opcodes` it is any instruction of the interpreter, each time: Python
    raises between two of them.
    """

    def __init__(self, number: int, *, opcodes: bool = False) -> None:
        self._left = number
        self._event = "opcode" if opcodes else "line"
        self._seen: set[tuple[str, int]] = set()
        # Where it was raised; empty when the call was over before.
        self.where = ""

    def __enter__(self) -> None:
        sys.settrace(self._trace)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> bool:
        sys.settrace(None)
        return kind is KeyboardInterrupt

    def leaves(self, *checks: Callable[[], object]) -> None:
        """Check what it has left; a failure says where it was raised."""
        try:
            for check in checks:
                check()
        except Exception as error:
            raise AssertionError(f"interrupted at {self.where}") from error

    def _trace(self, frame: FrameType, event: str, _: object) -> Trace | None:
        # Python swallows what a finaliser raises.
        if not frame.f_code.co_filename.startswith(_PACKAGE) or frame.f_code.co_name == "__del__":
            return None
        frame.f_trace_opcodes = self._event == "opcode"
        line = frame.f_code.co_filename, frame.f_lineno
        if event == self._event and (event == "opcode" or line not in self._seen):
            self._seen.add(line)
            self._left -= 1
            if self._left == 0:
                self.where = f"{Path(line[0]).name}:{line[1]} {frame.f_code.co_name}"
                sys.settrace(None)
                raise KeyboardInterrupt
        return self._trace
