"""Messages beside bars: no row knows what came after it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.core.clock import EventClock
from workbench.data.message_columns import Told
from workbench.data.messages import keep_note, written
from workbench.errors import DataError, UsageError
from workbench.store.migrate import open_database

DAYS = pd.bdate_range("2024-03-04", "2024-03-15", tz="UTC", freq="B")


@pytest.fixture(autouse=True)
def database(workspace):
    opened = open_database(wb.load_settings())
    yield opened
    opened.close()


@pytest.fixture
def bars(make_bars):
    return make_bars(DAYS, timeframe="1d", calendar="XNYS", symbol="AAPL")


@pytest.fixture
def tell(database):
    def told(at, text="news", symbols=("AAPL",), **more):
        clock = EventClock(pd.Timestamp(at, tz="UTC").to_pydatetime())
        return keep_note(database, written(text, symbols, clock=clock, **more), clock)

    return told


def counts(bars, **asked):
    found = wb.with_messages(bars, **asked)["messages"]
    return {f"{day:%m-%d}": int(count) for day, count in found.items() if count}


def test_a_message_stands_beside_the_first_bar_that_is_complete_when_it_is_known(bars, tell):
    tell("2024-03-05 20:59:59")  # before the close of the fifth, 21:00 UTC
    tell("2024-03-05 21:00:00")  # at the close itself it is known
    tell("2024-03-05 21:00:01")  # after it
    tell("2024-03-09 12:00")  # a Saturday
    tell("2024-03-11 20:30")  # the clocks have changed: the close is 20:00 UTC
    assert counts(bars) == {"03-05": 2, "03-06": 1, "03-11": 1, "03-12": 1}


def test_what_was_known_before_and_after_the_bars_stands_nowhere(bars, tell):
    tell("2024-03-03 23:59")
    tell("2024-03-15 21:00")
    assert counts(bars) == {}


def test_rows_do_not_change_when_the_bars_go_on(bars, tell):
    rng = np.random.default_rng(7)
    for minute in rng.integers(0, 12 * 1440, 60).tolist():
        tell(
            DAYS[0].tz_localize(None) + pd.Timedelta(minute, "min"), sentiment=float(minute % 3 - 1)
        )
    whole = wb.with_messages(bars)
    for cut in range(1, len(bars)):
        part = wb.with_messages(bars.iloc[:cut])
        pd.testing.assert_frame_equal(part, whole.iloc[:cut], check_freq=False)
    assert whole["messages"].sum() > 40


def test_an_edit_changes_no_earlier_row_and_counts_no_second_time(bars, tell):
    tell("2024-03-05 15:00", "good", note_id="a", sentiment=1.0)
    before = wb.with_messages(bars)
    tell("2024-03-07 15:00", "bad after all", note_id="a", sentiment=-1.0)
    pd.testing.assert_frame_equal(wb.with_messages(bars), before)


def test_each_symbol_has_its_own_columns(make_bars, tell):
    frames = {name: make_bars(DAYS) for name in ("AAPL", "IBM")}
    several = pd.concat(frames, axis=1).swaplevel(axis=1).sort_index(axis=1)
    several.columns = several.columns.set_names(["field", "symbol"])
    several.attrs = {"timeframe": "1d", "calendar": "XNYS"}
    tell("2024-03-05 15:00", "one", ("IBM",), sentiment=0.5)
    tell("2024-03-05 16:00", "both", ("IBM", "AAPL"))
    found = wb.with_messages(several)
    assert found["messages"].loc["2024-03-05"].to_dict() == {"AAPL": 1.0, "IBM": 2.0}
    assert found["sentiment"].loc["2024-03-05", "IBM"] == 0.5
    assert found["sentiment"]["AAPL"].isna().all()


def test_a_search_and_a_score_of_ones_own(bars, tell):
    tell("2024-03-05 15:00", "a strike")
    tell("2024-03-05 16:00", "a strike, a long one")
    tell("2024-03-05 17:00", "earnings")
    found = wb.with_messages(bars, search="strike", score=lambda m: len(m.title))
    assert found.loc["2024-03-05", ["messages", "sentiment"]].tolist() == [2.0, 14.0]
    with pytest.raises(DataError, match="not a number"):
        wb.with_messages(bars, score=lambda m: "good")


def test_the_bars_are_left_and_the_fingerprint_is_another(bars, tell):
    before = bars.copy()
    found = wb.with_messages(bars)
    pd.testing.assert_frame_equal(bars, before)
    assert found.attrs["fingerprint"] != bars.attrs.get("fingerprint")
    assert found.attrs["messages"]["by"] == "known"
    with pytest.raises(UsageError, match="already"):
        wb.with_messages(found)


def test_told_gives_each_edition_in_order(bars, tell):
    tell("2024-03-05 15:00", "first", note_id="a")
    tell("2024-03-05 14:00", "earlier")
    tell("2024-03-06 15:00", "second", note_id="a")
    told = Told(bars, wb.messages(editions=True))
    assert [[one.title for one in told.at(row)] for row in range(4)] == [
        [], ["earlier", "first"], ["second"], [],
    ]  # fmt: skip
