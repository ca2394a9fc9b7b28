"""``wb.bars`` from vendors: pages kept, holes told, adjusted prices, the next source."""

from __future__ import annotations

import itertools
import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.core.timeframe import Timeframe
from workbench.data.catalog import Catalog
from workbench.data.holes import Hole, is_patient
from workbench.data.schema import fingerprint
from workbench.errors import DataError, UnavailableError, UsageError
from workbench.testing.market import Market
from workbench.testing.vendors import AlpacaWire, PolygonWire
from workbench.testing.wire import WireServer, drop, edit, instead
from workbench.testing.workspace import VENDORS, point_at

START, END = "2024-03-01", "2024-03-16"
BARS = 11 * 390
MINUTE = Timeframe(1, "m")


def minutes(asked):
    return "/minute/" in asked.path or asked.query.get("timeframe") == "1Min"


def pages(server):
    return [asked for asked in server.asked if minutes(asked)]


def without(low, high):
    """Leave bars out of a page of Polygon, and say that there are fewer."""

    def change(body):
        rows = body["results"][:low] + body["results"][high:]
        return body | {"results": rows, "resultsCount": len(rows)}

    return edit(change)


@pytest.fixture
def serve(workspace):
    servers = []

    def start(**wires):
        made = {name: WireServer(wire or VENDORS[name]()) for name, wire in wires.items()}
        servers.extend(made.values())
        point_at(workspace, made, attempts=2)
        return list(made.values())

    yield start
    for server in servers:
        server.close()


def polygon(start=START, end=END, **kwargs):
    return wb.bars("AAPL", "1m", start, end, source="polygon", **{"adjust": "none", **kwargs})


def test_what_is_stored_is_not_asked_for_again(serve):
    (server,) = serve(polygon=PolygonWire(page=1000))
    first = polygon()
    assert len(first) == BARS
    assert len(pages(server)) == 5
    again = polygon()
    assert len(pages(server)) == 5
    assert fingerprint(first) == fingerprint(again)
    wider = polygon(end="2024-03-20")
    assert len(pages(server)) == 6, "only what was missing"
    assert fingerprint(wider[:BARS]) == fingerprint(first)


@pytest.mark.parametrize("wire", [PolygonWire(page=1000), AlpacaWire(page=1000)], ids=type)
def test_an_interrupted_download_goes_on_from_the_last_stored_page(serve, wire):
    name = "polygon" if isinstance(wire, PolygonWire) else "alpaca"
    (server,) = serve(**{name: wire})
    server.fail(drop(), drop(), when=lambda _: len(pages(server)) > 3)
    with pytest.raises(UnavailableError):
        wb.bars("AAPL", "1m", START, END, source=name, adjust="none")
    before = len(pages(server))
    bars = wb.bars("AAPL", "1m", START, END, source=name, adjust="none")
    assert len(bars) == BARS
    assert len(pages(server)) - before == 2, "three pages of five were kept"
    assert bars.attrs.get("holes") is None


def test_a_process_that_is_killed_loses_no_page(serve, workspace):
    (server,) = serve(polygon=PolygonWire(page=1000))
    code = (
        "import os, workbench as wb\n"
        "from workbench.data.catalog import Catalog\n"
        "keep, count = Catalog._keep, []\n"
        "def kill(self, *args):\n"
        "    done = keep(self, *args); count.append(1)\n"
        "    if len(count) == 2: os.kill(os.getpid(), 9)\n"
        "    return done\n"
        "Catalog._keep = kill\n"
        f"wb.bars('AAPL', '1m', {START!r}, {END!r}, source='polygon', adjust='none')"
    )
    out = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True)
    assert out.returncode == -9
    before = len(pages(server))
    assert len(polygon()) == BARS
    assert len(pages(server)) - before == 3


def test_in_whatever_pieces_the_bits_are_the_same(serve, workspace):
    prints = set()
    cuts = [[START, END], [START, "2024-03-07", "2024-03-08T15:00", END]]
    for number, edges in enumerate([*cuts, cuts[1]]):
        serve(polygon=PolygonWire(page=(700, 1000, 50_000)[number]))
        for low, high in list(itertools.pairwise(edges))[:: 1 if number < 2 else -1]:
            polygon(low, high)
        prints.add(fingerprint(polygon()))
        subprocess.run(["rm", "-r", str(workspace / "data/bars")], check=True)
    assert len(prints) == 1


def test_a_short_page_is_asked_for_again_and_then_whole(serve):
    (server,) = serve(polygon=None)
    server.fail(without(500, 560), when=minutes)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        bars = polygon()
    assert len(bars) == BARS
    assert len(pages(server)) == 2
    assert "holes" not in bars.attrs


