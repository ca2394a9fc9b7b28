import json
import re
from functools import cached_property

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.errors import DataError, UsageError
from workbench.research.check import check
from workbench.strategy import registry


def positive(values):
    return (values > 0).astype(float)


class _NextClose(wb.Strategy):
    def targets(self, bars):
        return positive(bars["close"].shift(-1) - bars["close"])


class _FiveAhead(wb.Strategy):
    def targets(self, bars):
        return positive(bars["close"].shift(-5) - bars["close"])


class _NextOpen(wb.Strategy):
    def targets(self, bars):
        return positive(bars["open"].shift(-1) - bars["close"])


class _CentredWindow(wb.Strategy):
    @property
    def warmup(self):
        return 21

    def targets(self, bars):
        return positive(bars["close"] - bars["close"].rolling(21, center=True).mean())


class _GlobalScaling(wb.Strategy):
    def targets(self, bars):
        close = bars["close"]
        return ((close - close.mean()) / close.std()).clip(-1, 1)


class _GlobalMaximum(wb.Strategy):
    def targets(self, bars):
        return positive(bars["close"] - 0.9 * bars["close"].max())


class _FullSampleFit(wb.Strategy):
    def targets(self, bars):
        past = bars["close"].pct_change().shift(1).fillna(0)
        slope = np.polyfit(past, bars["close"].pct_change().fillna(0), 1)[0]
        return positive(past * slope)


class _FilledWarmup(wb.Strategy):
    @property
    def warmup(self):
        return 50

    def targets(self, bars):
        return positive(bars["close"] - bars["close"].rolling(50).mean().bfill())


class _FilledGaps(wb.Strategy):
    """Leaks only where bars are missing, and there are none in the bars it is given."""

    def targets(self, bars):
        close = bars["close"].bfill()
        return positive(close - close.shift(1))


class _Interpolated(wb.Strategy):
    def targets(self, bars):
        close = bars["close"].interpolate()
        return positive(close - close.shift(1))


class _EarlyWeek(wb.Strategy):
    """The week's close is known on Monday."""

    def targets(self, bars):
        weekly = bars["close"].resample("W-FRI").last()
        mapped = weekly.reindex(bars.index, method="bfill")
        return positive(mapped - bars["close"])


class _EarlyResample(wb.Strategy):
    def targets(self, bars):
        weekly = wb.resample(bars, "1w")["close"]
        return positive(weekly.reindex(bars.index, method="ffill") - bars["close"])


class _SecondSymbol(wb.Strategy):
    """Only the other symbol's tomorrow is known."""

    def targets(self, bars):
        close = bars["close"]
        other = close.shift(-1).iloc[:, ::-1].set_axis(close.columns, axis=1)
        return positive(other.sub(close.iloc[:, 1], axis=0)) / 2


class _FurtherColumn(wb.Strategy):
    def targets(self, bars):
        return positive(bars["sentiment"].shift(-1))


class _Revised(wb.Strategy):
    """A frame it carries is read a day early."""

    table = pd.Series(dtype=float)

    def targets(self, bars):
        return positive(self.table.shift(-1).reindex(bars.index))


class _Reversed(wb.Strategy):
    def targets(self, bars):
        return positive(bars["close"][::-1].ewm(span=10).mean()[::-1] - bars["close"])


SINGLE = [
    _NextClose,
    _FiveAhead,
    _NextOpen,
    _CentredWindow,
    _GlobalScaling,
    _GlobalMaximum,
    _FullSampleFit,
    _FilledWarmup,
    _FilledGaps,
    _Interpolated,
    _EarlyWeek,
    _EarlyResample,
    _Reversed,
]


@pytest.mark.parametrize("cls", SINGLE, ids=lambda cls: cls.__name__)
def test_a_planted_leak_is_found(cls, one):
    report = check(cls(), one)
    assert not report.ok
    assert report.table.loc["leaks", "verdict"] == "found"
    leak = report.leaks[0]
    assert leak.row <= leak.cut and leak.ahead >= 1
    assert str(leak.row) in report.findings[0] and leak.change in report.findings[0]


@pytest.mark.parametrize(("cls", "ahead"), [(_NextClose, 1), (_NextOpen, 1), (_FiveAhead, 5)])
def test_it_says_how_far_it_looks(cls, ahead, one):
    assert 1 <= max(leak.ahead for leak in check(cls(), one).leaks) <= ahead


def test_the_tomorrow_of_the_second_symbol_alone_is_found(two):
    report = check(_SecondSymbol(), two)
    assert any(leak.change.startswith("later bars of ") for leak in report.leaks)


