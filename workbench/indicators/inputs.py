"""Series, frames of symbols and bars, read into arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from workbench.errors import UsageError
from workbench.indicators.spec import Spec

__all__ = ["Inputs", "read"]

_FIELDS = ("close", "open", "high", "low", "volume")
_TAKES = "a Series, a frame with one column per symbol, or bars"


@dataclass(frozen=True, slots=True)
class Inputs:
    """The arrays of a call.

    Parameters
    ----------
    index : Index
        Of the rows.
    symbols : Index or None
        None for one symbol.
    arrays : list of ndarray
        One per input, float64: (rows,) for one symbol, (rows, symbols) for many.
    """

    index: pd.Index
    symbols: pd.Index | None
    arrays: list[np.ndarray]


def read(spec: Spec, given: tuple[Any, ...], named: dict[str, Any]) -> Inputs:
    """Read what an indicator was called with.

    Parameters
    ----------
    spec : Spec
    given : tuple
        One Series per input in the order of ``spec.inputs``; or frames with one column per
        symbol (a Series beside them serves every symbol); or bars alone.
    named : dict
        Inputs given by name; bars give the others.

    Raises
    ------
    UsageError
        A wrong type, a missing column, or indexes or symbols that differ.
    """
    first = given[0] if given else None
    if len(spec.inputs) == 1 and not named and isinstance(first, pd.Series) and len(given) == 1:
        return Inputs(first.index, None, [_floats(spec, first, "the input")])
    free = tuple(n for n in spec.inputs if n not in named)
    if len(given) == 1 and isinstance(first, pd.DataFrame) and (len(free) > 1 or _is_bars(first)):
        given = tuple(_columns(spec, first, free))
    if len(given) != len(free):
        raise _miscount(spec, len(given) + len(named))
    parts = dict(zip(free, given, strict=True)) | named
    return _join(spec, {name: parts[name] for name in spec.inputs})


def _miscount(spec: Spec, count: int) -> UsageError:
    several = f"bars, or {len(spec.inputs)} Series ({', '.join(spec.inputs)})"
    return UsageError(
        f"{spec.name} takes {several if len(spec.inputs) > 1 else _TAKES}, not {count} inputs",
        function=spec.name,
        inputs=spec.inputs,
    )


def _is_bars(frame: pd.DataFrame) -> bool:
    if frame.columns.nlevels > 1:
        return True
    return any(field in frame.columns for field in _FIELDS)


def _columns(spec: Spec, bars: pd.DataFrame, wanted: tuple[str, ...]) -> list[Any]:
    there = bars.columns.get_level_values(0).unique()
    missing = [name for name in wanted if name not in there]
    if missing:
        raise UsageError(
            f"{spec.name} needs the columns {', '.join(wanted)} of bars; "
            f"missing: {', '.join(missing)} (there are: {', '.join(map(str, there[:8]))})",
            function=spec.name,
            missing=missing,
        )
    return [bars[name] for name in wanted]


def _join(spec: Spec, parts: dict[str, Any]) -> Inputs:
    for name, part in parts.items():
        if not isinstance(part, pd.Series | pd.DataFrame):
            raise _refuse(spec, name, f"is a {type(part).__name__}; give {_TAKES}")
        if part.ndim == 2 and part.columns.nlevels > 1:
            raise _refuse(spec, name, 'has column levels left; pick one first, e.g. bars["close"]')
    lead, first = next(iter(parts.items()))
    index = first.index
    for name, part in parts.items():
        if not part.index.is_(index) and not part.index.equals(index):
            raise _refuse(
                spec,
                name,
                f"has another index than {lead} ({len(part)} and {len(index)} rows); "
                "align them first",
            )
    symbols = _symbols(spec, parts)
    arrays = [_floats(spec, part, name) for name, part in parts.items()]
    if symbols is not None:
        wide = (len(index), len(symbols))
        arrays = [a if a.ndim == 2 else np.broadcast_to(a[:, None], wide) for a in arrays]
    return Inputs(index, symbols, arrays)


def _symbols(spec: Spec, parts: dict[str, Any]) -> pd.Index | None:
    frames = {name: part for name, part in parts.items() if part.ndim == 2}
    if not frames:
        return None
    lead, first = next(iter(frames.items()))
    symbols: pd.Index = first.columns
    for name, frame in frames.items():
        if not frame.columns.equals(symbols):
            raise _refuse(
                spec,
                name,
                f"has other symbols than {lead}: {list(frame.columns[:8])} and {list(symbols[:8])}",
            )
    return symbols


def _floats(spec: Spec, part: pd.Series | pd.DataFrame, name: str) -> np.ndarray:
    values = part.to_numpy()
    if values.dtype == np.float64:
        return values
    for kind in [part.dtype] if isinstance(part, pd.Series) else part.dtypes:
        if not pd.api.types.is_numeric_dtype(kind) or pd.api.types.is_complex_dtype(kind):
            raise _refuse(spec, name, f"holds {kind}, not numbers")
    if isinstance(part, pd.Series):
        return part.to_numpy(dtype=np.float64, na_value=np.nan)
    return part.to_numpy(dtype=np.float64, na_value=np.nan)


def _refuse(spec: Spec, name: str, why: str) -> UsageError:
    return UsageError(f"{spec.name}: {name} {why}", function=spec.name, input=name)
