"""One suite for whatever bars come from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import pandas as pd
import pytest

from workbench.config import load_settings
from workbench.core.ports import BarSource
from workbench.core.timeframe import Timeframe
from workbench.data import sources
from workbench.data.schema import FIELDS, check_bars, fingerprint
from workbench.errors import UsageError
from workbench.testing.wire import WireServer
from workbench.testing.workspace import VENDORS, point_at
from workbench.venues.calendars import check_code

DAY = Timeframe(1, "d")


@dataclass(frozen=True)
class Case:
    """A symbol that the source has, a window in the midst of it, and a symbol it lacks."""

    symbol: str
    start: str
    end: str
    unknown: str | None = None
    prepare: Callable[[object], None] = lambda workspace: None


def _write_files(workspace):
    folder = workspace / "data/files"
    folder.mkdir(parents=True)
    days = pd.bdate_range("2024-01-02", "2024-03-29").strftime("%Y-%m-%d")
    rows = "".join(f"{day},10,12,9,11,100\n" for day in days)
    (folder / "ACME.csv").write_text(f"date,open,high,low,close,volume\n{rows}")
    (folder / "files.toml").write_text('tz = "UTC"\n')


# kraken tells its last 720 days only; the others any window
RECENT = pd.Timestamp.now("UTC").normalize() - pd.Timedelta("90D")
VENDOR_CASES = {
    "polygon": Case("AAPL", "2024-01-08", "2024-02-01"),
    "alpaca": Case("AAPL", "2024-01-08", "2024-02-01"),
    "finnhub": Case("AAPL", "2024-01-08", "2024-02-01"),
    "binance": Case("BTC/USDT", "2024-01-08", "2024-02-01", "BTC/USDC"),
    "bybit": Case("BTC/USDT", "2024-01-08", "2024-02-01", "BTC/USDC"),
    "coinbase": Case("BTC/USDT", "2024-01-08", "2024-02-01", "BTC/USDC"),
    "kraken": Case(
        "BTC/USDT", f"{RECENT:%Y-%m-%d}", f"{RECENT + pd.Timedelta('30D'):%Y-%m-%d}", "BTC/USDC"
    ),
}
CASES = {
    **VENDOR_CASES,
    "sample": Case("IBM", "2012-01-09", "2012-02-01", "IMB"),
    "synthetic": Case("ACME", "2024-01-08", "2024-02-01", None),
    "files": Case("ACME", "2024-01-08", "2024-02-01", "ACNE", _write_files),
}


@pytest.fixture(params=sources.names())
def case(request):
    assert request.param in CASES, f"add source {request.param!r} to this suite"
    return request.param, CASES[request.param]


@pytest.fixture
def source(case, tmp_path):
    name, told = case
    told.prepare(tmp_path)
    if name not in VENDORS:
        yield sources.find(name, load_settings(tmp_path))
        return
    with WireServer(VENDORS[name]()) as server:
        point_at(tmp_path, {name: server})
        yield sources.find(name, load_settings(tmp_path))


def utc(text):
    return pd.Timestamp(text, tz="UTC")


def test_it_is_a_bar_source_under_its_name(source, case):
    assert isinstance(source, BarSource)
    assert source.name == case[0]
    assert isinstance(getattr(source, "is_stored", True), bool)


def test_bars_hold_the_contract_and_tell_where_they_are_from(source, case):
    bars = source.history(case[1].symbol, DAY, None, None)
    assert len(bars) > 20
    checked = check_bars(bars)
    assert list(bars.columns[:5]) == list(FIELDS)
    assert checked.index.equals(bars.index)
    assert bars.index.name == "time"
    assert str(bars.index.dtype) == "datetime64[ns, UTC]"
    check_code(bars.attrs["calendar"])
    assert bars.attrs["adjustment"] in {"none", "splits", "all", "unknown"}
    assert len(bars.attrs["dropped"]) == 0


def test_the_window_is_half_open(source, case):
    told = case[1]
    start, end = utc(told.start), utc(told.end)
    bars = source.history(told.symbol, DAY, start, end)
    assert bars.index[0] == start
    assert bars.index[-1] < end
    assert end in source.history(told.symbol, DAY, start, end + pd.Timedelta(days=1)).index


def test_a_plain_datetime_will_do(source, case):
    told = case[1]
    window = [datetime.fromisoformat(f"{text}T00:00:00+00:00") for text in (told.start, told.end)]
    plain = source.history(told.symbol, DAY, *window)
    assert plain.equals(source.history(told.symbol, DAY, utc(told.start), utc(told.end)))


def test_a_part_has_the_bits_of_the_whole(source, case):
    told = case[1]
    whole = source.history(told.symbol, DAY, None, None)
    part = source.history(told.symbol, DAY, utc(told.start), utc(told.end))
    cut = whole[(whole.index >= utc(told.start)) & (whole.index < utc(told.end))]
    assert fingerprint(part) == fingerprint(cut)
    assert part.attrs["calendar"] == whole.attrs["calendar"]


def test_asking_twice_gives_the_same_and_shares_nothing(source, case):
    first = source.history(case[1].symbol, DAY, None, None)
    print_of_first = fingerprint(first)
    first.iloc[:, :4] = 1.0
    first.attrs.clear()
    second = source.history(case[1].symbol, DAY, None, None)
    assert fingerprint(second) == print_of_first
    assert second.attrs["calendar"]


def test_an_empty_window_is_an_empty_frame_not_an_error(source, case):
    bars = source.history(case[1].symbol, DAY, utc("1975-01-01"), utc("1975-02-01"))
    assert bars.empty
    assert list(bars.columns[:5]) == list(FIELDS)
    check_bars(bars)


def test_an_unknown_symbol_is_told_with_the_nearest(source, case):
    unknown = case[1].unknown
    if unknown is None:
        pytest.skip("this source has every symbol")
    assert unknown not in source.symbols()
    with pytest.raises(UsageError, match=f"did you mean '{case[1].symbol}'") as caught:
        source.history(unknown, DAY, None, None)
    assert caught.value.symbol == unknown


def test_symbols_are_listed_or_none_are(source, case):
    listed = source.symbols()
    assert not listed or case[1].symbol in listed


def test_a_timeframe_it_lacks_is_told(source, case):
    with pytest.raises(UsageError, match="resample"):
        source.history(case[1].symbol, Timeframe(1, "M"), None, None)
