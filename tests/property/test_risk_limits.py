"""No sequence of intents that pass ends above a limit, however its orders are filled."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.config import RiskLimits
from workbench.core.fill import Fill
from workbench.core.order import Intent, Order, OrderType
from workbench.core.signal import Side
from workbench.risk.activity import Activity
from workbench.risk.context import Context
from workbench.risk.gate import Gate

NOW = datetime(2024, 1, 2, tzinfo=UTC)
PRICES = {"A": Decimal(10), "B": Decimal(25), "C": Decimal("0.5")}
EQUITY = Decimal(10_000)
LIMITS = RiskLimits(
    max_order_notional=4_000, max_order_quantity=2_000, max_position_notional=6_000,
    max_concentration=0.5, max_gross=1.0, max_net=0.6, max_strategy_gross=0.7,
    max_strategy_net=0.5, max_portfolio_value=9_000, max_margin=0.45, max_duplicates=None,
    max_orders_per_second=None, max_orders_per_minute=None, prevent_self_trade=False,
)  # fmt: skip
ASKED = st.tuples(
    st.sampled_from(sorted(PRICES)),
    st.sampled_from(["buy", "sell"]),
    st.decimals("0.01", "20000", places=2),
    st.sampled_from(["one", "two"]),
    st.integers(0, 2),  # what then happens to the oldest open order: nothing, filled, part filled
)


@dataclass
class Account:
    """Positions and open orders by strategy, at prices that stand still."""

    held: dict[str, Decimal] = field(default_factory=dict)
    open: list[Order] = field(default_factory=list)
    activity: Activity = field(default_factory=Activity)
    count: int = 0

    def context(self):
        reserved = {}
        for order in self.open:
            buys, sells = reserved.get(order.symbol, (Decimal(0), Decimal(0)))
            rest = order.quantity - order.filled
            is_buy = order.side is Side.BUY
            reserved[order.symbol] = (buys + rest, sells) if is_buy else (buys, sells + rest)
        return Context(
            EQUITY, EQUITY, PRICES, dict(self.held), reserved, resting=tuple(self.open),
            activity=self.activity, margin_rate=Decimal("0.5"),
        )  # fmt: skip

    def ask(self, gate, symbol, side, quantity, strategy):
        self.count += 1
        intent = Intent(
            intent_id=f"i{self.count}", run_id="r", strategy=strategy, symbol=symbol,
            side=Side(side), decided_at=NOW, quantity=quantity,
        )  # fmt: skip
        judgement = gate.judge(intent, self.context())
        if judgement.outcome == "refuse":
            return None
        passed = judgement.intent
        self.open.append(
            Order(
                order_id=passed.intent_id, run_id="r", strategy=strategy, symbol=symbol,
                side=passed.side, type=OrderType.MARKET, decided_at=NOW, quantity=passed.quantity,
            )
        )  # fmt: skip
        return passed

    def fill(self, share):
        order = self.open.pop(0)
        quantity = ((order.quantity - order.filled) * share).quantize(Decimal("1e-9"))
        rest = replace(order, filled=order.filled + quantity)
        if share < 1:
            self.open.insert(0, rest)
        self.held[order.symbol] = self.held.get(order.symbol, 0) + quantity * order.side.sign
        self.count += 1
        fill = Fill(
            execution_id=f"e{self.count}", order_id=order.order_id, venue="sim",
            symbol=order.symbol, side=order.side, quantity=quantity, price=PRICES[order.symbol],
            time=NOW,
        )  # fmt: skip
        self.activity.filled(order.strategy, fill)


def check(account):
    """Every limit, whichever of the open orders come to be filled."""
    context = account.context()
    worst = {s: context.worst(s) * PRICES[s] for s in PRICES}
    slack = Decimal("1e-6")
    assert max(worst.values()) <= 5_000 + slack  # a half of equity, less than 6,000
    assert sum(worst.values()) <= 9_000 + slack  # margin of 0.45 at a rate of 0.5, and 9,000
    for sign in (1, -1):
        assert sign * _net(context, sign) <= 6_000 + slack
    for strategy in ("one", "two"):
        own = context.own(strategy)
        assert sum(own.worst(s) * PRICES[s] for s in PRICES) <= 7_000 + slack
        for sign in (1, -1):
            assert sign * _net(own, sign) <= 5_000 + slack


def _net(context, sign):
    side = 0 if sign > 0 else 1
    return sum(
        (context.held(s) + sign * context.reserved.get(s, (Decimal(0), Decimal(0)))[side])
        * PRICES[s]
        for s in PRICES
    )


@settings(max_examples=150, deadline=None)
@given(asked=st.lists(ASKED, max_size=25), on_breach=st.sampled_from(["refuse", "trim"]))
def test_no_sequence_that_passes_breaks_a_limit(asked, on_breach):
    gate, account = Gate.of(LIMITS, on_breach=on_breach), Account()
    for symbol, side, quantity, strategy, happens in asked:
        passed = account.ask(gate, symbol, side, quantity, strategy)
        if passed is not None:
            assert passed.quantity <= min(quantity, 2_000)
        check(account)
        if happens and account.open:
            account.fill(Decimal(1) if happens == 1 else Decimal("0.3"))
            check(account)
