"""Accounts at exchanges on loopback, and orders for them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from workbench.core.order import Order, OrderType
from workbench.core.signal import Side
from workbench.testing.brokers.exchanges.under_test import EXCHANGES, ExchangeUnderTest


@pytest.fixture
async def venue_of(tmp_path):
    """Make an exchange's account; all are ended with the test."""
    made = []

    def make(exchange, **terms):
        made.append(ExchangeUnderTest(exchange, tmp_path / f"{len(made)}", **terms))
        return made[-1]

    yield make
    for venue in made:
        await venue.close()


@pytest.fixture(params=list(EXCHANGES))
def venue(request, venue_of):
    return venue_of(request.param)


@pytest.fixture
def binance(venue_of):
    return venue_of("binance")


@pytest.fixture
def order():
    count = iter(range(1, 10_000))

    def make(side="buy", quantity="1", **facts):
        return Order(
            **{
                "order_id": f"o{next(count)}", "run_id": "r", "strategy": "s",
                "symbol": "BTC/USDT", "side": Side(side), "type": OrderType.MARKET,
                "decided_at": datetime(2024, 1, 2, tzinfo=UTC),
                "quantity": None if quantity is None else Decimal(quantity), **facts,
            }
        )  # fmt: skip

    return make
