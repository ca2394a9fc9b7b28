import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

import workbench as wb
from workbench.data.schema import check_bars
from workbench.research.changes import CARRIED, borrowed, carried, carrying, kinds, with_gap

CUT = 300


def all_kinds(bars):
    flags = np.random.default_rng(5).integers(0, 2, len(bars)).astype(bool)
    extra = ("flag", "AAA") if bars.columns.nlevels == 2 else "flag"
    wide = bars.copy()
    wide[extra] = flags
    wide.attrs = dict(bars.attrs)
    found = kinds(wide, carries=True)
    return wide, [kind for kind in found if kind.name != CARRIED]


@pytest.mark.parametrize("given", ["one", "two"])
def test_rows_up_to_the_cut_stay_to_the_bit_and_later_ones_change(given, request):
    bars, found = all_kinds(request.getfixturevalue(given))
    assert len(found) >= 6
    for kind in found:
        changed = kind.change(bars, CUT, np.random.default_rng(1))
        assert_frame_equal(
            changed.iloc[: CUT + 1], bars.iloc[: CUT + 1], check_exact=True, check_freq=False
        )
        assert changed.attrs == bars.attrs, kind.name
        assert not changed.iloc[CUT + 1 :].equals(bars.iloc[CUT + 1 :]), kind.name


@pytest.mark.parametrize("given", ["one", "two"])
def test_changed_bars_are_bars(given, request):
    bars, found = all_kinds(request.getfixturevalue(given))
    for kind in found:
        fields = ["open", "high", "low", "close", "volume"]
        check_bars(kind.change(bars, CUT, np.random.default_rng(1))[fields])


def test_one_symbol_alone_leaves_the_other_as_it_was(two):
    [kind] = [kind for kind in kinds(two, carries=False) if "BBB alone" in kind.name]
    changed = kind.change(two, CUT, np.random.default_rng(1))
    assert changed.xs("AAA", axis=1, level=1).equals(two.xs("AAA", axis=1, level=1))
    later = slice(CUT + 1, None)
    assert (changed["close"]["BBB"].iloc[later] != two["close"]["BBB"].iloc[later]).all()


def test_scaling_changes_the_ranks_of_symbols(two):
    [kind] = [kind for kind in kinds(two, carries=False) if "× 3" in kind.name]
    changed = kind.change(two, CUT, np.random.default_rng(1)) / two
    last = changed["close"].iloc[-1]
    assert last.tolist() == pytest.approx([3, 1 / 3])


def test_the_gap_ends_at_the_cut(one):
    missing = with_gap(one, CUT)["close"].isna()
    assert missing[missing].index.equals(one.index[CUT - 2 : CUT + 1])
    assert not one["close"].isna().any()


class _Carrier(wb.Strategy):
    table = pd.DataFrame()
    name_of_it = "x"

    def targets(self, bars):
        return bars["close"] * 0


@pytest.mark.parametrize("zone", [None, "UTC", "America/New_York"])
def test_frames_a_strategy_carries_change_after_the_instant_of_the_cut(one, zone, monkeypatch):
    index = one.index.tz_localize(None) if zone is None else one.index.tz_convert(zone)
    table = pd.DataFrame({"a": np.arange(600.0), "b": "text"}, index=index)
    monkeypatch.setattr(_Carrier, "table", table)
    strategy = _Carrier()
    assert list(carried(strategy)) == ["table"]
    changed = carrying(strategy, carried(strategy), one.index[CUT], np.random.default_rng(1))
    assert changed.table.iloc[: CUT + 1].equals(table.iloc[: CUT + 1])
    assert not changed.table.iloc[CUT + 1 :].equals(table.iloc[CUT + 1 :])
    assert _Carrier.table is table and strategy.table is table


_TABLE = pd.DataFrame({"close": [1.0]})


def _made(series):
    class Closing(wb.Strategy):
        def targets(self, bars):
            return bars["close"] * 0 + max(series[k] for k in range(1))

    return Closing()


close = pd.Series([1.0])  # a name that is an attribute elsewhere


class _Reading(wb.Strategy):
    def targets(self, bars):
        return bars.close * 0 + _TABLE["close"].iloc[0]


def test_frames_from_around_a_strategy_are_named():
    assert borrowed(_Reading()) == ["_TABLE"]
    assert borrowed(_made(pd.Series([1.0]))) == ["series"]
    assert borrowed(_made([1.0])) == []
    assert borrowed(wb.strategies.SmaCross()) == []


def test_the_check_says_that_it_cannot_look_into_them(one):
    assert "reads _TABLE, which lies outside" in str(wb.check(_Reading(), one))
