"""The routes, asked of a running server."""

from __future__ import annotations

import io
import time
from dataclasses import replace
from decimal import Decimal

import pandas as pd
import pytest

from workbench.server.jobs import Wanted

SYMBOL = "ACME/USD"


@pytest.fixture(scope="module")
def tom(served):
    client = served.log_in("tom")
    yield client
    client.close()


@pytest.fixture(scope="module")
def eve(served):
    client = served.log_in("eve")
    yield client
    client.close()


def test_symbols_and_sources(ada):
    found = ada.get("/api/v1/symbols").json()
    assert found["symbols"] == ["AAPL", "FB", "GOOG", "IBM", "MSFT"]
    assert found["is_synthetic"] is False
    assert ada.get("/api/v1/symbols?source=synthetic").json()["is_synthetic"] is True


def test_bars_in_three_forms_are_the_same(ada):
    address = "/api/v1/bars?symbol=IBM&start=2012-01-01&end=2012-03-01"
    table = ada.get(address).json()
    csv = pd.read_csv(io.BytesIO(ada.get(f"{address}&format=csv").content))
    parquet = pd.read_parquet(io.BytesIO(ada.get(f"{address}&format=parquet").content))
    assert table["rows"] == len(csv) == len(parquet) == len(table["close"])
    assert table["close"] == csv["close"].tolist() == parquet["close"].tolist()
    assert table["time"][0] == "2012-01-03T00:00:00Z"


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("symbol=APPL", "did you mean 'AAPL'"),
        ("symbol=AAPL&source=smaple", "did you mean 'sample'"),
        ("symbol=AAPL&timeframe=7x", "timeframe"),
        ("symbol=AAPL&start=2013-01-01&end=2012-01-01", "not before"),
        ("symbol=../../etc/passwd", "symbol"),
        ("symbol=AAPL&limit=0", "limit"),
        ("symbol=AAPL&format=xls", "format"),
        ("", "symbol"),
    ],
)
def test_a_bad_question_is_a_problem_that_says_what_is_wrong(ada, query, word):
    answer = ada.get(f"/api/v1/bars?{query}")
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert word in answer.json()["detail"]


def test_strategies_tell_their_parameters(ada):
    found = {one["name"]: one for one in ada.get("/api/v1/strategies").json()}
    assert {"SmaCross", "Pairs"} <= found.keys()
    fast = found["SmaCross"]["parameters"][0]
    assert (fast["name"], fast["default"], fast["low"], fast["high"]) == ("fast", 10, 2, 100)
    assert ada.get("/api/v1/strategies/SmaCros").json()["detail"].count("SmaCross") == 1


def test_a_backtest_runs_and_can_be_read_again(ada):
    body = {"strategy": "SmaCross", "symbols": ["IBM"], "parameters": {"fast": 5, "slow": 30}}
    answer = ada.post("/api/v1/backtests", json=body, timeout=120)
    assert answer.status_code in (201, 202)
    place = answer.headers["location"]
    for _ in range(60):
        found = ada.get(place).json()
        if found["status"] == "done":
            break
        time.sleep(1)
    assert found["stats"]["bars"] == len(ada.get(f"{place}/equity").json()["equity"])
    assert found["stats"]["round_trips"] > 10
    assert ada.get(f"{place}/fills?limit=3").json()[-1]["symbol"] == "IBM"
    assert any(one["id"] == found["id"] for one in ada.get("/api/v1/backtests").json())


@pytest.mark.parametrize(
    "change",
    [
        {"strategy": "SmaCros"},
        {"strategy": "/etc/passwd.py:X"},
        {"symbols": []},
        {"symbols": ["NOPE"]},
        {"parameters": {"fast": 1}},
        {"parameters": {"quick": 5}},
        {"cash": -1},
        {"unheard": 1},
    ],
)
def test_a_bad_backtest_is_refused(ada, change):
    body = {"strategy": "SmaCross", "symbols": ["IBM"]} | change
    answer = ada.post("/api/v1/backtests", json=body, timeout=60)
    assert answer.status_code == 422
    assert answer.json()["type"].startswith("urn:workbench:problem:")


_BACKTEST = '{"strategy": "SmaCross", "symbols": ["IBM"], %s}'


