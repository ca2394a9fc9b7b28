"""What can be traded at Alpaca, by which steps, and what is refused before it is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from workbench.core.money import ZERO, decimal, floor_to
from workbench.core.order import Order, OrderType, Protection, TimeInForce
from workbench.core.signal import Side
from workbench.errors import RefusedError
from workbench.venues.steps import passive

__all__ = ["Asset", "fitted"]

_CENT, _SUBCENT, _ONE = Decimal("0.01"), Decimal("0.0001"), Decimal(1)
_SMALLEST = Decimal("0.000000001")
_LONGEST_ID = 128
_CRYPTO_TYPES = (OrderType.MARKET, OrderType.LIMIT, OrderType.STOP_LIMIT)
_CRYPTO_TIFS = (TimeInForce.GTC, TimeInForce.IOC)
_FRACTION_TYPES = (OrderType.MARKET, OrderType.LIMIT, OrderType.STOP, OrderType.STOP_LIMIT)
_AUCTION_TYPES = (OrderType.MARKET, OrderType.LIMIT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """A line of the venue's list of assets.

    Parameters
    ----------
    symbol : str
        As orders name it, ``"AAPL"`` or ``"BTC/USD"``.
    step, least, tick : Decimal
        Of quantities, the smallest order, and of prices; 0 where the venue's rules for
        stocks hold.
    """

    symbol: str
    is_crypto: bool = False
    tradable: bool = True
    fractionable: bool = True
    shortable: bool = True
    step: Decimal = ZERO
    least: Decimal = ZERO
    tick: Decimal = ZERO

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Asset:
        """Read the venue's own words; KeyError, TypeError or UsageError where they are none."""
        is_crypto = told["class"] == "crypto"
        return cls(
            symbol=str(told["symbol"]),
            is_crypto=is_crypto,
            tradable=told.get("status") == "active" and bool(told.get("tradable")),
            fractionable=bool(told.get("fractionable")),
            shortable=bool(told.get("shortable")) and not is_crypto,
            step=decimal(told.get("min_trade_increment") or (_SMALLEST if is_crypto else 0)),
            least=decimal(told.get("min_order_size") or 0),
            tick=decimal(told.get("price_increment") or (_SMALLEST if is_crypto else 0)),
        )

    def rounded(self, price: Decimal, side: Side) -> Decimal:
        """Return a price on the venue's steps, away from the market: a buy's down, a sell's up.

        Examples
        --------
        >>> Asset(symbol="AAPL").rounded(Decimal("290.127"), Side.BUY)
        Decimal('290.12')
        >>> Asset(symbol="AAPL").rounded(Decimal("0.98765"), Side.SELL)
        Decimal('0.9877')
        """
        tick = self.tick or (_CENT if price >= _ONE else _SUBCENT)
        return passive(price, tick, side)


def fitted(order: Order, asset: Asset) -> Order:
    """Return an order on the venue's steps.

    Raises
    ------
    RefusedError
        The venue would not take it; the error says why.
    """
    for refuses in _RULES:
        why = refuses(order, asset)
        if why:
            raise RefusedError(f"not sent: {why}", order_id=order.order_id, sent=False)
    order = _on_steps(order, asset)
    if order.quantity is not None and order.quantity < max(asset.least, _SMALLEST):
        raise RefusedError(
            f"not sent: {order.quantity} {order.symbol} is less than the smallest order, "
            f"{max(asset.least, _SMALLEST)}",
            order_id=order.order_id,
            sent=False,
        )
    return order


def is_fractional(order: Order) -> bool:
    """Tell whether an order is of parts of a share, or of an amount."""
    return order.quantity is None or order.quantity != order.quantity.to_integral_value()


def _on_steps(order: Order, asset: Asset) -> Order:
    side, guard = order.side, order.protection
    other = Side.SELL if side is Side.BUY else Side.BUY
    if guard is not None:
        exit_side = side if order.reduce_only else other
        guard = replace(
            guard,
            profit_price=_fit(asset, guard.profit_price, exit_side),
            loss_limit=_fit(asset, guard.loss_limit, exit_side),
            # a stop is reached from the other side than a limit: away from the market is beyond
            loss_price=_fit(asset, guard.loss_price, _opposite(exit_side)),
        )
    quantity = order.quantity
    if quantity is not None:
        quantity = floor_to(quantity, asset.step or _SMALLEST)
    return replace(
        order,
        quantity=quantity,
        limit_price=_fit(asset, order.limit_price, side),
        stop_price=_fit(asset, order.stop_price, other),
        protection=guard,
    )


