"""Run the application on one port, and end when told to."""

from __future__ import annotations

import asyncio
import os
import socket
from typing import Any

import uvicorn

from workbench.config import Settings
from workbench.errors import UsageError
from workbench.server.app import create_app

__all__ = ["bind", "run", "server"]

_GRACE_SECONDS = 5
_LONGEST_HEAD = 64 * 1024


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
        http="h11",
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
