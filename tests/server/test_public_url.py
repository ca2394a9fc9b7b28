"""A server behind a proxy that speaks https for it."""

from __future__ import annotations

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from workbench.config import load_settings

OURS = {"host": "bench.example", "origin": "https://bench.example"}
FORM = {"username": "ada", "password": "a long enough phrase"}


def log_in(served, headers=OURS) -> httpx.Response:
    return httpx.post(f"{served.base}/login", data=FORM, headers=headers, timeout=30)


def test_the_cookie_is_held_to_https(behind_proxy):
    answer = log_in(behind_proxy)
    assert answer.status_code == 303
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-wb=")
    assert {"Secure", "HttpOnly", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert "Domain" not in cookie
    assert answer.headers["strict-transport-security"].startswith("max-age=")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        # a proxy may put its own name for the server in place of ours
        ({"origin": "https://bench.example"}, 303),
        ({"host": "bench.example", "origin": "http://bench.example"}, 403),
        ({"host": "bench.example", "origin": "https://bench.example.evil"}, 403),
        ({"host": "evil.example", "origin": "https://evil.example"}, 421),
    ],
)
def test_only_the_public_origin_may_change_anything(behind_proxy, headers, status):
    assert log_in(behind_proxy, headers).status_code == status


def test_sockets_answer_to_the_public_origin(behind_proxy):
    cookie = log_in(behind_proxy).headers["set-cookie"].partition(";")[0]
    address = behind_proxy.base.replace("http", "ws") + "/api/v1/ws"

    def opened(origin):
        return connect(address, origin=origin, additional_headers={"Cookie": cookie})

    with opened("https://bench.example") as socket:
        socket.send('{"subscribe": ["system"]}')
        assert "topic" in socket.recv(timeout=20)
    with pytest.raises(InvalidStatus), opened("http://bench.example"):
        pass


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_the_pages_sockets_know_the_public_origin(tmp_path, host):
    from workbench.server.app import page_origins

    settings = load_settings(tmp_path, host=host, port=9, public_url="https://bench.example:443/")
    assert "bench.example" in page_origins(settings)
    assert "evil.example" not in page_origins(settings)
