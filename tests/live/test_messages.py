"""Strategies that read messages: in a replay, in a backtest, and before the leak hunter."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.core.message import Message


class Reader(wb.EventStrategy):
    """Buys on good news, sells on bad."""

    def on_message(self, message):
        side = "buy" if message.sentiment > 0 else "sell"
        return [wb.Signal(symbol, side) for symbol in message.symbols]


class Counter(wb.Strategy):
    """Long after good news, flat after bad."""

    def targets(self, bars):
        return bars["sentiment"].where(bars["sentiment"].notna()).clip(0, 1)


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path))


@pytest.fixture
def bars():
    return wb.bars("AAPL", start="2012-01-01", end="2012-12-31", source="sample")


def news(at, sentiment, name="1", **more):
    when = pd.Timestamp(at, tz="UTC").to_pydatetime()
    return Message(
        source="note", vendor_id=name, published=when, known=when, symbols=("AAPL",),
        title="t", sentiment=sentiment, **more,
    )  # fmt: skip


def test_a_message_is_acted_upon_at_the_open_after_the_bar_it_was_known_with(bars):
    told = [news("2012-03-01 15:00", 1.0), news("2012-03-05 23:00", -1.0, "2")]
    fills = wb.replay(Reader(), bars, messages=told).fills
    assert fills["side"].tolist() == ["buy", "sell"]
    # known on Thursday before the close; on Monday after it
    assert [f"{time:%m-%d}" for time in fills["time"]] == ["03-02", "03-07"]


def test_what_comes_later_changes_no_earlier_fill(bars):
    rng = np.random.default_rng(3)
    hours = np.sort(rng.choice(8000, 40, replace=False)).tolist()
    told = [
        news(bars.index[0].tz_localize(None) + pd.Timedelta(hour, "h"), float(n % 2) - 0.5, str(n))
        for n, hour in enumerate(hours)
    ]
    whole = wb.replay(Reader(), bars, messages=told).fills
    cut = told[20].known
    others = [*told[:20], *(replace(one, sentiment=-one.sentiment) for one in told[20:])]
    changed = wb.replay(Reader(), bars, messages=others).fills
    early = whole["time"] <= pd.Timestamp(cut)
    pd.testing.assert_frame_equal(whole[early], changed[changed["time"] <= pd.Timestamp(cut)])
    assert early.sum() > 5
    assert not whole.equals(changed)


def test_an_edition_is_told_when_it_is_known_and_the_table_is_taken_as_it_is(bars):
    wb.note("up", "AAPL", note_id="a", sentiment=1.0, published="2012-03-01 15:00")
    wb.note("down", "AAPL", note_id="a", sentiment=-1.0)  # known now, long after the bars
    known = wb.replay(Reader(), bars, messages=wb.messages(editions=True))
    assert known.fills.empty
    out = wb.replay(Reader(), bars, messages=wb.messages(editions=True, by="published"))
    assert out.fills["side"].tolist() == ["buy"]


def test_a_strategy_that_is_told_nothing_is_told_so(bars):
    result = wb.replay(Reader(), bars)
    assert any("was told none" in text for text in result.findings)


def test_columns_pass_the_leak_hunter_and_a_look_ahead_does_not(bars):
    rng = np.random.default_rng(5)
    for number, row in enumerate(rng.choice(len(bars), 60, replace=False).tolist()):
        at = bars.index[row] + pd.Timedelta(15, "h")
        wb.note(f"n{number}", "AAPL", published=at, sentiment=float(number % 2) * 2 - 1)
    told = wb.with_messages(bars, by="published")
    assert told["messages"].sum() == 60
    report = wb.check(Counter(), told)
    assert report.ok, str(report)

    class Ahead(wb.Strategy):
        def targets(self, bars):
            return bars["sentiment"].shift(-1).clip(0, 1)

    assert not wb.check(Ahead(), told, plant=False).ok
    one, two = wb.backtest(Counter(), told), wb.replay(Counter(), told)
    pd.testing.assert_frame_equal(one.fills, two.fills)
    assert len(one.fills) > 5
