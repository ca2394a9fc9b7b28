"""News fetched from vendors into the table of messages."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib import import_module
from operator import itemgetter
from typing import TYPE_CHECKING, Any, cast

import pandas as pd

from workbench.config import Settings, load_settings
from workbench.core.clock import WallClock
from workbench.core.message import Message
from workbench.core.ports import Clock
from workbench.data.messages import frame_of
from workbench.data.window import When, names_of, window_of
from workbench.errors import UsageError, nearest
from workbench.store.messages import add_messages, fetched_until, mark_fetched
from workbench.store.migrate import open_database
from workbench.store.news_fetches import finish, reach, unfinished
from workbench.venues.paging import is_crypto

if TYPE_CHECKING:
    from workbench.store.database import Database
    from workbench.venues.news import NewsSource

__all__ = ["fetch_messages", "find", "names"]

_NEWS = {
    "alpaca": "workbench.venues.alpaca.news:AlpacaNews",
    "polygon": "workbench.venues.polygon.news:PolygonNews",
    "finnhub": "workbench.venues.finnhub.news:FinnhubNews",
}
_WEEK, _DAY = timedelta(days=7), timedelta(days=1)


@dataclass(frozen=True, slots=True)
class _Part:
    """Symbols fetched together: since when their news are here or asked for, and from where on."""

    begin: datetime
    place: datetime
    symbols: list[str]


def names() -> tuple[str, ...]:
    """Return the names of the sources that have news.

    Examples
    --------
    >>> names()
    ('alpaca', 'polygon', 'finnhub')
    """
    return tuple(_NEWS)


def fetch_messages(
    symbols: str | Sequence[str],
    start: When = None,
    end: When = None,
    *,
    source: str | None = None,
    settings: Settings | None = None,
    clock: Clock | None = None,
) -> pd.DataFrame:
    """Fetch news of symbols into the workspace; return what was new.

    Each page is kept as soon as it is there, and with it how far the news of a symbol were
    fetched: where the next page fails, the same call goes on from there and asks for nothing
    again. What is there already is not kept twice. What comes counts as known from now on,
    however old it is. What came live or with another symbol's news is no history of a symbol.

    Parameters
    ----------
    symbols : str or list of str
    start : time, optional
        By default where the fetches of the symbol from this source came to without a gap, less
        a day, so that edits are seen; where there were none, a week before the end.
    end : time, optional
        Exclusive; now by default.
    source : str, optional
        ``"alpaca"``, ``"polygon"`` or ``"finnhub"``; by default the first of the settings'
        order that has news.
    settings : Settings, optional
    clock : Clock, optional

    Returns
    -------
    DataFrame
        As ``wb.messages``.

    Raises
    ------
    UsageError
        There is no such source, it has no news of such a symbol, or its key is missing.
    DataError
        What came cannot be read, also not when asked for again.
    UnavailableError
        Safe to try again.
    """
    told, tells = settings or load_settings(), clock or WallClock()
    wanted, _ = names_of(symbols)
    vendor = find(source or _usual(wanted[0], told), told)
    first, last = (_plain(stamp) for stamp in window_of(start, end))
    now = tells.now()
    until = last or now
    found: list[Message] = []
    with closing(open_database(told)) as database:
        parts = _parts(database, vendor.name, wanted, first, until)
        for part in parts:
            if part.place >= until:
                continue
            for page in vendor.pages(part.symbols, part.place, until):
                span = part.begin, min(page.until, now)
                with database.write() as connection:
                    found += add_messages(connection, page.stories, tells.now())
                    mark_fetched(connection, vendor.name, page.symbols, span)
                    reach(connection, vendor.name, page.symbols, span)
        with database.write() as connection:
            for part in parts:
                finish(connection, vendor.name, part.symbols, (part.begin, until))
    return frame_of(found)


def find(name: str, settings: Settings) -> NewsSource:
    """Return the news of a vendor.

    Raises
    ------
    UsageError
        It has none, its key is not set, or a package is missing.
    """
    if name not in _NEWS:
        hint = nearest(name, _NEWS) or f"; there are {', '.join(_NEWS)}"
        raise UsageError(f"source {name!r} has no news{hint}", source=name)
    module, _, attribute = _NEWS[name].partition(":")
    try:
        made: Any = getattr(import_module(module), attribute)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("workbench"):
            raise
        raise UsageError(
            f"this needs the package {error.name}: pip install 'trading-workbench[venues]'",
            package=error.name,
            extra="venues",
        ) from None
    return cast("NewsSource", made(settings))


def _usual(symbol: str, settings: Settings) -> str:
    for name in (*settings.sources.get("crypto" if is_crypto(symbol) else "stock", ()),):
        if name in _NEWS:
            return name
    raise UsageError(f"say where news come from: source= is one of {', '.join(_NEWS)}")


def _parts(
    database: Database,
    source: str,
    symbols: Sequence[str],
    first: datetime | None,
    until: datetime,
) -> list[_Part]:
    """Return from where on which symbols are to be fetched."""
    with database.read() as connection:
        marks = fetched_until(connection, source, symbols)
        broken = unfinished(connection, source, symbols)
    found: dict[tuple[datetime, datetime], list[str]] = {}
    for symbol in symbols:
        begin = first or _begin(marks.get(symbol), until)
        spans = [one for one in broken.get(symbol, ()) if one[0] <= begin <= one[1] <= until]
        start, place = max(spans, key=itemgetter(1), default=(begin, begin))
        found.setdefault((start, place), []).append(symbol)
    return [_Part(start, place, names) for (start, place), names in found.items()]


def _begin(mark: datetime | None, until: datetime) -> datetime:
    return until - _WEEK if mark is None or mark - _DAY >= until else mark - _DAY


def _plain(stamp: pd.Timestamp | None) -> datetime | None:
    return None if stamp is None else stamp.floor("us").to_pydatetime()
