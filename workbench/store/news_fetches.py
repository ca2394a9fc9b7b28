"""Where fetches of news broke off, so that they are gone on with and not begun again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    PrimaryKeyConstraint,
    String,
    Table,
    and_,
    delete,
    insert,
    select,
)

from workbench.store.columns import UtcTime
from workbench.store.tables import metadata

__all__ = ["Span", "finish", "news_fetches", "reach", "unfinished"]

Span = tuple[datetime, datetime]

# A row is a fetch of a symbol's news that is under way, or was when its process ended.
news_fetches = Table(
    "news_fetches",
    metadata,
    Column("source", String(32), nullable=False),
    Column("symbol", String(64), nullable=False),
    Column("begin", UtcTime, nullable=False),
    Column("until", UtcTime, nullable=False),
    PrimaryKeyConstraint("source", "symbol", "begin"),
)


def unfinished(
    connection: Connection, source: str, symbols: Iterable[str]
) -> dict[str, list[Span]]:
    """Return from where to where each symbol's fetches came that were not finished."""
    named = and_(news_fetches.c.source == source, news_fetches.c.symbol.in_(list(symbols)))
    found: dict[str, list[Span]] = defaultdict(list)
    for row in connection.execute(select(news_fetches).where(named)):
        found[row.symbol].append((row.begin, row.until))
    return dict(found)


def reach(connection: Connection, source: str, symbols: Sequence[str], span: Span) -> None:
    """Keep that a fetch of symbols has come from its beginning up to the end of a span.

    Parameters
    ----------
    connection : Connection
        Of the transaction that keeps the news themselves.
    source : str
    symbols : sequence of str
    span : (datetime, datetime)
        The end is exclusive.
    """
    begin, until = span
    for symbol in symbols:
        told = {"source": source, "symbol": symbol, "begin": begin, "until": until}
        connection.execute(delete(news_fetches).where(_same(source, symbol, begin)))
        connection.execute(insert(news_fetches).values(**told))


def finish(connection: Connection, source: str, symbols: Sequence[str], span: Span) -> None:
    """Forget the fetches of symbols that a finished one holds all of."""
    begin, until = span
    connection.execute(
        delete(news_fetches).where(
            news_fetches.c.source == source,
            news_fetches.c.symbol.in_(symbols),
            news_fetches.c.begin >= begin,
            news_fetches.c.until <= until,
        )
    )


def _same(source: str, symbol: str, begin: datetime) -> ColumnElement[bool]:
    return and_(
        news_fetches.c.source == source,
        news_fetches.c.symbol == symbol,
        news_fetches.c.begin == begin,
    )
