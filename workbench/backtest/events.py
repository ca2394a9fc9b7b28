"""What bars carry beside prices: dividends, splits and funding, and the time between closes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from workbench.data.adjust import adjusts_for
from workbench.data.known import known_of
from workbench.errors import DataError
from workbench.kernels.codes import DIVIDEND, FUNDING, SPLIT, YEARS, Floats

__all__ = ["events_of"]

_YEAR = 365 * 86_400e9
_COLUMNS = {"funding": FUNDING, "dividend": DIVIDEND, "split": SPLIT}


def events_of(
    bars: pd.DataFrame, symbols: Sequence[str], timeframe: str, calendar: str, *, is_timed: bool
) -> Floats:
    """Return ``Market.events`` of checked bars, of length 0 where they carry nothing.

    Parameters
    ----------
    bars : DataFrame
        With ``funding``, ``dividend`` and ``split`` as further columns, each where there is
        such a thing. NaN is none, and so is a split of 0.
    is_timed : bool
        Whether the time between closes matters, as it does for interest.

    Returns
    -------
    ndarray, shape (T, N, 4)

    Raises
    ------
    DataError
        A dividend below 0, a split that is no ratio, a funding that is no number; or a split or
        dividend beside prices that are adjusted for it already.

    Examples
    --------
    >>> times = pd.date_range("2024-01-05", periods=2, freq="3D", tz="UTC")  # Friday, Monday
    >>> bars = pd.DataFrame({"close": 1.0, "dividend": [0.0, 0.5]}, index=times)
    >>> found = events_of(bars, ["A"], "1d", "XNYS", is_timed=True)
    >>> (found[1, 0] * [365, 1, 1, 1]).round(6).tolist()
    [3.0, 0.0, 0.5, 1.0]
    """
    given = [name for name in _COLUMNS if name in bars.columns.get_level_values(0)]
    found = {name: _column(bars, name, symbols) for name in given}
    found = {name: values for name, values in found.items() if _happens(name, values)}
    if not found and not is_timed:
        return np.empty((0, 0, 0))
    _check_adjustment(bars, found)
    events = np.zeros((len(bars), len(symbols), 4))
    events[:, :, SPLIT] = 1.0
    for name, values in found.items():
        events[:, :, _COLUMNS[name]] = values
    if is_timed:
        known = known_of(bars, timeframe, calendar)
        gaps = np.diff(known.as_unit("ns").asi8.astype(np.float64)) / _YEAR
        events[1:, :, YEARS] = np.maximum(gaps, 0.0)[:, None]
    return events


def _column(bars: pd.DataFrame, name: str, symbols: Sequence[str]) -> Floats:
    if bars.columns.nlevels == 2:  # some of the symbols may have no such column
        keys = pd.MultiIndex.from_product([[name], symbols])
        values = bars.reindex(columns=keys).to_numpy("float64")
    else:
        values = bars[[name]].to_numpy("float64")
    values = np.where(np.isnan(values), 0.0, values)
    if name == "split":
        values = np.where(values == 0.0, 1.0, values)
    wrong = ~np.isfinite(values) | ((values < 0.0) & (name != "funding"))
    if wrong.any():
        row, column = map(int, np.argwhere(wrong)[0])
        raise DataError(
            f"the {name} of {symbols[column]} at {bars.index[row]} is {values[row, column]:g}; "
            "it must be a number, and only a funding may be below 0",
            symbol=symbols[column],
            time=bars.index[row],
            rule=name,
        )
    return values


def _happens(name: str, values: Floats) -> bool:
    return bool((values != (1.0 if name == "split" else 0.0)).any())


def _check_adjustment(bars: pd.DataFrame, found: dict[str, Floats]) -> None:
    how = bars.attrs.get("adjustment", "none")
    twice = adjusts_for(how) & found.keys()
    if twice:
        raise DataError(
            f"the prices are adjusted already (adjustment {how!r}), and yet there is a column "
            f"{sorted(twice)[0]!r}: it would count twice; drop it, or take bars with adjust='none'",
            rule="adjustment",
        )
