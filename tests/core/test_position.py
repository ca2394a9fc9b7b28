from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from workbench.core.fill import Fill
from workbench.core.position import Position
from workbench.core.signal import Side


def fill(side, quantity, price, fee=0):
    return Fill(
        execution_id=f"{side}{quantity}@{price}",
        order_id="o",
        venue="sim",
        symbol="AAPL",
        side=Side(side),
        quantity=Decimal(quantity),
        price=Decimal(price),
        time=datetime(2024, 1, 2, tzinfo=UTC),
        fee=Decimal(fee),
    )


def test_average_cost_and_realised_profit():
    held = Position("AAPL").apply(fill("buy", 10, 100)).apply(fill("buy", 10, 110))
    assert (held.quantity, held.average_price) == (20, 105)
    held = held.apply(fill("sell", 5, 120))
    assert (held.quantity, held.average_price, held.realised) == (15, 105, 75)
    assert held.unrealised(Decimal(100)) == -75


def test_a_fill_beyond_zero_opens_the_rest_at_its_own_price():
    held = Position("AAPL").apply(fill("buy", 10, 100)).apply(fill("sell", 15, 90))
    assert (held.quantity, held.average_price, held.realised) == (-5, 90, -100)
    held = held.apply(fill("buy", 5, 80))
    assert (held.quantity, held.average_price, held.realised) == (0, 0, -50)


trades = st.lists(
    st.tuples(
        st.sampled_from(["buy", "sell"]),
        st.integers(1, 100),
        st.decimals("1", "999", places=2),
        st.decimals("0", "1", places=2),
    ),
    max_size=30,
)


@given(trades, st.decimals("1", "999", places=2))
def test_profit_is_what_the_cash_says(trades, last):
    held, cash = Position("AAPL"), Decimal(0)
    for side, quantity, price, fee in trades:
        held = held.apply(fill(side, quantity, price, fee))
        cash -= Side(side).sign * quantity * price + fee
    worth = cash + held.quantity * last
    profit = held.realised + held.unrealised(last) - held.fees
    assert abs(worth - profit) < Decimal("1e-20")