@pytest.mark.parametrize(
    "raw",
    [
        '{"cash": NaN}', "{", "[]", '"x"', "", "\xff", "[" * 100_000, '{"a":' * 100_000,
        _BACKTEST % '"cash": 1000, "cash": 2000',
        _BACKTEST % '"parameters": {"\\ud800": 1}',
        _BACKTEST % '"parameters": {"fast": Infinity}',
        _BACKTEST % f'"parameters": {{"fast": {"9" * 400}}}',
        _BACKTEST % '"start": "9999-01-01T00:00:00Z"',
        _BACKTEST % '"start": "0001-01-01T00:00:00"',
    ],
    ids=str,
)  # fmt: skip
def test_what_is_no_json_is_never_a_server_error(ada, raw):
    headers = {"content-type": "application/json"}
    answer = ada.post("/api/v1/backtests", content=raw.encode("latin-1"), headers=headers)
    assert 400 <= answer.status_code < 500
    assert answer.headers["content-type"] == "application/problem+json"


def test_input_is_not_echoed(ada):
    secret = "hunter2-hunter2"
    answer = ada.post("/api/v1/orders", json={"symbol": SYMBOL, "side": secret, "quantity": "1"})
    assert answer.status_code == 422
    assert secret not in answer.text


def test_an_answer_does_not_tell_where_the_workspace_lies(ada, workspace):
    answer = ada.get("/api/v1/bars", params={"symbol": "NOPE", "source": "files"})
    assert answer.status_code == 422
    assert "NOPE.csv" in answer.text
    assert str(workspace) not in answer.text


def test_a_backtest_that_still_runs_has_no_curve_yet(served, ada):
    from concurrent.futures import Future

    running = Future()
    running.set_running_or_notify_cancel()
    jobs = served.running.config.app.state.services.backtests
    job = jobs.start(Wanted("SmaCross", ("IBM",)), "ada")
    jobs._jobs[job.job_id] = replace(job, future=running)
    for part in ("equity", "fills"):
        answer = ada.get(f"/api/v1/backtests/{job.job_id}/{part}")
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "1"
    del jobs._jobs[job.job_id]


def test_backtests_are_their_owners_and_an_admins(served, ada, tom, eve):
    jobs = served.running.config.app.state.services.backtests
    job = jobs.start(Wanted("SmaCross", ("IBM",)), "tom")
    job.future.result(timeout=60)
    for reader, sees in ((tom, True), (ada, True), (eve, False)):
        assert (
            any(one["id"] == job.job_id for one in reader.get("/api/v1/backtests").json()) == sees
        )
        for part in ("", "/equity", "/fills"):
            answer = reader.get(f"/api/v1/backtests/{job.job_id}{part}")
            assert answer.status_code == (200 if sees else 404)


def test_reports_are_not_for_viewers(ada, eve, workspace):
    folder = workspace / "data" / "reports"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "secret_plan.html").write_text("<p>the plan</p>")
    assert "the plan" in ada.get("/reports/secret_plan.html").text
    assert "Secret plan" in ada.get("/reports").text
    assert eve.get("/reports/secret_plan.html").status_code == 404
    for path in ("/", "/reports"):
        assert "Secret plan" not in eve.get(path).text
        assert "Reports are for analysts" in eve.get(path).text


def test_a_probe_may_ask_for_the_head_alone(served):
    with served.stranger() as client:
        answer = client.head("/healthz")
    assert (answer.status_code, answer.content) == (200, b"")


def test_an_unknown_path_is_a_problem(ada):
    answer = ada.get("/api/v1/nothing")
    assert answer.status_code == 404
    assert answer.json()["status"] == 404


def test_an_order_is_placed_filled_and_counted_once(served, tom):
    body = {"symbol": SYMBOL, "side": "buy", "quantity": "3", "order_id": "once-1"}
    first = tom.post("/api/v1/orders", json=body, timeout=60)
    assert first.status_code == 201
    assert tom.post("/api/v1/orders", json=body, timeout=60).json()["order_id"] == "once-1"
    changed = tom.post("/api/v1/orders", json=body | {"quantity": "4"}, timeout=60)
    assert changed.status_code == 422

    deadline = time.monotonic() + 60
    while tom.get("/api/v1/orders/once-1").json()["state"] != "filled":
        assert time.monotonic() < deadline
        time.sleep(0.2)
    fills = [f for f in tom.get("/api/v1/fills").json() if f["order_id"] == "once-1"]
    assert [float(f["quantity"]) for f in fills] == [3.0]
    held = {p["symbol"]: p for p in tom.get("/api/v1/positions").json()}
    assert isinstance(held[SYMBOL]["quantity"], str)
    assert isinstance(tom.get("/api/v1/account").json()["equity"], str)


