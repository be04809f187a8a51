"""What a module says of itself, of its SIM card and of its network."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from modemqtt._strict import Strict
from modemqtt._usage import Deadline, seconds
from modemqtt.exceptions import CommandError, ProtocolError, RegistrationError, ResponseTimeout, UsageError

if TYPE_CHECKING:
    from modemqtt._core import Engine
    from modemqtt._values import Response

# 3GPP TS 27.007, 10.1.22.
_SEARCHING = 2
_DENIED = 3
_UNKNOWN = 4
_REGISTERED = (1, 5)
# The time that a question has at least, so that the state is known when the time is over.
_LEAST = 0.3
# 3GPP TS 27.007, 9.2: what is wrong with the SIM card, but for 14, busy, which passes; BC35-G/BC28 add the others.
_SIM_ERRORS = (*range(10, 14), *range(15, 19), *range(310, 314), *range(315, 319))
# The same in words: with AT+CMEE=2, and where AT+CPIN? gives them for a state.
_SIM_WORDS = (
    "SIM NOT INSERTED",
    "NOT INSERTED",
    "SIM PIN REQUIRED",
    "PH-SIM PIN REQUIRED",
    "SIM FAILURE",
    "SIM WRONG",
    "SIM PUK REQUIRED",
    "SIM PIN2 REQUIRED",
    "SIM PUK2 REQUIRED",
)
_PIN = re.compile(r"[0-9]{4,8}", re.ASCII)
# ITU-T E.118: up to 19 digits and a check digit, of which some operators have others than decimal ones.
_ICCID = re.compile(r"[0-9A-F]{18,22}")
_ICCID_COMMANDS = ("CCID", "QCCID")


class Network(Strict):
    """The part of :class:`Modem` that asks for the module's identity and its network."""

    def command(self, line: str, *, timeout: float | None = None) -> Response:
        """Send one command line."""
        raise NotImplementedError

    def _running(self) -> Engine:
        raise NotImplementedError

    @property
    def imei(self) -> str:
        """The number of the module, 15 digits: from ``AT+CGSN=1``, or ``AT+GSN`` where there is no such form.

        Raises:
            CommandError: the module refused it.

        """
        try:
            response = self.command("AT+CGSN=1")
        except CommandError:
            response = self.command("AT+GSN")
        return _digits(response, "an IMEI")

    @property
    def imsi(self) -> str:
        """The number of the subscriber, up to 15 digits, from ``AT+CIMI``.

        Raises:
            CommandError: the module refused it, as without a SIM card that is ready.

        """
        return _digits(self.command("AT+CIMI"), "an IMSI")

    @property
    def iccid(self) -> str:
        """The number of the SIM card: 18 to 22 hexadecimal digits, without the F that fills them up.

        It is asked for by ``AT+NCCID`` on BC35-G/BC28, ``AT+CCID`` on M95 and ``AT+QCCID`` elsewhere, and where that is
        refused by another of them.

        Raises:
            CommandError: the module refused it, as without a SIM card.
            ProtocolError: the answer holds no such number.

        """
        family = self._running().family
        own = (family and family[2]) or "CCID"
        try:
            response = self.command(f"AT+{own}")
        except CommandError as error:
            if error.code in _SIM_ERRORS:
                raise
            other = next(name for name in _ICCID_COMMANDS if name != own)
            try:
                response = self.command(f"AT+{other}")
            except CommandError:
                raise error from None
        for line in response.lines:
            number = line.rpartition(":")[2].strip(' "').upper()
            if _ICCID.fullmatch(number):
                return number.rstrip("F")
        raise _unreadable("an ICCID of 18 to 22 digits", response)

    def unlock(self, pin: str, *, timeout: float | None = None) -> None:
        """Give the SIM card its PIN (``AT+CPIN``). A card that asks for none is left alone.

        A wrong PIN uses up one of the three tries of most cards, so that this never tries twice.

        Args:
            pin: 4 to 8 digits. It shows in no log and no exception.
            timeout: seconds for all of it; ``None`` for 5 for each of the two commands.

        Raises:
            UsageError: the PIN is no 4 to 8 digits.
            RegistrationError: the card is missing or defective, or waits for something else, such as its PUK.
            CommandError: the card refused the PIN.

        """
        if not isinstance(pin, str) or not _PIN.fullmatch(pin):
            raise UsageError("the PIN must be 4 to 8 digits in a str")
        deadline = Deadline(timeout)
        state = self._sim_state(timeout)
        if state == "SIM PIN":
            self.command(f'AT+CPIN="{pin}"', timeout=deadline.left)
        elif state is not None and state != "READY":
            raise RegistrationError(f"the SIM card is locked: it waits for {state}, not for its PIN")

    def signal(self, *, timeout: float | None = None) -> int | None:
        """Return the received signal strength in dBm; ``None`` when not known.

        From ``AT+CSQ`` (3GPP TS 27.007, 8.5).
        """
        rssi = _number_in(self.command("AT+CSQ", timeout=timeout), r"\+CSQ:\s*(\d+)")
        unknown = 99
        return None if rssi is None or rssi >= unknown else 2 * rssi - 113

    def registration(self, *, timeout: float | None = None) -> int:
        """Return ``<stat>`` of the network registration.

        0 not registered, 1 home, 2 searching, 3 denied, 4 unknown, 5 roaming (3GPP TS 27.007, 7.2 and 10.1.22): from
        ``AT+CEREG?`` where the family has it, else ``AT+CREG?``.
        """
        known = self._registrations()
        return self._registration("CEREG" if "CEREG" in known else known[0], timeout)

    def wait_registered(self, timeout: float | None = None) -> int:
        """Wait until the module is registered with a network, asking once a second; a radio that is off is switched on.

        Args:
            timeout: seconds, 0 to look once; ``None`` for 60. A question is given 0.3 s at least.

        Returns:
            1 (home) or 5 (roaming).

        Raises:
            RegistrationError: the SIM card is missing, locked or defective, or the network denies the registration.
            ResponseTimeout: not registered in time, or the module has not answered.

        """
        allowed = seconds(timeout, otherwise=60.0)
        deadline = Deadline(allowed)
        ready = on = False
        while True:
            on = on or self._radio_on(deadline)
            ready = ready or self._sim_ready(deadline)
            stat = self._any_registration(deadline)
            if stat in _REGISTERED:
                return stat
            if stat == _DENIED:
                raise RegistrationError("the network denies the registration: state 3", stat=stat)
            left = deadline.left
            if not left:
                sim = "" if ready else "; the SIM card is not ready"
                raise ResponseTimeout(
                    f"not registered with a network within {allowed:g} s; the last state was {stat}{sim}"
                )
            time.sleep(min(1.0, left))

    def _registrations(self) -> list[str]:
        family = self._running().family
        return family[0] if family else ["CEREG"]

    def _registration(self, name: str, timeout: float | None = None) -> int:
        response = self.command(f"AT+{name}?", timeout=timeout)
        stat = _number_in(response, rf"\+{name}:\s*\d+,\s*(\d+)")
        return _UNKNOWN if stat is None else stat

    def _any_registration(self, deadline: Deadline) -> int:
        """Ask for one that messages can be sent with.

        EPS, or GPRS where an LTE module has fallen back to it; a GSM module needs both of its own.
        """
        known = self._registrations()
        one_will_do = "CEREG" in known
        stats = []
        for name in known:
            if name == "CREG" and one_will_do:
                continue
            try:
                stats.append(self._registration(name, _time_for_a_question(deadline)))
            except CommandError:
                # A module without GSM need not know the command of GPRS.
                if name == "CEREG" or not one_will_do:
                    raise
        registered = [stat for stat in stats if stat in _REGISTERED]
        if registered and (one_will_do or len(registered) == len(stats)):
            return registered[0]
        # Denied by one network while another is looked for is not the end.
        for stat in (_SEARCHING, _DENIED):
            if stat in stats:
                return stat
        return next(stat for stat in stats if stat not in _REGISTERED)

    def _radio_on(self, deadline: Deadline) -> bool:
        """Switch the radio on if it is off. A module that does not tell is left as it is."""
        try:
            function = _number_in(self.command("AT+CFUN?", timeout=_time_for_a_question(deadline)), r"\+CFUN:\s*(\d+)")
        except CommandError:
            return True
        if function not in (None, 1):
            self.command("AT+CFUN=1", timeout=_time_for_a_question(deadline))
        return True

    def _sim_ready(self, deadline: Deadline) -> bool:
        """Whether the SIM card is ready; one that will not be is an error."""
        state = self._sim_state(_time_for_a_question(deadline))
        if state is not None and state.startswith(("SIM P", "PH-")):
            raise RegistrationError(f"the SIM card is locked: it waits for {state}; unlock() gives it its PIN")
        return state == "READY"

    def _sim_state(self, timeout: float | None) -> str | None:
        """Return the state of the SIM card: ``READY``, or the code that it asks for; ``None`` while it is busy."""
        try:
            lines = self.command("AT+CPIN?", timeout=timeout).lines
        except CommandError as error:
            if error.code in (11, 311) or (error.name or "").upper() == "SIM PIN REQUIRED":
                return "SIM PIN"
            if error.code in _SIM_ERRORS or (error.name or "").upper() in _SIM_WORDS:
                raise RegistrationError(f"there is no network without a SIM card: {error.name}") from error
            return None
        states = [line.partition(":")[2].strip() for line in lines if line.startswith("+CPIN")]
        state = states[0] if states else "READY"
        if state.upper() in _SIM_WORDS:
            raise RegistrationError(f"there is no network without a SIM card: {state}")
        return state


def _time_for_a_question(deadline: Deadline) -> float | None:
    left = deadline.left
    return None if left is None else max(_LEAST, left)


def _digits(response: Response, what: str) -> str:
    for line in response.lines:
        found = re.search(r"(?:^|[^0-9])([0-9]{14,17})\"?$", line)
        if found:
            return found[1]
    raise _unreadable(what, response)


def _unreadable(what: str, response: Response) -> ProtocolError:
    line = " ".join(response.lines)
    return ProtocolError(f"expected {what}, the module printed {line!r}", expected=what, line=line)


def _number_in(response: Response, pattern: str) -> int | None:
    for line in response.lines:
        found = re.match(pattern, line)
        if found:
            return int(found[1])
    return None