def test_further_columns_are_changed_too(one):
    rng = np.random.default_rng(3)
    bars = one.assign(sentiment=rng.normal(size=len(one)))
    kinds = {leak.change for leak in check(_FurtherColumn(), bars).leaks}
    assert "later bars cut off" in kinds


@pytest.mark.parametrize("kind", ["int64", "bool"])
def test_columns_that_are_no_floats_change_places(one, kind):
    bars = one.assign(sentiment=np.random.default_rng(3).integers(0, 2, len(one)).astype(kind))

    class _Flag(wb.Strategy):
        def targets(self, given):
            return positive(given["sentiment"].astype(float).shift(-1))

    kinds = {leak.change for leak in check(_Flag(), bars).leaks}
    assert "later rows of the further columns changed" in kinds


def test_frames_it_carries_are_changed_too(one, monkeypatch):
    values = pd.Series(np.random.default_rng(4).normal(size=len(one)), index=one.index)
    monkeypatch.setattr(_Revised, "table", values)
    kinds = {leak.change for leak in check(_Revised(), one).leaks}
    # its own frame hides the leak from every other change
    assert kinds == {"later rows of the frames it carries changed"}


class _Honest(wb.Strategy):
    @property
    def warmup(self):
        return 20

    def targets(self, bars):
        close = bars["close"]
        return positive(close.ffill() - close.ffill().rolling(20).mean())


class _HonestWeek(wb.Strategy):
    @property
    def warmup(self):
        return 30

    def targets(self, bars):
        weekly = wb.resample(bars, "1w")["close"].rolling(3).mean()
        return positive(bars["close"] - wb.align(weekly, bars)).where(bars["close"].notna())


@pytest.mark.parametrize("cls", [_Honest, _HonestWeek])
def test_an_honest_strategy_passes(cls, one):
    report = check(cls(), one)
    assert report.ok, str(report)
    assert "7 kinds at 6" in report.table.loc["leaks", "detail"]


@pytest.mark.parametrize(
    "name", ["DonchianBreakout", "Momentum", "Pairs", "RsiReversion", "SmaCross"]
)
def test_the_library_passes_on_the_sample(name):
    report = check(registry.find(name), cuts=24)
    assert report.ok, str(report)
    assert report.table.loc["leaks", "verdict"] == "ok"
    assert report.table.loc["hunter", "verdict"] == "ok"
    assert re.match(r"found (\d) of \1 planted leaks", report.table.loc["hunter", "detail"])
    # how many depends on the time there was; a slow machine tries fewer and says so
    tried = re.match(r"([\d,]+) of 3,269 bars", report.table.loc["rare leaks", "detail"])
    assert int(tried[1].replace(",", "")) >= 100


def test_parity_is_held_over_orders(one):
    table = check(_Honest(), one).table
    assert table.loc["parity", "verdict"] == "ok"
    assert int(table.loc["parity", "detail"].split()[0]) > 5


def test_a_leak_breaks_parity_too(one):
    report = check(_NextClose(), one)
    assert report.table.loc["parity", "verdict"] == "found"
    assert any(text.startswith("parity: replay and backtest differ") for text in report.findings)


def test_a_strategy_that_cannot_live_on_a_short_history_has_no_parity(one):
    class _Long(_Honest):
        def targets(self, bars):
            if len(bars) < 50:
                raise ValueError("too short")
            return super().targets(bars)

    table = check(_Long(), one).table
    assert table.loc["parity", "verdict"] == "not done"
    assert "too short" in table.loc["parity", "detail"]
    assert table.loc["leaks", "verdict"] == "ok"


class _Draws(wb.Strategy):
    def targets(self, bars):
        return pd.Series(np.random.default_rng().uniform(size=len(bars)), index=bars.index)


class _GlobalDraws(wb.Strategy):
    """The same within a process that was seeded, and another in the next."""

    def targets(self, bars):
        state = np.random.get_state()  # noqa: NPY002
        drawn = np.random.uniform(size=len(bars))  # noqa: NPY002
        np.random.set_state(state)  # noqa: NPY002
        return pd.Series(drawn, index=bars.index)


class _AddsColumn(wb.Strategy):
    def targets(self, bars):
        bars["mine"] = bars["close"].rolling(2).mean()
        return positive(bars["close"] - bars["mine"])


class _Overwrites(wb.Strategy):
    def targets(self, bars):
        bars.loc[bars.index[3], "close"] = 1.0
        return positive(bars["close"] - 2)


class _Remembers(wb.Strategy):
    def targets(self, bars):
        self.__dict__["seen"] = self.__dict__.get("seen", 0) + 1
        return positive(bars["close"] - 100)


