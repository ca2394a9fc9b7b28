"""Ways to change the later rows of bars, so that whoever knows them gives himself away."""

from __future__ import annotations

import copy
import dis
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from workbench.strategy.base import Strategy

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "CARRIED",
    "GAPPY",
    "Kind",
    "borrowed",
    "carried",
    "carrying",
    "changed_bars",
    "kinds",
    "symbols_of",
    "with_gap",
]

Change = Callable[[pd.DataFrame, int, np.random.Generator], pd.DataFrame]

GAPPY = "later bars × noise, with missing bars before"
CARRIED = "later rows of the frames it carries changed"
_PRICES = ("open", "high", "low", "close")
_LOADS = ("LOAD_GLOBAL", "LOAD_NAME")
_FACTOR = 3.0
_SPREAD = 1 / 3


class Kind(NamedTuple):
    """A way to change later rows.

    Parameters
    ----------
    name : str
        As the report has it.
    change : callable
        Takes the bars, the last row to leave alone, and a generator; returns new bars. Prices
        stay positive and in order: the prices of one bar move together.
    every, turn : int
        It is tried at one cut point in `every`, the one whose number leaves `turn`.
    """

    name: str
    change: Change
    every: int = 1
    turn: int = 0


def kinds(bars: pd.DataFrame, *, carries: bool) -> list[Kind]:
    """Return the kinds of change that make sense for these bars.

    Examples
    --------
    >>> bars = pd.DataFrame({"close": [1.0, 2.0]}, index=pd.date_range("2024", periods=2))
    >>> [triple] = [kind for kind in kinds(bars, carries=False) if "× 3" in kind.name]
    >>> triple.change(bars, 0, np.random.default_rng(1))["close"].tolist()
    [1.0, 6.0]
    """
    every = np.ones(bars.shape[1], dtype=bool)
    found = [
        Kind("later bars cut off", lambda frame, cut, _: frame.iloc[: cut + 1].copy()),
        Kind(f"later bars × {_FACTOR:g}", lambda frame, cut, _: _scaled(frame, cut, _FACTOR)),
        Kind(f"later bars ÷ {_FACTOR:g}", lambda frame, cut, _: _scaled(frame, cut, 1 / _FACTOR)),
        Kind("later bars × noise", _noise(every)),
        Kind("the next bar left out", _left_out, every=2),
        Kind("later bars moved by one", _moved, every=2, turn=1),
        Kind(GAPPY, _noise(every), every=4),
    ]
    if bars.columns.nlevels == 2:
        owners = bars.columns.get_level_values(1).astype(str)
        symbols = symbols_of(bars)
        found += [
            Kind(
                f"later bars of {symbol} alone × noise",
                _noise(np.asarray(owners == symbol)),
                every=len(symbols),
                turn=turn,
            )
            for turn, symbol in enumerate(symbols)
        ]
        found += [
            Kind(
                f"later bars of {symbol} missing",
                _missing(np.asarray(owners == symbol)),
                every=2 * len(symbols),
                turn=2 * turn,
            )
            for turn, symbol in enumerate(symbols)
        ]
    fields = bars.columns.get_level_values(0)
    extra = np.asarray(~fields.isin([*_PRICES, "volume"]))
    if extra.any():
        found.append(Kind("later rows of the further columns changed", _noise(extra)))
    if carries:
        found.append(Kind(CARRIED, lambda frame, _cut, _rng: frame))
    return found


def symbols_of(bars: pd.DataFrame) -> list[str]:
    """Return the names of the targets' columns."""
    if bars.columns.nlevels == 2:
        return list(map(str, bars["close"].columns))
    return [str(bars.attrs.get("symbol") or "the asset")]


def with_gap(bars: pd.DataFrame, cut: int) -> pd.DataFrame:
    """Return bars of which three up to `cut` are missing: filling from behind would show."""
    gappy = bars.copy()
    numbers = [k for k, kind in enumerate(bars.dtypes) if kind.kind == "f"]
    gappy.iloc[max(cut - 2, 0) : cut + 1, numbers] = np.nan
    return gappy


