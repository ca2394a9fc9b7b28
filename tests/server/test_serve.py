"""The port."""

from __future__ import annotations

import socket

import pytest

from workbench.config import load_settings
from workbench.errors import UsageError
from workbench.server.serve import bind


def test_a_busy_port_is_named_and_a_free_one_offered(tmp_path):
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        with pytest.raises(UsageError, match=f"port {port} .* cannot be used") as refused:
            bind(load_settings(tmp_path, port=port))
    assert refused.value.free != port
    assert f"--port {refused.value.free}" in str(refused.value)


def test_port_zero_takes_a_free_one(tmp_path):
    listener, settings = bind(load_settings(tmp_path, port=0))
    with listener:
        assert settings.port == listener.getsockname()[1] > 0


def test_no_such_host(tmp_path):
    with pytest.raises(UsageError, match="host"):
        bind(load_settings(tmp_path, host="no.such.host.invalid"))
