"""A Jupyter kernel, in which a test runs cells as a notebook does."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_client.manager import KernelManager

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyter_client.blocking.client import BlockingKernelClient

PATIENCE = 45.0


@dataclass
class Cell:
    """The result of running a cell."""

    printed: str = ""
    html: list[str] = field(default_factory=list)
    pictures: int = 0
    error: str = ""
    """The name of the exception that ended it."""
    text: str = ""
    """The traceback."""


class Kernel:
    """A kernel and its client."""

    def __init__(self, manager: KernelManager) -> None:
        self.manager = manager
        self._client: BlockingKernelClient = manager.client()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=PATIENCE)

    def run(self, code: str, *, interrupt_when: str | None = None, after: float = 0.15) -> Cell:
        """Run a cell. It is interrupted some time after it has printed that word."""
        cell = Cell()
        number = self._client.execute(code)
        deadline = time.monotonic() + PATIENCE
        while True:
            message: dict[str, Any] = self._client.get_iopub_msg(timeout=max(0.1, deadline - time.monotonic()))
            if message["parent_header"].get("msg_id") != number:
                continue
            content = message["content"]
            match message["msg_type"]:
                case "stream":
                    cell.printed += content["text"]
                    if interrupt_when is not None and interrupt_when in cell.printed:
                        interrupt_when = None
                        # The call cannot report that it waits.
                        time.sleep(after)
                        self.interrupted_at = time.monotonic()
                        self.manager.interrupt_kernel()
                case "execute_result" | "display_data":
                    cell.html.append(content["data"].get("text/html", ""))
                    cell.pictures += "image/png" in content["data"]
                case "error":
                    cell.error, cell.text = content["ename"], "\n".join(content["traceback"])
                case "status" if content["execution_state"] == "idle":
                    break
        self._client.get_shell_msg(timeout=PATIENCE)
        return cell

    def ok(self, code: str) -> Cell:
        """Run a cell that ends well."""
        cell = self.run(code)
        assert not cell.error, cell.text
        return cell

    def completions(self, code: str) -> list[str]:
        """Return what the Tab key offers after it."""
        reply: dict[str, Any] = self._client.complete(code, reply=True, timeout=PATIENCE)
        return list(reply["content"]["matches"])

    def help_of(self, code: str) -> str:
        """Return what Shift-Tab shows."""
        reply: dict[str, Any] = self._client.inspect(code, reply=True, timeout=PATIENCE)
        return str(reply["content"]["data"].get("text/plain", ""))

    def restart(self) -> None:
        """Restart it, as the button does."""
        self.manager.restart_kernel(now=False)
        self._client.wait_for_ready(timeout=PATIENCE)

    def close(self) -> None:
        """End it."""
        self._client.stop_channels()


@contextlib.contextmanager
def kernel() -> Iterator[Kernel]:
    """Start a kernel that knows only its own settings."""
    # A separate path, and a short one: its sockets are files there.
    with tempfile.TemporaryDirectory() as folder:
        manager = KernelManager(
            kernel_name="python3", transport="ipc", connection_file=str(Path(folder, "kernel.json"))
        )
        manager.start_kernel(env=os.environ | {"IPYTHONDIR": folder, "MPLBACKEND": "agg"})
        try:
            started = Kernel(manager)
            try:
                yield started
            finally:
                started.close()
        finally:
            manager.shutdown_kernel(now=True)
            manager.cleanup_resources()
