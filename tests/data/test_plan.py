"""``wb.plan``."""

from __future__ import annotations

import pytest

import workbench as wb
from workbench.errors import UsageError
from workbench.testing.vendors import PolygonWire
from workbench.testing.wire import WireServer
from workbench.testing.workspace import point_at


@pytest.fixture
def server(workspace):
    with WireServer(PolygonWire()) as made:
        point_at(workspace, {"polygon": made}, per_minute=5)
        yield made


def test_requests_and_minutes_under_the_vendors_limit(server):
    plan = wb.plan("AAPL", "1m", "2014-01-01", "2024-01-01", source="polygon")
    sessions = 2516
    assert plan.bars == sessions * 960
    assert plan.requests == -(-sessions * 960 // 50_000)
    assert plan.minutes == 9.0, "49 requests, 5 at once and 5 more each minute"
    assert "about 49 requests, 9 min at 5 a minute" in repr(plan)
    assert server.asked == [], "a plan asks nobody"


def test_what_is_stored_costs_nothing(server, workspace):
    point_at(workspace, {"polygon": server})
    window = ("2024-03-04", "2024-03-09")
    wb.bars("AAPL", "1m", *window, source="polygon", adjust="none")
    plan = wb.plan("AAPL", "1m", *window, source="polygon")
    assert (plan.requests, plan.minutes) == (0, 0)
    assert "nothing to request" in repr(plan)
    assert wb.plan("AAPL", "1m", "2024-03-04", "2024-03-12", source="polygon").requests == 1


def test_several_symbols_add_up_under_one_limit(server):
    plan = wb.plan(["AAPL", "MSFT"], "1d", "2020-01-01", "2024-01-01", source="polygon")
    assert plan.frame["requests"].tolist() == [3, 3]
    assert plan.minutes == 1.0
    assert repr(plan).endswith("in all 6 requests, 1 min")
    assert "<table" in plan._repr_html_()


def test_a_pair_trades_around_the_clock(server):
    plan = wb.plan("BTC/USD", "1m", "2024-03-04", "2024-03-06", source="polygon")
    assert plan.bars == 2 * 1440


def test_a_plan_needs_what_bars_need(workspace):
    with pytest.raises(UsageError, match="WORKBENCH_POLYGON_KEY"):
        wb.plan("AAPL", "1m", "2024-01-01", source="polygon")
    assert wb.plan("AAPL", source="sample").requests == 0


def test_a_long_download_is_told_before_it_begins(server, workspace, capsys, monkeypatch):
    point_at(workspace, {"polygon": server})
    monkeypatch.setattr("workbench.data.plan._LONG_REQUESTS", 2)
    wb.bars("AAPL", "1m", "2023-10-01", "2024-01-01", source="polygon", adjust="none")
    said = capsys.readouterr().err
    assert "AAPL 1m from polygon: up to" in said
    assert "pages" in said
    wb.bars("AAPL", "1m", "2024-03-04", "2024-03-05", source="polygon", adjust="none")
    assert capsys.readouterr().err == ""
