"""The rules a row must pass to be a bar, for whoever brings rows into the house.

The rules stand here, below the data floor, because venues need them to clean what they
receive and `workbench.data.schema` needs them to check what a user brings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

__all__ = ["FIELDS", "PRICES", "Dropped", "clean", "is_sound", "violations"]

PRICES = ("open", "high", "low", "close")
FIELDS = (*PRICES, "volume")

_BLOCK = 1 << 15

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


class Dropped(tuple[dict[str, Any], ...]):
    """The rows that were left out, each with its reason; light enough to ride in ``attrs``.

    A tuple of dicts with ``symbol row time rule values``; `frame` gives it as a table.

    Examples
    --------
    >>> Dropped([{"symbol": "A", "row": 7, "time": "", "rule": "high below low", "values": ""}])
    1 row left out: high below low (1); first: A row 7
    """

    __slots__ = ()

    @classmethod
    def of(cls, frame: pd.DataFrame) -> Dropped:
        """Make it from the table that `clean` returns."""
        table = frame.assign(time=frame["time"].astype(str))
        return cls(table.to_dict("records"))  # type: ignore[arg-type]

    @property
    def frame(self) -> pd.DataFrame:
        """The same as a DataFrame."""
        return pd.DataFrame(list(self), columns=["symbol", "row", "time", "rule", "values"])

    def __deepcopy__(self, memo: dict[int, Any]) -> Dropped:
        # pandas copies attrs on every operation; this is a constant, so it need not be.
        return self

    def __repr__(self) -> str:
        if not self:
            return "no row left out"
        counts: dict[str, int] = {}
        for record in self:
            counts[record["rule"]] = counts.get(record["rule"], 0) + 1
        rules = ", ".join(f"{rule} ({count})" for rule, count in counts.items())
        first, many = self[0], "rows" if len(self) > 1 else "row"
        where = f"{first['symbol']} row {first['row']}".strip()
        return f"{len(self)} {many} left out: {rules}; first: {where}"

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>{self.frame.to_html(index=False)}"


def is_sound(values: Mapping[str, Floats]) -> bool:
    """Tell whether `violations` would find nothing, in less time.

    Parameters
    ----------
    values : mapping of str to ndarray
        As `violations` takes them.

    Examples
    --------
    >>> one = {name: np.array([10.0, np.nan]) for name in FIELDS}
    >>> is_sound(one), is_sound(one | {"high": np.array([9.0, np.nan])})
    (True, False)
    """
    arrays = [np.asarray(values[name]) for name in FIELDS]
    rows = len(arrays[0])
    # Blocks stay in the processor's cache; whole columns would go through memory ten times.
    return all(
        _is_sound(*(array[at : at + _BLOCK] for array in arrays)) for at in range(0, rows, _BLOCK)
    )


def _is_sound(opens: Floats, highs: Floats, lows: Floats, closes: Floats, volumes: Floats) -> bool:
    if _is_whole_and_sound(opens, highs, lows, closes, volumes):
        return True
    least, most = np.fmin(opens, closes), np.fmax(opens, closes)
    if (least < lows).any() or (most > highs).any() or (highs < lows).any():
        return False
    np.fmin(np.fmin(least, lows, out=least), highs, out=least)
    np.fmax(np.fmax(most, lows, out=most), highs, out=most)
    is_finite = not (np.isinf(most) | np.isinf(volumes)).any()
    return bool(is_finite and not (least <= 0.0).any() and not (volumes < 0.0).any())


def _is_whole_and_sound(
    opens: Floats, highs: Floats, lows: Floats, closes: Floats, volumes: Floats
) -> bool:
    """Tell of the usual block in the fewest passes; a NaN anywhere makes a least value NaN."""
    if not (lows.min() > 0.0 and highs.max() < np.inf):
        return False
    if not (volumes.min() >= 0.0 and volumes.max() < np.inf):
        return False
    room = np.subtract(opens, lows)
    return bool(
        room.min() >= 0.0
        and np.subtract(closes, lows, out=room).min() >= 0.0
        and np.subtract(highs, opens, out=room).min() >= 0.0
        and np.subtract(highs, closes, out=room).min() >= 0.0
    )


def violations(values: Mapping[str, Floats]) -> list[tuple[str, Mask]]:
    """Return the rules of the contract, each with the places that break it.

    Parameters
    ----------
    values : mapping of str to ndarray
        ``open high low close volume``, all of one shape; NaN is missing and breaks no rule.

    Returns
    -------
    list of (str, ndarray of bool)
        In the order in which they are told.

    Examples
    --------
    >>> one = {name: np.array([10.0]) for name in FIELDS} | {"high": np.array([9.0])}
    >>> [rule for rule, bad in violations(one) if bad.any()]
    ['high below low']
    """
    opens, highs, lows, closes, volumes = (np.asarray(values[name]) for name in FIELDS)
    inverted = highs < lows
    outside = (highs < opens) | (highs < closes) | (lows > opens) | (lows > closes)
    return [
        ("not finite", _any_of(np.isinf(values[name]) for name in FIELDS)),
        ("price not positive", _any_of(values[name] <= 0 for name in PRICES)),
        ("negative volume", volumes < 0),
        ("high below low", inverted),
        ("open or close outside low..high", outside & ~inverted),
    ]


def clean(
    frame: pd.DataFrame, *, symbol: str = "", rows: Sequence[int] | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Part rows into bars and rejects; nothing is lost without being told.

    Parameters
    ----------
    frame : DataFrame
        Index of UTC times (NaT where unreadable), columns ``open high low close volume``
        of any dtype; further columns are kept as they are.
    symbol : str
        Told in the rejects.
    rows : sequence of int, optional
        What each row is called, e.g. line numbers of a file; 0, 1, … by default.

    Returns
    -------
    good : DataFrame
        Strictly increasing times, float64 fields. Rows out of order are put in order,
        which ``good.attrs["repaired"]`` says. A missing volume stays NaN.
    dropped : DataFrame
        The rejects with ``symbol row time rule values``; of duplicates the first stays.

    Examples
    --------
    >>> times = pd.DatetimeIndex(["2024-01-02", "2024-01-02"], tz="UTC", name="time")
    >>> raw = pd.DataFrame({name: [1.0, 1.0] for name in FIELDS}, index=times)
    >>> good, dropped = clean(raw, symbol="A")
    >>> len(good), dropped["rule"].tolist()
    (1, ['duplicate time'])
    """
    numbers = np.arange(len(frame)) if rows is None else np.asarray(rows)
    fields = {name: pd.to_numeric(frame[name], errors="coerce") for name in FIELDS}
    values = {name: column.to_numpy("float64", na_value=np.nan) for name, column in fields.items()}
    not_numeric = _any_of(
        np.isnan(values[name]) & frame[name].notna().to_numpy() for name in FIELDS
    )
    missing = _any_of(np.isnan(values[name]) for name in PRICES)
    rules = [
        ("time not readable", np.asarray(frame.index.isna())),
        ("not a number", not_numeric),
        ("missing value", missing),
        *violations(values),
    ]
    reason = np.full(len(frame), None, dtype=object)
    for rule, bad in rules:
        reason[bad & (reason == None)] = rule  # noqa: E711  elementwise
    fine = np.flatnonzero(reason == None)  # noqa: E711  elementwise
    reason[fine[frame.index[fine].duplicated(keep="first")]] = "duplicate time"
    kept = reason == None  # noqa: E711  elementwise
    good = frame.assign(**values)[kept]
    good.attrs["repaired"] = ()
    if not good.index.is_monotonic_increasing:
        good = _sorted(good, numbers[kept])
    return good, _rejects(frame, ~kept, reason, numbers, symbol)


