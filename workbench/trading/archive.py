"""Orders, intents and fills that a ledger keeps in memory no more, out of the journal."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import text

from workbench.core.fill import Fill
from workbench.core.order import Order
from workbench.store.database import Database
from workbench.store.lookups import Lookups
from workbench.trading.ledger import Ledger
from workbench.trading.records import Record, Verdicted
from workbench.trading.texts import LONG, SHORT, key_text

__all__ = ["Archive", "moves"]

_HISTORY = (
    "select kind, body, order_id from events where book = ? and order_id = ? and seq <= ? "
    "order by seq"
)
_MOVES = text(
    "select kind, body, order_id from events where book = :book and kind in ('fill', 'posting') "
    "order by seq"
)
_NEVER = 2**31 - 1
_FILL = "select order_id from fills where book = ? and venue = ? and execution_id = ?"


def moves(database: Database, book: str) -> Iterator[Record]:
    """Yield every fill and posting of a book, oldest first."""
    with database.read() as connection:
        streaming = connection.execution_options(stream_results=True, yield_per=1000)
        for row in streaming.execute(_MOVES, {"book": book}):
            yield Record.read(*row)


class Archive:
    """Looks up by its key what was written to a book.

    Parameters
    ----------
    database : Database
    book : str
    until : int, optional
        The last entry that counts, for a ledger that has those after it yet to come.
    """

    def __init__(self, database: Database, book: str, until: int = _NEVER) -> None:
        self._database, self._book, self._until = database, book, until
        self._lookups: Lookups | None = None

    def stand_behind(self, ledger: Ledger) -> None:
        """Let a ledger find here what it has forgotten."""
        ledger.intents.stand_before(self.intent)
        ledger.orders.stand_before(self.order)
        ledger.fills.stand_before(self.fill)
        ledger.find_derived = self.derived

    def order(self, order_id: str) -> Order | None:
        """Return an order as its entries say, None where there never was one."""
        return self._history(order_id).orders.get(order_id)

    def intent(self, intent_id: str) -> Verdicted | None:
        """Return an intent and its verdict, None where there never was one."""
        return self._history(intent_id).intents.get(intent_id)

    def derived(self, order_id: str) -> dict[tuple[str, str], None]:
        """Return the executions of an order that were derived from totals, not taken back."""
        return self._history(order_id).synthetic.get(order_id, {})

    def fill(self, key: tuple[str, str]) -> Fill | None:
        """Return an execution by venue and execution id, None where it was never counted."""
        rows = self._ask(_FILL, key_text(key[0], SHORT), key_text(key[1], LONG))
        return self._history(rows[0][0]).fills.get(key) if rows else None

    def close(self) -> None:
        """Close the connection; it is opened again where it is needed."""
        if self._lookups is not None:
            self._lookups.close()
            self._lookups = None

    def _history(self, order_id: str) -> Ledger:
        rows = self._ask(_HISTORY, key_text(order_id), self._until)
        return Ledger.fold(Record.read(*row) for row in rows)

    def _ask(self, question: str, *values: str | int) -> list[tuple[str, ...]]:
        if self._lookups is None:
            self._lookups = Lookups(self._database)
        return self._lookups.rows(question, self._book, *values)
