"""Actions by date: what happened, under which name, and what prices are without it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.errors import DataError, UsageError

pytestmark = pytest.mark.usefixtures("workspace")


def write(workspace, symbol, days, close, **columns):
    folder = workspace / "data/files"
    folder.mkdir(parents=True, exist_ok=True)
    close = np.asarray(close, float)
    frame = pd.DataFrame(
        {"date": days, "open": close, "high": close, "low": close, "close": close, "volume": 100.0}
    ).assign(**columns)
    frame.to_csv(folder / f"{symbol}.csv", index=False)
    (folder / "files.toml").write_text('tz = "UTC"\nadjustment = "none"\ncalendar = "XNYS"\n')


def rows(*told):
    return pd.DataFrame(told, columns=["symbol", "date", "kind", "value", "former"])


DAYS = pd.bdate_range("2022-06-06", "2022-06-10").strftime("%Y-%m-%d")


@pytest.fixture
def acme(workspace):
    write(workspace, "ACME", DAYS, [100, 100, 50, 50, 49])
    told = [("ACME", DAYS[2], "split", 2, ""), ("ACME", DAYS[4], "dividend", 1.0, "")]
    wb.record_actions(rows(*told))
    return "ACME"


def test_raw_bars_carry_the_actions_that_are_known(acme):
    raw = wb.bars(acme, source="files", adjust="none")
    assert raw["split"].tolist() == [1, 1, 2, 1, 1]
    assert raw["dividend"].tolist() == [0, 0, 0, 0, 1]
    assert raw["close"].tolist() == [100, 100, 50, 50, 49]


@pytest.mark.parametrize(
    ("how", "close", "volume"),
    [
        ("splits", [50, 50, 50, 50, 49], [200, 200, 100, 100, 100]),
        ("dividends", [98, 98, 49, 49, 49], [100] * 5),
        ("all", [49, 49, 49, 49, 49], [200, 200, 100, 100, 100]),
        ("splits-forward", [100, 100, 100, 100, 98], [100, 100, 50, 50, 50]),
        ("dividends-forward", [100, 100, 50, 50, 50], [100] * 5),
        ("all-forward", [100, 100, 100, 100, 100], [100, 100, 50, 50, 50]),
    ],
)
def test_prices_and_volumes_are_adjusted_when_read(acme, how, close, volume):
    bars = wb.bars(acme, source="files", adjust=how)
    assert bars["close"].tolist() == pytest.approx(close, rel=1e-12)
    assert bars["volume"].tolist() == pytest.approx(volume, rel=1e-12)
    assert bars.attrs["adjustment"] == how
    left = {"splits": {"dividend"}, "dividends": {"split"}}.get(how.removesuffix("-forward"), set())
    assert set(bars.columns[5:]) == left


def test_a_later_action_counts_backwards_and_not_forwards(acme):
    early = {"source": "files", "end": DAYS[2]}
    assert wb.bars(acme, adjust="all", **early)["close"].tolist() == pytest.approx([49, 49])
    assert wb.bars(acme, adjust="all-forward", **early)["close"].tolist() == [100, 100]


def test_the_book_overrules_the_source_on_its_date_alone(workspace):
    write(workspace, "ACME", DAYS, [100, 100, 50, 25, 25], split=[1, 1, 3, 2, 1])
    wb.record_actions(rows(("ACME", DAYS[2], "split", 2, "")))
    assert wb.bars("ACME", source="files")["close"].tolist() == [25] * 5
    told = wb.actions("ACME", source="files")
    assert told["value"].tolist() == [2, 2]
    assert told["source"].tolist() == ["workspace", "files"]
    wb.record_actions(rows(("ACME", DAYS[2], "split", 1, "")))  # there was none
    assert wb.bars("ACME", source="files", adjust="none")["split"].tolist() == [1, 1, 1, 2, 1]


def test_an_action_on_a_day_without_a_bar_falls_to_the_next(workspace):
    write(workspace, "ACME", DAYS, [100, 50, 50, 50, 50])
    outside = [
        ("2022-06-01", "split", 5),
        ("2022-06-04", "dividend", 9),
        ("2022-06-20", "split", 3),
    ]
    wb.record_actions(rows(*[("ACME", *told, "") for told in outside]))
    raw = wb.bars("ACME", source="files", adjust="none")
    assert raw["split"].tolist() == [1] * 5
    assert raw["dividend"].tolist() == [0] * 5
    late = wb.bars("ACME", source="files", start=DAYS[1], adjust="none")
    assert late["split"].tolist() == [1] * 4


def test_a_renamed_stock_is_read_under_its_names_by_date(workspace):
    day = DAYS[3]
    write(workspace, "FB", DAYS, [1, 2, 3, 900, 900])  # then of another company
    write(workspace, "META", DAYS, [700, 700, 700, 4, 5])  # before, of a fund
    wb.record_actions(rows(("META", day, "rename", None, "FB")))
    assert wb.bars("META", source="files")["close"].tolist() == [1, 2, 3, 4, 5]
    assert wb.bars("META", source="files", start=day)["close"].tolist() == [4, 5]
    assert wb.bars("META", source="files", end=DAYS[1])["close"].tolist() == [1]
    both = wb.bars(["META", "FB"], source="files")
    assert both["close", "META"].tolist() == [1, 2, 3, 4, 5]
    assert both["close", "FB"].tolist() == [1, 2, 3, 900, 900]
    assert wb.actions("META", source="files")["former"].tolist() == ["FB"]


def test_a_split_under_the_former_name_counts(workspace):
    write(workspace, "FB", DAYS, [20, 10, 10, 10, 10], split=[1, 2, 1, 1, 1])
    write(workspace, "META", DAYS, [70, 70, 70, 10, 11])
    wb.record_actions(rows(("META", DAYS[3], "rename", None, "FB")))
    assert wb.bars("META", source="files")["close"].tolist() == [10, 10, 10, 10, 11]


def test_a_former_name_that_the_source_lacks_is_told(workspace):
    write(workspace, "META", DAYS, [1] * 5)
    wb.record_actions(rows(("META", DAYS[3], "rename", None, "FB")))
    with pytest.raises(UsageError, match="META was FB before 2022-06-09"):
        wb.bars("META", source="files")
    assert len(wb.bars("META", source="files", start=DAYS[3])) == 2


def test_intraday_bars_have_an_action_on_the_first_bar_of_its_date(workspace):
    times = pd.date_range("2024-03-08T20:00", periods=2, freq="30min", tz="UTC").append(
        pd.date_range("2024-03-11T13:30", periods=2, freq="30min", tz="UTC")
    )
    write(workspace, "ACME", times.strftime("%Y-%m-%dT%H:%M:%SZ"), [20, 20, 10, 10])
    (workspace / "data/files/files.toml").write_text('timeframe = "30m"\nadjustment = "none"\n')
    wb.record_actions(rows(("ACME", "2024-03-11", "split", 2, "")))
    raw = wb.bars("ACME", "30m", source="files", adjust="none")
    assert raw["split"].tolist() == [1, 1, 2, 1]
    assert wb.bars("ACME", "30m", source="files")["close"].tolist() == [10] * 4


def test_a_backtest_on_raw_bars_books_what_the_book_tells(acme):
    class Hold(wb.Strategy):
        def targets(self, bars):
            return pd.Series(1.0, index=bars.index)

    raw, adjusted = (wb.bars(acme, source="files", adjust=how) for how in ("none", "all"))
    ends = [wb.backtest(Hold(), bars, record=False).equity.iloc[-1] for bars in (raw, adjusted)]
    assert ends[0] == pytest.approx(ends[1], rel=1e-12)
    assert ends[0] == pytest.approx(100_000, rel=1e-9)
    partly = wb.bars(acme, source="files", adjust="dividends")
    assert wb.backtest(Hold(), partly, record=False).equity.iloc[-1] == pytest.approx(100_000)


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (("", "2024-01-02", "split", 2, ""), "no symbol"),
        (("A", "soon", "split", 2, ""), "date cannot be read"),
        (("A", "2024-01-02", "splitt", 2, ""), "did you mean 'split'"),
        (("A", "2024-01-02", "split", 0, ""), "above 0"),
        (("A", "2024-01-02", "split", None, ""), "above 0"),
        (("A", "2024-01-02", "dividend", -1, ""), "not below"),
        (("A", "2024-01-02", "dividend", np.inf, ""), "not below"),
        (("A", "2024-01-02", "rename", None, "A"), "called what"),
    ],
)
def test_a_row_that_is_no_action_is_told_and_nothing_is_kept(row, why):
    good = ("A", "2024-01-02", "split", 2, "")
    with pytest.raises(DataError, match=why) as caught:
        wb.record_actions(rows(good, row))
    assert caught.value.row == 1
    with pytest.raises(UsageError):
        wb.actions("A", source="files")


def test_a_file_is_read_or_told(workspace):
    path = workspace / "actions.csv"
    path.write_text(
        "symbol,date,kind,value,former\nNA,20240304,split,2,\nMETA,2022-06-09,rename,,FB\n"
    )
    assert wb.record_actions(path) == 2
    assert wb.actions("NA", source="synthetic")["value"].tolist() == [2]
    path.write_text("symbol,date,value\nA,2024-01-02,1\n")
    with pytest.raises(DataError, match="lacks kind"):
        wb.record_actions(path)
    with pytest.raises(UsageError, match="no such file"):
        wb.record_actions(workspace / "nothing.csv")
    with pytest.raises(UsageError, match="neither"):
        wb.record_actions(workspace / "actions.txt")


def test_a_damaged_book_is_told_and_left_alone(workspace):
    path = workspace / "data/actions.sqlite"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"no database at all, and longer than a header" * 40)
    with pytest.raises(DataError, match="cannot be used"):
        wb.bars("IBM", source="sample")
    assert path.read_bytes().startswith(b"no database")


def test_a_source_may_tell_its_actions(acme, monkeypatch):
    from workbench.venues.files.source import FilesSource

    def told(self, symbol, start, end):
        return pd.DataFrame({"date": [DAYS[1]], "kind": ["split"], "value": [10.0], "former": ""})

    monkeypatch.setattr(FilesSource, "actions", told, raising=False)
    assert wb.actions(acme, source="files")["value"].tolist() == [10, 2, 1]
    assert wb.bars(acme, source="files", adjust="none")["split"].tolist() == [1, 10, 2, 1, 1]


# what another vendor has, by its own factors


def lean(marketdata, symbol):
    path = marketdata / f"lean/equity/usa/daily/{symbol.lower()}.zip"
    daily = pd.read_csv(path, header=None, names=["time", *"ohlcv"])
    days = pd.to_datetime(daily["time"].str.slice(0, 8)).dt.strftime("%Y-%m-%d")
    prices = {n: daily[n[0]] / 1e4 for n in ("open", "high", "low", "close")}
    return pd.DataFrame({"date": days, **prices, "volume": daily["v"]})


def put(workspace, marketdata, *symbols):
    write(workspace, "X", DAYS, [1] * 5)
    for symbol in symbols:
        lean(marketdata, symbol).to_csv(workspace / f"data/files/{symbol}.csv", index=False)


def factors(marketdata, symbol):
    """Price and split factor by the last date they hold for."""
    path = marketdata / f"lean/equity/usa/factor_files/{symbol.lower()}.csv"
    names = ["date", "price", "split", "reference"]
    table = pd.read_csv(path, header=None, names=names, parse_dates=["date"])
    return table.assign(date=table["date"].dt.tz_localize("UTC").dt.as_unit("ns"))


def actions_of(marketdata, workspace, symbol):
    """The vendor's factor file, turned into splits and dividends of the days after."""
    table = factors(marketdata, symbol)
    days = pd.DatetimeIndex(lean(marketdata, symbol)["date"], tz="UTC")
    close = pd.Series(lean(marketdata, symbol)["close"].to_numpy(), index=days)
    told = []
    for before, after in zip(table[:-1].itertuples(), table[1:].itertuples(), strict=True):
        at = days.searchsorted(before.date, side="right")
        if at == len(days):
            break
        if before.split != after.split:
            told.append((symbol, days[at], "split", round(after.split / before.split, 3), ""))
        if before.price != after.price:  # they put it back at the close before
            last = close.iloc[at - 1] * before.split / after.split
            told.append((symbol, days[at], "dividend", last * (1 - before.price / after.price), ""))
    return rows(*told)


