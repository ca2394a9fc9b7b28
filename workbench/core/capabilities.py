"""What a venue can do, in figures that decide how we deal with it.

The order path never asks which venue it talks to; it asks this record. What a venue
cannot do is refused before anything is sent.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum

from workbench.core.order import Intent, Order, OrderType, Protection, TimeInForce

__all__ = ["Capabilities", "IdScope", "Kept"]


class IdScope(StrEnum):
    """Among which orders a venue refuses a client order id it has seen before."""

    EVER = "ever"  # also after the first one has ended
    OPEN = "open"  # among open orders only
    NONE = "none"  # it takes the same id twice, or nobody knows


@dataclass(frozen=True, slots=True)
class Kept:
    """How long some orders may live at a venue, and which stops may be attached to them."""

    tifs: frozenset[TimeInForce]
    protects: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a venue offers, and how long its answers may take to be true.

    The defaults are the careful ones: what is not known counts as missing.

    Parameters
    ----------
    ids : IdScope
        Where client order ids are unique.
    finds_ended : bool
        Whether an order that has ended is still found by its client order id.
    has_fill_ids : bool
        Whether each execution has an id of its own, the same in stream and query.
    types : frozenset of OrderType
    tifs : frozenset of TimeInForce
    replaces : bool
        Whether an order can be replaced as one step.
    protects : frozenset of str
        Which protective legs travel with an entry, by the fields of
        :class:`~workbench.core.order.Protection`.
    parts, pairs : Kept, optional
        The same of parts of a share and of amounts of money, and of pairs such as
        ``BTC/USD``, where that is less.
    cancels_each_other : bool
        Whether legs may stand beside an order that only reduces, so that what is filled
        first ends the others.
    sizes_targets : bool
        Whether an order may be a target that the venue sizes when it fills it.
    sizes_notional : bool
        Whether an order may be an amount of money.
    shorts : bool
        Whether more may be sold than is held.
    extended_hours : bool
        Whether an order may ask for the hours before and after the session.
    post_only : bool
        Whether a limit order may ask to rest or to end, and never to take.
    request_lifetime : timedelta
        After which a request that was under way can no longer be taken.
    lookup_lag : timedelta
        How long the venue may fail to find an order that it has accepted.
    fill_lag : timedelta
        How long an execution may be missing from the venue's list of executions.
    tells_final_filled : bool
        Whether the message that an order has ended tells how much of it was filled; where
        it does not, the order is looked up before its end is believed.
    per_minute : float, optional
        Requests that an account may make in a minute; None where there is no limit.
    cash_places : int, optional
        To how many decimals the venue states its cash; None where it rounds nothing.

    Examples
    --------
    >>> plain = Capabilities()
    >>> plain.missing(type=OrderType.TRAILING_STOP)
    'trailing_stop orders'
    >>> plain.horizon
    datetime.timedelta(seconds=65)
    """

    ids: IdScope = IdScope.NONE
    finds_ended: bool = False
    has_fill_ids: bool = True
    types: frozenset[OrderType] = frozenset({OrderType.MARKET, OrderType.LIMIT})
    tifs: frozenset[TimeInForce] = frozenset({TimeInForce.GTC})
    replaces: bool = False
    protects: frozenset[str] = frozenset()
    parts: Kept | None = None
    pairs: Kept | None = None
    cancels_each_other: bool = False
    sizes_targets: bool = False
    sizes_notional: bool = False
    shorts: bool = False
    extended_hours: bool = False
    post_only: bool = False
    request_lifetime: timedelta = timedelta(seconds=60)
    lookup_lag: timedelta = timedelta(seconds=5)
    fill_lag: timedelta = timedelta(seconds=5)
    tells_final_filled: bool = True
    per_minute: float | None = None
    cash_places: int | None = None

    @property
    def horizon(self) -> timedelta:
        """How long after it was sent an order that is not found may still turn up."""
        return self.request_lifetime + self.lookup_lag

    def kept(self, symbol: str, *, is_whole: bool) -> Kept:
        """Return how long orders of a symbol may live, and which stops they may have.

        Parameters
        ----------
        is_whole : bool
            Whether they are of whole units.
        """
        if self.pairs is not None and "/" in symbol:
            return self.pairs
        if self.parts is not None and not is_whole:
            return self.parts
        return Kept(self.tifs, self.protects)

    def keeps(self, guard: Protection, symbol: str, *, is_whole: bool) -> bool:
        """Whether the venue keeps stops with an entry: as fractions, or at prices.

        Examples
        --------
        >>> from decimal import Decimal
        >>> venue = Capabilities(protects=frozenset({"loss_price"}))
        >>> venue.keeps(Protection(loss=Decimal("0.05")), "AAPL", is_whole=True)
        True
        >>> venue.keeps(Protection(trail=Decimal("0.05")), "AAPL", is_whole=True)
        False
        """
        protects = self.kept(symbol, is_whole=is_whole).protects
        return guard.names <= protects or _at_prices(guard.names) <= protects

    def fitted(self, intent: Intent) -> Intent:
        """Return an intent that lives as long as it may here, with its stops as they are taken.

        Fractions become prices around the limit, or the price that was decided at. What the
        venue has no form for stays as it is, and `missing_for` tells it.
        """
        kept = self.kept(intent.symbol, is_whole=_is_whole(intent))
        tif = next((one for one in (intent.tif, *_TIFS) if one in kept.tifs), intent.tif)
        guard, price = intent.protection, intent.limit_price or intent.reference_price
        if guard is not None and price is not None and not guard.names <= kept.protects:
            guard = guard.at(price, intent.side)
        return replace(intent, tif=tif, protection=guard)

    def missing(
        self,
        *,
        type: OrderType | None = None,
        tif: TimeInForce | None = None,
        protection: frozenset[str] = frozenset(),
        target: bool = False,
        kept: Kept | None = None,
    ) -> str:
        """Return what of the wanted the venue lacks, in words; ``""`` where it lacks nothing."""
        lacks = []
        kept = kept or Kept(self.tifs, self.protects)
        if type is not None and type not in self.types:
            lacks.append(f"{type.value} orders")
        if tif is not None and tif not in kept.tifs:
            lacks.append(f"time in force {tif.value}")
        if absent := sorted(protection - kept.protects):
            lacks.append(f"attached stops ({', '.join(absent)})")
        if target and not self.sizes_targets:
            lacks.append("orders without a quantity")
        return ", ".join(lacks)

    def missing_for(self, order: Order | Intent) -> str:
        """Return what the venue lacks for an order or an intent; ``""`` where it lacks nothing."""
        asked = order.protection.names if order.protection is not None else frozenset()
        if order.type is OrderType.TRAILING_STOP:
            asked -= {"trail"}  # its own distance, no stop beside it
        lacks = [
            self.missing(
                type=order.type,
                tif=order.tif,
                protection=asked,
                target=order.quantity is None and order.notional is None,
                kept=self.kept(order.symbol, is_whole=_is_whole(order)),
            ),
            "orders of an amount" if order.notional and not self.sizes_notional else "",
            "post-only orders" if order.post_only and not self.post_only else "",
            "hours outside the session" if order.extended_hours and not self.extended_hours else "",
        ]
        if asked and order.reduce_only and not self.cancels_each_other:
            lacks.append("orders that cancel each other")
        return ", ".join(filter(None, lacks))


_TIFS = (TimeInForce.GTC, TimeInForce.DAY, TimeInForce.IOC)


def _is_whole(order: Order | Intent) -> bool:
    if order.quantity is None:
        return order.notional is None
    return order.quantity == order.quantity.to_integral_value()


def _at_prices(names: frozenset[str]) -> frozenset[str]:
    return frozenset(f"{name}_price" if name in ("loss", "profit") else name for name in names)
