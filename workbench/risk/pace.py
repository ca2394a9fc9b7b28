"""Limits on how much is asked: orders a second and a minute, repeats, unusual sizes.

What only reduces a position passes: a limit must not lock anyone in.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar, Literal

from workbench.core.money import MONEY
from workbench.risk.context import Context, Wish
from workbench.risk.verdict import Verdict, above, in_words, unmeasured

__all__ = ["Duplicates", "FatFinger", "OrderRate"]

Window = Literal["second", "minute"]
_SECONDS: dict[str, float] = {"second": 1.0, "minute": 60.0}


@dataclass(frozen=True, slots=True)
class OrderRate:
    """Orders of the account, or of one strategy, in the last second or minute."""

    limit: Decimal | None = None
    window: Window = "second"
    of: Literal["account", "strategy"] = "account"

    @property
    def name(self) -> str:
        """As in ``account_orders_per_second``."""
        return f"{self.of}_orders_per_{self.window}"

    def judge(self, wish: Wish, context: Context) -> Verdict:
        """Count this one in."""
        activity, now = context.activity, context.now
        if self.limit is None or activity is None or now is None or wish.reduces(context):
            return Verdict(self.name, "pass")
        strategy = wish.intent.strategy if self.of == "strategy" else None
        count = Decimal(activity.sent(now, _SECONDS[self.window], strategy) + 1)
        unit = f"orders per {self.window}"
        reason = f"{count} {unit} of the {self.of} would be more than {self.limit}"
        return above(self, count, self.limit, unit, reason)


@dataclass(frozen=True, slots=True)
class Duplicates:
    """The same wish again and again within a second."""

    name: ClassVar[str] = "duplicates"
    limit: Decimal | None = None

    def judge(self, wish: Wish, context: Context) -> Verdict:
        """Count this one in; those refused before count too."""
        activity, now = context.activity, context.now
        if self.limit is None or activity is None or now is None or wish.reduces(context):
            return Verdict(self.name, "pass")
        count = Decimal(activity.repeats(wish.intent, now) + 1)
        reason = f"the same {wish.intent.side} of {wish.intent.symbol} {count} times in a second"
        return above(self, count, self.limit, "times in 1 s", reason)


@dataclass(frozen=True, slots=True)
class FatFinger:
    """An order's worth, as a multiple of what is usual of its symbol."""

    name: ClassVar[str] = "fat_finger"
    limit: Decimal | None = None

    def judge(self, wish: Wish, context: Context) -> Verdict:
        """Compare with the median of the last orders that passed; the first five are not."""
        if self.limit is None or context.activity is None or wish.reduces(context):
            return Verdict(self.name, "pass")
        usual, notional = context.activity.usual(wish.intent.symbol), wish.notional
        if usual is None:
            return Verdict(self.name, "pass")
        if notional is None:
            return unmeasured(self.name, wish)
        times = MONEY.divide(notional, usual)
        reason = (
            f"an order of {in_words(notional)} is {in_words(times)} times the usual "
            f"{in_words(usual)} in {wish.intent.symbol}"
        )
        return above(self, times, self.limit, "times the usual", reason)
