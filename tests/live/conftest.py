"""Vendors on loopback: their history, their stream, and a workspace that finds both."""

from __future__ import annotations

import contextlib

import pytest

from workbench.config import load_settings
from workbench.testing.exchange_sockets import EXCHANGE_STREAMS
from workbench.testing.sockets import STREAMS
from workbench.testing.wire import WireServer
from workbench.testing.workspace import VENDORS, point_at

QUICK = """
[feeds]
mute_seconds = 30
tolerance_seconds = 0.02
grace_seconds = 0.05
longest_wait_seconds = 0.2
"""


@pytest.fixture
async def vendor(tmp_path):
    """Start a vendor; return its stream's server, its history's server, and the settings."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(name, feeds=QUICK, **terms):
            history = stack.enter_context(WireServer(VENDORS[name]()))
            stream = await stack.enter_async_context({**STREAMS, **EXCHANGE_STREAMS}[name]())
            point_at(tmp_path, {name: history}, {name: stream.url}, **terms)
            with (tmp_path / "workbench.toml").open("a") as file:
                file.write(feeds)
            return stream, history, load_settings(tmp_path)

        yield start
