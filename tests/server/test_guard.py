"""What a stranger, a forger and a foreign site get: nothing, on every door."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import re
import time
import zlib

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from workbench.config import load_settings
from workbench.server.app import create_app
from workbench.server.guard import Guard, Rules

EVIL = "https://evil.example"


def page_token(html: str) -> str:
    return re.search(r'"token":"([^"]+)"', html)[1]


def told_to_the_page(html: str) -> dict:
    """Unpack what the page's token carries: anyone who sees the page can."""

    def read(text):
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))

    payload = json.loads(read(page_token(html).partition(".")[0]))
    return json.loads(zlib.decompress(read(payload["__bk__zlib_"])))


def open_socket(served, path, *, cookie=None, origin=None, token="x"):
    headers = {"Cookie": f"wb_session={cookie}"} if cookie else {}
    return connect(
        served.base.replace("http", "ws") + path,
        origin=origin,
        additional_headers=headers,
        subprotocols=["bokeh", token],
        max_size=None,
        open_timeout=20,
    )


def socket_status(served, path, **options) -> int:
    with pytest.raises(InvalidStatus) as refused, open_socket(served, path, **options):
        pass
    return refused.value.response.status_code


API = [
    "/api/v1/symbols",
    "/api/v1/bars?symbol=AAPL",
    "/api/v1/strategies",
    "/metrics",
    "/openapi.json",
]
PAGES = ["/", "/plain", "/docs", "/reports", "/static/js/bokeh.min.js", "/no-such-page"]


@pytest.mark.parametrize("path", API)
def test_a_stranger_gets_a_problem_from_the_api(served, path):
    with served.stranger() as client:
        answer = client.get(path)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:workbench:problem:unauthenticated"


@pytest.mark.parametrize("path", PAGES)
def test_a_stranger_is_sent_to_the_login_from_a_page(served, path):
    with served.stranger() as client:
        answer = client.get(path)
    assert answer.status_code == 303
    target = "/login" if path == "/" else f"/login?next={path}"
    assert answer.headers["location"] == target


@pytest.mark.parametrize("path", [*PAGES, "/api/v1/orders", "/api/v1/backtests", "/logout"])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE"])
def test_a_stranger_changes_nothing(served, path, method):
    with served.stranger() as client:
        assert client.request(method, path).status_code == 401


@pytest.mark.parametrize("path", ["/login", "/healthz", "/assets/wb.css", "/assets/mark.svg"])
def test_only_these_are_open(served, path):
    with served.stranger() as client:
        assert client.get(path).status_code == 200


@pytest.mark.parametrize(
    "path", ["/assets/../plain", "/assets/parts.css", "/login/", "//plain", "/healthz/x", "/LOGIN"]
)
def test_what_looks_like_an_open_path_is_not(served, path):
    with served.stranger() as client:
        assert client.get(path).status_code in (303, 404)


def test_the_socket_matrix(served, ada):
    """The columns of the matrix: page socket of strangers, of our page, of an evil origin."""
    cookie = ada.cookies["wb_session"]
    token = page_token(ada.get("/plain").text)
    assert socket_status(served, "/plain/ws", token=token) == 403
    assert socket_status(served, "/plain/ws", token=token, origin=served.base) == 403
    assert socket_status(served, "/plain/ws", token=token, origin=EVIL, cookie=cookie) == 403
    assert socket_status(served, "/plain/ws", token=token, cookie=cookie) == 403
    with open_socket(served, "/plain/ws", token=token, origin=served.base, cookie=cookie) as ours:
        assert "ACK" in ours.recv(timeout=20)


def test_a_forged_page_token_is_refused(served, ada):
    cookie = ada.cookies["wb_session"]
    session, _, signature = page_token(ada.get("/plain").text).partition(".")
    padded = session + "=" * (-len(session) % 4)
    payload = json.loads(base64.urlsafe_b64decode(padded))
    forged = base64.urlsafe_b64encode(json.dumps(payload | {"x": 1}).encode()).decode().rstrip("=")
    for token in (forged, f"{forged}.{signature}"):
        answers = []
        with (
            contextlib.suppress(InvalidStatus, ConnectionClosed),
            open_socket(
                served, "/plain/ws", token=token, origin=served.base, cookie=cookie
            ) as socket,
        ):
            answers.append(socket.recv(timeout=10))
        assert answers == []


def test_the_token_of_a_page_opens_it_for_its_own_login_only(served, ada):
    token = page_token(ada.get("/plain").text)
    for username in ("eve", "ada"):
        with contextlib.closing(served.log_in(username)) as other:
            cookie = other.cookies["wb_session"]
        status = socket_status(served, "/plain/ws", token=token, origin=served.base, cookie=cookie)
        assert status == 403


