"""The one door to the array functions: gaps out, numbers in, results back on their rows."""

from __future__ import annotations

import numpy as np

from workbench.indicators.memo import active
from workbench.indicators.spec import Spec

__all__ = ["compute"]


def compute(
    spec: Spec, arrays: list[np.ndarray], parameters: tuple[float, ...]
) -> tuple[np.ndarray, ...]:
    """Compute one indicator of one symbol.

    Every indicator passes here with the facts that name its result (function, arrays,
    parameters), so this is the place where a sweep keeps results for a second asking; see
    `workbench.indicators.memo`.

    Parameters
    ----------
    spec : Spec
    arrays : list of ndarray
        One (rows,) float64 array per input. A row where any of them is NaN or infinite is a
        gap: the function sees the other rows as if they were neighbours, and its result is
        NaN there.
    parameters : tuple
        Checked, in order.

    Returns
    -------
    tuple of ndarray
        One (rows,) float64 array per output; all NaN where there are too few rows.

    Examples
    --------
    >>> from workbench.indicators.talib_specs import spec
    >>> [mom] = compute(spec("mom"), [np.array([1.0, np.nan, 4.0, 9.0])], (1,))
    >>> mom
    array([nan, nan,  3.,  5.])
    """
    memo = active()
    if memo is None:
        return _computed(spec, arrays, parameters)
    return memo.get(spec, arrays, parameters, _computed)


def _computed(
    spec: Spec, arrays: list[np.ndarray], parameters: tuple[float, ...]
) -> tuple[np.ndarray, ...]:
    present = _present(arrays)
    if present is None:
        return _run(spec, arrays, parameters)
    dense = _run(spec, [a[present] for a in arrays], parameters)
    results = []
    for values in dense:
        result = np.full(len(present), np.nan)
        result[present] = _rows(values, present) if spec.positions else values
        results.append(result)
    return tuple(results)


def _present(arrays: list[np.ndarray]) -> np.ndarray | None:
    """Return the rows without a gap, or None where no row has one."""
    # A finite sum proves that all is finite; only one that is not costs the second look.
    with np.errstate(over="ignore", invalid="ignore"):
        if all(np.isfinite(a.sum()) for a in arrays):
            return None
    present: np.ndarray = np.isfinite(arrays[0])
    for a in arrays[1:]:
        present &= np.isfinite(a)
    return None if present.all() else present


def _rows(values: np.ndarray, present: np.ndarray) -> np.ndarray:
    """Translate row numbers among the rows present into those of the input."""
    known = np.isfinite(values)
    result = values.copy()
    result[known] = np.flatnonzero(present)[values[known].astype(np.intp)]
    return result


def _run(
    spec: Spec, arrays: list[np.ndarray], parameters: tuple[float, ...]
) -> tuple[np.ndarray, ...]:
    if len(arrays[0]) == 0:
        return tuple(np.empty(0) for _ in spec.outputs)
    found = spec.kernel(*arrays, *parameters)
    return found if isinstance(found, tuple) else (found,)
