"""What the drivers of the order path share: the core, the journal, writing before acting."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import ParamSpec, Protocol, TypeVar

from workbench.core.account import Account
from workbench.core.fill import Fill
from workbench.core.order import Order
from workbench.core.ports import Clock
from workbench.core.position import Position
from workbench.errors import InvariantError, OutcomeUnknownError, RefusedError, UsageError
from workbench.trading.books import Difference
from workbench.trading.core import OrderCore
from workbench.trading.journal import Journal
from workbench.trading.records import Kind, Record
from workbench.trading.scribe import Scribe
from workbench.trading.steps import Effect, Step

__all__ = ["Driver", "Venue"]

P = ParamSpec("P")
T = TypeVar("T")


class Venue(Protocol):
    """A venue in the same thread: :class:`~workbench.core.ports.Broker` without waiting."""

    def submit(self, order: Order) -> Order:
        """Take an order; return it as acknowledged."""

    def cancel(self, order_id: str) -> None:
        """End an order."""

    def replace(self, order_id: str, new: Order) -> Order:
        """Put an order in the place of another."""

    def open_orders(self) -> Sequence[Order]:
        """Return what may still be filled."""

    def order(self, order_id: str) -> Order | None:
        """Look an order up, ended ones included."""

    def fills(self, since: datetime | None = None) -> Sequence[Fill]:
        """Return executions, oldest first."""

    def positions(self) -> Sequence[Position]:
        """Return what is held."""

    def account(self) -> Account:
        """Return cash and equity."""


class Driver:
    """What both drivers share: the core, the journal, and writing before acting."""

    def __init__(self, core: OrderCore, journal: Journal, clock: Clock) -> None:
        self.core = core
        self.journal = journal
        self.clock = clock
        self.is_ready = False
        self.cash_places: int | None = None
        self._scribe = Scribe(journal, core.ledger)

    @property
    def failure(self) -> str:
        """Why the journal takes nothing more; empty while it does."""
        return self._scribe.failure.message if self._scribe.failure is not None else ""

    def open_book(self, cash: Mapping[str, Decimal], held: Sequence[Record] = ()) -> None:
        """Begin the book with its cash; a book that is there already is left as it is.

        Parameters
        ----------
        held : sequence of Record
            What it begins with beside the cash; written with it, or not at all.
        """
        if self.core.ledger.is_opened:
            return
        opening = {name: format(amount, "f") for name, amount in cash.items()}
        self.enter(Record(Kind.OPENED, opening), *held)

    def note(self, text: str, *, about: str | None = None, **facts: str) -> None:
        """Put something to know into the journal; `about` is the id it belongs to."""
        self._put(Record(Kind.NOTE, {"text": text, **facts}, about))

    def enter(self, *records: Record) -> None:
        """Apply entries that lead to nothing at a venue, and write them together."""
        for record in records:
            self._decided(self.core.ledger.apply, record)
        self._put(*records)

    def _put(self, *records: Record) -> None:
        self._scribe.put(records)
        self._scribe.write()

    def reconcile(self, positions: Sequence[Position], account: Account) -> None:
        """Compare our books with a venue's statement.

        Raises
        ------
        InvariantError
            They differ; the facts hold each difference.
        """
        found = [str(one) for one in self.compare(positions, account)]
        if found:
            raise InvariantError(
                "our books are not what the venue says: " + "; ".join(found), differences=found
            )

    def compare(self, positions: Sequence[Position], account: Account) -> list[Difference]:
        """Return what a venue's statement and our books do not agree about."""
        return self.core.ledger.books.compare(
            positions, account.cash, account.currency, self.cash_places
        )

    def _require_ready(self) -> None:
        if not self.is_ready:
            raise RefusedError("trading is off until recovery is done")
        self._scribe.require_sound()

    def _decided(self, decide: Callable[P, T], *given: P.args, **named: P.kwargs) -> T:
        """Have the core decide; where it breaks off half-way, what it applied is in no record."""
        try:
            return decide(*given, **named)
        except (UsageError, RefusedError):  # told before anything was applied
            raise
        except Exception as error:
            self._scribe.fail(error)
            raise

    def _cut(self, effect: Effect) -> Step:
        error = OutcomeUnknownError("the call was cut short")
        return self._decided(self.core.failed, effect, error, self.clock.now())
