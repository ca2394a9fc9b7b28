"""What a feed counts."""

from __future__ import annotations

import gc
from datetime import UTC, datetime

import pytest

from workbench.live.market.feed_metrics import FAULTS, FeedMetrics, Gap, register, running

NOON = datetime(2024, 1, 2, 12, tzinfo=UTC)


def test_lags_are_told_by_rank():
    metrics = FeedMetrics("x")
    assert metrics.snapshot()["lag"] == {"p50": None, "p95": None, "p99": None}
    for lag in range(1000, 0, -1):
        metrics.heard("quote", lag / 1000)
    assert metrics.snapshot()["lag"] == pytest.approx({"p50": 0.5, "p95": 0.95, "p99": 0.99})
    assert metrics.snapshot()["messages"] == 1000


def test_faults_gaps_and_silence_are_told():
    metrics = FeedMetrics("x")
    metrics.count("late", 3)
    metrics.gap(Gap("AAPL", NOON, NOON, bars=2))
    metrics.tell_stale(("AAPL",))
    told = metrics.snapshot()
    assert (told["late"], told["backfilled"], told["gaps"], told["stale"]) == (3, 2, 1, ("AAPL",))
    assert set(FAULTS) <= told.keys()
    assert metrics.gaps[0].symbol == metrics.stale[0] == "AAPL"


def test_what_a_connection_is_waited_for_is_told_until_all_are_open():
    metrics = FeedMetrics("x")
    assert (metrics.state, metrics.advice) == ("new", "")
    metrics.tell_waiting(1, "connection", "no connection in time")
    metrics.tell_waiting(2, "connection limit", "end the other one")
    metrics.tell_open(1)
    assert metrics.snapshot()["state"] == "waiting: connection limit"
    assert metrics.snapshot()["advice"] == "end the other one"
    metrics.tell_open(2)
    assert (metrics.state, metrics.advice) == ("open", "")


def test_a_feed_is_told_of_for_as_long_as_it_lives():
    metrics = FeedMetrics("a feed of a test")
    register(metrics)
    assert running()["a feed of a test"] is metrics
    del metrics
    gc.collect()
    assert "a feed of a test" not in running()
