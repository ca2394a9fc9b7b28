"""Order among events, and repeats."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from workbench.core.depth import Depth
from workbench.core.headline import Headline
from workbench.core.quote import Quote
from workbench.core.trade import Trade
from workbench.live.market.feed_metrics import FeedMetrics
from workbench.live.market.sequence import Sequence, time_of

NOON = datetime(2024, 1, 2, 12, tzinfo=UTC)
TOLERANCE = timedelta(milliseconds=100)


def at(ms):
    return NOON + timedelta(milliseconds=ms)


def made():
    metrics = FeedMetrics("x")
    return Sequence(TOLERANCE, metrics), metrics


@given(st.lists(st.tuples(st.integers(0, 99), st.sampled_from("XY")), max_size=40))
def test_within_the_tolerance_all_come_in_order_and_none_is_lost(rows):
    sequence, metrics = made()
    for number, (ms, symbol) in enumerate(rows):
        sequence.push(Trade(symbol, at(ms), 1.0, 1.0, str(number)), at(ms % 7 + 100))
    out = list(sequence.pop(at(1000)))
    assert [t.time for t in out] == sorted(at(ms) for ms, _ in rows)
    assert metrics.snapshot()["late"] == 0


@given(st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 50)), max_size=60))
def test_a_symbol_s_times_never_run_backwards_and_all_are_accounted_for(rows):
    sequence, metrics = made()
    out, clock = [], 0
    for number, (ms, step) in enumerate(rows):
        clock += step
        sequence.push(Trade("X", at(ms), 1.0, 1.0, str(number)), at(clock))
        out += sequence.pop(at(clock))
    out += sequence.pop(at(clock + 10_000))
    times = [t.time for t in out]
    assert times == sorted(times)
    assert len(out) + metrics.snapshot()["late"] == len(rows)


def test_an_event_is_held_no_longer_than_the_tolerance():
    sequence, _ = made()
    sequence.push(Trade("X", at(0), 1.0, 1.0), at(50))
    assert list(sequence.pop(at(149))) == []
    assert len(list(sequence.pop(at(150)))) == 1


def test_repeats_are_known_by_number_or_by_all_they_say():
    sequence, metrics = made()
    for _ in range(2):
        sequence.push(Trade("X", at(0), 1.0, 1.0, "7"), at(0))
        sequence.push(Trade("Y", at(0), 1.0, 1.0, "7"), at(0))
        sequence.push(Trade("X", at(0), 1.0, 1.0), at(0))
        sequence.push(Quote("X", at(0), 1.0, 2.0, 3.0, 4.0), at(0))
        sequence.push(Headline("1", at(0), ("X",), "told"), at(0))
    assert len(list(sequence.pop(at(999)))) == 6  # two trades without a number may be two
    assert metrics.snapshot()["duplicates"] == 4


def test_changes_of_a_book_keep_the_order_in_which_they_came():
    sequence, metrics = made()
    changes = [Depth("X", at(ms), ((1.0, float(ms)),), ()) for ms in (30, 10, 20)]
    for change in changes:
        sequence.push(change, at(30))
    assert list(sequence.pop(at(999))) == changes
    sequence.push(Depth("X", at(5), (), ()), at(40))
    assert len(list(sequence.pop(at(999)))) == 1
    assert metrics.snapshot()["late"] == 0


def test_a_clock_that_runs_ahead_does_not_hurry_the_others():
    sequence, _ = made()
    sequence.push(Trade("X", at(3_600_000), 1.0, 1.0), at(0))
    sequence.push(Trade("Y", at(20), 2.0, 1.0), at(20))
    sequence.push(Trade("Y", at(10), 1.0, 1.0), at(21))
    assert [time_of(e) for e in sequence.pop(at(500))] == [at(10), at(20), at(3_600_000)]