def test_a_refusal_names_the_rule_and_the_numbers(tom):
    body = {"symbol": SYMBOL, "side": "buy", "quantity": "1000000"}
    answer = tom.post("/api/v1/orders", json=body, timeout=60)
    assert answer.status_code == 409
    told = answer.json()
    assert (told["rule"], told["limit"]) == ("order_notional", "250000.0")
    assert float(told["measured"]) > 250_000


def test_a_limit_order_rests_and_is_canceled(tom):
    body = {
        "symbol": "BOLT/USD",
        "side": "buy",
        "quantity": "1",
        "type": "limit",
        "limit_price": _far_below(tom, "BOLT/USD"),
    }
    placed = tom.post("/api/v1/orders", json=body, timeout=60).json()
    assert placed["state"] in ("accepted", "working")
    ended = tom.delete(f"/api/v1/orders/{placed['order_id']}", timeout=60).json()
    assert ended["state"] == "canceled"
    assert tom.delete("/api/v1/orders/none-such").status_code == 404


def _far_below(client, symbol):
    from datetime import UTC, datetime

    from workbench.live.market.feed import SyntheticFeed

    now = datetime.now(UTC)
    feed = SyntheticFeed(now, (symbol,))
    price = feed.at(symbol, now).bid * 0.95
    feed.close()
    return f"{price:.2f}"


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/api/v1/orders"), ("DELETE", "/api/v1/orders/once-1"), ("POST", "/api/v1/halt")],
)
def test_a_viewer_may_look_only(eve, method, path):
    body = {"symbol": SYMBOL, "side": "buy", "quantity": "1"} if path.endswith("orders") else {}
    options = {"json": body} if method == "POST" else {}
    answer = eve.request(method, path, timeout=60, **options)
    assert answer.status_code == 403
    assert "viewer" in answer.json()["detail"]
    assert eve.get("/api/v1/orders").status_code == 200


def test_a_halt_has_a_level_and_a_scope(served, tom, ada):
    body = {"level": "reduce_only", "scope": "symbol:ACME/USD", "reason": "odd"}
    assert tom.post("/api/v1/halt", json=body).json()["scope"] == "symbol:ACME/USD"
    read = tom.get("/api/v1/halt").json()
    assert (read["level"], read["is_proven"]) == ("run", True)  # the desk as a whole goes on
    assert [(one["scope"], one["level"]) for one in read["halts"]] == [
        ("symbol:ACME/USD", "reduce_only")
    ]
    order = {"symbol": "ACME/USD", "side": "buy", "quantity": "1"}
    assert tom.post("/api/v1/orders", json=order).json()["rule"] == "halt"
    assert tom.post("/api/v1/orders", json={**order, "symbol": "BOLT/USD"}).status_code == 201
    higher = {**body, "level": "no_new_orders"}
    assert tom.post("/api/v1/halt", json=higher).status_code == 200
    assert tom.post("/api/v1/halt", json=body).status_code == 403  # lower is an admin's
    where = {"reason": "fine", "scope": "symbol:ACME/USD"}
    assert tom.delete("/api/v1/halt", params=where).status_code == 403
    assert ada.delete("/api/v1/halt", params=where).json()["level"] == "run"
    assert tom.get("/api/v1/halt").json()["halts"] == []
    assert tom.post("/api/v1/halt", json={"scope": "everything"}).status_code == 422


