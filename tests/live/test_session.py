"""A session by names: paper and live, and who may not trade."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from workbench.config import load_settings
from workbench.core.order import Intent
from workbench.core.signal import Side
from workbench.errors import RefusedError, UsageError
from workbench.live.decisions.deployment import Deployment
from workbench.live.runs.session import begin
from workbench.strategy.library import SmaCross
from workbench.testing.brokers.alpaca.server import AlpacaServer
from workbench.testing.brokers.venue import settings_for

ACME = "ACME/USD"


def a_deployment(**facts):
    return Deployment(strategy=SmaCross(fast=2, slow=5), symbols=(ACME,), timeframe="5s", **facts)


@pytest.fixture
def server():
    with AlpacaServer([ACME]) as venue:
        venue.book.quote(ACME, 100.0, 100.0)
        yield venue


async def test_real_money_needs_the_workspace_set_to_it_and_the_strategy_live(tmp_path):
    with pytest.raises(RefusedError, match='mode = "live"'):
        await begin(load_settings(tmp_path), [a_deployment()], venue="alpaca-live")
    settings = load_settings(tmp_path, mode="live", alpaca_live_key="AKX", alpaca_live_secret="s")
    with pytest.raises(RefusedError, match="SmaCross is draft, not live"):
        await begin(settings, [a_deployment()], venue="alpaca-live")


@pytest.mark.parametrize("symbols", [(ACME, "AAPL"), ("AAPL", ACME)])
async def test_pairs_and_shares_do_not_share_a_calendar(symbols, tmp_path):
    mixed = Deployment(strategy=SmaCross(fast=2, slow=5), symbols=symbols, timeframe="5s")
    with pytest.raises(UsageError, match=r"ACME/USD trade around the clock, AAPL in sessions"):
        await begin(load_settings(tmp_path), [mixed])


async def test_mode_and_margin_come_from_the_venue(server, tmp_path):
    settings = settings_for(server, tmp_path)
    engine = await begin(settings, [a_deployment()], venue="alpaca-paper")
    try:
        oversight = engine.account.oversight
        assert (oversight.mode, oversight.venue_mode) == ("paper", "paper")
        assert float(oversight.margin_rate) == 0.5
    finally:
        await engine.stop()


async def test_a_paper_key_of_another_account_trades_nothing(server, tmp_path):
    settings = settings_for(server, tmp_path, account="PA9OTHER")
    with pytest.raises(UsageError, match="PA9OTHER"):
        await begin(settings, [a_deployment()], venue="alpaca-paper")


async def test_a_venue_of_the_other_kind_lets_no_order_through(tmp_path):
    engine = await begin(load_settings(tmp_path), [a_deployment()], venue="sim")
    try:
        account = engine.account
        assert account.oversight.venue_mode == "paper"
        account.oversight.mode = "live"
        intent = Intent(intent_id="i", run_id="r", strategy="s", symbol=ACME, side=Side.BUY,
                        decided_at=account.clock.now(), quantity=Decimal(1),
                        reference_price=Decimal(100))  # fmt: skip
        judged = await account.propose(intent)
        assert judged.outcome == "refuse"
        assert "paper" in judged.reason
        assert not account.ledger.orders
    finally:
        await engine.stop()


async def test_a_key_that_is_no_longer_let_in_stops_the_account(server, tmp_path):
    settings = settings_for(server, tmp_path)
    engine = await begin(settings, [a_deployment()], venue="alpaca-paper")
    try:
        server.routes._keys = ("another", "key")
        async with asyncio.timeout(30):
            while not engine.account.failure:
                await asyncio.sleep(0.05)
        assert "refuses the key" in engine.account.failure
        assert not engine.account.manager.is_ready
    finally:
        await engine.stop()
