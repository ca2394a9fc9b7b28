"""The table of messages: every edition of each, and when it came to be known here.

Nothing is overwritten. An edition that says something else than the one before, or names a
further symbol, is a row of its own. So what was known at any instant can be read as it was.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Float,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    and_,
    exists,
    func,
    insert,
    literal,
    literal_column,
    select,
    text,
    update,
)

from workbench.core.message import Message
from workbench.store.columns import UtcTime
from workbench.store.tables import metadata
from workbench.store.words import Words

__all__ = [
    "By",
    "Query",
    "add_messages",
    "fetched_until",
    "find_messages",
    "mark_fetched",
    "messages",
    "take_turn",
]

By = Literal["known", "published"]

messages = Table(
    "messages",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("source", String(32), nullable=False),
    Column("vendor_id", String(128), nullable=False),
    Column("edition", Integer, nullable=False),
    Column("published", UtcTime, nullable=False),
    Column("updated", UtcTime, nullable=False),
    Column("known", UtcTime, nullable=False),
    Column("title", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("sentiment", Float),
    UniqueConstraint("source", "vendor_id", "edition", name="uq_messages_edition"),
    Index(None, "published"),
    Index(None, "known"),
)

message_symbols = Table(
    "message_symbols",
    metadata,
    Column("seq", Integer, ForeignKey("messages.seq"), nullable=False),
    Column("symbol", String(64), nullable=False),
    PrimaryKeyConstraint("seq", "symbol"),
    Index(None, "symbol"),
)

# How far a source's news of a symbol were fetched without a gap; what came in other ways, live
# or with the news of another symbol, says nothing of what was published before it.
news_marks = Table(
    "news_marks",
    metadata,
    Column("source", String(32), nullable=False),
    Column("symbol", String(64), nullable=False),
    Column("until", UtcTime, nullable=False),
    PrimaryKeyConstraint("source", "symbol"),
)

_SHOWN = [column for column in messages.c if column.name != "seq"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Which messages are wanted.

    Parameters
    ----------
    symbols : tuple of str
        About any of these; of all where empty.
    start, end : datetime, optional
        Published in ``start <= time < end``.
    as_of : datetime, optional
        As they could be read then, later editions and messages left out.
    by : str
        What `as_of` is compared with: ``"known"``, when it came here, or ``"published"``,
        when its source says it gave that edition out.
    words : Words, optional
        That the text has.
    sources : tuple of str
        From any of these; from all where empty.
    vendor_id : str, optional
        Only the one of this name.
    editions : bool
        All of them, not only the last one of each message.
    limit : int, optional
        The newest so many.
    """

    symbols: tuple[str, ...] = ()
    start: datetime | None = None
    end: datetime | None = None
    as_of: datetime | None = None
    by: By = "known"
    words: Words | None = None
    sources: tuple[str, ...] = ()
    vendor_id: str | None = None
    editions: bool = False
    limit: int | None = None


def add_messages(
    connection: Connection, given: Iterable[Message], known: datetime
) -> list[Message]:
    """Keep what is new; return it as it stands now.

    A message of the same source and id that says the same is no new one, however often it
    comes. One that says something else, or names a further symbol, is the next edition.

    Parameters
    ----------
    connection : Connection
        Of a transaction that writes.
    given : iterable of Message
    known : datetime
        Now.
    """
    take_turn(connection)
    return [kept for one in given if (kept := _add(connection, one, known)) is not None]


def find_messages(connection: Connection, query: Query) -> list[Message]:
    """Return messages, oldest first."""
    chosen = (
        select(messages)
        .where(*_conditions(connection, query))
        .order_by(messages.c.published.desc(), messages.c.seq.desc())
        .limit(query.limit)
    )
    rows = list(connection.execute(chosen))[::-1]
    named = _symbols_of(connection, [row.seq for row in rows])
    return [_message(row, tuple(named[row.seq])) for row in rows]


def fetched_until(
    connection: Connection, source: str, symbols: Sequence[str]
) -> dict[str, datetime]:
    """Return up to when the news of each symbol were fetched; what never was, is left out."""
    named = and_(news_marks.c.source == source, news_marks.c.symbol.in_(symbols))
    rows = connection.execute(select(news_marks.c.symbol, news_marks.c.until).where(named))
    return {row.symbol: row.until for row in rows}


