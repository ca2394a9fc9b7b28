"""Orders, executions and the account as Alpaca writes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import NAMESPACE_DNS, UUID, uuid5

from workbench.core.fill import Fill
from workbench.core.money import MONEY
from workbench.core.order import Order
from workbench.core.position import Position
from workbench.testing.brokers.alpaca.tickets import Ticket

__all__ = ["Paper", "Stamps", "activity", "asset", "frame", "holding", "stamp", "text"]

ENDED = frozenset({"filled", "canceled", "expired", "rejected", "replaced"})
_PAST = {"filled": "filled_at", "canceled": "canceled_at", "expired": "expired_at",
         "replaced": "replaced_at", "rejected": "failed_at"}  # fmt: skip


class Stamps:
    """Times that never repeat, and ids in their order."""

    def __init__(self) -> None:
        self._last = datetime.now(UTC)
        self._count = 0

    def now(self) -> datetime:
        """Return the present, later than ever before."""
        self._last = max(datetime.now(UTC), self._last + timedelta(microseconds=1))
        return self._last

    def uuid(self) -> str:
        """Return a new id."""
        self._count += 1
        return str(UUID(int=(0x5C << 112) | self._count))


@dataclass
class Paper:
    """An order at the venue: what is told of it, and what is not.

    Parameters
    ----------
    order : Order
        As the matching knows it.
    told : dict
        As it is written.
    parent : Paper or None
        Of a leg.
    wait : int
        Quotes until it is live, or until its cancel takes effect.
    history : list
        When it was written, and how.
    """

    order: Order
    told: dict[str, Any]
    parent: Paper | None = None
    legs: list[Paper] = field(default_factory=list)
    wait: int = 0
    is_live: bool = False
    history: list[tuple[datetime, dict[str, Any]]] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        """Whether it may still be filled."""
        return self.told["status"] not in ENDED

    @classmethod
    def of(cls, ticket: Ticket, order: Order, stamps: Stamps, asset_class: str) -> Paper:
        """Write a new order."""
        at, kind = stamp(stamps.now()), order.type.value
        guard = order.protection
        told: dict[str, Any] = {
            "id": stamps.uuid(), "client_order_id": order.order_id, "created_at": at,
            "updated_at": at, "submitted_at": at, "filled_at": None, "expired_at": None,
            "canceled_at": None, "failed_at": None, "replaced_at": None, "replaced_by": None,
            "replaces": None, "asset_class": asset_class, "symbol": order.symbol,
            "notional": text(ticket.notional), "qty": text(order.quantity), "filled_qty": "0",
            "filled_avg_price": None, "order_class": ticket.order_class, "order_type": kind,
            "type": kind, "side": order.side.value, "time_in_force": order.tif.value,
            "limit_price": text(order.limit_price), "stop_price": text(order.stop_price),
            "status": "pending_new", "extended_hours": order.extended_hours, "legs": None,
            "trail_percent": text(guard.trail * 100) if guard and guard.trail else None,
            "trail_price": None, "hwm": None,
        }  # fmt: skip
        return cls(order, told)

    def leg(self, order: Order, stamps: Stamps, ticket: Ticket) -> Paper:
        """Write a leg of it, held until it is needed."""
        made = Paper.of(ticket, order, stamps, self.told["asset_class"])
        made.told |= {"status": "held", "notional": None, "qty": self.told["qty"]}
        made.parent = self
        self.legs.append(made)
        return made

    def write(self, at: datetime, **changes: Any) -> None:
        """Change what is told."""
        self.told |= {**changes, "updated_at": stamp(at)}
        past = _PAST.get(str(changes.get("status")))
        if past:
            self.told[past] = stamp(at)
        self.history.append((at, dict(self.told)))
        del self.history[:-20]

    def shown(self, before: datetime | None, *, nested: bool) -> dict[str, Any] | None:
        """Return it as it was written at an instant, None where it was not there yet."""
        told = self.told
        if before is not None:
            seen = [words for at, words in self.history if at <= before]
            if not seen:
                return None
            told = seen[-1]
        legs = [leg.shown(before, nested=False) for leg in self.legs] if nested else []
        return {**told, "legs": [leg for leg in legs if leg is not None] or None}


def frame(paper: Paper, event: str, stamps: Stamps, **facts: Any) -> dict[str, Any]:
    """Return a message of the stream of trade updates."""
    at = stamp(stamps.now())
    data = {
        "event": event, "timestamp": at, "at": at, "event_id": stamps.uuid(),
        "execution_id": stamps.uuid(), "order": dict(paper.told), **facts,
    }  # fmt: skip
    return {"stream": "trade_updates", "data": data}


def activity(paper: Paper, fill: Fill, stamps: Stamps) -> dict[str, Any]:
    """Return an entry of the list of executions."""
    filled, size = Decimal(paper.told["filled_qty"]), Decimal(paper.told["qty"])
    at = fill.time.astimezone(UTC)
    return {
        "id": f"{at:%Y%m%d%H%M%S%f}000::{stamps.uuid()}", "activity_type": "FILL",
        "transaction_time": stamp(at), "type": "fill" if filled >= size else "partial_fill",
        "price": text(fill.price), "qty": text(fill.quantity), "side": fill.side.value,
        "symbol": fill.symbol, "leaves_qty": text(size - filled), "order_id": paper.told["id"],
        "cum_qty": text(filled), "order_status": paper.told["status"],
    }  # fmt: skip


def holding(position: Position, price: float, *, is_crypto: bool) -> dict[str, Any]:
    """Return an entry of the list of positions."""
    value = float(position.quantity) * price
    cost = MONEY.multiply(position.quantity, position.average_price)
    return {
        "asset_id": asset_id(position.symbol), "exchange": "NASDAQ", "cost_basis": text(cost),
        "symbol": position.symbol.replace("/", ""), "qty": text(position.quantity),
        "asset_class": "crypto" if is_crypto else "us_equity",
        "side": "long" if position.quantity > 0 else "short",
        "avg_entry_price": text(position.average_price), "current_price": str(price),
        "market_value": str(value), "qty_available": text(position.quantity),
    }  # fmt: skip


def asset(symbol: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entry of the list of assets."""
    crypto = {"min_order_size": "0.0001", "min_trade_increment": "0.0001", "price_increment": "0.1"}
    usual = {
        "id": asset_id(symbol), "class": "crypto" if "/" in symbol else "us_equity",
        "symbol": symbol, "status": "active",
        "tradable": True, "fractionable": True, "marginable": True, "exchange": "NASDAQ",
        "shortable": "/" not in symbol, "easy_to_borrow": "/" not in symbol,
    }  # fmt: skip
    return {**usual, **(crypto if "/" in symbol else {}), **facts}


def asset_id(symbol: str) -> str:
    """Return the id of an asset, the same for ever."""
    return str(uuid5(NAMESPACE_DNS, symbol))


def stamp(at: datetime) -> str:
    """Return a time with nanoseconds, as the venue writes it."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}000Z"


def text(value: Decimal | None) -> str | None:
    """Return a number as the venue writes it."""
    return None if value is None else format(value.normalize() + 0, "f")