@pytest.mark.parametrize("cut", [(0, 400), (500, 560), (BARS - 50, BARS)])
def test_what_stays_missing_is_told_and_not_counted_as_covered(serve, workspace, cut):
    (server,) = serve(polygon=None)
    missing = cut[1] - cut[0]
    server.fail(without(*cut), edit(lambda b: b | {"results": [], "resultsCount": 0}), when=minutes)
    with pytest.warns(UserWarning, match=f"though asked twice: {missing} bars missing"):
        bars = polygon()
    assert len(bars) == BARS - missing
    assert bars.attrs["holes"].bars == missing
    stored, manifest = Catalog(workspace / "data/bars").read("polygon", MINUTE, "AAPL")
    hole = manifest.holes[0].start
    assert not any(low <= hole < high for low, high in manifest.covered)
    assert len(stored) == BARS - missing
    # not at once, as it was asked for just now; but as soon as the time has come
    assert len(polygon()) == BARS - missing
    assert len(pages(server)) == 2
    assert polygon().attrs["holes"].bars == missing


@pytest.mark.parametrize("name", ["polygon", "alpaca", "finnhub"])
@pytest.mark.parametrize("timeframe", ["1m", "1d"])
def test_a_symbol_that_a_vendor_does_not_know_is_one_error_and_no_warning(serve, name, timeframe):
    serve(**{name: None})
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        with pytest.raises(UsageError, match=f"has no {timeframe} bar of NOPE") as caught:
            wb.bars("NOPE", timeframe, START, END, source=name)
    assert caught.value.symbol == "NOPE"


def test_a_hole_is_filled_when_its_time_has_come(serve, workspace, monkeypatch):
    (server,) = serve(polygon=None)
    server.fail(
        without(500, 560), edit(lambda b: b | {"results": [], "resultsCount": 0}), when=minutes
    )
    with pytest.warns(UserWarning, match="60 bars missing"):
        polygon()
    monkeypatch.setattr("workbench.data.needs.is_patient", lambda *_: False)
    before = len(pages(server))
    bars = polygon()
    assert (len(bars), "holes" in bars.attrs) == (BARS, False)
    assert len(pages(server)) - before >= 1
    assert Catalog(workspace / "data/bars").read("polygon", MINUTE, "AAPL")[1].holes == ()


def test_an_old_hole_can_wait_a_day_and_a_fresh_one_a_moment():
    now = pd.Timestamp("2024-03-10T12:00", tz="UTC")
    old = Hole("2023-01-03T15:00:00+00:00", "2023-01-03T15:05:00+00:00", 5, now.isoformat())
    fresh = Hole("2024-03-10T11:50:00+00:00", "2024-03-10T11:54:00+00:00", 4, now.isoformat())
    assert is_patient(old, MINUTE, now + pd.Timedelta("23h"))
    assert not is_patient(old, MINUTE, now + pd.Timedelta("25h"))
    assert is_patient(fresh, MINUTE, now + pd.Timedelta("2m"))
    assert not is_patient(fresh, MINUTE, now + pd.Timedelta("4m"))


def test_a_half_day_a_holiday_and_the_change_of_the_clock_are_no_holes(serve):
    serve(polygon=None)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        july = polygon("2024-07-02", "2024-07-09")
        march = polygon("2024-03-08", "2024-03-13")
    assert len(july) == 390 + 210 + 390 + 390
    assert [t.hour for t in march.index if t.minute == 30 and t.hour < 15] == [
        14,
        13,
        14,
        13,
        14,
    ] or len(march) == 3 * 390


def test_intraday_prices_are_adjusted_without_a_minute_beyond_the_end(serve):
    market = Market(splits={"AAPL": {"2024-03-07": 4.0, "2024-05-01": 2.0}})
    (server,) = serve(polygon=PolygonWire(market))
    raw, adjusted = (
        polygon("2024-03-05", "2024-03-09"),
        polygon("2024-03-05", "2024-03-09", adjust="splits"),
    )
    assert adjusted.attrs["adjustment"] == "splits"
    is_before = raw.index < pd.Timestamp("2024-03-07", tz="UTC")
    ratio = raw["close"] / adjusted["close"]
    assert np.allclose(ratio[is_before], 8)
    assert np.allclose(ratio[~is_before], 2)
    assert np.allclose(adjusted["volume"] / raw["volume"], np.where(is_before, 8, 2))
    jump = adjusted["close"].pct_change().abs().max()
    assert jump < 0.1 < raw["close"].pct_change().abs().max()
    assert len(pages(server)) == 1
    assert all(asked.query.get("adjusted") != "true" for asked in server.asked)


def test_days_are_adjusted_for_dividends_too(serve):
    market = Market(dividends={"AAPL": {"2024-03-07": 2.0}})
    for name, wire in (("polygon", PolygonWire(market)), ("alpaca", AlpacaWire(market))):
        serve(**{name: wire})
        kwargs = {"start": "2024-03-05", "end": "2024-03-09", "source": name}
        raw, full = wb.bars("AAPL", adjust="none", **kwargs), wb.bars("AAPL", **kwargs)
        held = (raw["close"].iloc[2] + 2.0) / raw["close"].iloc[1]
        assert full["close"].iloc[2] / full["close"].iloc[1] == pytest.approx(held)


