"""In by name and password, and out again."""

from __future__ import annotations

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from workbench.config import load_settings
from workbench.server import login
from workbench.server.login import safe_next
from workbench.server.services import open_services

PASSWORD = "a long enough phrase"


def test_the_cookie_is_kept_from_scripts_and_other_sites(served):
    with served.stranger(timeout=30) as client:
        answer = client.post("/login", data={"username": "eve", "password": PASSWORD})
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "path=/" in cookie


@pytest.mark.parametrize("name", ["ada", "nobody", "", "ADA ", "a" * 64])
def test_a_wrong_password_and_a_wrong_name_get_the_same_answer(served, name):
    with served.stranger(timeout=30) as client:
        answer = client.post("/login", data={"username": name, "password": "not this phrase"})
    assert answer.status_code == 401
    assert "do not match" in answer.text
    assert "set-cookie" not in answer.headers


def test_what_was_typed_is_shown_escaped(served):
    with served.stranger(timeout=30) as client:
        answer = client.post("/login", data={"username": '"><script>', "password": "x"})
    assert "<script>" not in answer.text


def test_guessing_is_slowed_down(served):
    with served.stranger(timeout=30) as client:
        codes = [
            client.post("/login", data={"username": "guessed", "password": f"try {n}"}).status_code
            for n in range(7)
        ]
        last = client.post("/login", data={"username": "guessed", "password": "x"})
    assert codes[:5] == [401] * 5
    assert codes[5:] == [429, 429]
    assert int(last.headers["retry-after"]) > 0


def test_an_address_that_is_turned_away_uses_up_no_other_name(tmp_path):
    services = open_services(load_settings(tmp_path))
    app = FastAPI()
    app.state.services = services
    app.include_router(login.router)
    with TestClient(app) as client:
        for n in range(25):
            services.tries_by_login.take(f"name{n} testclient")
            services.tries_by_address.take("testclient")
        for _ in range(6):
            assert client.post("/login", data={"username": "victim"}).status_code == 429
    assert services.tries_by_login.take("victim testclient") == 0.0
    assert len(services.tries_by_login._tries["victim testclient"]) == 1
    assert "victim" not in services.tries_by_name._tries
    services.close()


def test_who_errs_elsewhere_locks_nobody_out_here(tmp_path):
    services = open_services(load_settings(tmp_path))
    services.users.add_user("victim", PASSWORD, roles="viewer")
    app = FastAPI()
    app.state.services = services
    app.include_router(login.router)
    data = {"username": "victim", "password": "not this phrase"}
    with TestClient(app, client=("203.0.113.9", 1)) as stranger:
        codes = [stranger.post("/login", data=data).status_code for _ in range(6)]
    assert codes == [401] * 5 + [429]
    with TestClient(app, client=("198.51.100.7", 1), follow_redirects=False) as owner:
        right = {"username": "victim", "password": PASSWORD}
        assert owner.post("/login", data=right).status_code == 303
    for _ in range(60):  # from ever other addresses
        services.tries_by_name.take("victim")
    with TestClient(app, client=("192.0.2.3", 1)) as another:
        assert another.post("/login", data=data).status_code == 429
    services.close()


def test_a_second_login_ends_the_session_it_writes_over(served):
    client = served.log_in("ann")
    first = client.cookies["wb_session"]
    assert client.post("/login", data={"username": "ann", "password": PASSWORD}).status_code == 303
    assert client.cookies["wb_session"] != first
    assert client.get("/api/v1/symbols").status_code == 200
    with served.stranger(cookies={"wb_session": first}) as old:
        assert old.get("/api/v1/symbols").status_code == 401
    client.close()


def test_logging_out_ends_the_session_everywhere(served):
    client = served.log_in("ann")
    cookie = client.cookies["wb_session"]
    assert client.get("/api/v1/symbols").status_code == 200
    assert client.post("/logout").status_code == 303
    with served.stranger(cookies={"wb_session": cookie}) as thief:
        assert thief.get("/api/v1/symbols").status_code == 401
    client.close()


def test_a_made_up_cookie_opens_nothing(served):
    for value in ("", "x", "a" * 4000, "ä", "' or 1=1 --"):
        with served.stranger() as client:
            headers = {"cookie": b"wb_session=" + value.encode("latin-1", "replace")}
            assert client.get("/api/v1/symbols", headers=headers).status_code == 401


@pytest.mark.parametrize(
    "wanted",
    [
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "/\t/evil.example",
        "javascript:alert(1)",
        "/login?next=/login",
        "/logout",
        "",
        "/a\r\nset-cookie: x=1",
    ],
)
def test_the_way_on_stays_on_this_site(wanted):
    assert safe_next(wanted) == "/"


def test_the_way_on_is_kept(served):
    with served.stranger(timeout=30) as client:
        data = {"username": "tom", "password": PASSWORD, "next": "/lab?symbol=IBM"}
        assert client.post("/login", data=data).headers["location"] == "/lab?symbol=IBM"