def test_the_split_of_apple_is_no_loss(workspace, marketdata):
    put(workspace, marketdata, "AAPL")
    raw = wb.bars("AAPL", source="files", adjust="none")["close"].pct_change()
    assert raw["2014-06-09"] == pytest.approx(-0.855, abs=5e-4)
    assert raw["2020-08-31"] == pytest.approx(-0.742, abs=5e-4)
    wb.record_actions(actions_of(marketdata, workspace, "AAPL"))
    for how in ("all", "splits", "all-forward", "splits-forward"):
        bars = wb.bars("AAPL", source="files", adjust=how)
        returns = bars["close"].pct_change()
        assert returns["2014-06-09"] == pytest.approx(0.016, abs=5e-4), how
        assert returns["2020-08-31"] == pytest.approx(0.034, abs=5e-4), how
    assert wb.actions("AAPL", source="files").query("kind == 'split'")["value"].tolist() == [
        2, 2, 7, 4,
    ]  # fmt: skip


@pytest.mark.parametrize("symbol", ["AAPL", "IBM", "SPY"])
def test_adjusted_prices_are_those_of_the_vendors_own_factors(workspace, marketdata, symbol):
    put(workspace, marketdata, symbol)
    wb.record_actions(actions_of(marketdata, workspace, symbol))
    raw = wb.bars(symbol, source="files", adjust="none")
    table = factors(marketdata, symbol)
    held = pd.merge_asof(
        raw.reset_index()[["time"]], table, left_on="time", right_on="date", direction="forward"
    )
    split = held["split"].to_numpy()
    last = split[-1]
    adjusted = wb.bars(symbol, source="files", adjust="splits")
    np.testing.assert_allclose(adjusted["close"], raw["close"] * split / last, rtol=1e-5)
    np.testing.assert_allclose(adjusted["volume"], raw["volume"] / split * last, rtol=1e-5)
    # a dividend is put back at the close of its day, by them at the close of the day before
    theirs = raw["close"] * split * held["price"].to_numpy()
    ours = wb.bars(symbol, source="files")["close"]
    gap = (ours.pct_change() - theirs.pct_change()).abs()
    assert gap.max() < 2e-3


