"""Raw bars of a stock, whatever it was called, with its actions beside them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from workbench.core.ports import ActionSource, BarSource
from workbench.data.action_book import (
    NEUTRAL,
    ActionBook,
    Span,
    as_table,
    beside,
    check_actions,
    merged,
    spans,
)
from workbench.errors import UsageError
from workbench.venues.paging import PagedSource
from workbench.venues.rows import Dropped

__all__ = ["Told", "stitched", "told_of"]

Window = tuple[pd.Timestamp | None, pd.Timestamp | None]
Read = Callable[[str, Window], pd.DataFrame]


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """What is known of a symbol beside what its bars carry themselves.

    Parameters
    ----------
    table : DataFrame
        ``date kind value former``.
    names : tuple of Span
        What it was called.
    """

    table: pd.DataFrame
    names: tuple[Span, ...]

    @property
    def changes_prices(self) -> bool:
        """Whether there is a split or a dividend."""
        return bool(self.table["kind"].isin(list(NEUTRAL)).any())

    def raw(self, symbol: str, window: Window, read: Read) -> pd.DataFrame:
        """Return raw bars of `window` under every name, with the actions beside them."""
        return beside(stitched(symbol, self.names, window, read), self.table)


def told_of(
    symbol: str, source: BarSource, book: ActionBook, as_of: pd.Timestamp | None = None
) -> Told:
    """Return what the book and the source tell of a symbol, the book as it was then.

    A source that states ``follows_renames`` gives the bars of former names by itself.
    """
    theirs = as_table([])
    is_paged = isinstance(source, PagedSource)  # and puts its actions beside its daily bars
    if isinstance(source, ActionSource) and not is_paged:
        table = source.actions(symbol, None, None)
        theirs = check_actions(table.assign(symbol=symbol))
    table = merged(theirs, book.of(symbol, as_of))
    is_followed = getattr(source, "follows_renames", False)
    return Told(table, (Span(symbol),) if is_followed else tuple(spans(symbol, table)))


def stitched(
    symbol: str, names: tuple[Span, ...] | list[Span], window: Window, read: Read
) -> pd.DataFrame:
    """Return the bars of `window`, each from the name that the stock had on its date.

    Parameters
    ----------
    symbol : str
        What it is called now; told in errors.
    names : sequence of Span
        As `workbench.data.action_book.spans` returns them.
    window : (Timestamp or None, Timestamp or None)
    read : callable
        Takes a name and a window, returns its bars.

    Raises
    ------
    UsageError
        As `read` says; of a former name it says which one and until when.

    Examples
    --------
    >>> day = pd.Timestamp("2022-06-09", tz="UTC")
    >>> def read(name, window):
    ...     times = pd.DatetimeIndex([window[0] or day - pd.Timedelta(days=1)])
    ...     return pd.DataFrame({"close": 1.0, "of": name}, index=times)
    >>> names = [Span("FB", None, day), Span("META", day)]
    >>> stitched("META", names, (None, None), read)["of"].tolist()
    ['FB', 'META']
    """
    parts: list[pd.DataFrame] = []
    for span in names:
        part = _overlap(span, window)
        if part is None:
            continue
        try:
            parts.append(read(span.name, part))
        except UsageError as error:
            if span.name == symbol:
                raise
            raise UsageError(
                f"{symbol} was {span.name} before {span.end:%Y-%m-%d}, and its bars of then are "
                f"not to be had: {error.message}",
                symbol=symbol,
                former=span.name,
            ) from error
    return parts[0] if len(parts) == 1 else _joined(parts)


def _overlap(span: Span, window: Window) -> Window | None:
    starts = [time for time in (span.start, window[0]) if time is not None]
    ends = [time for time in (span.end, window[1]) if time is not None]
    start, end = max(starts, default=None), min(ends, default=None)
    return None if start is not None and end is not None and start >= end else (start, end)


def _joined(parts: list[pd.DataFrame]) -> pd.DataFrame:
    attrs = dict(parts[-1].attrs)
    dropped = [record for part in parts for record in part.attrs.get("dropped", ())]
    bare = [part.copy(deep=False) for part in parts if len(part)] or parts[:1]
    for part in bare:
        part.attrs = {}
    whole = pd.concat(bare)
    for kind, neutral in NEUTRAL.items():  # one name may have had no action
        if kind in whole:
            whole[kind] = whole[kind].fillna(neutral)
    whole.index.name = "time"
    whole.attrs = attrs | ({"dropped": Dropped(dropped)} if "dropped" in attrs else {})
    return whole