class _KeepsState(wb.Strategy):
    shelf = {}  # noqa: RUF012

    def targets(self, bars):
        level = self.shelf.setdefault("level", len(bars))
        self.shelf["level"] = len(bars)
        return positive(bars["close"] - 100) * level / len(bars)


@pytest.mark.parametrize(
    ("cls", "word"),
    [
        (_Draws, "second time"),
        (_GlobalDraws, "global random state"),
        (_AddsColumn, "added mine"),
        (_Overwrites, "changed close"),
        (_Remembers, "'seen'"),
        (_KeepsState, "ran on before"),
    ],
)
def test_impurity_is_found(cls, word, one):
    before = one.copy()
    report = check(cls(), one)
    assert not report.ok
    assert any(word in text for text in report.findings if text.startswith("purity")), str(report)
    pd.testing.assert_frame_equal(one, before)


def test_the_random_state_is_left_as_it_was(one):
    before = np.random.get_state()[1].tolist()  # noqa: NPY002
    check(_Honest(), one)
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002


def test_a_cached_property_is_no_impurity(one):
    class _Cached(_Honest):
        @cached_property
        def weights(self):
            return (1, 2)

        def targets(self, bars):
            assert self.weights
            return super().targets(bars)

    assert check(_Cached(), one).ok


class _ShortWarmup(_Honest):
    @property
    def warmup(self):
        return 5


class _WholeHistory(wb.Strategy):
    def targets(self, bars):
        return bars["close"] / bars["close"].cummax()


def test_a_warmup_declared_too_short_is_found_and_the_true_one_named(one):
    [found] = check(_ShortWarmup(), one).findings
    assert "declared 5, but 19 bars are needed" in found


def test_a_target_that_never_forgets_is_found(one):
    falling = one.iloc[::-1].set_axis(one.index, axis=0)
    bars = falling.assign(**{k: falling[k] * np.linspace(3, 1, 600) for k in falling.columns[:4]})
    report = check(_WholeHistory(), bars)
    assert any("no warm-up is enough" in text for text in report.findings)


def test_the_report_reads_well_and_is_escaped(one):
    report = check(_NextClose(), one)
    assert "NOT OK" in str(report) and "leaks" in str(report)
    assert "<script>" not in report._repr_html_()
    json.dumps(report.table.to_dict())


def test_it_is_deterministic(one):
    assert str(check(_CentredWindow(), one)) == str(check(_CentredWindow(), one))


def test_targets_that_never_trade_prove_nothing(one):
    class _Silent(wb.Strategy):
        def targets(self, bars):
            return bars["close"] * np.nan

    assert any("nothing is ever traded" in note for note in check(_Silent(), one).notes)


def test_targets_beyond_a_leverage_of_one_are_noted(one):
    class _Levered(_Honest):
        def targets(self, bars):
            return super().targets(bars) * 3

    report = check(_Levered(), one)
    assert report.ok and any("leverage" in note for note in report.notes)


def test_a_strategy_that_refuses_what_it_is_shown_is_not_called_clean(one):
    class _Picky(wb.Strategy):
        def targets(self, bars):
            if not bars.equals(one):
                raise ValueError("I only know one frame")
            return positive(bars["close"] - 100)

    table = check(_Picky(), one).table
    assert table.loc["leaks", "verdict"] == "not done"
    assert table.loc["warm-up", "verdict"] == "not done"


def test_a_strategy_of_one_symbol_is_shown_one():
    class _OnlyOne(wb.Strategy):
        def targets(self, bars):
            return pd.Series(np.where(bars["close"] > 100, 1.0, 0.0), index=bars.index)

    assert check(_OnlyOne(), cuts=4).data.startswith("AAPL 1d")


class _OneWeek(_Honest):
    """A look ahead in a single week of all."""

    def targets(self, bars):
        days = (bars.index >= pd.Timestamp("2016-03-07", tz="UTC")) & (
            bars.index < pd.Timestamp("2016-03-12", tz="UTC")
        )
        known = positive(bars["close"].shift(-1) - bars["close"])
        return super().targets(bars).mask(days, known)


class _OneDay(_Honest):
    def targets(self, bars):
        known = positive(bars["close"].shift(-1) - bars["close"])
        return super().targets(bars).mask(bars.index == pd.Timestamp("2016-03-09", tz="UTC"), known)


