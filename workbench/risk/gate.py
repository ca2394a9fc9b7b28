"""The gate: every intent goes through every rule, and the whole chain is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Literal

from workbench.config import RiskLimits
from workbench.core.capabilities import Capabilities
from workbench.core.money import MONEY, ZERO, decimal, floor_to
from workbench.core.order import Intent
from workbench.risk.circumstances import Capable, MarketHours, PaperLive, SelfTrade, StaleData
from workbench.risk.context import Context, Wish
from workbench.risk.exposure import (
    Concentration,
    GrossExposure,
    MarginUse,
    NetExposure,
    PortfolioValue,
    PositionNotional,
    StrategyGross,
    StrategyNet,
)
from workbench.risk.halt import HaltLevel
from workbench.risk.pace import Duplicates, FatFinger, OrderRate
from workbench.risk.rules import (
    DailyLoss,
    Drawdown,
    LeastEquity,
    OrderNotional,
    OrderQuantity,
    PriceCollar,
    SymbolList,
)
from workbench.risk.verdict import Breach, Outcome, Rule, Verdict

__all__ = ["Gate", "Judgement"]

_RUNNING = Verdict("halt", "pass", measured=HaltLevel.RUN.value)
_FREE = Verdict("reduce_only", "pass")


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
        if self.outcome == "pass":
            return ""
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
    >>> [rule.name for rule in Gate.of(RiskLimits()).rules][:5]
    ['symbols', 'capable', 'paper_live', 'market_hours', 'stale_data']
    """

    def __init__(self, rules: Sequence[Rule], *, lot: Decimal = ZERO) -> None:
        self.rules = tuple(rules)
        self._lot = lot
        # a rule that is off says the same each time: it is not asked
        self._plan = [
            (rule, Verdict(rule.name, "pass") if rule.limit is None else None) for rule in rules
        ]
        # where all are off, every intent that nothing else stops has one and the same chain
        off = [verdict for _, verdict in self._plan if verdict is not None]
        self._silent = (_RUNNING, _FREE, *off) if len(off) == len(self._plan) else None

    @classmethod
    def of(
        cls,
        limits: RiskLimits | None,
        *,
        on_breach: Breach = "refuse",
        lot: Decimal = ZERO,
        capabilities: Capabilities | None = None,
    ) -> Gate:
        """Make the gate of a workspace's limits; without limits it runs every rule and passes.

        Parameters
        ----------
        limits : RiskLimits or None
            A limit of None switches its rule off; None for all switches all off.
        on_breach : {"refuse", "trim"}
            What the rules on size and exposure do.
        capabilities : Capabilities, optional
            Of the venue; what it lacks is refused.
        """
        given: dict[str, Any] = limits.model_dump() if limits is not None else {}

        def limit(name: str) -> Decimal | None:
            value = given.get(name)
            return None if value is None else decimal(value, name)

        def asked(name: str) -> Literal[True] | None:
            return True if given.get(name) else None

        return cls(
            [
                SymbolList(given.get("symbols")),
                Capable(capabilities),
                PaperLive(asked("match_paper")),
                MarketHours(asked("market_hours")),
                StaleData(limit("max_quote_age")),
                OrderQuantity(limit("max_order_quantity"), on_breach),
                OrderNotional(limit("max_order_notional"), on_breach),
                FatFinger(limit("max_order_multiple")),
                PositionNotional(limit("max_position_notional"), on_breach),
                Concentration(limit("max_concentration"), on_breach),
                GrossExposure(limit("max_gross"), on_breach),
                NetExposure(limit("max_net"), on_breach),
                StrategyGross(limit("max_strategy_gross"), on_breach),
                StrategyNet(limit("max_strategy_net"), on_breach),
                PortfolioValue(limit("max_portfolio_value"), on_breach),
                MarginUse(limit("max_margin"), on_breach),
                LeastEquity(limit("min_equity")),
                DailyLoss(limit("max_daily_loss")),
                Drawdown(limit("max_drawdown")),
                PriceCollar(limit("price_collar")),
                OrderRate(limit("max_orders_per_second")),
                OrderRate(limit("max_orders_per_minute"), "minute"),
                OrderRate(limit("max_strategy_orders_per_second"), of="strategy"),
                OrderRate(limit("max_strategy_orders_per_minute"), "minute", "strategy"),
                Duplicates(limit("max_duplicates")),
                SelfTrade(asked("prevent_self_trade")),
            ],
            lot=lot,
        )

    @property
    def looks(self) -> bool:
        """Whether a rule is on, so that the account is looked at; a halt looks at it too."""
        return self._silent is None

    def judge(self, intent: Intent, context: Context, halt: HaltLevel = HaltLevel.RUN) -> Judgement:
        """Judge one intent.

        A trim of one rule is what the next rules see. A target order is trimmed by lowering
        its target.
        """
        is_noted = context.activity is not None and context.now is not None
        is_free = halt is HaltLevel.RUN and not intent.reduce_only
        if self._silent is not None and is_free and not is_noted:
            return Judgement(intent, "pass", self._silent)
        wish = Wish.of(intent, context)
        verdicts = [_halted(wish, context, halt), _reduces_only(wish, context)]
        outcome: Outcome = "pass"
        for rule, off in self._plan:
            verdict = off or _judged(rule, wish, context)
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
        if context.activity is not None and context.now is not None:
            sent = outcome != "refuse"
            context.activity.note(intent, context.now, sent=sent, notional=wish.notional)
        return Judgement(wish.intent, outcome, tuple(verdicts))


def _judged(rule: Rule, wish: Wish, context: Context) -> Verdict:
    try:
        return rule.judge(wish, context)
    except ArithmeticError as error:  # numbers that no rule can work with are no reason to pass
        return Verdict(rule.name, "refuse", f"it cannot be measured: {error!r}")


def _halted(wish: Wish, context: Context, halt: HaltLevel) -> Verdict:
    reducing = wish.reduces(context)
    # levels above "no new orders" let only the switch's own closing orders through
    if halt is HaltLevel.RUN or (
        reducing
        and (
            halt is HaltLevel.REDUCE_ONLY or (halt is HaltLevel.FLATTEN and wish.intent.reduce_only)
        )
    ):
        return _RUNNING if halt is HaltLevel.RUN else Verdict("halt", "pass", measured=halt.value)
    return Verdict(
        "halt", "refuse", f"trading is halted: {halt.value.replace('_', ' ')}", measured=halt.value
    )


def _reduces_only(wish: Wish, context: Context) -> Verdict:
    if not wish.intent.reduce_only or wish.reduces(context):
        return _FREE
    return Verdict(
        "reduce_only",
        "refuse",
        f"it may only reduce, and {context.held(wish.intent.symbol)} of {wish.intent.symbol} is "
        "held less what open orders already close",
    )


def _trimmed(wish: Wish, quantity: Decimal, context: Context) -> Wish | None:
    if wish.intent.target is None:
        intent = replace(wish.intent, quantity=quantity, notional=None)
        return replace(wish, intent=intent, quantity=quantity)
    if not wish.worth or context.equity <= 0:
        return None
    smaller = replace(wish, quantity=quantity)
    target = MONEY.divide(MONEY.multiply(smaller.after(context), wish.worth), context.equity)
    return replace(smaller, intent=replace(wish.intent, target=target))
