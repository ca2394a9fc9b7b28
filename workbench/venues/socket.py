"""A vendor's WebSocket: large frames, time-outs, and its ends as errors of the house.

The vendors' own stream packages are not used: one of them tries wrong keys for ever and
dies of a text frame, another ends without a word when the server says goodbye and at the
first frame it cannot read. Their wire formats are small.
"""

from __future__ import annotations

import asyncio
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI

from workbench.core.ports import Event
from workbench.errors import UnavailableError, UsageError, WorkbenchError
from workbench.venues.calls import from_status, unavailable
from workbench.venues.stream import Connection

__all__ = ["LARGEST", "Endpoint", "Socket", "SocketConnection", "address", "refusal", "trouble"]

LARGEST = 32 << 20
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_REFUSED = 1008  # the server's policy


class Endpoint:
    """Where a vendor's stream is, and what must not be told of it.

    Parameters
    ----------
    vendor, url : str
    timeout : float
        Seconds to connect and to be let in.
    headers : mapping of str to str
    secrets : sequence of str
    """

    def __init__(
        self,
        vendor: str,
        url: str,
        timeout: float,
        *,
        headers: Mapping[str, str] | None = None,
        secrets: Sequence[str] = (),
    ) -> None:
        self.vendor, self.url, self.timeout = vendor, url, timeout
        self.headers = dict(headers or {})
        self._secrets = tuple(secret for secret in secrets if secret)

    def clean(self, text: object) -> str:
        """Return a text without secrets."""
        said = str(text)
        for secret in self._secrets:
            said = said.replace(secret, "***")
        return said


class Socket(ABC):
    """One WebSocket, used once; a vendor says how it greets.

    ``malformed`` counts the frames that could not be read and were passed over.

    Parameters
    ----------
    endpoint : Endpoint
    """

    malformed = 0

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._socket: ClientConnection | None = None
        self._is_greeted = False

    async def open(self) -> None:
        """Connect, say who we are, and subscribe."""
        at = self.endpoint
        host = urlsplit(at.url).hostname
        direct: dict[str, Any] = {"proxy": None} if host in _LOOPBACK else {}
        try:
            async with asyncio.timeout(at.timeout):
                self._socket = await connect(
                    at.url,
                    additional_headers=at.headers,
                    max_size=LARGEST,
                    close_timeout=1.0,
                    ping_interval=10.0,
                    ping_timeout=10.0,
                    **direct,
                )
                await self._greet()
        except TimeoutError:
            raise unavailable(at.vendor, "no connection in time") from None
        except (OSError, InvalidHandshake, InvalidURI) as error:
            told = self._refused(error)
        else:
            self._is_greeted = True
            return
        raise told

    async def close(self) -> None:
        """End it."""
        if self._socket is not None:
            await self._socket.close()

    async def messages(self) -> list[Any]:
        """Return the messages of the next frame; a frame that is none is counted."""
        assert self._socket is not None  # noqa: S101  open comes first
        try:
            frame = await self._socket.recv()
        except ConnectionClosed as error:
            told = self._ended(error)
        else:
            return self._unpacked(frame)
        raise told

    async def send(self, message: Any) -> None:
        """Send one message."""
        assert self._socket is not None  # noqa: S101  open comes first
        try:
            await self._socket.send(self._encode(message))
        except ConnectionClosed as error:
            told = self._ended(error)
        else:
            return
        raise told

    @abstractmethod
    async def _greet(self) -> None:
        """Say who we are, and subscribe."""

    def _encode(self, message: Any) -> str | bytes:
        return json.dumps(message)

    def _decode(self, frame: str | bytes) -> Any:
        return json.loads(frame)

    def _unpacked(self, frame: str | bytes) -> list[Any]:
        try:
            told = self._decode(frame)
        except (ValueError, TypeError, RecursionError):
            self.malformed += 1
            return []
        return told if isinstance(told, list) else [told]

    def _ended(self, error: ConnectionClosed) -> WorkbenchError:
        frame = error.rcvd
        code, why = (frame.code, frame.reason) if frame is not None else (1006, "")
        said = self.endpoint.clean(f"the connection was closed ({code}{why and ' ' + why})")
        if code == _REFUSED and not self._is_greeted:
            return UsageError(
                f"{self.endpoint.vendor} refuses the key or the subscription: {said}",
                vendor=self.endpoint.vendor,
                code=code,
            )
        return unavailable(self.endpoint.vendor, said, code=code)

    def _refused(self, error: Exception) -> WorkbenchError:
        at = self.endpoint
        if isinstance(error, InvalidStatus):
            answer = error.response
            said = at.clean((answer.body or b"").decode(errors="replace"))
            return from_status(at.vendor, answer.status_code, said, answer.headers)
        if isinstance(error, InvalidURI):
            return UsageError(f"{at.vendor} has no stream at {at.clean(at.url)}", vendor=at.vendor)
        return unavailable(at.vendor, f"no connection ({type(error).__name__})")


class SocketConnection(Socket, Connection):
    """A WebSocket of market data; a vendor says how it reads, too.

    Parameters
    ----------
    endpoint : Endpoint
    pulse : sequence of str
        Symbols whose trades are asked for after all else, for a sign of life.
    """

    def __init__(self, endpoint: Endpoint, pulse: Sequence[str] = ()) -> None:
        Socket.__init__(self, endpoint)
        Connection.__init__(self, pulse)
        self._pulse = tuple(pulse)
        self._is_subscribed = False

    async def receive(self) -> Sequence[Event]:
        """Return what the next frame tells."""
        events: list[Event] = []
        for message in await self.messages():
            events += self._checked(message)
        return events

    def _can_do_without(self) -> bool:
        """Give up the sign of life where a refusal can answer that alone; return whether."""
        if not self._is_subscribed or not self._pulse:
            return False
        self.has_pulse = False
        return True

    @abstractmethod
    def _events(self, message: Any) -> Sequence[Event]:
        """Return what a message tells; KeyError, TypeError or ValueError where it cannot be read.

        Raises
        ------
        UsageError, UnavailableError
            It is the vendor's word that this ends here.
        """

    def _checked(self, message: Any) -> Sequence[Event]:
        try:
            return self._events(message)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
            self.malformed += 1
            return ()


def address(base: str | None, usual: str, path: str) -> str:
    """Return a stream's address; an ``http`` base is taken for ``ws``.

    Examples
    --------
    >>> address("http://127.0.0.1:80/", "wss://socket.massive.com", "/stocks")
    'ws://127.0.0.1:80/stocks'
    """
    root = (base or usual).rstrip("/")
    for plain, stream in (("http://", "ws://"), ("https://", "wss://")):
        if root.startswith(plain):
            root = stream + root.removeprefix(plain)
    return root + path


def refusal(vendor: str, said: str, **facts: Any) -> UsageError:
    """Return the error of a vendor that will have none of it, however often it is asked."""
    return UsageError(f"{vendor} refuses the stream: {said}", vendor=vendor, **facts)


def trouble(vendor: str, said: str, **facts: Any) -> UnavailableError:
    """Return the error of a vendor that may have it later."""
    return unavailable(vendor, f"the stream ended: {said}", **facts)