def carried(strategy: Strategy) -> dict[str, pd.DataFrame | pd.Series]:
    """Return the frames of a time index that a strategy has as attributes, its class's included."""
    found: dict[str, pd.DataFrame | pd.Series] = {}
    for owner in (*reversed(type(strategy).__mro__), strategy):
        for name, value in vars(owner).items():
            frame = isinstance(value, pd.DataFrame | pd.Series)
            if frame and isinstance(value.index, pd.DatetimeIndex):
                found[name] = value
    return found


def borrowed(strategy: Strategy) -> list[str]:
    """Return the names of frames that a strategy's methods read from around them.

    Globals, such as the bars of an earlier cell in a notebook, and what a function that
    made the class held.
    """
    names: dict[str, None] = {}
    for owner in type(strategy).__mro__:
        for value in vars(owner).values():
            made = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
            if isinstance(made, FunctionType):
                names |= dict.fromkeys(_frames_around(made))
    return list(names)


def _frames_around(made: FunctionType) -> Iterator[str]:
    for name in sorted(_globals(made.__code__)):
        if isinstance(made.__globals__.get(name), pd.DataFrame | pd.Series):
            yield name
    for name, cell in zip(made.__code__.co_freevars, made.__closure__ or (), strict=True):
        with suppress(ValueError):  # an empty cell
            if isinstance(cell.cell_contents, pd.DataFrame | pd.Series):
                yield name


def _globals(code: CodeType) -> set[str]:
    found = {str(step.argval) for step in dis.get_instructions(code) if step.opname in _LOADS}
    inner = (const for const in code.co_consts if isinstance(const, CodeType))
    return found.union(*map(_globals, inner))


def carrying(
    strategy: Strategy,
    frames: dict[str, pd.DataFrame | pd.Series],
    cut: pd.Timestamp,
    rng: np.random.Generator,
) -> Strategy:
    """Return a copy of a strategy whose frames have other numbers after the instant `cut`."""
    changed = copy.copy(strategy)
    for name, frame in frames.items():
        index = pd.DatetimeIndex(frame.index)
        late = np.asarray((index.tz_localize("UTC") if index.tz is None else index) > cut)
        table = frame.to_frame() if isinstance(frame, pd.Series) else frame.copy()
        for k, kind in enumerate(table.dtypes):
            values = table.iloc[:, k].to_numpy(copy=True)
            values[late] = rng.permutation(values[late])
            if kind.kind == "f":
                values[late] *= np.exp(rng.normal(0, _SPREAD, int(late.sum())))
            table.isetitem(k, values)
        # The class's attribute is hidden by one of the copy's own.
        changed.__dict__[name] = table.iloc[:, 0] if isinstance(frame, pd.Series) else table
    return changed


def _scaled(bars: pd.DataFrame, cut: int, factor: float) -> pd.DataFrame:
    """Multiply one symbol's later rows and divide the next one's: ranks change too."""
    factors = np.full(bars.shape[1], factor)
    if bars.columns.nlevels == 2:
        symbols = symbols_of(bars)
        for k, owner in enumerate(bars.columns.get_level_values(1).astype(str)):
            if symbols.index(owner) % 2:
                factors[k] = 1 / factor
    return _times(bars, cut, np.tile(factors, (len(bars) - cut - 1, 1)), {})


