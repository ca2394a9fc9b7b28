"""Messages: news and notes, searched and read as they were known at any time."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import fields, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, get_args

import pandas as pd

from workbench.config import Settings, load_settings
from workbench.core.clock import WallClock
from workbench.core.message import NOTES, Message
from workbench.core.ports import Clock
from workbench.data.window import When, moment_of, names_of, window_of
from workbench.errors import RefusedError, UsageError, nearest
from workbench.store.messages import By, Query, add_messages, find_messages, take_turn
from workbench.store.migrate import open_database
from workbench.store.words import Words

if TYPE_CHECKING:
    from workbench.store.database import Database

__all__ = [
    "COLUMNS",
    "as_messages",
    "frame_of",
    "keep_new_note",
    "keep_note",
    "messages",
    "note",
    "query_of",
    "read",
    "written",
]

COLUMNS = (
    "published", "known", "source", "symbols", "title", "body", "url", "author", "sentiment",
    "edition", "updated", "vendor_id",
)  # fmt: skip
_TIMES = ("published", "known", "updated")
_LONGEST_TITLE = 120
_LONGEST_TEXT = 20_000


def messages(  # noqa: PLR0913 - the public face: each argument narrows the question
    symbols: str | Sequence[str] | None = None,
    start: When = None,
    end: When = None,
    *,
    search: str | None = None,
    source: str | Sequence[str] | None = None,
    as_of: When = None,
    by: By = "known",
    editions: bool = False,
    limit: int | None = None,
    settings: Settings | None = None,
) -> pd.DataFrame:
    """Return news and notes of the workspace, oldest first.

    Nothing is fetched; ``wb.fetch_messages`` brings news, `workbench.live.market.publish.keep_news`
    those of a live feed, and ``wb.note`` writes one.

    Parameters
    ----------
    symbols : str or list of str, optional
        About any of these; also such as are about nothing where left out.
    start, end : time, optional
        Published in ``start <= time < end``.
    search : str, optional
        Words that title or body have: all of them; ``"a phrase"``, ``-not this``, ``this or
        that``.
    source : str or list of str, optional
        ``"note"``, ``"alpaca"``, ``"polygon"``, ``"finnhub"``.
    as_of : time, optional
        As it could be read then: what came later, later editions included, is left out.
    by : str
        What `as_of` goes by: ``"known"``, when it came to this workspace, or ``"published"``,
        when its source says it gave that edition out. History that is fetched today was not
        known here before; with ``"published"`` the vendor's word is taken for it.
    editions : bool
        Every edition of each message, not only the last.
    limit : int, optional
        The newest so many.
    settings : Settings, optional

    Returns
    -------
    DataFrame
        A row each: ``published known source symbols title body url author sentiment edition
        updated vendor_id``. Times are UTC, `symbols` are tuples, `sentiment` is -1 to 1 or
        NaN.

    Raises
    ------
    UsageError
        No such time, or nothing to search for.

    Examples
    --------
    >>> import workbench as wb
    >>> _ = wb.note("Supplier says volumes double.", symbols=["AAPL"], note_id="a")
    >>> _ = wb.note("Supplier says volumes triple.", symbols=["AAPL"], note_id="a")  # an edit
    >>> found = wb.messages("AAPL", search="volume -double", source="note")
    >>> found[["title", "edition"]].values.tolist()
    [['Supplier says volumes triple.', 2]]
    """
    query = query_of(
        symbols, (start, end), search=search, source=source, as_of=as_of, by=by,
        editions=editions, limit=limit,
    )  # fmt: skip
    with closing(open_database(settings or load_settings())) as database:
        found = frame_of(read(database, query))
    found.attrs = {"by": by}
    return found


def note(
    text: str,
    symbols: str | Sequence[str] = (),
    *,
    note_id: str | None = None,
    sentiment: float | None = None,
    published: When = None,
    author: str = "",
    settings: Settings | None = None,
) -> Message:
    """Write a note into the table of messages.

    Parameters
    ----------
    text : str
        Its first line is the title.
    symbols : str or list of str
        Whom it is about.
    note_id : str, optional
        A name of your own: the same text under the same name is the same note, another text
        its next edition.
    sentiment : float, optional
        From -1 to 1.
    published : time, optional
        When what it tells came out, where that was earlier; known it is from now on.
    author : str
    settings : Settings, optional

    Returns
    -------
    Message

    Raises
    ------
    UsageError
        There is no text, it is too long, or the sentiment is none.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.note("Guidance cut", symbols=["IBM"], sentiment=-0.5).symbols
    ('IBM',)
    """
    made = written(text, symbols, note_id=note_id, sentiment=sentiment, author=author)
    began, _ = window_of(published, None)
    if began is not None:
        made = _published(made, began.to_pydatetime())
    with closing(open_database(settings or load_settings())) as database:
        return keep_note(database, made)


def written(
    text: str,
    symbols: str | Sequence[str] = (),
    *,
    note_id: str | None = None,
    sentiment: float | None = None,
    author: str = "",
    clock: Clock | None = None,
) -> Message:
    """Return a note as a message that is not kept yet; see `note`."""
    told = text.strip() if isinstance(text, str) else ""
    if not told or len(told) > _LONGEST_TEXT or "\0" in told:
        raise UsageError(f"a note has 1 to {_LONGEST_TEXT} characters of text")
    if sentiment is not None and not -1 <= sentiment <= 1:
        raise UsageError(f"sentiment is from -1 to 1, not {sentiment!r}", sentiment=sentiment)
    if note_id is not None and not 0 < len(note_id) <= 64:
        raise UsageError("the name of a note has 1 to 64 characters")
    first = told.splitlines()[0]
    title = first if len(first) <= _LONGEST_TITLE else f"{first[: _LONGEST_TITLE - 1]}…"
    return Message(
        source=NOTES,
        vendor_id=note_id or uuid.uuid4().hex,
        published=(clock or WallClock()).now(),
        symbols=tuple(names_of(symbols)[0]) if len(symbols) else (),
        title=title,
        body="" if told == title else told,
        author=author,
        sentiment=None if sentiment is None else float(sentiment),
    )


def keep_note(database: Database, made: Message, clock: Clock | None = None) -> Message:
    """Keep a note, or the next edition of it; return it as it stands."""
    now = (clock or WallClock()).now()
    with database.write() as connection:
        take_turn(connection)
        there = find_messages(connection, _named(made))
        if there:  # when it came out does not change with what it says
            made = _published(made, there[0].published, updated=now)
        add_messages(connection, [made], now)
        return find_messages(connection, _named(made))[0]


def keep_new_note(
    database: Database, made: Message, clock: Clock | None = None
) -> tuple[Message, bool]:
    """Keep a note that is to be no edition of another; return it, and whether it is new.

    Raises
    ------
    RefusedError
        There is one of its name that says something else.
    """
    now = (clock or WallClock()).now()
    with database.write() as connection:
        take_turn(connection)
        there = next(iter(find_messages(connection, _named(made))), None)
        if there is None:
            add_messages(connection, [made], now)
            return find_messages(connection, _named(made))[0], True
    if there.content != made.content or not set(made.symbols) <= set(there.symbols):
        raise RefusedError(
            f"there is a note {made.vendor_id!r} that says something else; PUT edits one",
            note_id=made.vendor_id,
        )
    return there, False


def read(database: Database, query: Query) -> list[Message]:
    """Return messages as objects."""
    with database.read() as connection:
        return find_messages(connection, query)


def query_of(  # noqa: PLR0913 - as `messages`
    symbols: str | Sequence[str] | None,
    window: tuple[When, When] = (None, None),
    *,
    search: str | None = None,
    source: str | Sequence[str] | None = None,
    as_of: When = None,
    by: By = "known",
    editions: bool = False,
    limit: int | None = None,
) -> Query:
    """Read what is asked, as `messages` takes it."""
    if by not in get_args(By):
        raise UsageError(
            f"by= is 'known' or 'published', not {by!r}{nearest(str(by), get_args(By))}"
        )
    if limit is not None and limit < 1:
        raise UsageError(f"limit is at least 1, not {limit}")
    first, last = window_of(*window)
    moment = moment_of(as_of)
    return Query(
        symbols=() if symbols is None else tuple(names_of(symbols)[0]),
        start=_plain(first),
        end=_plain(last),
        as_of=_plain(moment),
        by=by,
        words=None if search is None or not search.strip() else Words(search),
        sources=() if source is None else tuple(names_of(source)[0]),
        editions=editions,
        limit=limit,
    )


def frame_of(found: Iterable[Message]) -> pd.DataFrame:
    """Return messages as a table; see `messages`."""
    rows = [[getattr(one, name) for name in COLUMNS] for one in found]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    for name in _TIMES:
        table[name] = pd.to_datetime(table[name], utc=True).astype("datetime64[ns, UTC]")
    table["sentiment"] = table["sentiment"].astype("float64")
    table["edition"] = table["edition"].astype("int64")
    return table


def as_messages(table: pd.DataFrame | Iterable[Message]) -> list[Message]:
    """Return the rows of a table as messages again; messages are left as they are.

    Raises
    ------
    UsageError
        It lacks a column.

    Examples
    --------
    >>> import workbench as wb
    >>> made = wb.note("Strike at the plant", symbols=["IBM"])
    >>> as_messages(wb.messages("IBM", search="strike"))[-1] == made
    True
    """
    if not isinstance(table, pd.DataFrame):
        return list(table)
    lacking = [name for name in COLUMNS if name not in table]
    if lacking:
        raise UsageError(f"these are no messages of wb.messages: there is no {lacking[0]!r}")
    names = [field.name for field in fields(Message)]
    return [Message(**{n: _value(n, row[n]) for n in names}) for row in table.to_dict("records")]


def _value(name: str, value: Any) -> Any:
    if name in _TIMES:
        return None if pd.isna(value) else value.to_pydatetime()
    if name == "sentiment":
        return None if pd.isna(value) else float(value)
    return value


def _plain(stamp: pd.Timestamp | None) -> datetime | None:
    # what lies between two microseconds is known at the earlier one: nothing is kept finer
    return None if stamp is None else stamp.floor("us").to_pydatetime()


def _named(made: Message) -> Query:
    return Query(sources=(NOTES,), vendor_id=made.vendor_id)


def _published(made: Message, at: datetime, updated: datetime | None = None) -> Message:
    return replace(made, published=at, updated=updated)
