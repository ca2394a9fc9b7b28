"""``wb.actions``: the splits, dividends and changes of name that are known of a symbol."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from workbench.config import load_settings
from workbench.core.ports import ActionSource, BarSource
from workbench.data import sources
from workbench.data.action_book import NEUTRAL, ActionBook, as_table, check_actions, merged
from workbench.data.loader import bars as load_bars
from workbench.data.tables import read_table
from workbench.errors import UsageError

__all__ = ["actions", "record_actions"]


def actions(symbol: str, source: str | None = None) -> pd.DataFrame:
    """Return the corporate actions that are known of a symbol.

    Parameters
    ----------
    symbol : str
    source : str, optional
        The settings' ``source`` when left out. One that tells its actions is asked for
        them, of others the stored daily bars are read.

    Returns
    -------
    DataFrame
        One row per action, oldest first: ``date kind value former source``, where `kind` is
        ``split`` (`value` new shares per old), ``dividend`` (`value` cash per share) or
        ``rename`` (`former` is what it was called before that date). Rows of the
        workspace's own book overrule the source's.

    Raises
    ------
    UsageError
        The source has no such symbol.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.actions("AAPL", source="sample").query("kind == 'split'")["value"].tolist()
    [2.0, 2.0]
    """
    settings = load_settings()
    chosen = sources.find(source or settings.source, settings)
    own = ActionBook.open(settings).of(symbol)
    try:
        theirs = _told_by(chosen, symbol)
    except UsageError:
        if own.empty:
            raise
        theirs = as_table([])  # the book may know what the source does not
    both = merged(theirs, own)
    keys = pd.MultiIndex.from_frame(own[["date", "kind"]])
    is_own = pd.MultiIndex.from_frame(both[["date", "kind"]]).isin(keys)
    return both.assign(source=np.where(is_own, "workspace", chosen.name))


def record_actions(table: pd.DataFrame | str | Path) -> int:
    """Put corporate actions into the workspace's book; ``wb.bars`` uses them from then on.

    Parameters
    ----------
    table : DataFrame, or the path of a CSV or Parquet file
        One row per action with the columns ``symbol date kind value former``::

            symbol,date,kind,value,former
            AAPL,2014-06-09,split,7,
            AAPL,2014-08-07,dividend,0.47,
            META,2022-06-09,rename,,FB

        `date` is the ex-date, or the first day under the new name. A row that is there
        already is replaced; ``split`` 1, ``dividend`` 0 and ``rename`` without `former` say
        that there was none, and overrule a source that has one.

    Returns
    -------
    int
        How many rows there are of it.

    Raises
    ------
    DataError
        A row is no action; nothing of the table is kept.
    UsageError
        There is no such file.

    Examples
    --------
    >>> import workbench as wb
    >>> rows = pd.DataFrame({"symbol": ["ACME"], "date": ["2024-03-01"], "kind": ["split"]})
    >>> wb.record_actions(rows.assign(value=2))
    1
    >>> wb.actions("ACME", source="synthetic")[["kind", "source"]].iloc[0].tolist()
    ['split', 'workspace']
    """
    rows = table if isinstance(table, pd.DataFrame) else read_table(Path(table))
    return ActionBook.open(load_settings()).add(rows)


def _told_by(source: BarSource, symbol: str) -> pd.DataFrame:
    """Return the actions a source tells: asked for them, or beside its daily bars."""
    if isinstance(source, ActionSource):
        table = source.actions(symbol, None, None)
        return check_actions(table.assign(symbol=symbol))
    raw = load_bars(symbol, "1d", source=source.name, adjust="none")
    rows: list[tuple[object, ...]] = []
    for kind, neutral in NEUTRAL.items():
        if kind in raw:
            happened = raw[kind][(raw[kind] != neutral) & (raw[kind] > 0)]
            rows += [(day, kind, value, "") for day, value in happened.items()]
    return as_table(rows).sort_values(["date", "kind"], ignore_index=True)
