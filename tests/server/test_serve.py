"""The port."""

from __future__ import annotations

import socket
import time

import pytest

from workbench.config import load_settings
from workbench.errors import UsageError
from workbench.server import serve
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


@pytest.mark.parametrize("sent", [b"", b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n"])
def test_a_client_that_does_not_end_its_request_is_let_go(served, monkeypatch, sent):
    monkeypatch.setattr(serve, "_HEAD_SECONDS", 0.3)
    with socket.create_connection(("127.0.0.1", served.settings.port), timeout=20) as client:
        client.sendall(sent)
        assert client.recv(1024) == b""


def test_a_connection_is_used_again_and_then_let_go(served, monkeypatch):
    monkeypatch.setattr(serve, "_HEAD_SECONDS", 0.3)
    whole = b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"
    with socket.create_connection(("127.0.0.1", served.settings.port), timeout=20) as client:
        for _ in range(3):
            client.sendall(whole)
            answer = b""
            while not answer.endswith(b'{"status":"ok"}'):
                answer += client.recv(4096)
            time.sleep(0.4)  # idle, and a request not begun is not a slow one
        client.sendall(whole[:-2])
        assert client.recv(4096) == b""


@pytest.mark.parametrize("sent", [b"", b"username=eve"])
def test_a_body_that_does_not_come_is_not_waited_for(served, monkeypatch, sent):
    monkeypatch.setattr(serve, "_BODY_SECONDS", 0.3)
    head = (
        f"POST /login HTTP/1.1\r\nhost: 127.0.0.1:{served.settings.port}\r\n"
        f"origin: {served.base}\r\ncontent-type: application/x-www-form-urlencoded\r\n"
        "content-length: 99\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", served.settings.port), timeout=20) as client:
        client.sendall(head.encode() + sent)
        assert client.recv(1024) == b""
