"""Symbols and bars."""

from __future__ import annotations

import io
import math
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import pandas as pd
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from workbench.data import sources
from workbench.data.loader import bars
from workbench.server.services import services_of

__all__ = ["router"]

router = APIRouter(prefix="/api/v1", tags=["data"])

_MOST_ROWS = 20_000
SymbolQuery = Annotated[
    str, Query(min_length=1, max_length=40, pattern=r"^[A-Za-z0-9][A-Za-z0-9./:_-]*$")
]


class Format(StrEnum):
    """How bars are written."""

    JSON = "json"
    CSV = "csv"
    PARQUET = "parquet"


@router.get("/symbols")
def list_symbols(
    request: Request, source: Annotated[str | None, Query(max_length=40)] = None
) -> dict[str, Any]:
    """List the sources, and the symbols of one of them."""
    settings = services_of(request).settings
    found = sources.find(source or settings.source, settings)
    return {
        "source": found.name,
        "is_synthetic": found.name == "synthetic",
        "symbols": list(found.symbols()),
        "sources": list(sources.names()),
    }


@router.get("/bars", response_model=None)
def read_bars(  # noqa: PLR0913, PLR0917 - each argument is a part of the query
    symbol: SymbolQuery,
    timeframe: Annotated[str, Query(max_length=8)] = "1d",
    start: datetime | None = None,
    end: datetime | None = None,
    source: Annotated[str | None, Query(max_length=40)] = None,
    adjust: Annotated[str, Query(max_length=8)] = "all",
    format: Format = Format.JSON,
    limit: Annotated[int, Query(ge=1, le=_MOST_ROWS)] = 1_000,
) -> Response | dict[str, Any]:
    """Return the bars of one symbol with ``start <= time < end``.

    JSON holds the last `limit` bars as columns; CSV and Parquet hold all of them.
    """
    found = bars(symbol, timeframe, start, end, source, adjust)
    if format is Format.CSV:
        return Response(found.to_csv(), media_type="text/csv")
    if format is Format.PARQUET:
        buffer = io.BytesIO()
        found.to_parquet(buffer)
        return Response(buffer.getvalue(), media_type="application/vnd.apache.parquet")
    shown = found.iloc[-limit:]
    told = ("timeframe", "source", "adjustment", "calendar", "fingerprint")
    return {
        "symbol": symbol,
        **{name: found.attrs.get(name) for name in told},
        "rows": len(found),
        "time": [_text(stamp) for stamp in shown.index],
        **{name: _numbers(shown[name]) for name in ("open", "high", "low", "close", "volume")},
    }


def _text(stamp: pd.Timestamp) -> str:
    return str(stamp.isoformat().replace("+00:00", "Z"))


def _numbers(column: pd.Series) -> list[float | None]:
    """Return plain numbers; a missing one is null, because JSON has no NaN."""
    return [float(value) if math.isfinite(value) else None for value in column.tolist()]
