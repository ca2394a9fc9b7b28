"""What a venue books beside executions, told late, twice or not at all, and over crashes."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from decimal import ROUND_FLOOR, Decimal
from random import Random

import pytest

from workbench.core.money import ZERO
from workbench.core.posting import Posting, PostingKind
from workbench.errors import InvariantError
from workbench.testing.simulation.exchange import SYMBOLS, VENUE
from workbench.testing.simulation.world import Kit, World
from workbench.trading.core import OrderCore
from workbench.trading.records import Kind, Record
from workbench.trading.steps import Step

TRADING_MS, HEALED_MS, BOOKING_MS = 40_000, 90_000, 60_000
RATIOS = [(2, 1), (3, 2), (1, 3), (1, 10)]


class Booking(World):
    """A world whose venue pays, charges and splits, and tells its statement again and again."""

    def __post_init__(self):
        self.statement, self.is_booking = [], True
        super().__post_init__()
        self.line.after(500, self._book)
        self.line.after(1_000, self._tell_again)

    def _book(self):
        line = self.line
        if self.is_booking:
            kind = (PostingKind.DIVIDEND, PostingKind.FUNDING, PostingKind.CASH)[line.between(0, 2)]
            symbol = "" if kind is PostingKind.CASH else SYMBOLS[line.between(0, 1)]
            self.post(kind, symbol, Decimal(line.between(-999, 999)) / 100)
            line.after(line.between(200, 2_000), self._book)

    def post(self, kind, symbol, amount, **more):
        posting = Posting(
            posting_id=f"p{len(self.statement)}", venue=VENUE, kind=kind, symbol=symbol,
            time=self.line.now(), amount=amount, **more,
        )  # fmt: skip
        self.statement.append(posting)
        self.exchange.cash += amount
        self._told(posting)

    def split(self, symbol, ratio, per):
        """Divide a holding; the venue keeps whole units and pays for what is left of one."""
        held = self.exchange.held.get(symbol, ZERO)
        exact = held * ratio / per
        whole = exact.to_integral_value(ROUND_FLOOR)
        self.exchange.held[symbol] = whole
        self.post(
            PostingKind.SPLIT, symbol, ((exact - whole) * 7).quantize(Decimal("0.01")),
            ratio=Decimal(ratio), per=Decimal(per), quantity=whole,
        )  # fmt: skip

    def _tell_again(self):
        for posting in self.statement[-20:]:
            self._told(posting)
        self.line.after(1_000, self._tell_again)

    def quiet(self):
        """Hold that the books are the venue's to the last digit."""
        self.watcher.look()
        ledger = self.watcher._process().core.ledger
        known = {posting.posting_id for posting in self.statement[-20:]}
        if not known <= {name for _, name in ledger.postings}:
            raise InvariantError("L2: a posting told again and again is not counted")
        missing = [p for p in self.statement if (VENUE, p.posting_id) not in ledger.postings]
        for posting in missing:  # older than what is told: a statement of the day has it
            self.process.take(self.process.core.update(posting, self.line.now()))
        self.watcher.positioned()
        # a venue without ids for its executions tells no fees, and prices as averages
        if self.faults.has_fill_ids and ledger.books.cash.get("USD", ZERO) != self.exchange.cash:
            raise InvariantError("I17: the cash is not the venue's")
        ledger.shares.check(ledger.books)


def simulate(seed, kit=None):
    world = Booking(Random(seed), kit or Kit())
    world.run(TRADING_MS)
    world.heal()
    world.is_booking = False
    world.run(TRADING_MS + HEALED_MS)
    world.watcher.settled()
    world.quiet()
    # splits: nothing is traded any more, but frames are late, lost and told twice, and it dies
    frames = replace(world.mix, lose_frame=0.4, repeat_frame=0.5)
    for number in range(4):
        world.wire.heal(frames)
        for symbol in SYMBOLS:
            world.split(symbol, *RATIOS[world.line.between(0, 3)])
        world.run(world.line.at + world.line.between(1, 200))
        if number % 2:
            world._die()
        world.run(world.line.at + BOOKING_MS)
        world.wire.heal(world.mix)
        world.run(world.line.at + 15_000)
        world.quiet()
    return world


def test_what_is_booked_counts_once_whatever_happens():
    seen, crashes = Counter(), 0
    for seed in range(150):
        world = simulate(seed)
        seen.update(world.line.seen)
        crashes += world.crashes
    assert crashes > 300
    for kind in ("dividend", "funding", "cash", "split"):
        assert seen[f"posting: {kind}"] > 500, kind


class Twice(OrderCore):
    """Counts a posting each time it is told."""

    def update(self, message, now):
        if isinstance(message, Posting) and (VENUE, message.posting_id) in self.ledger.postings:
            message = replace(
                message, posting_id=f"{message.posting_id}+{len(self.ledger.postings)}"
            )
        return super().update(message, now)


class Cash(OrderCore):
    """Takes a split for money alone."""

    def update(self, message, now):
        if isinstance(message, Posting) and message.kind is PostingKind.SPLIT:
            message = replace(message, kind=PostingKind.CASH)
        return super().update(message, now)


class Unwritten(OrderCore):
    """Keeps what is booked in memory, and not in the journal."""

    def update(self, message, now):
        if isinstance(message, Posting):
            if (VENUE, message.posting_id) not in self.ledger.postings:
                self.ledger.apply(Record(Kind.POSTING, message))
            return Step()
        return super().update(message, now)


@pytest.mark.parametrize("core", [Twice, Cash, Unwritten])
def test_a_core_that_books_wrongly_is_found_out(core):
    with pytest.raises(InvariantError):
        for seed in range(20):
            simulate(seed, Kit(core=core))
