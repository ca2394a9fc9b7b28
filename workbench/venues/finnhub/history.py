"""The bar source ``finnhub``: candles of stocks and of crypto exchanges' symbols."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import pandas as pd

from workbench.config import Settings
from workbench.core.timeframe import Timeframe
from workbench.errors import UsageError
from workbench.venues.calls import garbled
from workbench.venues.finnhub.client import VENDOR, open_client
from workbench.venues.history import Answer, VendorHistory
from workbench.venues.rows import FIELDS

__all__ = ["FinnhubHistory"]

_RESOLUTIONS = {"1m": "1", "5m": "5", "15m": "15", "30m": "30", "1h": "60", "1d": "D"}
_MONTH, _DECADE = pd.Timedelta(days=30), pd.Timedelta(days=3650)
_SECOND = 1_000_000_000


class FinnhubHistory(VendorHistory):
    """Bars from Finnhub: stocks as ``AAPL``, crypto as ``BINANCE:BTCUSDT``.

    Finnhub adjusts prices for the splits known when they are asked for. They would change
    under what is stored, so they are not stored but asked for each time.

    Parameters
    ----------
    settings : Settings
        ``finnhub_key``.
    """

    name = VENDOR
    is_stored = False
    adjustment = "splits"
    page_bars = 11_700  # a month of a stock's minutes
    first = pd.Timestamp("1980-01-01", tz="UTC")

    def __init__(self, settings: Settings) -> None:
        told = settings.venue(VENDOR)
        self._line, self._client = open_client(settings)
        self.limit = self._line.limiter.limit
        self.delay = timedelta(minutes=told.delay_minutes or 0)

    def calendar(self, symbol: str) -> str:
        """Return ``"24/7"`` for a symbol of a crypto exchange, else ``"XNYS"``."""
        return "24/7" if ":" in symbol else "XNYS"

    def _answers(
        self, symbol: str, timeframe: Timeframe, start: pd.Timestamp, end: pd.Timestamp
    ) -> Iterator[Answer]:
        resolution = self._resolution(symbol, timeframe)
        reach = _MONTH if timeframe.is_intraday else _DECADE
        at = start
        while at < end:
            until = min(at + reach, end)
            asked = (symbol, resolution, at.value // _SECOND, (until.value - 1) // _SECOND)
            told = self._line.read(lambda asked=asked: self._once(*asked))  # type: ignore[misc]
            times = [int(second) * _SECOND for second in told["t"]]
            yield Answer(times, {name: told[name[0]] for name in FIELDS}, until)
            at = until

    def _once(self, symbol: str, resolution: str, low: int, high: int) -> dict[str, Sequence[Any]]:
        ask = self._client.crypto_candles if ":" in symbol else self._client.stock_candles
        told = ask(symbol, resolution, low, high)
        if not isinstance(told, dict) or told.get("s") not in ("ok", "no_data"):
            raise garbled(VENDOR, f"candles of {symbol} without a status")
        if told["s"] == "no_data":
            return dict.fromkeys("tohlcv", ())
        if not all(isinstance(told.get(letter), list) for letter in "tohlcv"):
            raise garbled(VENDOR, f"candles of {symbol} that lack a column")
        if len({len(told[letter]) for letter in "tohlcv"}) > 1:
            raise garbled(VENDOR, f"columns of {symbol} that are not equally long")
        return told

    def _resolution(self, symbol: str, timeframe: Timeframe) -> str:
        if "/" in symbol:
            raise UsageError(
                f"source 'finnhub' has crypto by exchange, as BINANCE:BTCUSDT, not {symbol!r}",
                symbol=symbol,
                source=VENDOR,
            )
        if str(timeframe) not in _RESOLUTIONS:
            raise UsageError(
                f"source 'finnhub' has {', '.join(_RESOLUTIONS)} bars, not {timeframe}; load "
                "shorter ones and use wb.resample",
                timeframe=str(timeframe),
                source=VENDOR,
            )
        return _RESOLUTIONS[str(timeframe)]
