"""Trades as a table: what bars of every kind can be made of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from workbench.core.trade import Trade
from workbench.errors import DataError, UsageError

__all__ = ["are_trades", "as_trades"]

_COLUMNS = ("price", "size")


def are_trades(of: object) -> bool:
    """Tell whether something is trades: a frame with a price and no close, or `Trade` objects."""
    if isinstance(of, pd.DataFrame):
        return "price" in of.columns and "close" not in of.columns
    return isinstance(of, Sequence) and bool(len(of)) and isinstance(of[0], Trade)


def as_trades(trades: pd.DataFrame | Sequence[Trade]) -> pd.DataFrame:
    """Return trades of one symbol as a table of ``price`` and ``size``, float64, over UTC times.

    Parameters
    ----------
    trades : DataFrame or sequence of Trade
        A frame has the times, UTC, as its index: in order, and the same one as often as there
        are trades. ``attrs`` stay.

    Raises
    ------
    DataError
        A naive index, times out of order, a price that is not positive, a size below 0; NaN in
        either. Fields: ``row rule``.
    UsageError
        A column is missing, or the trades are of several symbols.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> as_trades([Trade("X", datetime(2024, 1, 2, tzinfo=UTC), 10.0, 2.0)]).attrs["symbol"]
    'X'
    """
    frame = trades if isinstance(trades, pd.DataFrame) else _frame(trades)
    missing = [name for name in _COLUMNS if name not in frame.columns]
    if missing:
        raise UsageError(
            f"trades need the columns price and size; there are "
            f"{', '.join(map(str, frame.columns))}. Rename them",
            missing=tuple(missing),
        )
    index = frame.index
    if not isinstance(index, pd.DatetimeIndex) or index.tz is None:
        raise DataError(
            "trades need their times, with a time zone, as the index", rule="naive time zone"
        )
    times = index.tz_convert("UTC").as_unit("ns")
    made = pd.DataFrame(
        {name: frame[name].to_numpy("float64") for name in _COLUMNS}, index=times.rename("time")
    )
    _check(made)
    made.attrs = dict(frame.attrs)
    return made


def _frame(trades: Sequence[Trade]) -> pd.DataFrame:
    symbols = {trade.symbol for trade in trades}
    if len(symbols) > 1:
        raise UsageError(
            f"these are trades of {len(symbols)} symbols: make bars of each by itself",
            symbols=tuple(sorted(symbols)),
        )
    frame = pd.DataFrame(
        {"price": [trade.price for trade in trades], "size": [trade.size for trade in trades]},
        index=pd.DatetimeIndex([trade.time for trade in trades]),
    )
    frame.attrs["symbol"] = symbols.pop()
    return frame


def _check(trades: pd.DataFrame) -> None:
    times = pd.DatetimeIndex(trades.index)
    price, size = trades["price"].to_numpy(), trades["size"].to_numpy()
    rules = {
        "time missing": np.asarray(times.isna()),
        "times not in order": np.diff(times.asi8, prepend=times.asi8[:1]) < 0,
        "price not positive": ~((price > 0) & np.isfinite(price)),
        "size below 0": ~((size >= 0) & np.isfinite(size)),
    }
    for rule, bad in rules.items():
        if bad.any():
            row = int(np.argmax(bad))
            raise DataError(
                f"trade {row} ({times[row]}): {rule}: price={price[row]:g} size={size[row]:g}",
                row=row,
                rule=rule,
            )
