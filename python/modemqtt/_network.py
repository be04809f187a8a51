"""What a module says about itself, its SIM card and its network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modemqtt._strict import Strict
from modemqtt._usage import seconds

if TYPE_CHECKING:
    from modemqtt._line import Line


class Network(Strict):
    """The part of :class:`Modem` that asks for the module's identity and its network."""

    _line: Line

    @property
    def imei(self) -> str:
        """The number of the module, 15 digits: from ``AT+CGSN=1``, or ``AT+GSN`` where that form is missing.

        Raises:
            CommandError: the module refused it.

        """
        return str(self._line.errand("imei"))

    @property
    def imsi(self) -> str:
        """The number of the subscriber, up to 15 digits, from ``AT+CIMI``.

        Raises:
            CommandError: the module refused it, for example without a ready SIM card.

        """
        return str(self._line.errand("imsi"))

    @property
    def iccid(self) -> str:
        """The number of the SIM card: 18 to 22 hexadecimal digits, without the F that pads them.

        The command is ``AT+NCCID`` on BC35-G/BC28, ``AT+CCID`` on M95 and ``AT+QCCID`` elsewhere; if the module refuses
        it, the others are tried.

        Raises:
            CommandError: the module refused it, for example without a SIM card.
            ProtocolError: the answer holds no such number.

        """
        return str(self._line.errand("iccid"))

    def unlock(self, pin: str, *, timeout: float | None = None) -> None:
        """Give the SIM card its PIN (``AT+CPIN``). A card that asks for none is left alone.

        A wrong PIN uses up one of the three tries that most cards allow, so this never tries twice.

        Args:
            pin: 4 to 8 digits. It shows in no log and no exception.
            timeout: seconds for the whole call; ``None`` for 5 for each of the two commands.

        Raises:
            UsageError: the PIN is not 4 to 8 digits.
            RegistrationError: the card is missing or defective, or waits for something else, such as its PUK.
            CommandError: the card refused the PIN.

        """
        self._line.errand("unlock", pin=pin, timeout=timeout)

    def signal(self, *, timeout: float | None = None) -> int | None:
        """Return the received signal strength in dBm; ``None`` when not known.

        From ``AT+CSQ`` (3GPP TS 27.007, 8.5).
        """
        level: int | None = self._line.errand("signal", timeout=timeout)
        self._line.note_signal(level)
        return level

    def registration(self, *, timeout: float | None = None) -> int:
        """Return ``<stat>`` of the network registration.

        0 not registered, 1 home, 2 searching, 3 denied, 4 unknown, 5 roaming (3GPP TS 27.007, 7.2 and 10.1.22): from
        ``AT+CEREG?`` where the family has it, else ``AT+CREG?``.
        """
        return int(self._line.errand("registration", timeout=timeout))

    def wait_registered(self, timeout: float | None = None) -> int:
        """Wait until the module is registered with a network: ask once a second, and at each change that it reports.

        A radio that is off is switched on.

        Args:
            timeout: seconds, 0 to look once; ``None`` for 60. Each query gets at least 0.3 s.

        Returns:
            1 (home) or 5 (roaming).

        Raises:
            RegistrationError: the SIM card is missing, locked or defective, or the network denies the registration.
            ResponseTimeout: not registered in time, or the module did not answer.

        """
        return int(self._line.errand("wait_registered", timeout=seconds(timeout, otherwise=60.0)))