def changed_bars(bars: pd.DataFrame, rows: NDArray[np.intp], factor: float) -> pd.DataFrame:
    """Return bars of which some rows are multiplied, of every second symbol divided.

    Examples
    --------
    >>> bars = pd.DataFrame({"close": [1.0, 2.0, 4.0]}, index=pd.date_range("2024", periods=3))
    >>> changed_bars(bars, np.array([1]), 3.0)["close"].tolist()
    [1.0, 6.0, 4.0]
    """
    factors = np.full(bars.shape[1], factor)
    if bars.columns.nlevels == 2:
        symbols = symbols_of(bars)
        for k, owner in enumerate(bars.columns.get_level_values(1).astype(str)):
            if symbols.index(owner) % 2:
                factors[k] = 1 / factor
    every = np.ones((len(bars), bars.shape[1]))
    every[rows] = factors
    changed = _times(bars, -1, every, {})
    turned = [k for k, kind in enumerate(bars.dtypes) if kind.kind != "f"]
    for k in turned:  # flags and counts: those of the bar before
        values = changed.iloc[:, k].to_numpy(copy=True)
        values[rows] = values[np.maximum(rows - 1, 0)]
        changed.isetitem(k, values)
    return changed


def _left_out(bars: pd.DataFrame, cut: int, _: np.random.Generator) -> pd.DataFrame:
    """Return bars without the first later one, as on a day without trade."""
    kept = np.ones(len(bars), dtype=bool)
    kept[cut + 1] = False
    changed = bars.loc[kept].copy()
    changed.attrs = dict(bars.attrs)
    return changed


def _moved(bars: pd.DataFrame, cut: int, _: np.random.Generator) -> pd.DataFrame:
    """Return bars whose later rows hold what the row after them held, and the last the first's."""
    order = np.arange(len(bars))
    order[cut + 1 :] = np.roll(order[cut + 1 :], -1)
    changed = bars.iloc[order].set_axis(bars.index, axis=0)
    changed.attrs = dict(bars.attrs)
    return changed


def _missing(columns: NDArray[np.bool_]) -> Change:
    def blank(bars: pd.DataFrame, cut: int, _: np.random.Generator) -> pd.DataFrame:
        floats = np.array([kind.kind == "f" for kind in bars.dtypes])
        changed = bars.copy()
        changed.iloc[cut + 1 :, np.flatnonzero(columns & floats)] = np.nan
        changed.attrs = dict(bars.attrs)
        return changed

    return blank


def _noise(columns: NDArray[np.bool_]) -> Change:
    def noisy(bars: pd.DataFrame, cut: int, rng: np.random.Generator) -> pd.DataFrame:
        rows = len(bars) - cut - 1
        prices: dict[str, NDArray[np.float64]] = {}
        factors = np.ones((rows, len(columns)))
        fields = bars.columns.get_level_values(0)
        owners = bars.columns.get_level_values(bars.columns.nlevels - 1)
        one = bars.columns.nlevels == 1
        for k, field in enumerate(fields):
            symbol = "" if one else str(owners[k])
            noise = np.exp(rng.normal(0, _SPREAD, rows))
            if field in _PRICES:
                noise = prices.setdefault(symbol, noise)
            if columns[k]:
                factors[:, k] = noise
        own = np.flatnonzero(columns & ~np.asarray(fields.isin([*_PRICES, "volume"])))
        return _times(bars, cut, factors, {int(k): rng.permutation(rows) for k in own})

    return noisy


def _times(
    bars: pd.DataFrame,
    cut: int,
    factors: NDArray[np.float64],
    mixed: dict[int, NDArray[np.intp]],
) -> pd.DataFrame:
    """Multiply later rows, after those of some columns have changed places.

    Of a column that is no price it is not known what noise would mean to it: it may hold a
    sign, a flag or a name.
    """
    later = slice(cut + 1, None)
    if not mixed and all(kind == np.float64 for kind in bars.dtypes):
        block = bars.to_numpy(copy=True)
        block[later] *= factors
        changed = pd.DataFrame(block, index=bars.index, columns=bars.columns, copy=False)
    else:
        changed = bars.copy()
        for k, kind in enumerate(bars.dtypes):
            values = bars.iloc[:, k].to_numpy(copy=True)
            if k in mixed:
                values[later] = values[later][mixed[k]]
            if kind.kind == "f":
                values[later] *= factors[:, k]
            changed.isetitem(k, values)
    changed.attrs = dict(bars.attrs)
    return changed
