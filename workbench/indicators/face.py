"""From a `Spec` to a function of pandas objects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from workbench.errors import UsageError
from workbench.indicators.compute import compute
from workbench.indicators.describe import docstring, signature
from workbench.indicators.inputs import Inputs, read
from workbench.indicators.spec import Spec

__all__ = ["make"]


def make(spec: Spec) -> Callable[..., Any]:
    """Return ``function(data, *parameters)`` for a spec, with a signature and a docstring.

    Examples
    --------
    >>> from workbench.indicators.spec import Parameter
    >>> double = make(Spec("double", "Twice", "Example", ("close",),
    ...     (Parameter("by", float, 2.0),), ("double",), lambda a, by: a * by))
    >>> double(pd.Series([1.0, np.nan, 3.0])).tolist()
    [2.0, nan, 6.0]
    """
    inputs = frozenset(spec.inputs)
    columns = pd.Index(spec.outputs)

    def indicator(*data: Any, **parameters: Any) -> Any:
        # What stands for bars or a Series without being one answers for itself.
        stand_in = getattr(type(data[0]), "_workbench_indicator", None) if data else None
        if stand_in is not None:
            return stand_in(spec, data, parameters)
        count = 0
        while count < len(data) and isinstance(data[count], pd.Series | pd.DataFrame):
            count += 1
        named = {k: parameters.pop(k) for k in inputs & parameters.keys()} if parameters else {}
        if not count and not named:
            raise _no_data(spec, data)
        values = spec.bind(data[count:], parameters)
        found = read(spec, data[:count], named)
        if found.symbols is None:
            return _one(spec, columns, found.index, compute(spec, found.arrays, values))
        return _many(spec, found, found.symbols, values)

    indicator.__name__ = indicator.__qualname__ = spec.name
    indicator.__module__ = "workbench.indicators"
    indicator.__doc__ = docstring(spec)
    indicator.__signature__ = signature(spec)  # type: ignore[attr-defined]
    indicator.spec = spec  # type: ignore[attr-defined]
    return indicator


def _no_data(spec: Spec, data: tuple[Any, ...]) -> UsageError:
    got = f"a {type(data[0]).__name__}" if data else "nothing"
    if len(spec.inputs) == 1:
        wants = "a Series, a frame with one column per symbol, or bars"
    else:
        wants = f"bars, or one Series for each of {', '.join(spec.inputs)}"
    return UsageError(f"{spec.name} takes {wants}; not {got}", function=spec.name)


def _one(
    spec: Spec, columns: pd.Index, index: pd.Index, results: tuple[np.ndarray, ...]
) -> pd.Series | pd.DataFrame:
    if len(results) == 1:
        return pd.Series(results[0], index=index, name=spec.name, copy=False)
    block = np.stack(results)
    return pd.DataFrame(block.T, index=index, columns=columns, copy=False)


def _many(spec: Spec, given: Inputs, symbols: pd.Index, values: tuple[float, ...]) -> pd.DataFrame:
    wide = len(symbols)
    block = np.empty((len(spec.outputs) * wide, len(given.index)))
    for i in range(wide):
        results = compute(spec, [np.ascontiguousarray(a[:, i]) for a in given.arrays], values)
        for j, result in enumerate(results):
            block[j * wide + i] = result
    columns = symbols
    if len(spec.outputs) > 1:
        names = ["output", symbols.name or "symbol"]
        columns = pd.MultiIndex.from_product([spec.outputs, symbols], names=names)
    return pd.DataFrame(block.T, index=given.index, columns=columns, copy=False)