def mark_fetched(
    connection: Connection,
    source: str,
    symbols: Sequence[str],
    span: tuple[datetime, datetime],
) -> None:
    """Keep that all news of symbols were fetched that were published in a span of time.

    A span that begins after what was fetched before leaves the mark where it is: what lies
    between is still to be fetched.

    Parameters
    ----------
    connection : Connection
        Of a transaction that writes.
    source : str
    symbols : sequence of str
    span : (datetime, datetime)
        The end is exclusive; one that ends before it begins is none.
    """
    begin, until = span
    if until <= begin:
        return
    take_turn(connection)
    marks = fetched_until(connection, source, symbols)
    for symbol in symbols:
        told = {"source": source, "symbol": symbol, "until": until}
        mark = marks.get(symbol)
        if mark is None:
            connection.execute(insert(news_marks).values(**told))
        elif begin <= mark < until:
            at = and_(news_marks.c.source == source, news_marks.c.symbol == symbol)
            connection.execute(update(news_marks).where(at).values(until=until))


def take_turn(connection: Connection) -> None:
    """Hold other writers of messages back until the end of the transaction."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("select pg_advisory_xact_lock(hashtextextended('messages', 0))"))


def _add(connection: Connection, one: Message, known: datetime) -> Message | None:
    asked = Query(sources=(one.source,), vendor_id=one.vendor_id)
    last = next(iter(find_messages(connection, asked)), None)
    kept = replace(one, symbols=tuple(sorted(set(one.symbols))), updated=one.at, known=known)
    if last is not None:
        told = _next(one, last, known)
        if told is None:
            return None
        kept = told
    values = {column.name: getattr(kept, column.name) for column in _SHOWN}
    added = insert(messages).values(**values).returning(messages.c.seq)
    seq = connection.execute(added).scalar_one()
    if kept.symbols:
        rows = [{"seq": seq, "symbol": symbol} for symbol in kept.symbols]
        connection.execute(insert(message_symbols), rows)
    return kept


def _next(one: Message, last: Message, known: datetime) -> Message | None:
    """Return the edition after the last one; None where there is nothing new in it."""
    if one.updated is not None and one.updated < last.at:
        one = replace(last, symbols=one.symbols)  # superseded before it came
    symbols = tuple(sorted({*last.symbols, *one.symbols}))
    is_same = one.content == last.content
    if is_same and symbols == last.symbols:
        return None
    # of an edit whose time nobody told, all that is sure is that it was here by now
    # a symbol that is added to the same words was not there before the vendor says so
    updated = max(last.at, one.updated or last.at) if is_same else one.updated or known
    return replace(
        one,
        symbols=symbols,
        published=last.published,
        updated=updated,
        known=known,
        edition=last.edition + 1,
    )


def _conditions(connection: Connection, query: Query) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if query.start is not None:
        found.append(messages.c.published >= query.start)
    if query.end is not None:
        found.append(messages.c.published < query.end)
    if query.sources:
        found.append(messages.c.source.in_(query.sources))
    if query.vendor_id is not None:
        found.append(messages.c.vendor_id == query.vendor_id)
    if query.as_of is not None:
        found.append(_time(messages, query) <= query.as_of)
    if not query.editions:
        found.append(~_has_later(query))
    if query.symbols:
        named = message_symbols.c.seq == messages.c.seq
        found.append(exists().where(named, message_symbols.c.symbol.in_(query.symbols)))
    if query.words is not None:
        found.append(_says(connection, query.words))
    return found


def _time(table: Any, query: Query) -> Any:
    return table.c.updated if query.by == "published" else table.c.known


def _has_later(query: Query) -> ColumnElement[bool]:
    """Tell whether another edition came after it, by the time asked about."""
    other = messages.alias("later")
    told = [
        other.c.source == messages.c.source,
        other.c.vendor_id == messages.c.vendor_id,
        other.c.edition > messages.c.edition,
    ]
    if query.as_of is not None:
        told.append(_time(other, query) <= query.as_of)
    return exists().where(and_(*told))


def _says(connection: Connection, words: Words) -> ColumnElement[bool]:
    if connection.dialect.name == "postgresql":
        asked = func.websearch_to_tsquery(literal_column("'english'"), literal(words.text))
        return literal_column("messages.words").op("@@")(asked)
    found = text("select rowid from messages_text where messages_text match :words")
    return messages.c.seq.in_(found.bindparams(words=words.fts5).columns(rowid=Integer))


def _symbols_of(connection: Connection, seqs: Sequence[int]) -> dict[int, list[str]]:
    named: dict[int, list[str]] = defaultdict(list)
    for first in range(0, len(seqs), 500):
        rows = connection.execute(
            select(message_symbols.c.seq, message_symbols.c.symbol)
            .where(message_symbols.c.seq.in_(seqs[first : first + 500]))
            .order_by(message_symbols.c.seq, message_symbols.c.symbol)
        )
        for seq, symbol in rows:
            named[seq].append(symbol)
    return named


def _message(row: Any, symbols: tuple[str, ...]) -> Message:
    values = {column.name: getattr(row, column.name) for column in _SHOWN}
    return Message(symbols=symbols, **values)
