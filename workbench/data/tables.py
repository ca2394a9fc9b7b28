"""Small tables that users keep as CSV or Parquet files."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from workbench.errors import DataError, UsageError

__all__ = ["SUFFIXES", "read_table"]

SUFFIXES = (".csv", ".parquet")


def read_table(path: Path) -> pd.DataFrame:
    """Return the rows of a file; dates and symbols of a CSV stay text (``NA`` is a symbol).

    Raises
    ------
    UsageError
        No such file, or neither CSV nor Parquet.
    DataError
        It cannot be read.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"{path} is neither {' nor '.join(SUFFIXES)}", path=str(path))
    if not path.is_file():
        raise UsageError(f"no such file: {path}", path=str(path))
    try:
        if path.suffix.lower() == ".csv":
            return pd.read_csv(
                path, dtype="string", keep_default_na=False, na_values=[""], skipinitialspace=True
            )
        return cast(pd.DataFrame, pq.read_table(path, partitioning=None).to_pandas())
    except (pd.errors.ParserError, pd.errors.EmptyDataError, pa.ArrowException, OSError,
            UnicodeDecodeError) as error:  # fmt: skip
        raise DataError(
            f"{path} cannot be read: {error}", path=str(path), rule="damaged file"
        ) from error