@pytest.mark.parametrize("cls", [_OneWeek, _OneDay])
def test_a_leak_of_a_week_or_a_day_is_found(cls, one):
    report = check(cls(), one, cuts=4)
    assert report.table.loc["rare leaks", "verdict"] == "found", str(report)
    assert pd.Timestamp("2016-03-07", tz="UTC") <= report.leaks[0].row
    assert report.leaks[0].row <= pd.Timestamp("2016-03-11", tz="UTC")
    assert report.table.loc["hunter", "verdict"] == "not done"


def test_planting_can_be_left_out(one):
    assert "hunter" not in check(_Honest(), one, plant=False).table.index


class _Smooth(wb.Strategy):
    """Recursive without end: every bar is remembered a little."""

    @property
    def warmup(self):
        return 250

    def targets(self, bars):
        fast, slow = wb.ta.ema(bars["close"], 10), wb.ta.ema(bars["close"], 20)
        return ((fast / slow - 1) * 10).clip(-0.5, 0.5).where(slow.notna())


class _Expanding(wb.Strategy):
    def targets(self, bars):
        close = bars["close"]
        return ((close - close.expanding(5).mean()) / close).clip(-1, 1)


class _Monthly(wb.Strategy):
    @property
    def warmup(self):
        return 64

    def targets(self, bars):
        close = bars["close"]
        month = pd.Series(bars.index.month, index=bars.index)
        spread = close.pct_change(fill_method=None).rolling(63, min_periods=20).std()
        weight = (0.01 / spread).clip(upper=0.5)
        return weight.where(month != month.shift(1))


def gappy(bars):
    holes = np.random.default_rng(8).uniform(size=len(bars)) < 0.3
    torn = bars.copy()
    torn.loc[holes] = np.nan
    return torn


@pytest.mark.parametrize("cls", [_Smooth, _Expanding, _Monthly, _Honest])
@pytest.mark.parametrize("torn", [False, True])
def test_nothing_honest_is_called_a_leak(cls, torn, one):
    report = check(cls(), gappy(one) if torn else one, cuts=16)
    assert report.table.loc["leaks", "verdict"] == "ok", str(report)
    assert report.table.loc["rare leaks", "verdict"] == "ok", str(report)
    assert report.table.loc["hunter", "verdict"] == "ok", str(report)


class _HonestHour(wb.Strategy):
    def targets(self, bars):
        hours = wb.resample(bars, "1h")["close"].rolling(3).mean()
        return positive(bars["close"] - wb.align(hours, bars))


class _EarlyHour(wb.Strategy):
    def targets(self, bars):
        hours = wb.resample(bars, "1h", partial=True)["close"].rolling(3).mean()
        return positive(bars["close"] - hours.reindex(bars.index, method="ffill"))


def intraday():
    index = pd.date_range("2024-01-01", periods=480, freq="15min", tz="UTC", name="time")
    close = 100 * np.exp(np.random.default_rng(5).normal(0, 0.003, 480).cumsum())
    bars = pd.DataFrame(dict.fromkeys(["open", "high", "low", "close"], close), index=index)
    bars["volume"] = 1000.0
    bars.attrs = {"timeframe": "15min", "calendar": "24/7"}
    return bars


def test_a_longer_timeframe_that_is_aligned_is_honest_and_an_early_one_is_not():
    honest = check(_HonestHour(), intraday(), cuts=16).table["verdict"]
    assert honest["leaks"] == honest["rare leaks"] == honest["hunter"] == "ok"
    assert check(_EarlyHour(), intraday(), cuts=16).table.loc["leaks", "verdict"] == "found"


def test_what_never_ends_is_not_told_a_number_of_bars(one):
    [found] = check(_Expanding(), one, cuts=4, plant=False).findings
    assert "may have no end" in found or "no warm-up is enough" in found


def test_bad_calls_are_told(one):
    with pytest.raises(UsageError, match=r"wb\.Strategy"):
        check("SmaCross", one)
    with pytest.raises(UsageError, match="at least 10 bars"):
        check(_Honest(), one.iloc[:1])
    with pytest.raises(UsageError, match="cuts"):
        check(_Honest(), one, cuts=0)
    with pytest.raises(UsageError, match="cuts"):
        check(_Honest(), one, cuts="all")
    with pytest.raises(UsageError, match="not a DataFrame"):
        check(one, _Honest())
    with pytest.raises(DataError):
        check(_Honest(), one.iloc[::-1])


def test_targets_that_break_the_contract_are_told(one):
    class _Short(wb.Strategy):
        def targets(self, bars):
            return bars["close"].iloc[1:]

    with pytest.raises(UsageError, match="599 rows"):
        check(_Short(), one)


def test_of_symbols_that_nobody_chose_leverage_says_nothing():
    report = check(wb.strategies.SmaCross())
    assert not any("leverage" in note for note in report.notes)
