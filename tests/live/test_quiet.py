"""Bars that a replay passes by: the same numbers as one by one."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.live.decisions.opinions import told_ahead
from workbench.live.replay import replay as replaying
from workbench.live.replay.quiet import Quiet
from workbench.strategy import lines, rules

COSTS = wb.Costs(fee=wb.fees.Bps(5), slippage_bps=2)


def _bars(symbols, start="2010", end="2012"):
    return wb.bars(symbols, start=start, end=end)


def _with_gaps(bars):
    bars = bars.copy()
    bars.iloc[::7] = np.nan
    return bars


@pytest.mark.parametrize(
    ("strategy", "bars"),
    [
        (wb.strategies.SmaCross(fast=5, slow=20), _bars("AAPL")),
        (wb.strategies.SmaCross(fast=5, slow=20), _with_gaps(_bars("AAPL"))),
        (wb.strategies.RsiReversion(), _bars(["AAPL", "IBM", "MSFT"])),
    ],
)
def test_nothing_differs_from_bar_by_bar(strategy, bars, monkeypatch):
    together = wb.replay(strategy, bars, costs=COSTS)
    passed = []
    monkeypatch.setattr(Quiet, "end", lambda _self, row: passed.append(row) or row)
    monkeypatch.setattr(replaying, "told_ahead", lambda *_: None)
    one_by_one = wb.replay(strategy, bars, costs=COSTS)
    assert len(passed) == len(bars)
    assert len(together.fills) > 2
    for name in ("equity", "cash_held"):
        pd.testing.assert_series_equal(
            getattr(together, name), getattr(one_by_one, name), check_exact=True
        )
    for name in ("positions", "targets", "orders", "fills"):
        pd.testing.assert_frame_equal(
            getattr(together, name), getattr(one_by_one, name), check_exact=True
        )


def test_quiet_bars_are_passed_by(monkeypatch):
    seen = []
    monkeypatch.setattr(
        replaying.Runner, "_trade", lambda self, row, do=replaying.Runner._trade: (
            seen.append(row), do(self, row)
        )[1],
    )  # fmt: skip
    bars = _bars("AAPL")
    result = wb.replay(wb.strategies.SmaCross(fast=5, slow=20), bars)
    assert len(seen) <= 2 * len(result.orders) < len(bars) / 5


def test_a_rule_that_looks_ahead_is_asked_bar_by_bar(monkeypatch):
    bars = _bars("AAPL")
    strategy = wb.strategies.SmaCross(fast=5, slow=20)
    assert told_ahead(strategy, bars) is not None
    compute = lines.Lines._compute

    def early(self, line, j):
        found = compute(self, line, j)
        return np.append(found[1:], np.nan) if isinstance(line, rules.Indicator) else found

    monkeypatch.setattr(lines.Lines, "_compute", early)
    assert told_ahead(strategy, bars) is None


def test_what_computes_its_own_targets_is_not_told_ahead():
    class Plain(wb.Strategy):
        def targets(self, bars):
            return bars["close"] * 0.0

    assert told_ahead(Plain(), _bars("AAPL")) is None
