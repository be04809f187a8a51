"""The options of a client, and the calls that read and change them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypedDict

from modemqtt._base_client import BaseClient
from modemqtt._strict import callback
from modemqtt._tls import Tls, wait_told
from modemqtt._usage import arguments, finished
from modemqtt._values import Alibaba, OneNet, Will  # noqa: TC001 - typing.get_type_hints(Options) looks for them

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Unpack

    from modemqtt._settings import Values
    from modemqtt._tls import UploadProgress
    from modemqtt._values import Tencent

# An index is a byte in the core.
MOST_INDEX = 255


class Options(TypedDict, total=False):
    """The options of :meth:`MqttClient.configure` and :meth:`MqttClient.session`.

    For functions of your own that pass them on: ``def start(**options: Unpack[Options])``.

    Example:
        >>> options: Options = {"keepalive": 60, "clean_session": True}
        >>> modem.mqtt(1).configure(**options)

    """

    version: Literal["3.1.1", "3.1"]
    """The MQTT version (not on M95)."""
    keepalive: int
    """0 to 3600 seconds, 0 for none."""
    clean_session: bool
    """False has the server keep subscriptions."""
    packet_timeout: int
    """1 to 60 seconds until a packet is sent again."""
    retries: int
    """How often it is sent again, 0 to 10 times."""
    timeout_notice: bool
    """True reports each retransmission."""
    will: Will | None
    """The will; ``None`` removes it."""
    alibaba: Alibaba
    """Credentials for Alibaba Cloud (BC35-G/BC28, BC660K-GL, EG800Q/EG91xQ)."""
    onenet: OneNet
    """Credentials for China Mobile OneNET (EG800Q/EG91xQ)."""
    tls: Tls | None
    """What secures the connection; ``None`` for no TLS (not on BC35-G/BC28)."""
    tls_context: int | None
    """The number of an SSL context that is already set up, instead of `tls`; ``None`` for none."""
    pdp_context: int
    """The PDP context, 1 to 15 (EG800Q/EG91xQ)."""
    ping_interval: int
    """5 to 60 seconds for the answer to a PINGREQ (EG800Q/EG91xQ)."""
    receive: Literal["urc", "buffer"]
    """``"buffer"`` has the module keep up to five messages until they are fetched, which happens as they are announced
    (EG800Q/EG91xQ)."""
    show_length: bool
    """False leaves the length out of received messages (BC660K-GL, EG800Q/EG91xQ); :meth:`MqttClient.open` turns it
    on."""
    receive_format: Literal["text", "hex"]
    """``"hex"`` receives hexadecimal digits on the line (BC660K-GL, EG800Q/EG91xQ). Payloads are bytes either way."""
    send_format: Literal["text", "hex"]
    """``"hex"`` sends hexadecimal digits on the line (BC660K-GL, EG800Q/EG91xQ). Payloads are bytes either way."""
    send_mode: Literal["text", "hex"]
    """As `send_format`, by a separate key (EG800Q/EG91xQ); whichever was set last applies."""
    echo_data: bool
    """True echoes the data of a publish (BC660K-GL)."""
    view_data: bool
    """True echoes the data of a publish (EG800Q/EG91xQ)."""
    edit_timeout: int | None
    """1 to 180 seconds for the data of a publish, ``None`` for no limit (EG800Q/EG91xQ)."""


class Configurable(BaseClient):
    """The part of :class:`MqttClient` that deals with options, and hands calls over to the core."""

    def configure(
        self,
        *,
        timeout: float | None = None,
        progress: Callable[[UploadProgress], object] | None = None,
        **options: Unpack[Options],
    ) -> None:
        """Change options (``AT+QMTCFG``). Other options stay as they are; a restart of the module resets all of them.

        Args:
            timeout: seconds for the whole call; ``None`` for the dialect's maximum for each command.
            progress: called, in this thread, while the credentials of ``tls`` are uploaded.
            **options: those of :class:`Options`. BC660K-GL takes ``version``, ``keepalive``, ``clean_session``,
                ``will``, ``alibaba``, ``tls`` and ``tls_context`` only before :meth:`open`, EG800Q/EG91xQ takes every
                option only while not connected.

        Raises:
            UsageError: there is no such option, or the dialect lacks it; the text names the dialects that have it. Or
                a credential is missing, unreadable, too long or not PEM.
            ProtocolError: a credential did not arrive in the module as it was sent.

        """
        callback("progress", progress)
        wait_told(self._submit("configure", options, timeout=timeout), progress)

    def configuration(self, *, timeout: float | None = None) -> dict[str, Any]:
        """Read every option that the dialect has, under the names of :meth:`configure`.

        ``will``, ``alibaba`` and ``onenet`` are ``None`` while unset. EG800Q/EG91xQ have two more keys:
        ``send_mode``, and ``willex``, which has topic, QoS, retain flag and length of a will sent after a prompt.
        """
        told: dict[str, Any] = self._call("configuration", timeout=timeout)
        return told

    def capabilities(self, *, timeout: float | None = None) -> dict[str, tuple[Values, ...]]:
        """Ask the module which values each key of ``AT+QMTCFG`` takes (its test form).

        Returns:
            By key, as the module names it but in lower case: one :class:`Values` for each parameter, the client index
            first. It is empty for a parameter whose values the module does not list, such as a text.

        """
        with arguments():
            pending = self._engine().errand("capabilities", timeout=timeout)
        told: dict[str, tuple[Values, ...]] = finished(pending)
        return told

    def authenticate(self, device: Tencent, *, timeout: float | None = None) -> str:
        """Get a token from Tencent Cloud (``AT+QMTENAUTH``; BC35-G/BC28).

        :meth:`connect` then takes no user and no password.

        Args:
            device: the device's credentials.
            timeout: seconds; ``None`` for the dialect's maximum, 195 s.

        Returns:
            The token, which the module keeps as well. It appears in no log.

        Raises:
            TokenError: no token was issued; its ``name`` says why.

        """
        with arguments():
            pending = self._engine().token(device, timeout=timeout)
        token: str = finished(pending)
        return token

    def _call(self, method: str, *values: object, timeout: float | None) -> Any:
        """Start a call and wait for its end."""
        return finished(self._submit(method, *values, timeout=timeout))