def _any_of(masks: Any) -> Mask:
    total: Mask | None = None
    for mask in masks:
        total = mask if total is None else total | mask
    assert total is not None  # noqa: S101  every caller passes at least one
    return total


def _sorted(good: pd.DataFrame, numbers: npt.NDArray[Any]) -> pd.DataFrame:
    times = good.index.asi8  # type: ignore[attr-defined]
    late = np.flatnonzero(times < np.maximum.accumulate(times))
    ordered = good.sort_index(kind="stable")
    ordered.attrs["repaired"] = (
        f"put in order: {len(late)} of {len(good)} rows stood after a later one, "
        f"first row {numbers[late[0]]} ({good.index[late[0]]})",
    )
    return ordered


def _rejects(
    frame: pd.DataFrame, bad: Mask, reason: npt.NDArray[Any], numbers: npt.NDArray[Any], symbol: str
) -> pd.DataFrame:
    rejected = frame.loc[bad, list(FIELDS)]
    texts = [
        " ".join(f"{name}={value}" for name, value in zip(FIELDS, row, strict=True))
        for row in rejected.itertuples(index=False, name=None)
    ]
    return pd.DataFrame(
        {
            "symbol": symbol,
            "row": numbers[bad],
            "time": rejected.index,
            "rule": reason[bad],
            "values": texts,
        }
    )
