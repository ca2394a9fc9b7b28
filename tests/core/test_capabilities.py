from datetime import UTC, datetime, timedelta
from decimal import Decimal

from workbench.core.capabilities import Capabilities
from workbench.core.order import Order, OrderType, Protection, TimeInForce
from workbench.core.signal import Side


def order(**changes):
    given = {
        "order_id": "o", "run_id": "r", "strategy": "s", "symbol": "AAPL", "side": Side.BUY,
        "type": OrderType.MARKET, "decided_at": datetime(2024, 1, 2, tzinfo=UTC),
        "quantity": Decimal(1),
    }  # fmt: skip
    return Order(**given | changes)


def test_what_is_not_known_counts_as_missing():
    plain = Capabilities()
    assert plain.missing_for(order()) == ""
    wish = order(
        type=OrderType.STOP,
        tif=TimeInForce.IOC,
        quantity=None,
        target=Decimal("0.5"),
        protection=Protection(loss=Decimal("0.1"), trail=Decimal("0.2")),
    )
    assert plain.missing_for(wish) == (
        "stop orders, time in force ioc, attached stops (loss, trail), orders without a quantity"
    )


def test_a_venue_that_can_lacks_nothing():
    able = Capabilities(
        types=frozenset(OrderType),
        tifs=frozenset(TimeInForce),
        protects=frozenset({"loss"}),
        sizes_targets=True,
    )
    wish = order(type=OrderType.STOP, protection=Protection(loss=Decimal("0.1")))
    assert able.missing_for(wish) == ""


def test_the_horizon_outlasts_request_and_lookup():
    slow = Capabilities(request_lifetime=timedelta(seconds=5), lookup_lag=timedelta(seconds=2))
    assert slow.horizon == timedelta(seconds=7)


def test_what_goes_beyond_type_and_time_is_asked_for_too():
    plain = Capabilities(types=frozenset(OrderType), protects=frozenset({"loss_price"}))
    wish = order(quantity=None, notional=Decimal(5), extended_hours=True)
    assert plain.missing_for(wish) == "orders of an amount, hours outside the session"
    trailing = order(type=OrderType.TRAILING_STOP, protection=Protection(trail=Decimal("0.1")))
    assert plain.missing_for(trailing) == ""
    pair = order(reduce_only=True, protection=Protection(loss_price=Decimal(9)))
    assert plain.missing_for(pair) == "orders that cancel each other"
