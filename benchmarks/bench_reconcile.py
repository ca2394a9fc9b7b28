"""Holding five thousand live orders against the simulated venue."""

from __future__ import annotations

import asyncio
import tempfile
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from decimal import Decimal

from benchmarks.timing import Row
from workbench.config import RiskLimits, load_settings
from workbench.core.clock import EventClock
from workbench.core.order import Intent, OrderType
from workbench.core.quote import Quote
from workbench.core.signal import Side
from workbench.live.accounts.account import TradingAccount
from workbench.live.market.prices import Market
from workbench.venues.sim.broker import SimBroker
from workbench.venues.sim.terms import plain_terms
from workbench.venues.sim.venue import SimVenue

ORDERS = 5_000
_SECONDS = 5.0
_SYMBOL = "ACME/USD"
_NOW = datetime(2024, 1, 2, 15, tzinfo=UTC)
_NO_LIMITS = {name: None for name in RiskLimits.model_fields if name.startswith(("max_", "halt_"))}


def rows() -> list[Row]:
    seconds = asyncio.run(_measure())
    work = f"{ORDERS:,} live orders, none heard of since, reconciled after a start"
    return [Row(work, "a limit of five seconds", seconds, _SECONDS, 1)]


async def _measure() -> float:
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        account = account_of(folder, stack)
        await fill(account)
        begun = time.process_time()
        await account.reconciling.start(account.manager.recover)
        seconds = time.process_time() - begun
        venue = account.broker.venue
        if account.failure or account.ledger.unknown() or len(account.ledger.open) != ORDERS // 2:
            raise AssertionError(f"not reconciled: {account.failure}")
        if account.ledger.books.differences(venue.positions(), venue.account().cash):
            raise AssertionError("books and venue differ")
        return seconds


def account_of(folder: str, stack: ExitStack) -> TradingAccount:
    clock = EventClock(_NOW)
    venue = SimVenue([_SYMBOL], 1e9, plain_terms())
    account = TradingAccount(load_settings(folder, risk=_NO_LIMITS), "bench", clock)
    account.open(stack)
    account.connect(SimBroker(venue), Market({_SYMBOL: Decimal(100)}))
    account.begin({"USD": Decimal(10**9)})
    account.is_running = account.manager.is_ready = True
    _quote(account, 100.0)
    return account


async def fill(account: TradingAccount) -> None:
    """Send the orders; then the venue fills every other one, and nobody hears of it."""
    for number in range(ORDERS):
        price = 99 if number % 2 else 90
        intent = Intent(
            intent_id=f"b{number}", run_id="bench", strategy="bench", symbol=_SYMBOL,
            side=Side.BUY, decided_at=_NOW, quantity=Decimal(1), type=OrderType.LIMIT,
            limit_price=Decimal(price),
        )  # fmt: skip
        await account.manager.propose(intent, account.context())
    account.manager.is_ready = False
    _quote(account, 95.0)


def _quote(account: TradingAccount, price: float) -> None:
    quote = Quote(_SYMBOL, _NOW, price - 0.01, price + 0.01)
    account.market.take(quote, _NOW)
    account.broker.on_quote(quote)
