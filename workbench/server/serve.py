"""Run the application on one port, and end when told to."""

from __future__ import annotations

import asyncio
import os
import socket
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from workbench.config import Settings
from workbench.errors import UsageError
from workbench.server.app import create_app

__all__ = ["bind", "run", "server"]

_GRACE_SECONDS = 5
_LONGEST_HEAD = 64 * 1024
_HEAD_SECONDS, _BODY_SECONDS = 15.0, 30.0


class Patient(H11Protocol):
    """Waits for the head and the body of a request so long and no longer.

    Silence, or a byte now and then, may not hold a connection.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait."""
        super().connection_made(transport)
        self._wait(_HEAD_SECONDS)

    def data_received(self, data: bytes) -> None:
        """Read on, and begin to wait where a further request begins."""
        if self._timer is None and self.conn.their_state is h11.IDLE:
            self._wait(_HEAD_SECONDS)
        before = self.conn.their_state
        super().data_received(data)
        after = self.conn.their_state
        if after is before:
            return
        if after is not h11.IDLE:
            self._wait_no_longer()
        if after is h11.SEND_BODY:
            self._wait(_BODY_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._wait_no_longer()
        super().connection_lost(exc)

    def _wait(self, seconds: float) -> None:
        self._timer: asyncio.TimerHandle | None = self.loop.call_later(seconds, self._give_up)

    def _wait_no_longer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        self._timer = None
        self.transport.close()


def bind(settings: Settings) -> tuple[socket.socket, Settings]:
    """Take the port; port 0 takes a free one.

    Returns
    -------
    socket, Settings
        The listening socket, and the settings with the port it has.

    Raises
    ------
    UsageError
        The port is busy (a free one is offered), or the host is none of this machine.
    """
    try:
        info = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror as error:
        raise UsageError(f"no such host: {settings.host!r} ({error})", host=settings.host) from None
    listener = socket.socket(info[0], socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(info[4])
        listener.listen(128)
    except OSError as error:
        listener.close()
        free = _free_port(settings.host)
        raise UsageError(
            f"port {settings.port} of {settings.host} cannot be used ({error.strerror}); "
            f"port {free} is free: workbench serve --port {free}",
            port=settings.port,
            free=free,
        ) from None
    listener.setblocking(False)
    port = int(listener.getsockname()[1])
    return listener, settings.model_copy(update={"port": port})


def server(settings: Settings, **options: Any) -> uvicorn.Server:
    """Make the server of a workspace, not yet running; `settings.port` must be the real one."""
    config = uvicorn.Config(
        create_app(settings),
        # the faster parser takes headers without an end into memory, from anyone
        http=Patient,
        h11_max_incomplete_event_size=_LONGEST_HEAD,
        ws="websockets-sansio",
        # open pages would keep a stopping server for ever
        timeout_graceful_shutdown=_GRACE_SECONDS,
        server_header=False,
        proxy_headers=False,
        log_level=options.pop("log_level", "warning"),
        **options,
    )
    return uvicorn.Server(config)


def run(settings: Settings) -> None:
    """Serve until interrupted.

    Raises
    ------
    UsageError
        As in `bind`.
    """
    listener, bound = bind(settings)
    # whatever this process loads, it loads from the workspace it serves
    os.environ["WORKBENCH_HOME"] = str(settings.workspace)
    with listener:
        asyncio.run(server(bound).serve(sockets=[listener]))


def _free_port(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host if host.count(".") == 3 else "127.0.0.1", 0))
        return int(probe.getsockname()[1])
