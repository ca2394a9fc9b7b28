"""What docs/operations.md shows runs, and goes on after a restart as if there had been none."""

from __future__ import annotations

import asyncio
import importlib.util
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import workbench as wb
from workbench.config import RiskLimits, load_settings
from workbench.core.clock import EventClock
from workbench.core.timeframe import Timeframe
from workbench.live.accounts.brokers import opener
from workbench.live.decisions.deployment import Deployment
from workbench.live.market.backfill import bars_of
from workbench.live.market.replay_feed import ReplayFeed
from workbench.live.runs.engine import Engine
from workbench.live.runs.line import Line

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"
ACME = "ACME/USD"
FREE = RiskLimits(max_order_quantity=None, max_order_notional=None, max_position_notional=None,
                  max_gross=None, max_daily_loss=None)  # fmt: skip
NOON = datetime(2024, 1, 2, 12, tzinfo=UTC)


@pytest.fixture
def shown(tmp_path):
    """The strategy of the page, from a file of its own as a user's is."""
    (block,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    path = tmp_path / "streak_of_the_page.py"
    path.write_text(block)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Streak


async def traded(folder, strategy, events):
    settings = load_settings(folder).model_copy(update={"risk": FREE})
    engine = Engine(
        settings, opener("sim", settings, (ACME,), cash=1e6),
        clock=EventClock(datetime(2000, 1, 1, tzinfo=UTC)), venue="sim",
    )  # fmt: skip
    async with engine, asyncio.timeout(60):
        line = Line(ReplayFeed(events), (ACME,), "1m")
        await engine.run(Deployment(strategy=strategy, symbols=(ACME,), timeframe="1m"), line)
        engine.listen(line)
        await engine.finished()
        (run,) = engine.runs.values()
        assert run.record.state == "running", run.record.reason
        found = [judged.intent for judged in engine.account.ledger.intents.values()]
        return [(one.decided_at, one.side, one.quantity) for one in found]


async def test_a_strategy_with_a_state_goes_on_as_if_nothing_had_been(shown, tmp_path):
    minutes = wb.bars(ACME, "1m", NOON, NOON + timedelta(minutes=240), source="synthetic")
    events = list(bars_of(minutes, ACME, Timeframe(1, "m"), "24/7"))
    for name in ("whole", "parts"):
        (tmp_path / name).mkdir()
    whole = await traded(tmp_path / "whole", shown(bars=2), events)
    at = next(  # in the middle of a streak, which the bars after it alone do not tell of
        row
        for row in range(60, 180)
        if events[row + 1].close
        > events[row].close
        > events[row - 1].close
        <= events[row - 2].close
    )
    await traded(tmp_path / "parts", shown(bars=2), events[: at + 1])
    assert await traded(tmp_path / "parts", shown(bars=2), events[at + 1 :]) == whole
    assert len(whole) > 5
