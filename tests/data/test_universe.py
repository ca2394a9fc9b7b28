"""Who was a member when, and that nobody else is traded."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.data.universe import MEMBER
from workbench.errors import DataError, UsageError

pytestmark = pytest.mark.usefixtures("workspace")

DAYS = pd.bdate_range("2024-01-02", periods=9, tz="UTC")  # the 15th is a holiday


class Equal(wb.Strategy):
    """A part of the equity in each symbol, whoever it is."""

    def targets(self, bars):
        close = bars["close"]
        return pd.DataFrame(0.3, index=close.index, columns=close.columns)


def table(*rows):
    return pd.DataFrame(rows, columns=["symbol", "start", "end", "delisted"])


@pytest.fixture
def folder(workspace):
    for name in ("files", "universes"):
        (workspace / "data" / name).mkdir(parents=True)
    for symbol, last in {"A": 9, "B": 9, "C": 6}.items():
        rows = "".join(f"{day:%Y-%m-%d},10,10,10,10,100\n" for day in DAYS[:last])
        (workspace / f"data/files/{symbol}.csv").write_text(
            f"date,open,high,low,close,volume\n{rows}"
        )
    (workspace / "data/files/files.toml").write_text('tz = "UTC"\ncalendar = "XNYS"\n')
    (workspace / "data/universes/few.csv").write_text(
        "symbol,start,end,delisted\n"
        "A,2024-01-02,,\n"
        "B,2024-01-04,2024-01-09,\n"
        "C,2024-01-02,2024-01-09,2024-01-09\n"
    )
    return workspace / "data"


def test_members_are_those_of_a_day(folder):
    few = wb.universe("few")
    assert few.symbols == ("A", "B", "C")
    assert few.at("2024-01-03") == ("A", "C")
    assert few.at("2024-01-09") == ("A", "B", "C")
    assert wb.universe("few", at="2024-01-10") == ("A",)
    assert "1 delisted" in repr(few)


def test_a_symbol_counts_in_the_session_that_fills(folder):
    bars = wb.bars(wb.universe("few"), source="files", start="2024-01-02")
    held = bars[MEMBER]
    by_day = {symbol: held.index[held[symbol] == 1].strftime("%d").tolist() for symbol in held}
    # decided on the 3rd, filled on the 4th; the last day as a member is the 9th
    assert by_day["B"] == ["03", "04", "05", "08"]
    # sold on the last day of trading: the last that is decided to be held is filled on the 8th
    assert by_day["C"] == ["02", "03", "04", "05"]
    assert len(by_day["A"]) == 9
    assert bars.attrs["universe"] == "few"
    assert "caveats" not in bars.attrs


@pytest.mark.parametrize("run", [wb.backtest, wb.replay])
def test_only_members_are_traded(folder, run):
    bars = wb.bars(wb.universe("few"), source="files")
    result = run(Equal(), bars, record=False) if run is wb.backtest else run(Equal(), bars)
    told = result.fills.assign(day=result.fills["time"].dt.strftime("%d"))
    assert told[["symbol", "side", "day"]].to_numpy().tolist() == [
        ["A", "buy", "03"],
        ["C", "buy", "03"],
        ["B", "buy", "04"],
        ["C", "sell", "09"],
        ["B", "sell", "10"],
    ]
    assert (result.targets["B"].iloc[:1] == 0).all()
    assert result.positions.iloc[-1].tolist()[1:] == [0, 0]


def test_a_sweep_trades_members_only():
    class Both(wb.Strategy):
        """Holds everything, by a rule."""

        size: float = wb.param(0.2, low=0.1, high=0.4)

        def targets(self, bars):
            close = bars["close"]
            return pd.DataFrame(self.size, index=close.index, columns=close.columns)

    names = ["AAPL", "IBM", "MSFT"]
    told = table(("AAPL", None, None, None), ("IBM", "2012-03-01", "2012-06-29", None),
                 ("MSFT", "2012-02-01", None, None))  # fmt: skip
    bars = wb.bars(wb.Universe("three", told), start="2012", end="2013")
    assert list(bars["close"].columns) == names
    sweep = wb.sweep(Both, bars, size=[0.2, 0.3])
    for _, row in sweep.stats.iterrows():
        alone = wb.backtest(Both(size=row["size"]), bars, record=False).stats
        assert row["total_return"] == pytest.approx(alone["total_return"], rel=1e-9)
    everyone = bars.drop(columns=MEMBER, level=0)
    assert wb.backtest(Both(size=0.2), everyone, record=False).stats["total_return"] != (
        pytest.approx(sweep.stats["total_return"].iloc[0], rel=1e-3)
    )


@pytest.mark.parametrize("engine", ["auto", "generic", "each"])
def test_a_rule_on_one_symbol_keeps_to_its_membership(engine):
    told = table(("IBM", "2011-03-01", "2011-06-29", None))
    bars = wb.bars(wb.Universe("one", told), start="2010", end="2013")
    point = {"fast": [5, 10], "slow": [20]}
    sweep = wb.sweep(wb.strategies.SmaCross, bars, engine=engine, **point)
    alone = wb.backtest(wb.strategies.SmaCross(fast=5, slow=20), bars, record=False)
    held = alone.positions["IBM"]
    assert (held[:"2011-02-28"] == 0).all()
    assert (held["2011-07-01":] == 0).all()
    assert held.max() > 0
    row = sweep.stats[sweep.stats["fast"] == 5].iloc[0]
    assert row["total_return"] == pytest.approx(alone.stats["total_return"], rel=1e-9)


def test_todays_list_on_the_past_is_warned_of_and_found(folder):
    today = wb.universe("few", at="2024-01-10")
    with pytest.warns(UserWarning, match="survivorship"):
        bars = wb.bars(today, source="files")
    findings = wb.backtest(Equal(), bars, record=False).findings
    assert any("members of universe 'few' on 2024-01-10" in text for text in findings)
    later = wb.bars(today, source="files", start="2024-01-10")
    assert not any("survivorship" in t for t in wb.backtest(Equal(), later, record=False).findings)


def test_a_list_without_dates_is_told(folder):
    (folder / "universes/bare.csv").write_text("symbol\nA\nB\n")
    with pytest.warns(UserWarning, match="has no dates"):
        bars = wb.bars(wb.universe("bare"), source="files")
    assert (bars[MEMBER] == 1).all(axis=None)
    assert any("no dates" in t for t in wb.backtest(Equal(), bars, record=False).findings)


def test_members_without_bars_are_told(folder):
    (folder / "universes/more.csv").write_text("symbol,start\nA,2024-01-02\nGONE,2024-01-02\n")
    with pytest.warns(UserWarning, match="1 of 2 members .* GONE"):
        bars = wb.bars(wb.universe("more"), source="files")
    assert list(bars["close"].columns) == ["A"]
    (folder / "universes/none.csv").write_text("symbol,start\nGONE,2024-01-02\n")
    with pytest.raises(UsageError, match="GONE"):
        wb.bars(wb.universe("none"), source="files")


def test_who_came_back_is_a_member_twice():
    told = table(("A", "2024-01-02", "2024-01-03", None), ("A", "2024-01-08", None, None))
    held = wb.Universe("x", told).membership(DAYS, "1d", "XNYS")["A"]
    assert held.index[held == 0].strftime("%d").tolist() == ["03", "04"]


def test_intraday_a_symbol_counts_up_to_the_close_before():
    times = pd.DatetimeIndex(["2024-03-08T20:00", "2024-03-08T20:30", "2024-03-11T13:30"], tz="UTC")
    told = table(("A", "2024-03-11", None, None))
    held = wb.Universe("x", told).membership(times, "30m", "XNYS")["A"]
    assert held.tolist() == [0, 1, 1]  # what the last bar of Friday decides is filled on Monday
    daily = wb.Universe("x", told).membership(times[:1].normalize(), "1d", "24/7")["A"]
    assert daily.tolist() == [0]


def test_what_is_no_universe_is_told(folder):
    with pytest.raises(UsageError, match="did you mean 'few'"):
        wb.universe("fev")
    for row, why in [
        (("", None, None, None), "no symbol"),
        (("A", "soon", None, None), "start cannot be read"),
        (("A", "2024-01-02", "2024-01-01", None), "ends before"),
        (("A", "2024-01-02", None, "2023-01-01"), "delisted before"),
    ]:
        with pytest.raises(DataError, match=why):
            wb.Universe("x", table(row))
    with pytest.raises(DataError, match="no column symbol"):
        wb.Universe("x", pd.DataFrame({"ticker": ["A"]}))
    with pytest.raises(UsageError, match="needs a day"):
        wb.universe("few").at(None)


def test_a_past_list_does_better_than_its_history(folder):
    """The loss of who is delisted is in the result of the universe, and not in that of the list."""
    fall = np.linspace(10, 1, 6)
    rows = "".join(
        f"{day:%Y-%m-%d},{p},{p},{p},{p},100\n" for day, p in zip(DAYS[:6], fall, strict=True)
    )
    (folder / "files/C.csv").write_text(f"date,open,high,low,close,volume\n{rows}")
    honest = wb.bars(wb.universe("few"), source="files")
    with pytest.warns(UserWarning):
        today = wb.bars(wb.universe("few", at="2024-01-10"), source="files")
    ends = [wb.backtest(Equal(), b, record=False).equity.iloc[-1] for b in (honest, today)]
    assert ends[0] < 90_000 < ends[1] == 100_000
