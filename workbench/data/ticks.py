"""Numbers as integer ticks where that is exact to the bit, else as they are.

A price of 101.25 with a tick of 0.01 is the integer 10125: a column of such integers
packs into a third of the space, and a Parquet ``DECIMAL`` of it is read by any program.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

__all__ = ["decode", "encode", "is_number", "places"]

Floats = npt.NDArray[np.float64]

_DIGITS = 18  # what 64 bits hold
_MOST = 9
_EXACT = 2**53  # beyond, not every integer is a float
_SAMPLE = 4096
_NAN = np.array([np.nan]).view(np.int64)[0]


def places(values: Floats) -> int | None:
    """Return how many decimal places hold all values to the bit, None where none do.

    NaN needs no places; -0.0, infinities and a NaN of unusual bits cannot be held.

    Examples
    --------
    >>> places(np.array([101.25, 3.1, np.nan])), places(np.array([1 / 3]))
    (2, None)
    """
    fewest = 0
    for part in (values[:: max(1, len(values) // _SAMPLE)], values):
        found = _fewest(part, fewest)
        if found is None:
            return None
        fewest = found
    return fewest


def encode(values: pd.Series) -> pa.Array:
    """Return a column for Parquet: decimals where exact, else the values themselves."""
    if values.dtype != np.float64:
        return pa.array(values)
    numbers = values.to_numpy()
    count = places(numbers)
    if count is None:
        return pa.array(numbers)  # NaN stays NaN, whatever its bits
    missing = np.isnan(numbers)
    ticks = np.rint(np.where(missing, 0.0, numbers) * 10.0**count).astype(np.int64)
    valid = pa.py_buffer(np.packbits(~missing, bitorder="little")) if missing.any() else None
    return pa.Array.from_buffers(
        pa.decimal64(_DIGITS, count), len(ticks), [valid, pa.py_buffer(ticks)]
    )


def is_number(kind: pa.DataType) -> bool:
    """Tell whether `decode` can read a column of this type."""
    return bool(pa.types.is_decimal64(kind) or pa.types.is_float64(kind))


def decode(column: pa.ChunkedArray | pa.Array, out: Floats) -> None:
    """Write the floats that `encode` was given into `out`.

    Parameters
    ----------
    column : pyarrow.ChunkedArray or pyarrow.Array
        Of decimals or floats.
    out : ndarray of float64
        As long as the column.
    """
    at = 0
    for chunk in column.chunks if isinstance(column, pa.ChunkedArray) else (column,):
        part = out[at : at + len(chunk)]
        at += len(chunk)
        if pa.types.is_float64(chunk.type):
            part[:] = chunk.to_numpy(zero_copy_only=False)
            continue
        ticks = np.frombuffer(chunk.buffers()[1], dtype=np.int64)[chunk.offset :][: len(chunk)]
        # a division is rounded correctly, a multiplication by 0.01 is not
        if chunk.type.scale:
            np.divide(ticks, 10.0**chunk.type.scale, out=part)
        else:
            part[:] = ticks
        if chunk.null_count:
            part[chunk.is_null().to_numpy(zero_copy_only=False)] = np.nan


def _fewest(values: Floats, start: int) -> int | None:
    bits = np.ascontiguousarray(values).view(np.int64)
    for count in range(start, _MOST + 1):
        scale = 10.0**count
        with np.errstate(over="ignore", invalid="ignore"):
            ticks = np.rint(values * scale)
            again = (ticks / scale).view(np.int64)
            fits = (again == bits) & (np.abs(ticks) < _EXACT)
        fits |= bits == _NAN
        # rint gives -0.0 for -0.0, which an integer cannot hold
        fits &= ~((ticks == 0) & np.signbit(values))
        if fits.all():
            return count
        if np.any(np.abs(values[~fits]) * scale >= _EXACT) or np.isinf(values).any():
            return None
    return None
