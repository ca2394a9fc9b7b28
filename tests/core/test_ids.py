from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from workbench.core.ids import client_order_id, order_key, run_id

TIME = datetime(2024, 1, 2, 14, 30, tzinfo=UTC)


def test_the_same_decision_has_the_same_id_in_every_zone():
    there = TIME.astimezone(timezone(timedelta(hours=-5)))
    assert order_key(TIME, "AAPL") == order_key(there, "AAPL")
    assert client_order_id("r", TIME, "AAPL") == client_order_id("r", TIME, "AAPL")


@given(st.text("ABC/.:-", min_size=1, max_size=12), st.text("abc-123", min_size=1, max_size=60))
def test_ids_are_short_and_safe_at_every_venue(symbol, run):
    made = client_order_id(run, TIME, symbol)
    assert len(made) <= 48
    assert all(c.isalnum() or c == "-" for c in made)


def test_symbols_that_differ_only_in_signs_do_not_share_an_id():
    assert client_order_id("r", TIME, "BTC/USDT") != client_order_id("r", TIME, "BTC-USDT")


def test_runs_of_other_content_or_time_differ():
    ids = {
        run_id("backtest", "a", TIME),
        run_id("backtest", "b", TIME),
        run_id("replay", "a", TIME),
        run_id("backtest", "a", TIME + timedelta(microseconds=1)),
    }
    assert len(ids) == 4


def test_two_decisions_within_a_second_are_two_orders():
    first, second = (datetime(2024, 1, 2, 14, 30, 0, micros, UTC) for micros in (250_000, 750_000))
    assert client_order_id("r1", first, "AAPL") == "r1-20240102T143000250000-AAPL"
    assert client_order_id("r1", first, "AAPL") != client_order_id("r1", second, "AAPL")