def test_a_ticker_that_went_to_another_share_is_followed_by_date(workspace, marketdata):
    put(workspace, marketdata, "GOOG", "GOOCV", "GOOGL")
    day = "2014-04-03"
    wb.record_actions(
        rows(("GOOG", day, "rename", None, "GOOCV"), ("GOOGL", day, "rename", None, "GOOG"))
    )
    c_shares = wb.bars("GOOG", source="files", adjust="none")
    a_shares = wb.bars("GOOGL", source="files", adjust="none")
    assert str(c_shares.index[0].date()) == "2014-03-27"  # when they were first traded
    assert str(a_shares.index[0].date()) == "2004-08-19"
    plain = lean(marketdata, "GOOG").set_index("date")["close"]
    assert a_shares["close"][:day].iloc[-2] == plain["2014-04-02"]
    assert c_shares["close"][day] == plain[day]
    assert (a_shares["close"].pct_change().abs()["2014-04-04":] < 0.2).all()


def test_the_book_can_be_read_as_it_was(tmp_path):
    from workbench.core.clock import EventClock
    from workbench.data.action_book import ActionBook

    clock = EventClock(pd.Timestamp("2024-03-01", tz="UTC").to_pydatetime())
    book = ActionBook(tmp_path / "actions.sqlite", clock)
    book.add(rows(("A", "2024-02-01", "split", 2, "")))
    clock.advance(pd.Timestamp("2024-04-01", tz="UTC").to_pydatetime())
    book.add(rows(("A", "2024-02-01", "split", 3, ""), ("A", "2024-01-05", "dividend", 1, "")))
    assert book.of("A")["value"].tolist() == [1, 3]
    assert book.of("A", pd.Timestamp("2024-03-15", tz="UTC"))["value"].tolist() == [2]
    assert book.of("A", pd.Timestamp("2024-03-01", tz="UTC")).empty
