"""Tokens of programs: what they open, what they do not, and when they end."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from workbench.core.clock import EventClock
from workbench.errors import RefusedError, UsageError
from workbench.server.api_tokens import Tokens
from workbench.server.identity import ACTIONS, PERSONS
from workbench.server.users import Users
from workbench.store.migrate import open_database
from workbench.store.risk import changes_of

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
ORDER = {"symbol": "ACME/USD", "side": "buy", "quantity": "1"}


@pytest.fixture
def database():
    made = open_database("sqlite://")
    Users(made).add_user("ada", "a long enough phrase", roles="trader,admin")
    Users(made).add_user("tom", "a long enough phrase", roles="trader")
    yield made
    made.close()


def test_a_token_is_shown_once_and_kept_as_a_hash(database):
    tokens = Tokens(database)
    token = tokens.create("ada", "trader", days=1, actor="ada")
    assert re.fullmatch(r"wb_paper_[a-z2-7]{8}_[\w-]{43}", token)
    (row,) = tokens.all()
    assert token.rpartition("_")[2] not in repr(row)
    who = tokens.find(token)
    assert (who.username, who.roles, who.is_program) == ("ada", ("trader",), True)
    for other in (token[:-1] + ("a" if token[-1] != "a" else "b"), "", "x" * 900, token + "x"):
        assert tokens.find(other) is None


def test_it_ends_by_itself_by_being_revoked_and_with_its_user(database):
    clock = EventClock(NOON)
    tokens = Tokens(database, clock)
    first, second, third = (tokens.create(n, "trader", days=1, actor="ada")
                            for n in ("ada", "ada", "tom"))  # fmt: skip
    assert all(map(tokens.find, (first, second, third)))
    tokens.revoke(first.split("_")[2], actor="ada")
    assert tokens.find(first) is None
    with pytest.raises(UsageError, match="holds"):
        tokens.revoke(first.split("_")[2], actor="ada")
    Users(database).lock("tom")
    assert Tokens(database, clock).find(third) is None
    clock.advance(NOON + timedelta(days=1, seconds=1))
    assert tokens.find(second) is None


def test_it_may_no_more_than_its_user_and_less_than_a_person(database):
    tokens = Tokens(database)
    with pytest.raises(RefusedError, match="tom is no admin"):
        tokens.create("tom", "trader,admin", days=1, actor="tom")
    for bad in ({"username": "tim"}, {"roles": "king"}, {"days": 0}, {"days": 366}):
        with pytest.raises(UsageError):
            tokens.create(**{"username": "tom", "roles": "trader", "days": 1, **bad}, actor="x")
    token = tokens.create("ada", "trader,admin", days=1, actor="ada")
    who = tokens.find(token)
    assert not any(who.may(action) for action in PERSONS)
    assert all(who.may(action) for action in ACTIONS.keys() - PERSONS)
    Users(database).set_roles("ada", "viewer,trader")
    assert Tokens(database).find(token).roles == ("trader",)


def test_who_made_and_ended_it_is_kept(database):
    tokens = Tokens(database)
    tokens.create("tom", "trader", days=1, actor="ada")
    name = tokens.all()[0].token_id
    tokens.revoke(name, actor="bob")
    with database.read() as connection:
        kept = {one.actor: one.after for one in changes_of(connection, (f"token:{name}",))}
    assert kept["bob"] == "revoked"
    assert kept["ada"].startswith("tom: trader, until ")


@pytest.fixture(scope="module")
def token(served):
    tokens = served.running.config.app.state.services.tokens
    return tokens.create("ada", "trader,admin", days=1, actor="ada")


def bearer(token):
    return {"authorization": f"Bearer {token}"}


def test_a_program_uses_the_api_without_a_cookie_or_an_origin(served, token):
    with served.stranger(timeout=60) as client:
        del client.headers["origin"]
        client.headers.update(bearer(token))
        assert client.get("/api/v1/account").status_code == 200
        placed = client.post("/api/v1/orders", json=ORDER)
        assert placed.status_code == 201, placed.text
        assert placed.json()["strategy"] == "manual:ada"
        # a person lowers what was halted
        assert client.post("/api/v1/halt", json={"scope": "symbol:BOLT/USD"}).status_code == 200
        said = client.delete("/api/v1/halt", params={"reason": "x", "scope": "symbol:BOLT/USD"})
        assert said.status_code == 403
        assert "not a token" in said.json()["detail"]


def test_a_token_opens_no_page_and_nothing_beside_a_cookie(served, token, ada):
    with served.stranger(headers=bearer(token)) as client:
        assert client.get("/desk").status_code == 303
        assert client.get("/").status_code == 303
    foreign = {**bearer(token), "origin": "https://evil.example"}
    assert ada.post("/api/v1/orders", json=ORDER, headers=foreign).status_code == 403
    scope = {"reason": "seen", "scope": "symbol:BOLT/USD"}
    assert ada.delete("/api/v1/halt", params=scope).status_code in (200, 422)


@pytest.mark.parametrize("value", ["Bearer wb_paper_aaaaaaaa_x", "Basic YTpi", "Bearer"])
def test_what_is_no_token_gets_a_problem(served, value):
    with served.stranger(headers={"authorization": value}) as client:
        answer = client.get("/api/v1/account")
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


def test_a_socket_opens_with_a_token(served, token):
    url = served.base.replace("http", "ws") + "/api/v1/ws"
    with connect(url, additional_headers=bearer(token), open_timeout=20) as socket:
        socket.send('{"subscribe": ["orders"]}')
        assert "subscribed" in socket.recv(timeout=20)
    with pytest.raises(InvalidStatus), connect(url, additional_headers=bearer("x" * 50)):
        pass
