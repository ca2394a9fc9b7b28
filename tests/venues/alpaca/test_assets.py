from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal as D

import pytest

from workbench.core.order import Order, OrderType, Protection, TimeInForce
from workbench.core.signal import Side
from workbench.errors import RefusedError
from workbench.venues.alpaca.assets import Asset, fitted

STOCK = Asset(symbol="AAPL")
COIN = Asset.of(
    {
        "class": "crypto", "symbol": "BTC/USD", "status": "active", "tradable": True,
        "min_order_size": "0.0001", "min_trade_increment": "0.0001", "price_increment": "0.1",
    }
)  # fmt: skip


def order(asset=STOCK, **facts):
    given = {
        "order_id": "o", "run_id": "r", "strategy": "s", "symbol": asset.symbol, "side": Side.BUY,
        "type": OrderType.MARKET, "decided_at": datetime(2024, 1, 2, tzinfo=UTC),
        "quantity": D(10), "tif": TimeInForce.DAY,
    }  # fmt: skip
    return Order(**{**given, **facts})


def limit(price, **facts):
    return {"type": OrderType.LIMIT, "limit_price": D(price), **facts}


@pytest.mark.parametrize(
    ("side", "price", "rounded"),
    [
        ("buy", "290.129", "290.12"), ("sell", "290.121", "290.13"), ("buy", "290.12", "290.12"),
        ("buy", "0.98769", "0.9876"), ("sell", "0.98761", "0.9877"), ("sell", "0.99999", "1.0000"),
    ],
)  # fmt: skip
def test_limits_are_rounded_away_from_crossing(side, price, rounded):
    assert fitted(order(side=Side(side), **limit(price)), STOCK).limit_price == D(rounded)


def test_stops_are_rounded_away_from_the_market_too():
    up = order(type=OrderType.STOP, stop_price=D("105.001"))
    down = replace(up, side=Side.SELL, stop_price=D("94.999"))
    assert fitted(up, STOCK).stop_price == D("105.01")
    assert fitted(down, STOCK).stop_price == D("94.99")
    guard = Protection(loss_price=D("94.999"), loss_limit=D("94.111"), profit_price=D("110.001"))
    told = fitted(order(**limit("100"), protection=guard), STOCK).protection
    assert told == Protection(
        loss_price=D("94.99"), loss_limit=D("94.12"), profit_price=D("110.01")
    )


def test_quantities_are_rounded_down():
    assert fitted(order(quantity=D("1.0000000019")), STOCK).quantity == D("1.000000001")
    coin = order(COIN, quantity=D("0.12349"), tif=TimeInForce.GTC, **limit("60000.07"))
    told = fitted(coin, COIN)
    assert (told.quantity, told.limit_price) == (D("0.1234"), D("60000.0"))


PAIR = {"reduce_only": True, "side": Side.SELL, **limit("110")}
BRACKET = Protection(loss_price=D(90), profit_price=D(110))


@pytest.mark.parametrize(
    ("asset", "facts", "why"),
    [
        (STOCK, {"order_id": ""}, "128"),
        (STOCK, {"order_id": "x" * 129}, "128"),
        (STOCK, {"order_id": "ä"}, "128"),
        (replace(STOCK, tradable=False), {}, "cannot be traded"),
        (STOCK, {"quantity": D("1.5"), "tif": TimeInForce.GTC}, "for the day"),
        (replace(STOCK, fractionable=False), {"quantity": D("1.5")}, "whole shares"),
        (STOCK, {"quantity": D("1.5"), "type": OrderType.TRAILING_STOP,
                 "protection": Protection(trail=D("0.1"))}, "plain orders"),
        (STOCK, {"quantity": D("1.5"), "protection": BRACKET}, "plain orders"),
        (STOCK, {"quantity": D("0.0000000001")}, "smallest"),
        (STOCK, {"quantity": None, "notional": D("0.99")}, "least amount"),
        (STOCK, {"quantity": None, "notional": D("10.001")}, "two decimals"),
        (STOCK, {"quantity": None, "notional": D(10), **limit("5")}, "market only"),
        (STOCK, {"quantity": None, "notional": D(10), "tif": TimeInForce.GTC}, "for the day"),
        (STOCK, {"extended_hours": True}, "limit orders for the day"),
        (STOCK, limit("5", extended_hours=True, tif=TimeInForce.GTC), "limit orders for the day"),
        (STOCK, limit("100", extended_hours=True, protection=BRACKET), "no attached stops"),
        (STOCK, {"tif": TimeInForce.OPG, "type": OrderType.STOP, "stop_price": D(9)}, "auctions"),
        (STOCK, {"type": OrderType.TRAILING_STOP}, "has a trail"),
        (STOCK, {"tif": TimeInForce.IOC, "protection": BRACKET}, "until canceled"),
        (STOCK, {"type": OrderType.STOP, "stop_price": D(100), "protection": BRACKET}, "attached"),
        (STOCK, limit("80", protection=BRACKET), "losing side"),
        (STOCK, limit("100", side=Side.SELL, protection=BRACKET), "losing side"),
        (STOCK, {**PAIR, "protection": Protection(loss_price=D(120))}, "losing side"),
        (STOCK, {**PAIR, "protection": Protection(profit_price=D(120))}, "cancel each other"),
        (COIN, {"tif": TimeInForce.DAY}, "time in force"),
        (COIN, {"tif": TimeInForce.GTC, "type": OrderType.STOP, "stop_price": D(9)}, "no stop"),
        (COIN, {"tif": TimeInForce.GTC, "protection": BRACKET}, "attached stops"),
        (COIN, {"tif": TimeInForce.GTC, "quantity": D("0.00001")}, "smallest"),
        (COIN, limit("5", tif=TimeInForce.GTC, extended_hours=True), "all hours"),
    ],
)  # fmt: skip
def test_what_the_venue_would_not_take_is_not_sent(asset, facts, why):
    with pytest.raises(RefusedError, match=why) as caught:
        fitted(order(asset, **facts), asset)
    assert caught.value.sent is False


@pytest.mark.parametrize(
    "facts",
    [
        {}, {"quantity": D("1.5")}, {"quantity": None, "notional": D("10.50")},
        limit("100", extended_hours=True), {"tif": TimeInForce.CLS}, {"protection": BRACKET},
        limit("100", protection=BRACKET, tif=TimeInForce.GTC),
        {**PAIR, "protection": Protection(loss_price=D(90))},
        {"type": OrderType.TRAILING_STOP, "protection": Protection(trail=D("0.01"))},
    ],
)  # fmt: skip
def test_what_it_would_take_passes_as_it_is(facts):
    given = order(**facts)
    assert fitted(given, STOCK) == given