def test_profit_by_strategy_adds_up_to_the_account(served, tom, eve):
    order = {"symbol": "ACME/USD", "side": "buy", "quantity": "3"}
    assert tom.post("/api/v1/orders", json=order, timeout=60).status_code == 201
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        told = eve.get("/api/v1/profit").json()
        mine = [one for one in told["strategies"] if one["strategy"] == "manual:tom"]
        if mine:
            break
    assert Decimal(mine[0]["value"]) > 0
    assert mine[0]["is_whole"]
    total = sum(Decimal(one["total"]) for one in told["strategies"])
    assert total == Decimal(told["equity"]) - 1_000_000
    assert told["unvalued"] == {}
    for one in told["strategies"]:
        parts = [Decimal(one[name]) for name in ("realised", "unrealised", "carried")]
        assert sum(parts) - Decimal(one["fees"]) == Decimal(one["total"])


def test_a_difference_is_told_and_taken_over_by_an_admin_only(served, tom, ada, eve):
    told = eve.get("/api/v1/reconcile").json()
    assert set(told["answered"]) == {"in_flight", "fills", "orders", "statement", "deep"}
    assert told["halted"] == []
    venue = served.running.config.app.state.services.desk.desk.engine.account.broker.venue
    venue.state.statement.cash -= Decimal("0.01")
    body = {"reason": "a fee", "names": ["USD"]}
    for client in (eve, tom):
        assert client.post("/api/v1/reconcile/adopt", json=body).status_code == 403
    assert ada.post("/api/v1/reconcile/adopt", json={"names": []}).status_code == 422
    (taken,) = ada.post("/api/v1/reconcile/adopt", json=body).json()
    assert taken["name"] == "USD"
    assert Decimal(taken["ours"]) - Decimal(taken["theirs"]) == Decimal("0.01")
    again = ada.post("/api/v1/reconcile/adopt", json=body)
    assert (again.status_code, "nothing to take over" in again.json()["detail"]) == (409, True)
    strategies = eve.get("/api/v1/profit").json()["strategies"]
    (own,) = [one for one in strategies if one["strategy"] == "account"]
    assert Decimal(own["carried"]) == Decimal("-0.01")


def test_limits_are_read_and_changed_by_who_may(served, tom, ada, eve):
    read = eve.get("/api/v1/limits").json()
    by_name = {one["name"]: one for one in read["limits"]}
    assert by_name["max_gross"]["limit"] == "2.0"
    assert 0 <= by_name["max_gross"]["share"] <= 1
    assert by_name["max_net"]["limit"] is None
    tighter = {"limits": {"max_order_quantity": 5}, "reason": "a quiet day"}
    assert eve.patch("/api/v1/limits", json=tighter).status_code == 403
    changed = tom.patch("/api/v1/limits", json=tighter).json()
    assert (changed["actor"], changed["before"], changed["after"]) == (
        "tom", {"max_order_quantity": None}, {"max_order_quantity": 5}
    )  # fmt: skip
    order = {"symbol": "ACME/USD", "side": "buy", "quantity": "6", "order_id": "too-much-1"}
    refused = tom.post("/api/v1/orders", json=order)
    assert (refused.status_code, refused.json()["rule"]) == (409, "order_quantity")
    told = eve.get("/api/v1/why/too-much-1").json()
    assert "order quantity of 6 is above the limit of 5" in told["answer"]
    assert {"rule": "order_quantity", "outcome": "refuse", "limit": "5.0"}.items() <= next(
        one for one in told["verdicts"] if one["outcome"] == "refuse"
    ).items()
    assert eve.get("/api/v1/why/never-heard-of").status_code == 404
    looser = {"limits": {"max_order_quantity": None}, "reason": "done"}
    assert tom.patch("/api/v1/limits", json=looser).status_code == 403
    assert ada.patch("/api/v1/limits", json=looser).json()["version"] == changed["version"] + 1
    last, first = eve.get("/api/v1/limits/changes", params={"limit": 2}).json()
    assert (last["actor"], last["reason"], first["actor"]) == ("ada", "done", "tom")
    for bad in (
        {"limits": {"max_gros": 1}, "reason": "x"},
        {"limits": {"max_gross": -1}, "reason": "x"},
        {"limits": {"max_gross": 1}, "reason": ""},
        {"limits": {}, "reason": "x"},
    ):
        assert ada.patch("/api/v1/limits", json=bad).status_code == 422, bad


