"""The Desk page's tables, as threads change them."""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from workbench.server import tables
from workbench.server.identity import Identity, parse_roles
from workbench.server.pages import Context, discover, view_of

TABS = ("Orders", "Positions", "Fills", "Strategies", "Profit", "Limits")


@pytest.fixture
def often():
    """Let threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


@pytest.fixture
def board(served):
    services = served.running.config.app.state.services
    context = Context(services, Identity("ada", parse_roles("trader")), "dark")
    page = next(page for page in discover(services.settings) if page.slug == "desk")
    view_of(page, context)
    return sys.modules["workbench_page_desk"].DeskBoard(context)


def test_each_column_of_the_orders_is_shown_once(board):
    columns = board.orders.get_root().configuration["columns"]
    assert [column["field"] for column in columns] == list(board.orders.value.columns)


def test_a_click_and_the_clock_at_the_same_time_lose_no_row(board, ada, often):
    source = board.orders.get_root().source
    ticket = {"symbol": "ACME/USD", "side": "buy", "quantity": "1", "type": "limit"}
    with ThreadPoolExecutor(4) as threads:
        for number in range(12):
            price = {"limit_price": f"{1 + number / 100:.2f}"}
            assert ada.post("/api/v1/orders", json=ticket | price, timeout=60).is_success
            for done in [threads.submit(board.show) for _ in range(4)]:
                done.result()
            told = tables.blotter(board.desk.snapshot())
            assert list(source.data["order_id"]) == list(told["order_id"])


def test_what_each_strategy_earned_and_what_is_halted_is_shown(board, ada):
    ticket = {"symbol": "ACME/USD", "side": "buy", "quantity": "1"}
    assert ada.post("/api/v1/orders", json=ticket, timeout=60).is_success
    board.tabs.active = TABS.index("Profit")
    deadline = time.monotonic() + 30
    while "manual:ada" not in list(board.profits.value["Strategy"]):
        assert time.monotonic() < deadline
        board.show()
    board.symbol.value = "ACME/USD"
    scope = {"scope": "symbol:ACME/USD", "reason": "10 in our books, 12 at the venue"}
    assert ada.post("/api/v1/halt", json={**scope, "level": "no_new_orders"}).is_success
    board.show()
    assert "10 in our books, 12 at the venue" in board.quote.object
    assert "Halted in part" in board.strip.object
    assert "symbol:ACME/USD" in board.strip.object
    assert ada.delete("/api/v1/halt", params={**scope, "reason": "seen"}).is_success
    board.show()
    assert "12 at the venue" not in board.quote.object


def test_a_look_is_one_way_into_the_loop_and_fills_the_visible_tab_only(board, ada, monkeypatch):
    ways, wait = [], board.desk.wait
    monkeypatch.setattr(board.desk, "wait", lambda work: ways.append(work) or wait(work))
    board.tabs.active = TABS.index("Limits")
    ways.clear()
    hidden = board.fills.value
    ticket = {"symbol": "ACME/USD", "side": "buy", "quantity": "1"}
    assert ada.post("/api/v1/orders", json=ticket, timeout=60).is_success
    deadline = time.monotonic() + 30
    while not board.desk.snapshot().log.fills:
        assert time.monotonic() < deadline
    ways.clear()
    board.show()
    assert len(ways) == 1
    assert board.fills.value is hidden
    assert "Gross" in board.limits.bars.object
    board.show(is_fresh=False)  # shared with whoever has just looked
    assert len(ways) == 1
    board.tabs.active = TABS.index("Fills")
    assert len(board.fills.value) == len(tables.fills(board.desk.snapshot()))
