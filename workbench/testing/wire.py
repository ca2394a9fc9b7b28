"""An HTTP server on loopback that a test scripts: answers, and faults on the way."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

__all__ = [
    "Asked",
    "Fault",
    "Reply",
    "WireServer",
    "drop",
    "edit",
    "hang",
    "instead",
    "reset",
    "truncate",
]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came in.

    Parameters
    ----------
    method, path : str
    query : mapping of str to str
    headers : mapping of str to str
        With their names in lower case.
    body : str
    at : float
        Seconds since 1970.
    raw_query : str
        As it was written, for signatures.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: str
    at: float
    raw_query: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes back.

    Parameters
    ----------
    body : object
        A text as it is; anything else as JSON.
    status : int
    headers : mapping of str to str
    cut : int, optional
        Bytes to leave out at the end, though the header promises them.
    silence : float
        Seconds before anything is sent.
    is_dropped : bool
        Whether the connection is closed without an answer.
    is_reset : bool
        Whether it is reset instead.
    """

    body: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: int = 0
    silence: float = 0.0
    is_dropped: bool = False
    is_reset: bool = False


_AT_ONCE = struct.pack("ii", 1, 0)

Fault = Callable[[Reply], Reply]


def instead(body: Any, status: int = 200, **headers: str) -> Fault:
    """Answer something else; underscores in the names of headers are hyphens."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _: Reply(body, status, named)


def edit(change: Callable[[Any], Any]) -> Fault:
    """Change the body of the true answer."""
    return lambda reply: replace(reply, body=change(json.loads(json.dumps(reply.body))))


def hang(seconds: float) -> Fault:
    """Be silent for a while before the true answer."""
    return lambda reply: replace(reply, silence=seconds)


def truncate(count: int = 20) -> Fault:
    """Leave out the end of the body, and close."""
    return lambda reply: replace(reply, cut=count)


def reset() -> Fault:
    """Reset the connection without an answer."""
    return lambda reply: replace(reply, is_reset=True)


def drop() -> Fault:
    """Close the connection without an answer."""
    return lambda reply: replace(reply, is_dropped=True)


class WireServer:
    """Serves on a free port of loopback until closed.

    Parameters
    ----------
    answer : callable
        Gives the true reply to a request.

    Examples
    --------
    >>> from urllib.request import urlopen
    >>> with WireServer(lambda asked: Reply({"path": asked.path})) as server:
    ...     server.fail(instead("busy", 200))
    ...     [urlopen(f"{server.url}/a").read() for _ in range(2)]
    [b'busy', b'{"path": "/a"}']
    """

    def __init__(self, answer: Callable[[Asked], Reply]) -> None:
        self.asked: list[Asked] = []
        self._answer = answer
        self._faults: list[tuple[Callable[[Asked], bool], Fault]] = []
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it is, without a slash at the end."""
        return f"http://127.0.0.1:{self._http.server_port}"

    def fail(
        self, *faults: Fault, times: int = 1, when: Callable[[Asked], bool] | None = None
    ) -> None:
        """Spoil the next answers, one fault each.

        Parameters
        ----------
        *faults
            One after the other.
        times : int
            How often the whole row comes.
        when : callable, optional
            Requests it says no to are answered truly, and use up nothing.
        """
        with self._lock:
            self._faults += [(when or _always, fault) for fault in faults] * times

    def paths(self, part: str = "") -> list[str]:
        """Return the paths asked for that contain a text."""
        return [asked.path for asked in self.asked if part in asked.path]

    def close(self) -> None:
        """End; hanging answers are let go."""
        self._closing.set()
        self._http.shutdown()
        self._http.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _reply(self, asked: Asked) -> Reply:
        with self._lock:
            self.asked.append(asked)
            at = next((n for n, (when, _) in enumerate(self._faults) if when(asked)), None)
            fault = _no_fault if at is None else self._faults.pop(at)[1]
        return fault(self._answer(asked))

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def _serve(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                split = urlsplit(self.path)
                query = {k: v[-1] for k, v in parse_qs(split.query, True).items()}
                headers = {name.lower(): value for name, value in self.headers.items()}
                body = self.rfile.read(length).decode()
                now = time.time()
                asked = Asked(self.command, split.path, query, headers, body, now, split.query)
                outer._send(self, outer._reply(asked))

            do_GET = do_POST = do_DELETE = do_PATCH = do_PUT = _serve

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        return Handler

    def _send(self, handler: BaseHTTPRequestHandler, reply: Reply) -> None:
        if reply.silence:
            self._closing.wait(reply.silence)
        ends = reply.cut or reply.is_dropped or reply.is_reset or reply.silence
        handler.close_connection = bool(ends)
        if reply.is_reset:
            # closed with zero seconds to linger, a connection ends with RST
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
            handler.connection.close()
        if reply.is_dropped or reply.is_reset:
            return
        is_text = isinstance(reply.body, str)
        data = (reply.body if is_text else json.dumps(reply.body)).encode()
        try:
            handler.send_response_only(reply.status)
            if "Date" not in reply.headers:
                handler.send_header("Date", handler.date_time_string())
            kind = "text/html" if is_text and reply.body.startswith("<") else "application/json"
            for name, value in {"Content-Type": kind, **reply.headers}.items():
                handler.send_header(name, value)
            handler.send_header("Content-Length", str(len(data)))
            handler.end_headers()
            handler.wfile.write(data[: len(data) - reply.cut] if reply.cut else data)
            handler.wfile.flush()
        except (BrokenPipeError, ConnectionResetError):
            handler.close_connection = True


def _always(_: Asked) -> bool:
    return True


def _no_fault(reply: Reply) -> Reply:
    return reply