def test_strategies_are_started_paused_resumed_and_ended_by_who_may(served, tom, ada, eve):
    where = "/api/v1/deployments"
    body = {"strategy": "SmaCross", "params": {"fast": 2, "slow": 5}, "symbols": ["ACME/USD"],
            "timeframe": "5s", "share": 0.5}  # fmt: skip
    assert eve.post(where, json=body).status_code == 403
    begun = tom.post(where, json=body, timeout=60)
    assert begun.status_code == 201, begun.text
    assert (begun.json()["state"], begun.json()["params"]) == ("running", {"fast": 2, "slow": 5})
    assert float(begun.json()["profit"]) == 0.0
    assert tom.post(where, json=body, timeout=60).status_code == 422  # the name is taken
    for bad in ({"strategy": "SmaCros"}, {"params": {"fast": 900}}, {"symbols": ["NONE"]},
                {"share": 0.6, "name": "b"}):  # fmt: skip
        assert tom.post(where, json={**body, **bad}, timeout=60).status_code == 422, bad
    pause = f"{where}/SmaCross/pause"
    assert eve.post(pause, json={}).status_code == 403
    paused = ada.post(pause, json={"reason": "odd prices"}).json()
    assert (paused["state"], paused["reason"]) == ("paused", "odd prices (ada)")
    assert [one["state"] for one in eve.get(where).json()] == ["paused"]
    assert tom.post(f"{where}/SmaCross/resume", json={}).json()["state"] == "running"
    assert tom.post(f"{where}/Nobody/pause", json={}).status_code == 404
    ended = tom.post(f"{where}/SmaCross/end", json={"reason": "done"}).json()
    assert ended["state"] == "ended"
    assert tom.post(f"{where}/SmaCross/resume", json={}).status_code == 422
    kept = [
        (one["actor"], one["before"], one["after"])
        for one in eve.get("/api/v1/limits/changes").json()
        if one["subject"] == "strategy:desk:SmaCross"
    ]
    assert kept == [
        ("tom", "running", "ended"), ("tom", "paused", "running"), ("ada", "running", "paused"),
        ("tom", "", "running"),
    ]  # fmt: skip
    again = tom.post(where, json=body, timeout=60).json()
    assert (again["state"], again["run_id"] != ended["run_id"]) == ("running", True)
    assert tom.post(f"{where}/SmaCross/end", json={}).status_code == 200


def test_halt_and_resume(served, tom, ada):
    assert tom.post("/api/v1/halt", json={"reason": "odd"}, timeout=60).json()["actor"] == "tom"
    body = {"symbol": SYMBOL, "side": "buy", "quantity": "1"}
    refused = tom.post("/api/v1/orders", json=body, timeout=60)
    assert (refused.status_code, refused.json()["rule"]) == (409, "halt")
    assert b"workbench_halted 1.0" in ada.get("/metrics").content
    assert tom.delete("/api/v1/halt?reason=fine").status_code == 403
    assert ada.delete("/api/v1/halt").status_code == 422  # without a reason
    assert ada.delete("/api/v1/halt?reason=fine").json()["level"] == "run"
    assert tom.post("/api/v1/orders", json=body, timeout=60).status_code == 201


def test_metrics_count_routes_not_paths(ada):
    ada.get("/api/v1/strategies/SmaCross")
    text = ada.get("/metrics").text
    assert 'route="/api/v1/strategies/{name}",status="200"' in text
    assert "SmaCross" not in text


def test_the_description_is_complete_and_loads_nothing_from_outside(ada):
    page = ada.get("/docs").text
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page
    described = ada.get("/openapi.json").json()["paths"]
    for path in ("/api/v1/bars", "/api/v1/backtests", "/api/v1/orders", "/api/v1/halt"):
        assert path in described


def test_reports_are_listed_and_cut_off(ada, workspace):
    folder = workspace / "data" / "reports" / "run-1"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tearsheet.html").write_text("<h1>sheet</h1>")
    (folder / "gone.html").symlink_to(folder / "nowhere.html")
    assert "Tearsheet" in ada.get("/reports").text
    one = ada.get("/reports/run-1/tearsheet.html")
    assert one.text == "<h1>sheet</h1>"
    assert one.headers["content-security-policy"].startswith("sandbox")
    for path in ("/reports/..%2f..%2fworkbench.toml", "/reports/none.html", "/reports/%2e%2e/x"):
        assert ada.get(path).status_code == 404
