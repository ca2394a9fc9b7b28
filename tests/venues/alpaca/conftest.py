"""A paper account on loopback, and orders for it."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from workbench.core.order import Order, OrderType, TimeInForce
from workbench.core.signal import Side
from workbench.testing.brokers.venue import AlpacaUnderTest


@pytest.fixture
async def venue(tmp_path):
    made = AlpacaUnderTest(tmp_path)
    yield made
    await made.close()


@pytest.fixture
def order():
    count = iter(range(1, 10_000))

    def make(side="buy", quantity="10", **facts):
        return Order(
            **{
                "order_id": f"o{next(count)}", "run_id": "r", "strategy": "s", "symbol": "AAPL",
                "side": Side(side), "type": OrderType.MARKET,
                "decided_at": datetime(2024, 1, 2, tzinfo=UTC), "tif": TimeInForce.DAY,
                "quantity": None if quantity is None else Decimal(quantity), **facts,
            }
        )  # fmt: skip

    return make
