"""The known state to which a modem is brought between the tests that share it."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Any

from modemqtt._callbacks import ClientCallbacks, ModemCallbacks, callbacks_of
from modemqtt.exceptions import ModemError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modemqtt import Modem, MqttClient, WireLine
    from modemqtt.virtual import VirtualModem

_OF_A_MODEM, _OF_A_CLIENT = callbacks_of(ModemCallbacks), callbacks_of(ClientCallbacks)
_MOST_CLIENTS = 6
_CONFIGURED = re.compile(r'AT\+QMTCFG="[^"]+",(\d+),', re.IGNORECASE)
# Of AT+CREG: at home (3GPP TS 27.007, 7.2), as virtual modules are at their start.
_HOME = 1


class KnownState:
    """The state of a modem at the start, with what fixtures that outlive a test have changed since."""

    def __init__(self, modem: Modem, *, played: bool = False) -> None:
        """Look at the modem; one that is a recording has no state to look at."""
        self._modem = modem
        self._options: dict[str, Any] = {}
        if not played:
            self.look()
        self._kept_open: set[int] = set()
        self._kept_callbacks = self.callbacks()

    def look(self) -> None:
        """Look at the options of its clients, if that was not possible before: a closed modem has none."""
        if not self._options and self._modem.is_open:
            with contextlib.suppress(ModemError):
                self._options = self._modem.mqtt().configuration()
                # An opening has messages carry their length, unless the program has set that otherwise. To set what the
                # module began with would be that, and messages of later tests would lose bytes.
                if "show_length" in self._options:
                    self._options["show_length"] = True

    def keep(self, opened_before: set[int], callbacks_before: dict[tuple[object, str], object]) -> None:
        """Keep what a fixture of a broader scope than a test has opened and set since."""
        self._kept_open |= self.opened() - opened_before
        now = self.callbacks()
        self._kept_callbacks |= {key: now[key] for key in now if now[key] is not callbacks_before[key]}

    def opened(self) -> set[int]:
        """Return the clients that are not closed."""
        return {client.index for client in self._clients() if client.state != "closed"}

    def _clients(self) -> Iterator[MqttClient]:
        return (self._modem.mqtt(index) for index in range(_MOST_CLIENTS))

    def callbacks(self) -> dict[tuple[object, str], object]:
        """Return every callback, by its client, ``None`` for the modem, and its name."""
        of_modem: dict[tuple[object, str], object] = {(None, name): getattr(self._modem, name) for name in _OF_A_MODEM}
        of_clients = {
            (index, name): getattr(self._modem.mqtt(index), name)
            for index in range(_MOST_CLIENTS)
            for name in _OF_A_CLIENT
        }
        return of_modem | of_clients

    def restore_callbacks(self) -> None:
        """Remove the callbacks that tests have set."""
        for (index, name), callback in self._kept_callbacks.items():
            owner = self._modem if index is None else self._modem.mqtt(index)  # type: ignore[arg-type]
            if getattr(owner, name) is not callback:
                setattr(owner, name, callback)

    def forget(self) -> str | None:
        """Forget what tests have left of a recording; say what cannot be forgotten while the modem is open."""
        self.restore_callbacks()
        self._kept_open &= self.opened()
        self._forget_what_came()
        left = self.opened() - self._kept_open
        return f"client {min(left)} was left open" if left else None

    def _forget_what_came(self) -> None:
        for client in self._clients():
            for _ in client.messages(timeout=0):
                pass
        for _ in self._modem.urcs(timeout=0):
            pass

    def restore(self, lines: list[WireLine], *, all_seen: bool, patience: float) -> None:
        """Close what tests have opened, and restore what they have set.

        Args:
            lines: what went over the wire in the test.
            all_seen: whether the lines are complete.
            patience: seconds for each step.

        Raises:
            ModemError: the module does not obey.

        """
        self.restore_callbacks()
        self._kept_open &= self.opened()
        configured = {
            int(told[1]) for line in lines if line.sent and (told := _CONFIGURED.match(line.text)) is not None
        }
        for client in self._clients():
            kept = client.index in self._kept_open
            if not kept and client.state != "closed":
                with contextlib.suppress(ModemError):
                    client.disconnect(timeout=patience)
                client.close(timeout=patience)
            if not kept and self._options and (client.index in configured or not all_seen):
                self._restore_options(client, patience)
        self._forget_what_came()

    def _restore_options(self, client: MqttClient, patience: float) -> None:
        try:
            now = client.configuration(timeout=patience)
        except UsageError:
            return  # the module has fewer clients
        changed = {name: value for name, value in self._options.items() if now.get(name) != value}
        if changed:
            try:
                client.configure(timeout=patience, **changed)
            except UsageError:
                # An option that can be set but not unset.
                self._modem.restart(timeout=patience)


def heal_module(module: VirtualModem) -> None:
    """Bring a virtual module that serves several tests back to normal."""
    module.heal()
    module.power_on()
    module.set_sim("ready")
    module.network(up=True)
    module.set_registration(_HOME)
