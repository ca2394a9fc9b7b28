"""Nothing is made and nothing is lost in the books, to the last digit."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import ROUND_DOWN, Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.core.fill import Fill
from workbench.core.money import MONEY, ZERO
from workbench.core.order import Order, OrderType
from workbench.core.posting import Posting, PostingKind
from workbench.core.signal import Side
from workbench.trading.counting import reversing
from workbench.trading.ledger import Ledger
from workbench.trading.lots import Lots
from workbench.trading.records import Kind, Record
from workbench.trading.snapshot import read_ledger, write_ledger
from workbench.trading.states import OrderEvent, Step

NOW = datetime(2024, 1, 2, tzinfo=UTC)
CURRENCIES = {"AAPL": "USD", "SAP": "EUR", "BTC/USD": "USD"}
STRATEGIES = ("Cross", "Pairs", "manual:ada")
OPENING = {"USD": Decimal("100000"), "EUR": Decimal("500.55")}


def amounts(places, low, high):
    return st.decimals(low, high, places=places, allow_nan=False, allow_infinity=False)


FILLS = st.tuples(
    st.just("fill"), st.sampled_from(STRATEGIES), st.sampled_from(sorted(CURRENCIES)),
    st.sampled_from((Side.BUY, Side.SELL)), amounts(6, "0.000001", "1000"),
    amounts(4, "0.0001", "5000"), amounts(5, "-1", "3"), st.sampled_from(("USD", "EUR", "BNB")),
)  # fmt: skip
POSTINGS = st.tuples(
    st.just("posting"), st.sampled_from([*CURRENCIES, ""]), amounts(2, "-50", "50"),
    st.sampled_from(("USD", "EUR")),
)  # fmt: skip
SPLITS = st.tuples(
    st.just("split"), st.sampled_from(sorted(CURRENCIES)), st.integers(1, 7), st.integers(1, 7),
    st.sampled_from((None, 0, 3)), amounts(2, "0", "20"),
)  # fmt: skip
BUSTS = st.tuples(st.just("bust"), st.integers(0, 30))
HISTORIES = st.lists(st.one_of(FILLS, FILLS, FILLS, POSTINGS, SPLITS, BUSTS), max_size=40)


class Story:
    """A ledger and the lots, given the same."""

    def __init__(self):
        self.ledger, self.lots, self.posted = Ledger(), Lots(), dict(OPENING)
        cash = {name: format(amount, "f") for name, amount in OPENING.items()}
        self.ledger.apply(Record(Kind.OPENED, cash))
        self.fills, self.number = [], 0

    def tell(self, history):
        for kind, *facts in history:
            self.number += 1
            getattr(self, kind)(*facts)

    def fill(self, strategy, symbol, side, quantity, price, fee, paid_in):
        name = f"o{self.number}"
        order = Order(
            order_id=name, run_id="r", strategy=strategy, symbol=symbol, side=side,
            type=OrderType.MARKET, decided_at=NOW, quantity=quantity,
        )  # fmt: skip
        self.ledger.apply(Record(Kind.ORDER, order, name))
        one = Fill(
            execution_id=f"e{self.number}", order_id=name, venue="sim", symbol=symbol, side=side,
            quantity=quantity, price=price, time=NOW, fee=fee, fee_currency=paid_in,
            currency=CURRENCIES[symbol],
        )  # fmt: skip
        self._count(one)
        self.fills.append(one)

    def bust(self, which):
        if self.fills:
            one = self.fills.pop(which % len(self.fills))
            self._count(reversing(one, f"{one.execution_id}~", NOW))

    def posting(self, symbol, amount, currency):
        self._post(
            Posting(
                posting_id=f"p{self.number}", venue="sim", kind=PostingKind.DIVIDEND, time=NOW,
                symbol=symbol, amount=amount, currency=currency,
            )
        )  # fmt: skip

    def split(self, symbol, ratio, per, places, paid):
        held = self.ledger.books.position(symbol).quantity
        whole = None
        if places is not None:
            exact = MONEY.divide(MONEY.multiply(held, Decimal(ratio)), Decimal(per))
            whole = exact.quantize(Decimal(1).scaleb(-places), ROUND_DOWN, MONEY)
        self._post(
            Posting(
                posting_id=f"p{self.number}", venue="sim", kind=PostingKind.SPLIT, time=NOW,
                symbol=symbol, ratio=Decimal(ratio), per=Decimal(per), quantity=whole,
                amount=paid if places is not None else ZERO, currency=CURRENCIES[symbol],
            )
        )  # fmt: skip
        # executions of before the split are in units of before it: none is taken back after it
        self.fills = [fill for fill in self.fills if fill.symbol != symbol]

    def _count(self, fill):
        event = OrderEvent(step=Step.FILL, order_id=fill.order_id, time=NOW, fill=fill)
        self.ledger.apply(Record(Kind.FILL, event, fill.order_id))
        self.lots.apply(fill)

    def _post(self, posting):
        self.ledger.apply(Record(Kind.POSTING, posting))
        self.lots.post(posting)
        name = posting.currency
        self.posted[name] = MONEY.add(self.posted.get(name, ZERO), posting.amount)


def sums(positions, measure):
    found = {}
    for position in positions:
        name = position.currency
        found[name] = MONEY.add(found.get(name, ZERO), measure(position))
    return found


def signed_cost(position):
    return position.cost.copy_sign(position.quantity) if position.quantity else ZERO


@settings(max_examples=150, deadline=None)
@given(HISTORIES)
def test_cash_and_cost_and_profit_and_fees_are_what_was_put_in(history):
    story = Story()
    story.tell(history)
    books = story.ledger.books
    for positions in (books.positions.values(), story.lots.positions()):
        held, realised = sums(positions, signed_cost), sums(positions, lambda one: one.realised)
        for name in {*books.cash, *held}:
            left = MONEY.add(books.cash.get(name, ZERO), held.get(name, ZERO))
            left = MONEY.add(
                MONEY.subtract(left, realised.get(name, ZERO)), books.fees.get(name, ZERO)
            )
            assert left == story.posted.get(name, ZERO), name


@settings(max_examples=100, deadline=None)
@given(HISTORIES)
def test_the_strategies_add_up_to_the_account(history):
    story = Story()
    story.tell(history)
    ledger = story.ledger
    ledger.check()
    prices = dict.fromkeys(CURRENCIES, Decimal("12.345"))
    rates = {"EUR": Decimal("1.0875"), "BNB": Decimal("600.1")}
    total = sum((one.total for one in ledger.shares.profits(prices, rates=rates)), ZERO)
    opening = OPENING["USD"] + OPENING["EUR"] * rates["EUR"]
    assert total == ledger.books.equity(prices, rates=rates) - opening


@settings(max_examples=100, deadline=None)
@given(HISTORIES, amounts(4, "0.01", "500"))
def test_lots_and_average_cost_agree_on_units_and_total_profit(history, price):
    story = Story()
    story.tell(history)
    for position in story.lots.positions():
        average = story.ledger.books.position(position.symbol)
        assert position.quantity == average.quantity
        assert position.fees == average.fees
        assert MONEY.add(position.realised, position.unrealised(price)) == MONEY.add(
            average.realised, average.unrealised(price)
        )
        lots = story.lots.open(position.symbol)
        assert all(lot.quantity > 0 for lot in lots)
        assert sum((lot.quantity for lot in lots), ZERO) == abs(position.quantity)


@settings(max_examples=100, deadline=None)
@given(HISTORIES)
def test_books_come_back_from_a_snapshot_as_they_were(history):
    story = Story()
    story.tell(history)
    assert read_ledger(write_ledger(story.ledger)) == story.ledger


@settings(max_examples=100, deadline=None)
@given(st.lists(FILLS, max_size=10), st.integers(1, 9), st.integers(1, 9))
def test_a_split_and_its_opposite_leave_the_money_alone(history, ratio, per):
    story = Story()
    story.tell(history)
    before = dict(story.ledger.books.positions)
    for symbol in before:
        for terms in ((ratio, per), (per, ratio)):
            story.number += 1
            story.split(symbol, *terms, None, ZERO)
    for symbol, position in before.items():
        after = story.ledger.books.position(symbol)
        assert abs(after.quantity - position.quantity) < Decimal("1e-16")
        if after.quantity:
            assert replace(after, quantity=ZERO, average_price=ZERO) == replace(
                position, quantity=ZERO, average_price=ZERO
            )
        if ratio % per == 0:
            assert after.quantity == position.quantity
