"""Vendors on loopback, and a workspace that finds them there."""

from __future__ import annotations

import pytest

from workbench.config import load_settings
from workbench.data import sources
from workbench.testing.wire import WireServer
from workbench.testing.workspace import VENDORS, point_at


@pytest.fixture
def serve(tmp_path):
    """Start a vendor; return its source, and the server to spoil."""
    servers = []

    def start(name, wire=None, **terms):
        server = WireServer(wire or VENDORS[name]())
        servers.append(server)
        point_at(tmp_path, {name: server}, **terms)
        return sources.find(name, load_settings(tmp_path)), server

    yield start
    for server in servers:
        server.close()
