"""Who is silent though the market is open; by a clock that stands where it is put."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from workbench.live.market.silence import Hours, Watch

LIMIT = timedelta(seconds=15)
OPEN = datetime(2024, 7, 3, 13, 30, tzinfo=UTC)  # a half day: it closes at 17:00 UTC


def watch(*symbols, limit=LIMIT):
    made = Watch(symbols, limit, lambda name: "24/7" if "/" in name else "XNYS", Hours())
    made.opened(OPEN - timedelta(minutes=30))
    return made


def later(seconds):
    return OPEN + timedelta(seconds=seconds)


def test_a_mute_connection_is_found_after_the_limit_and_not_before():
    made = watch("AAPL", "MSFT")
    made.heard("AAPL", later(10))
    assert not made.check(later(25)).is_mute
    found = made.check(later(25.1))
    assert found.is_mute
    assert found.symbols == ("AAPL", "MSFT")


def test_one_quiet_symbol_is_told_and_the_connection_kept():
    made = watch("AAPL", "MSFT")
    for second in range(0, 60, 5):
        made.heard("AAPL", later(second))
    found = made.check(later(60))
    assert (found.symbols, found.is_mute) == (("MSFT",), False)


def test_a_closed_market_may_be_silent():
    made = watch("AAPL")
    assert not made.check(OPEN - timedelta(seconds=1)).is_mute
    assert not made.check(later(14)).is_mute, "it is counted from the open"
    assert made.check(later(16)).is_mute
    assert not made.check(datetime(2024, 7, 3, 17, 0, 1, tzinfo=UTC)).is_mute
    assert not made.check(datetime(2024, 7, 4, 15, tzinfo=UTC)).is_mute
    assert made.check(datetime(2024, 7, 5, 15, tzinfo=UTC)).is_mute


def test_each_symbol_has_its_own_calendar():
    made = watch("AAPL", "BTC/USD")
    night = datetime(2024, 7, 4, 3, tzinfo=UTC)
    found = made.check(night)
    assert (found.symbols, found.is_mute) == (("BTC/USD",), True)


def test_a_market_in_which_nothing_happens_is_asked_ever_less():
    made = watch("AAPL")
    waits = []
    at = later(0)
    for _ in range(6):
        made.opened(at)
        wait = next(s for s in range(1, 600) if made.check(at + timedelta(seconds=s)).is_mute)
        waits.append(wait)
        at += timedelta(seconds=wait)
        made.gave_up(at)
    assert waits == [16, 31, 61, 121, 241, 241]


def test_patience_wears_off_where_there_is_talk():
    made = watch("AAPL")
    for _ in range(2):
        made.gave_up(later(0))
    for second in range(0, 900, 10):
        made.heard("AAPL", later(second))
        assert not made.check(later(second)).is_mute
    assert not made.check(later(905)).is_mute
    assert made.check(later(906)).is_mute


@pytest.mark.parametrize(
    ("at", "opened"),
    [
        ("2024-03-08T14:30", "2024-03-08T14:30"),
        ("2024-03-11T13:29", None),
        ("2024-03-11T13:30", "2024-03-11T13:30"),  # clocks have changed
        ("2024-03-09T15:00", None),
    ],
)
def test_hours_follow_the_exchange(at, opened):
    hours = Hours()
    instant = datetime.fromisoformat(at).replace(tzinfo=UTC)
    for _ in range(2):  # the second time from memory
        found = hours.open_since("XNYS", instant)
        wanted = None if opened is None else datetime.fromisoformat(opened).replace(tzinfo=UTC)
        assert found == wanted


def test_no_symbols_no_silence():
    assert not watch().check(later(999)).is_mute
    unopened = Watch(["AAPL"], LIMIT, lambda _: "XNYS")
    assert not unopened.check(later(999)).is_mute


def test_who_is_told_by_the_bar_may_be_silent_for_one():
    made = watch("AAPL", "MSFT")
    made.allow(["MSFT"], timedelta(minutes=1))
    for second in range(0, 90, 5):
        made.heard("AAPL", later(second))
    assert made.check(later(74)).symbols == ()
    assert made.check(later(76)).symbols == ("MSFT",)
    assert made.check(later(101)).is_mute, "the pulse has stopped"
