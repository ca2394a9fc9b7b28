"""The desk as others see it: a snapshot that does not change, and rows of plain JSON values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from workbench.core.fill import Fill
from workbench.core.money import MONEY, ZERO
from workbench.core.order import Order
from workbench.core.position import Position
from workbench.core.quote import Quote
from workbench.risk.halt import Halt, HaltLevel
from workbench.trading.ledger import Ledger
from workbench.trading.reconcile import Stood
from workbench.trading.records import Verdicted
from workbench.trading.shares import StrategyProfit

__all__ = [
    "Holding",
    "Log",
    "Snapshot",
    "account_row",
    "difference_row",
    "fill_row",
    "halt_row",
    "holding_row",
    "order_row",
    "profit_row",
    "quote_row",
    "refusal_row",
]


@dataclass(frozen=True, slots=True)
class Holding:
    """A position at the last price; a flat one stays for what it earned."""

    symbol: str
    quantity: Decimal
    average_price: Decimal
    last: Decimal
    unrealised: Decimal
    realised: Decimal
    fees: Decimal

    @classmethod
    def of(cls, position: Position, last: Decimal) -> Holding:
        """Return a position as it stands at `last`."""
        return cls(
            position.symbol,
            position.quantity,
            position.average_price,
            last,
            position.unrealised(last),
            position.realised,
            position.fees,
        )

    @property
    def value(self) -> Decimal:
        """Signed units times the last price."""
        return MONEY.multiply(self.quantity, self.last)


@dataclass(frozen=True, slots=True)
class Log:
    """What was asked and done, newest first: orders, what the gate refused, fills."""

    orders: tuple[Order, ...] = ()
    refusals: tuple[Verdicted, ...] = ()
    fills: tuple[Fill, ...] = ()
    working: int = 0

    @classmethod
    def of(cls, ledger: Ledger) -> Log:
        """Return that of a ledger."""
        judged = reversed(ledger.intents.values())
        return cls(
            tuple(reversed(ledger.orders.values())),
            tuple(one for one in judged if one.outcome == "refuse"),
            tuple(reversed(ledger.fills.values())),
            len(ledger.open),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The desk at an instant; nothing in it changes, so any thread may read it.

    Parameters
    ----------
    changes : int
        Grows with every order, fill and halt, so that a page knows when to look.
    source, venue : str
        Where quotes come from, and where orders go.
    failure : str
        Why trading is off; empty while it is on.
    day_start : Decimal
        Equity when the day began, in UTC.
    halts : tuple of Halt
        Every scope that is raised, symbols and strategies too.
    unvalued : mapping of str to Decimal
        What the equity leaves out for want of a rate.
    profits : tuple of StrategyProfit
        What each strategy has earned.
    differences : tuple of Stood
        What the venue's last statement says otherwise.
    """

    time: datetime
    changes: int
    source: str
    venue: str
    is_ready: bool
    failure: str
    halt: Halt
    quotes: Mapping[str, Quote]
    holdings: tuple[Holding, ...]
    cash: Decimal
    equity: Decimal
    day_start: Decimal
    log: Log
    halts: tuple[Halt, ...] = ()
    unvalued: Mapping[str, Decimal] = field(default_factory=dict)
    profits: tuple[StrategyProfit, ...] = ()
    differences: tuple[Stood, ...] = ()

    @property
    def is_halted(self) -> bool:
        """Whether the kill switch is raised."""
        return self.halt.level is not HaltLevel.RUN

    @property
    def day_profit(self) -> Decimal:
        """What was earned since the day began."""
        return MONEY.subtract(self.equity, self.day_start)

    @property
    def gross(self) -> Decimal:
        """The worth of all positions, short ones counted as long."""
        return sum((abs(holding.value) for holding in self.holdings), ZERO)


def order_row(order: Order) -> dict[str, Any]:
    """Return an order as plain JSON values."""
    return _row(
        order, "order_id", "symbol", "side", "type", "state", "quantity", "filled",
        "average_price", "limit_price", "stop_price", "tif", "decided_at", "strategy", "reason",
    )  # fmt: skip


def refusal_row(judged: Verdicted) -> dict[str, Any]:
    """Return what the gate refused as plain JSON values, with the first rule that did."""
    said = next(verdict for verdict in judged.verdicts if verdict.get("outcome") == "refuse")
    names = ("rule", "reason", "measured", "limit")
    numbers: dict[str, Any] = {name: said[name] for name in names if name in said}
    wanted = _row(
        judged.intent, "symbol", "side", "type", "quantity", "limit_price", "stop_price", "tif",
        "decided_at", "strategy",
    )  # fmt: skip
    return {"order_id": judged.intent.intent_id, "state": "refused", **wanted, **numbers}


def fill_row(fill: Fill) -> dict[str, Any]:
    """Return a fill as plain JSON values."""
    return _row(
        fill, "execution_id", "order_id", "symbol", "side", "quantity", "price", "fee", "time"
    )


def holding_row(holding: Holding) -> dict[str, Any]:
    """Return a position as plain JSON values."""
    return _row(
        holding, "symbol", "quantity", "average_price", "last", "value", "unrealised", "realised",
        "fees",
    )  # fmt: skip


def quote_row(quote: Quote, source: str) -> dict[str, Any]:
    """Return a quote as plain JSON values, with the name of its source."""
    return {**_row(quote, "symbol", "time", "bid", "ask"), "source": source}


def halt_row(halt: Halt) -> dict[str, Any]:
    """Return the kill switch as plain JSON values."""
    return _row(halt, "level", "scope", "reason", "actor", "time")


def account_row(shot: Snapshot) -> dict[str, Any]:
    """Return the account as plain JSON values."""
    return {
        **_row(shot, "time", "equity", "cash", "day_profit", "gross"),
        "is_paper": True,
        "quotes": shot.source,
        "halt": shot.halt.level.value,
    }


def profit_row(profit: StrategyProfit) -> dict[str, Any]:
    """Return what a strategy has earned as plain JSON values."""
    return _row(
        profit, "strategy", "total", "realised", "unrealised", "fees", "carried", "value",
        "is_whole",
    )  # fmt: skip


def difference_row(stood: Stood) -> dict[str, Any]:
    """Return a difference to the venue's statement as plain JSON values."""
    row = _row(stood.difference, "name", "ours", "theirs", "missing", "is_cash")
    return {**row, **_row(stood, "since", "is_confirmed")}


def _row(thing: Any, *names: str) -> dict[str, Any]:
    return {name: _plain(getattr(thing, name)) for name in names}


def _plain(value: Any) -> Any:
    """Write money as text, so that no digit is lost, and instants in UTC with a Z."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return getattr(value, "value", value)