def test_the_next_source_is_asked_and_the_result_says_so(serve, workspace):
    first, _ = serve(polygon=None, alpaca=None)
    first.fail(instead({"error": "down"}, 503), times=50)
    toml = workspace / "workbench.toml"
    toml.write_text('sources = ["polygon", "alpaca"]\n' + toml.read_text())
    bars = wb.bars("AAPL", "1m", START, END, adjust="none")
    assert len(bars) == BARS
    assert bars.attrs["source"] == "alpaca"
    (passed,) = bars.attrs["passed_over"]
    assert (passed.symbol, passed.source) == ("AAPL", "polygon")
    assert "HTTP 503" in passed.why


def test_an_order_per_asset_class(serve, workspace):
    serve(polygon=None, binance=None)
    toml = workspace / "workbench.toml"
    order = '[sources]\nstock = ["alpaca", "polygon"]\ncrypto = ["binance"]\n'
    toml.write_text(order + toml.read_text())
    bars = wb.bars(["AAPL", "BTC/USDT"], "1h", START, END, adjust="none")
    assert bars.attrs["source"] == "polygon, binance"
    (passed,) = bars.attrs["passed_over"]
    assert "WORKBENCH_ALPACA_KEY" in passed.why
    assert bars.attrs["calendar"] == "24/7"


def test_when_no_source_can_each_says_why(serve):
    first, second = serve(polygon=None, alpaca=None)
    first.fail(instead({"error": "down"}, 503), times=50)
    second.fail(instead({"message": "forbidden."}, 403), times=50)
    with pytest.raises(UnavailableError, match=r"polygon: .*503.*alpaca: .*refuses the key"):
        wb.bars("AAPL", "1m", START, END, source=["polygon", "alpaca"])
    with pytest.raises(UsageError, match=r"sample: .*daily bars only.*files: "):
        wb.bars("AAPL", "1m", START, END, source=["sample", "files"])


def test_finnhub_is_asked_each_time_and_says_what_it_adjusts_for(serve, workspace):
    (server,) = serve(finnhub=None)
    for _ in range(2):
        bars = wb.bars("AAPL", "1m", START, END, source="finnhub")
        assert (len(bars), bars.attrs["adjustment"]) == (BARS, "splits")
    assert len(server.asked) == 2
    assert not (workspace / "data/bars").exists()


def test_a_symbol_that_a_vendor_does_not_know_leaves_nothing_behind(serve, workspace):
    serve(polygon=None)
    with pytest.raises(UsageError, match="has no 1m bar of AAPLE"):
        wb.bars("AAPLE", "1m", START, END, source="polygon", adjust="none")
    assert not list(workspace.glob("data/bars/**/*.parquet"))


def test_an_answer_that_stays_malformed_leaves_the_store_as_it_was(serve, workspace):
    (server,) = serve(polygon=PolygonWire(page=1000))
    polygon(end="2024-03-05")
    (path,) = workspace.glob("data/bars/**/*.parquet")
    before = path.read_bytes()
    server.fail(instead('{"status":"OK"}'), times=9, when=minutes)
    with pytest.raises(DataError, match="without results"):
        polygon()
    assert path.read_bytes() == before


def test_no_key_is_in_what_is_written(serve, workspace):
    serve(polygon=None)
    polygon()
    for path in workspace.glob("data/**/*"):
        assert not path.is_file() or PolygonWire.key.encode() not in path.read_bytes(), path


_ONE_OF_MANY = """
import sys, time
from pathlib import Path
import workbench as wb
from workbench.venues import calls
from workbench.venues.paging import Limit

calls.Limit = lambda told: Limit(told / 60, 1.0)  # the window is a second, not a minute
wb.bars  # what takes its time to be imported
print("ready", flush=True)
while not Path(sys.argv[3]).exists():
    time.sleep(0.01)
bars = wb.bars("AAPL", "1m", sys.argv[1], sys.argv[2], source="polygon", adjust="none")
print(len(bars))
"""


def test_ten_processes_at_once_stay_within_the_limit_of_one_key(serve, workspace):
    (server,) = serve(polygon=PolygonWire(page=500))
    point_at(workspace, {"polygon": server}, per_minute=600)
    mondays = pd.date_range("2024-01-08", periods=10, freq="7D")
    spans = [(f"{day:%Y-%m-%d}", f"{day + pd.Timedelta('5D'):%Y-%m-%d}") for day in mondays]
    go = workspace / "go"
    running = [
        subprocess.Popen(
            [sys.executable, "-c", _ONE_OF_MANY, *span, str(go)], stdout=subprocess.PIPE, text=True
        )
        for span in spans
    ]
    assert [process.stdout.readline() for process in running] == ["ready\n"] * 10
    go.touch()
    told = [int(process.communicate(timeout=120)[0]) for process in running]
    weeks = [(4 if number in (1, 6) else 5) * 390 for number in range(10)]  # Monday holidays
    assert told == weeks
    times = sorted(asked.at for asked in server.asked)
    assert len(times) >= 39
    busiest = max(sum(1 for other in times if at <= other < at + 0.5) for at in times)
    assert busiest <= 10  # what comes late on a busy machine comes beside the next window's
    for first in range(len(times) - 30):
        assert times[first + 30] - times[first] > 2.0  # ten a second, one second of slack
    before = len(server.asked)
    assert [len(polygon(*span)) for span in spans] == weeks
    assert len(server.asked) == before  # what the ten stored is whole
