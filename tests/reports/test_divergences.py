"""Live runs in a report: those of the time asked for, and what is wrong with them."""

import asyncio
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

import workbench as wb
from workbench.config import load_settings
from workbench.core.clock import EventClock
from workbench.core.timeframe import Timeframe
from workbench.live.accounts.paper import paper
from workbench.live.decisions.deployment import Deployment
from workbench.live.market.backfill import bars_of
from workbench.live.market.recorder import Recorder
from workbench.live.market.replay_feed import ReplayFeed
from workbench.live.runs.engine import Engine
from workbench.live.runs.line import Line
from workbench.reports.divergences import divergences

ACME = "ACME/USD"
NOON = datetime(2024, 1, 2, 12, tzinfo=UTC)


async def lived(settings):
    bars = wb.bars(ACME, "1m", start=NOON, end=NOON + timedelta(minutes=90), source="synthetic")
    events = list(bars_of(bars, ACME, Timeframe.parse("1m"), "24/7"))
    costs = wb.Costs(fee=wb.fees.Bps(10))
    opener = paper(settings, (ACME,), cash=50_000.0, costs=costs)  # fees nobody expected
    engine = Engine(settings, opener, clock=EventClock(NOON))
    told = []
    async with engine:
        engine.account.bus.subscribe(["system"], lambda topic, message: told.append(message))
        line = Line(ReplayFeed(events), (ACME,), "1m", "24/7")
        strategy = wb.strategies.SmaCross(fast=3, slow=8)
        await engine.run(Deployment(strategy=strategy, symbols=(ACME,), timeframe="1m"), line)
        engine.record(Recorder(settings.folder("live") / "events.jsonl"))
        engine.listen(line)
        await engine.finished()
    return told


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    settings = load_settings(tmp_path_factory.mktemp("reported"))
    return settings, asyncio.run(lived(settings))


def test_an_engine_that_stops_tells_of_a_run_off_its_backtest(workspace):
    _, told = workspace
    (message,) = [one for one in told if one["kind"] == "divergence"]
    assert "most of it is fee" in message["text"]
    assert float(message["total"]) < -50.0


def test_the_runs_of_a_time_and_their_findings(workspace):
    settings, _ = workspace
    found = divergences(NOON, settings=settings)
    (row,) = found.table().to_dict("records")
    assert row["fee"] < -50.0
    assert row["live"] - row["backtest"] == pytest.approx(sum(row.values()) - row["live"]
                                                          - row["backtest"])  # fmt: skip
    assert row["unexplained"] == 0.0
    (finding,) = found.findings()
    assert "off its backtest" in finding
    assert divergences(pd.Timestamp("2024-01-03"), settings=settings).table().empty


def test_a_run_that_cannot_be_read_is_told_of_and_the_rest_stays(workspace):
    settings, _ = workspace
    (path,) = settings.folder("runs").iterdir()
    copy = settings.workspace / "copy"
    other = load_settings(copy)
    target = other.folder("runs") / path.name
    target.parent.mkdir(parents=True)
    target.mkdir()
    for file in path.iterdir():
        (target / file.name).write_bytes(file.read_bytes())
    (target / "fills.parquet").write_bytes(b"damaged")
    found = divergences(settings=other)
    assert found.table().empty
    assert "fills" in found.findings()[0]
