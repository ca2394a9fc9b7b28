"""What the kill switch asks for, until it is proven: no open orders, then no positions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

from workbench.core.money import MONEY, ZERO
from workbench.core.order import Intent, Order
from workbench.core.signal import Side
from workbench.risk.halt import HaltLevel, KillSwitch
from workbench.trading.ledger import Ledger

__all__ = ["Close", "HaltStep", "Halting", "closing_intent"]

# at once, then three times a minute: a venue that is asked more often answers less
_AGAIN = timedelta(seconds=20)
# whose the closing of a whole position is
_ALL = "halt"


@dataclass(frozen=True, slots=True)
class Close:
    """A position to close, signed, and whose it is."""

    symbol: str
    quantity: Decimal
    strategy: str = _ALL


@dataclass(frozen=True, slots=True)
class HaltStep:
    """Orders to cancel, and positions to close with nothing else of theirs under way."""

    cancels: tuple[str, ...] = ()
    closes: tuple[Close, ...] = ()


@dataclass
class Halting:
    """Asks for what a kill switch wants until the ledger shows that it is so.

    Examples
    --------
    >>> from datetime import UTC
    >>> from workbench.store.migrate import open_database
    >>> switch = KillSwitch(open_database("sqlite://"), "desk")
    >>> Halting().step(Ledger(), switch, datetime(2024, 1, 2, tzinfo=UTC))
    HaltStep(cancels=(), closes=())
    """

    _asked: dict[str, datetime] = field(default_factory=dict)

    def step(self, ledger: Ledger, switch: KillSwitch, now: datetime) -> HaltStep:
        """Return what is to be done now; asked again and again, it ends with nothing.

        An order is canceled at once and again every 20 s as long as it is open, whether or
        not the venue ever said what became of it.
        """
        if all(one.level.severity < HaltLevel.CANCEL_ALL.severity for one in switch.halts):
            self._asked.clear()
            return HaltStep()
        asked = [order for order in ledger.open_orders() if _must_end(order, switch)]
        open_ids = {order.order_id for order in asked}
        self._asked = {name: at for name, at in self._asked.items() if name in open_ids}
        due = tuple(name for name in open_ids if self._is_due(name, now))
        self._asked.update(dict.fromkeys(due, now))
        return HaltStep(tuple(sorted(due)), tuple(_closes(ledger, switch)))

    def _is_due(self, order_id: str, now: datetime) -> bool:
        last = self._asked.get(order_id)
        return last is None or not timedelta(0) <= now - last < _AGAIN

    @staticmethod
    def is_proven(ledger: Ledger, switch: KillSwitch) -> bool:
        """Whether no order is open that a halt would end, and nothing held that it would close."""
        cancels = any(_must_end(order, switch) for order in ledger.open_orders())
        return not cancels and not any(True for _ in _wanted(ledger, switch))


def closing_intent(name: str, close: Close, now: datetime) -> Intent:
    """Return the intent that closes a position."""
    return Intent(
        intent_id=name,
        run_id="desk",
        strategy=close.strategy,
        symbol=close.symbol,
        side=Side.SELL if close.quantity > 0 else Side.BUY,
        decided_at=now,
        quantity=abs(close.quantity),
        reduce_only=True,
        reason="flatten",
    )


@dataclass(frozen=True, slots=True)
class _Thing:
    strategy: str
    symbol: str


def _must_end(order: Order, switch: KillSwitch) -> bool:
    level = switch.level_for(order)
    if level is HaltLevel.FLATTEN:
        return not order.reduce_only
    return level is HaltLevel.CANCEL_ALL


def _closes(ledger: Ledger, switch: KillSwitch) -> Iterable[Close]:
    """Yield what nothing else of its own is under way for; others' orders close nothing for it."""
    resting = ledger.open_orders()
    for close in _wanted(ledger, switch):
        of_symbol = [order for order in resting if order.symbol == close.symbol]
        if close.strategy == _ALL:
            if not of_symbol:
                yield close
        elif all(order.strategy != close.strategy for order in of_symbol):
            # what others' orders may still close is theirs to close
            buys, sells = ledger.reserved(close.symbol)
            held = ledger.books.position(close.symbol).quantity
            room = MONEY.subtract(abs(held), sells if held > 0 else buys)
            units = min(abs(close.quantity), room)
            if units > 0:
                yield replace(close, quantity=units if close.quantity > 0 else -units)


def _wanted(ledger: Ledger, switch: KillSwitch) -> Iterable[Close]:
    flat = {one.scope for one in switch.halts if one.level is HaltLevel.FLATTEN}
    if not flat:
        return
    strategies = {scope.partition(":")[2] for scope in flat if scope.startswith("strategy:")}
    shares = {strategy: ledger.shares.held(strategy) for strategy in strategies}
    for symbol, position in ledger.books.positions.items():
        held = position.quantity
        if not held:
            continue
        if switch.level_for(_Thing("", symbol)) is HaltLevel.FLATTEN:
            yield Close(symbol, held)
            continue
        for strategy in sorted(strategies):
            share = shares[strategy].get(symbol, ZERO)
            if share and (share > 0) == (held > 0):
                # never more than is there: others of the account may have closed it already
                yield Close(symbol, min(share, held, key=abs), strategy)
                break