def _fit(asset: Asset, price: Decimal | None, side: Side) -> Decimal | None:
    return None if price is None else asset.rounded(price, side)


def _opposite(side: Side) -> Side:
    return Side.SELL if side is Side.BUY else Side.BUY


def _of_id(order: Order, asset: Asset) -> str:
    del asset
    fits = 0 < len(order.order_id) <= _LONGEST_ID and order.order_id.isascii()
    return "" if fits else f"an id has 1 to {_LONGEST_ID} plain characters"


def _of_asset(order: Order, asset: Asset) -> str:
    if not asset.tradable:
        return f"{asset.symbol} cannot be traded there"
    if order.quantity is not None and order.quantity <= 0:
        return "the quantity is not positive"
    return ""


def _of_crypto(order: Order, asset: Asset) -> str:
    if not asset.is_crypto:
        return ""
    if order.type not in _CRYPTO_TYPES:
        return f"crypto has no {order.type} orders"
    if order.tif not in _CRYPTO_TIFS:
        return f"crypto has no time in force {order.tif}"
    if order.protection is not None:
        return "crypto has no attached stops"
    return "crypto trades at all hours" if order.extended_hours else ""


def _of_fraction(order: Order, asset: Asset) -> str:
    if asset.is_crypto or not is_fractional(order):
        return ""
    if not asset.fractionable:
        return f"{asset.symbol} trades in whole shares only"
    if order.tif is not TimeInForce.DAY:
        return "parts of a share trade for the day only"
    if order.type not in _FRACTION_TYPES or order.protection is not None:
        return "parts of a share take plain orders only"
    return ""


def _of_notional(order: Order, asset: Asset) -> str:
    if order.notional is None:
        return ""
    if order.type is not OrderType.MARKET and not asset.is_crypto:
        return "an amount is bought at the market only"
    if order.notional < _ONE:
        return f"{order.notional} is less than the least amount, 1"
    return "an amount has two decimals" if order.notional != _cents(order.notional) else ""


def _of_hours(order: Order, asset: Asset) -> str:
    del asset
    if not order.extended_hours:
        return ""
    if order.type is not OrderType.LIMIT or order.tif is not TimeInForce.DAY:
        return "outside the session only limit orders for the day are taken"
    return "outside the session there are no attached stops" if order.protection else ""


def _of_auction(order: Order, asset: Asset) -> str:
    del asset
    is_auction = order.tif in (TimeInForce.OPG, TimeInForce.CLS)
    if is_auction and order.type not in _AUCTION_TYPES:
        return f"auctions take market and limit orders, not {order.type}"
    return ""


def _of_protection(order: Order, asset: Asset) -> str:
    del asset
    guard = order.protection
    if order.type is OrderType.TRAILING_STOP:
        is_plain = guard is not None and guard.names == {"trail"}
        return "" if is_plain else "a trailing stop order has a trail, and no other stops"
    if guard is None or not guard.names:
        return ""
    if order.tif not in (TimeInForce.DAY, TimeInForce.GTC):
        return "orders with stops live for the day or until canceled"
    if order.reduce_only:
        return _of_pair(order, guard)
    if order.type not in (OrderType.MARKET, OrderType.LIMIT):
        return "stops are attached to market and limit orders"
    return _of_sides(order, guard)


def _of_pair(order: Order, guard: Protection) -> str:
    if order.type is not OrderType.LIMIT or guard.loss_price is None or guard.profit_price:
        return "of two orders that cancel each other one is a limit and one a stop at a loss_price"
    return _of_sides(order, replace(guard, profit_price=order.limit_price))


def _of_sides(order: Order, guard: Protection) -> str:
    """Tell whether loss and profit lie on the wrong sides of each other, or of the entry."""
    exits_up = (order.side is Side.BUY) != order.reduce_only
    rows = [guard.loss_price, None if order.reduce_only else order.limit_price, guard.profit_price]
    prices = [price for price in rows if price is not None]
    if prices != sorted(prices, reverse=not exits_up) or len(set(prices)) != len(prices):
        return "the stop must lie on the losing side of the entry, the goal on the winning side"
    return ""


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(_CENT)


_RULES = (
    _of_id, _of_asset, _of_crypto, _of_fraction, _of_notional, _of_hours, _of_auction,
    _of_protection,
)  # fmt: skip
