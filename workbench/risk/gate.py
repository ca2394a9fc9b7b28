"""The gate: every intent goes through every rule, and the whole chain is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Literal

from workbench.config import RiskLimits
from workbench.core.money import MONEY, ZERO, decimal, floor_to
from workbench.core.order import Intent
from workbench.risk.context import Context, Wish
from workbench.risk.halt import HaltLevel
from workbench.risk.rules import (
    DailyLoss,
    GrossExposure,
    OrderNotional,
    OrderQuantity,
    Outcome,
    PositionNotional,
    PriceCollar,
    Rule,
    SymbolList,
    Verdict,
)

__all__ = ["Gate", "Judgement"]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the gate decided.

    Parameters
    ----------
    intent : Intent
        What may become an order: trimmed where a rule trimmed it.
    outcome : {"pass", "trim", "refuse"}
    verdicts : tuple of Verdict
        Every rule's, in order, also after a refusal.
    """

    intent: Intent
    outcome: Outcome
    verdicts: tuple[Verdict, ...]

    @property
    def reason(self) -> str:
        """Why it was refused or trimmed, ``""`` where it passed."""
        return "; ".join(v.reason for v in self.verdicts if v.outcome != "pass")


class Gate:
    """Runs a list of rules after the kill switch.

    Parameters
    ----------
    rules : sequence of Rule
    lot : Decimal
        What a trimmed quantity is rounded down to; 0 leaves it.

    Examples
    --------
    >>> [rule.name for rule in Gate.of(RiskLimits()).rules]
    ['symbols', 'order_quantity', 'order_notional', 'position_notional', 'gross_exposure',
     'daily_loss', 'price_collar']
    """

    def __init__(self, rules: Sequence[Rule], *, lot: Decimal = ZERO) -> None:
        self.rules = tuple(rules)
        self._lot = lot

    @classmethod
    def of(
        cls,
        limits: RiskLimits | None,
        *,
        on_breach: Literal["trim", "refuse"] = "refuse",
        lot: Decimal = ZERO,
    ) -> Gate:
        """Make the gate of a workspace's limits; without limits it runs every rule and passes.

        Parameters
        ----------
        limits : RiskLimits or None
            A limit of None switches its rule off; None for all switches all off.
        on_breach : {"refuse", "trim"}
            What the rules on size and exposure do.
        """
        given: dict[str, Any] = limits.model_dump() if limits is not None else {}

        def limit(name: str) -> Decimal | None:
            value = given.get(name)
            return None if value is None else decimal(value, name)

        return cls(
            [
                SymbolList(given.get("symbols")),
                OrderQuantity(limit("max_order_quantity"), on_breach),
                OrderNotional(limit("max_order_notional"), on_breach),
                PositionNotional(limit("max_position_notional"), on_breach),
                GrossExposure(limit("max_gross"), on_breach),
                DailyLoss(limit("max_daily_loss")),
                PriceCollar(limit("price_collar")),
            ],
            lot=lot,
        )

    def judge(self, intent: Intent, context: Context, halt: HaltLevel = HaltLevel.RUN) -> Judgement:
        """Judge one intent.

        A trim of one rule is what the next rules see. A target order is trimmed by lowering
        its target.
        """
        wish = Wish.of(intent, context)
        verdicts = [_halted(wish, context, halt), _reduces_only(wish, context)]
        outcome: Outcome = "pass"
        for rule in self.rules:
            verdict = rule.judge(wish, context)
            if verdict.outcome == "trim" and verdict.quantity is not None:
                smaller = floor_to(verdict.quantity, self._lot)
                trimmed = _trimmed(wish, smaller, context) if smaller > 0 else None
                if trimmed is None:
                    verdict = replace(verdict, outcome="refuse", quantity=None)
                else:
                    wish, outcome = trimmed, "trim"
            verdicts.append(verdict)
        if any(verdict.outcome == "refuse" for verdict in verdicts):
            outcome = "refuse"
        return Judgement(wish.intent, outcome, tuple(verdicts))


def _halted(wish: Wish, context: Context, halt: HaltLevel) -> Verdict:
    reducing = wish.reduces(context)
    # levels above "no new orders" let only the switch's own closing orders through
    if halt is HaltLevel.RUN or (
        reducing
        and (
            halt is HaltLevel.REDUCE_ONLY or (halt is HaltLevel.FLATTEN and wish.intent.reduce_only)
        )
    ):
        return Verdict("halt", "pass", measured=halt.value)
    return Verdict(
        "halt", "refuse", f"trading is halted: {halt.value.replace('_', ' ')}", measured=halt.value
    )


def _reduces_only(wish: Wish, context: Context) -> Verdict:
    if not wish.intent.reduce_only or wish.reduces(context):
        return Verdict("reduce_only", "pass")
    return Verdict(
        "reduce_only",
        "refuse",
        f"it may only reduce, and {context.held(wish.intent.symbol)} of {wish.intent.symbol} is "
        "held less what open orders already close",
    )


def _trimmed(wish: Wish, quantity: Decimal, context: Context) -> Wish | None:
    if wish.intent.target is None:
        return replace(wish, intent=replace(wish.intent, quantity=quantity), quantity=quantity)
    if not wish.price or context.equity <= 0:
        return None
    smaller = replace(wish, quantity=quantity)
    target = MONEY.divide(MONEY.multiply(smaller.after(context), wish.price), context.equity)
    return replace(smaller, intent=replace(wish.intent, target=target))