@pytest.mark.parametrize("name", ["bokeh_session_id", "bokeh-session-id", "%62okeh_session_id"])
def test_the_session_of_a_page_cannot_be_chosen(served, ada, name):
    page = ada.get("/plain").text
    padded = page_token(page).partition(".")[0]
    session = json.loads(base64.urlsafe_b64decode(padded + "=="))["session_id"]
    assert ada.get(f"/plain?{name}={session}").status_code == 400
    other = page_token(ada.get("/plain", headers={"bokeh-session-id": session}).text)
    inside = base64.urlsafe_b64decode(other.partition(".")[0] + "==")
    assert json.loads(inside)["session_id"] != session


def test_headers_without_an_end_are_cut_off(served):
    import socket

    with socket.create_connection(("127.0.0.1", served.settings.port), timeout=20) as line:
        line.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"x" * 200_000)
        assert line.recv(100).startswith(b"HTTP/1.1 400")


def test_a_page_does_not_give_the_cookie_away(ada):
    cookie = ada.cookies["wb_session"]
    html = ada.get("/plain", headers={"authorization": "Bearer secret-of-mine"}).text
    inside = html + json.dumps(told_to_the_page(html))
    assert "trader,admin" in inside  # the token was read at all
    assert cookie not in inside
    assert "secret-of-mine" not in inside


def test_a_spoofed_identity_is_overwritten(ada):
    spoof = {"x-wb-user": "root", "X-WB-Roles": "admin", "x-wb-anything": "1"}
    html = ada.get("/broken", headers=spoof).text
    told = told_to_the_page(html)
    headers = {k.lower(): v for k, v in told["headers"].items()}
    assert len(headers.pop("x-wb-login")) == 32
    assert headers == {"x-wb-user": "ada", "x-wb-roles": "trader,admin"}


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": EVIL},
        {"origin": "null"},
        {"origin": ""},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_another_site_cannot_act_for_us(served, ada, headers):
    merged = {"origin": served.base} | headers
    assert ada.post("/logout", headers=merged).status_code == 403
    assert ada.get("/api/v1/symbols").status_code == 200


def test_a_change_without_any_origin_is_refused(served):
    import httpx

    with httpx.Client(base_url=served.base) as client:
        answer = client.post("/login", data={"username": "ada", "password": "x"})
    assert answer.status_code == 403
    assert answer.json()["type"] == "urn:workbench:problem:foreign-origin"


def test_another_name_is_not_served(served):
    with served.stranger() as client:
        assert client.get("/login", headers={"host": "evil.example"}).status_code == 421


def test_bodies_and_addresses_have_a_limit(served, ada):
    large = b"x" * (1 << 20) + b"x"
    assert ada.post("/api/v1/backtests", content=large).status_code == 413

    def dripping():
        for _ in range(300):
            yield b" " * 4096

    answer = ada.post(
        "/api/v1/backtests", content=dripping(), headers={"content-type": "application/json"}
    )
    assert answer.status_code == 413
    assert ada.get("/plain?" + "x" * 5000).status_code == 414


def test_every_answer_carries_the_headers(served, ada):
    for path in ("/", "/plain", "/api/v1/symbols", "/api/v1/bars?symbol=NOPE", "/nowhere"):
        headers = ada.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["cache-control"] == "no-store"
        assert "server" not in headers


def test_the_guard_is_outermost(tmp_path):
    app = create_app(load_settings(tmp_path))
    assert app.user_middleware[0].cls is Guard
    app.state.services.close()


@pytest.mark.parametrize("is_known", [True, False], ids=["over", "nobody can tell"])
async def test_an_open_socket_ends_with_its_session(is_known):
    """A fake application in the pages' place; the guard is the real one."""
    from workbench.errors import UnavailableError
    from workbench.server.identity import Identity

    class Sessions:
        asked = 0

        async def identify(self, token):
            self.asked += 1
            if self.asked < 3:
                return Identity("ada", ("viewer",), "s")
            if is_known:
                return None
            raise UnavailableError("the database is locked")

    seen, sent = [], []

    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        seen.append((await receive())["type"])

    async def receive():
        if sent:
            await asyncio.sleep(60)
        return {"type": "websocket.connect"}

    async def send(message):
        sent.append(message)

    guard = Guard(app, sessions=Sessions(), rules=Rules(recheck_seconds=0.01))
    headers = [(b"cookie", b"wb_session=t"), (b"host", b"a"), (b"origin", b"http://a")]
    scope = {"type": "websocket", "path": "/x", "headers": headers}
    await asyncio.wait_for(guard(scope, receive, send), 10)
    assert seen == ["websocket.disconnect"]
    assert sent[-1]["code"] == (4401 if is_known else 1013)


def test_a_reader_who_leaves_is_let_go(served, ada):
    pages, cookie = served.running.config.app.state.pages, ada.cookies["wb_session"]
    others = set(pages._clients)
    token = page_token(ada.get("/plain").text)
    with open_socket(served, "/plain/ws", token=token, origin=served.base, cookie=cookie) as reader:
        assert "ACK" in reader.recv(timeout=20)
        (connection,) = set(pages._clients) - others
        session = connection.session
        assert session.connection_count == 1
    deadline = time.monotonic() + 20
    while session.connection_count and time.monotonic() < deadline:
        time.sleep(0.05)
    assert session.connection_count == 0
    assert connection not in pages._clients
