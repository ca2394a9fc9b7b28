"""What was asked and filled lately: the gate's memory for rates, repeats and usual sizes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from statistics import median

from workbench.core.fill import Fill
from workbench.core.money import MONEY, ZERO
from workbench.core.order import Intent

__all__ = ["Activity"]

_MINUTE = timedelta(minutes=1)
_SIZES = 20
_ENOUGH = 5
Key = tuple[object, ...]


@dataclass
class Activity:
    """Rates, repeats and sizes of one account's intents, and what each strategy holds.

    The gate notes each intent it judges; whoever runs the order path tells the fills, or the
    books that count them.

    Examples
    --------
    >>> from datetime import UTC
    >>> from workbench.core.signal import Side
    >>> now = datetime(2024, 1, 2, tzinfo=UTC)
    >>> intent = Intent(intent_id="i", run_id="r", strategy="s", symbol="IBM", side=Side.BUY,
    ...                 decided_at=now, quantity=Decimal(1))
    >>> activity = Activity()
    >>> activity.note(intent, now, sent=True, notional=Decimal(100))
    >>> activity.sent(now, 1.0), activity.sent(now, 1.0, "other"), activity.repeats(intent, now)
    (1, 0, 1)
    """

    _asked: deque[tuple[datetime, Key]] = field(default_factory=deque)
    _sent: deque[tuple[datetime, str]] = field(default_factory=deque)
    _sizes: dict[str, deque[Decimal]] = field(default_factory=dict)
    _held: dict[str, dict[str, Decimal]] = field(default_factory=dict)
    _books: Callable[[str], dict[str, Decimal]] | None = None

    def note(
        self, intent: Intent, now: datetime, *, sent: bool, notional: Decimal | None = None
    ) -> None:
        """Take in that an intent was judged, and whether an order was made of it."""
        self._asked.append((now, _key(intent)))
        _drop(self._asked, now - _MINUTE)
        if not sent:
            return
        self._sent.append((now, intent.strategy))
        _drop(self._sent, now - _MINUTE)
        if notional:
            sizes = self._sizes.setdefault(intent.symbol, deque(maxlen=_SIZES))
            sizes.append(notional)

    def filled(self, strategy: str, fill: Fill) -> None:
        """Take in a fill; each is given once, whoever calls sees to it."""
        held = self._held.setdefault(strategy, {})
        delta = MONEY.multiply(fill.booked.quantity, fill.side.sign)
        held[fill.symbol] = MONEY.add(held.get(fill.symbol, ZERO), delta)

    def sent(self, now: datetime, seconds: float, strategy: str | None = None) -> int:
        """Count the orders of the last seconds, at most 60; of one strategy or of all."""
        since = now - timedelta(seconds=seconds)
        count = 0
        for at, whose in reversed(self._sent):
            if at <= since:
                break
            count += strategy is None or whose == strategy
        return count

    def repeats(self, intent: Intent, now: datetime, seconds: float = 1.0) -> int:
        """Count the same wish (symbol, side, size and prices) of the last seconds."""
        since, key, count = now - timedelta(seconds=seconds), _key(intent), 0
        for at, other in reversed(self._asked):
            if at <= since:
                break
            count += other == key
        return count

    def usual(self, symbol: str) -> Decimal | None:
        """Return the median worth of a symbol's last 20 orders; None of fewer than five."""
        sizes = self._sizes.get(symbol, ())
        return median(sizes) if len(sizes) >= _ENOUGH else None

    def held(self, strategy: str) -> dict[str, Decimal]:
        """Return what a strategy's own fills add up to, by symbol."""
        if self._books is not None:
            return self._books(strategy)
        return self._held.get(strategy, {})

    def follow(self, books: Callable[[str], dict[str, Decimal]]) -> None:
        """Ask books what a strategy holds, by symbol, from now on: fills are told no more."""
        self._books = books


def _key(intent: Intent) -> Key:
    return (
        intent.strategy, intent.symbol, intent.side, intent.type, intent.quantity, intent.target,
        intent.notional, intent.limit_price, intent.stop_price,
    )  # fmt: skip


def _drop(
    entries: deque[tuple[datetime, Key]] | deque[tuple[datetime, str]], until: datetime
) -> None:
    while entries and entries[0][0] < until:
        entries.popleft()
