"""Invented bars for any symbol: seeded, intraday or daily, the same whatever range is asked.

A symbol's name is its seed. Days come first: volatility regimes, fat tails, gaps at the
open, a level that stays within a factor of 4.5 of where it began. Intraday bars are a
bridge from the day's open to its close, louder and busier at both ends of the session,
so that every timeframe tells the same opens and closes of the day. Months are drawn from
a generator of their own, hence any range gives the same bits as a longer one.

A pair such as ``BTC/USD`` or ``BTC-USD`` trades around the clock, all else on XNYS.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from workbench.core.timeframe import Timeframe
from workbench.data.calendar import ALWAYS, session_labels, sessions, utc_index
from workbench.errors import UsageError

__all__ = ["SyntheticSource"]

_BEGIN, _DAILY_FROM, _INTRADAY_FROM, _TO = "2000-01-01", "2015-01-01", "2024-01-01", "2025-01-01"
_LIMIT = pd.Timestamp("2040-01-01", tz="UTC")
_DAYS = 16_000
_SECOND = 1_000_000_000
_MOST_BARS = 5_000_000

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Days:
    """One symbol's days since 2000: log prices, volatility of a day, mean volume."""

    open: Floats
    close: Floats
    sigma: Floats
    volume: Floats


class SyntheticSource:
    """The bar source ``synthetic``: any symbol, seconds to days.

    Bars have a further column ``spread``, the distance of bid and ask in price units.
    Without `start` and `end` daily bars run over 2015-2024 and shorter ones over 2024.

    Examples
    --------
    >>> from workbench.core.timeframe import Timeframe
    >>> source = SyntheticSource()
    >>> year = source.history("ACME", Timeframe(5, "m"), None, None)
    >>> june = source.history("ACME", Timeframe(5, "m"), pd.Timestamp("2024-06-03", tz="UTC"),
    ...                       pd.Timestamp("2024-06-04", tz="UTC"))
    >>> len(june), june.equals(year.loc["2024-06-03"])
    (78, True)
    """

    name = "synthetic"
    is_stored = False

    def symbols(self) -> Sequence[str]:
        """Return nothing: every name is a symbol."""
        return ()

    def history(
        self,
        symbol: str,
        timeframe: Timeframe,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> pd.DataFrame:
        """Return invented bars with ``start <= time < end``.

        Raises
        ------
        UsageError
            Weeks or months, a time after 2039, or more than five million bars.
        """
        if timeframe.unit in "wM" or (not timeframe.is_intraday and timeframe.count > 1):
            raise UsageError(
                f"source 'synthetic' has bars up to '1d', not {timeframe}; use wb.resample",
                timeframe=str(timeframe),
                source="synthetic",
            )
        calendar = ALWAYS if "/" in symbol or symbol.endswith(("-USD", "-USDT")) else "XNYS"
        first, last = _window(timeframe, start, end)
        attrs: dict[Any, Any] = {"calendar": calendar, "adjustment": "none", "dropped": ()}
        if first >= last:
            bars = _frame(np.empty((0, 6)), np.empty(0, dtype=np.int64))
        else:
            _check_size(timeframe, first, last, calendar)
            bars = _made(symbol, timeframe, calendar, first, last)
            bars = bars[(bars.index >= first) & (bars.index < last)]
        bars.attrs = attrs | {"source": self.name}
        return bars


def _window(
    timeframe: Timeframe, start: datetime | None, end: datetime | None
) -> tuple[pd.Timestamp, pd.Timestamp]:
    default = _INTRADAY_FROM if timeframe.is_intraday else _DAILY_FROM
    begin = pd.Timestamp(_BEGIN, tz="UTC")
    first = pd.Timestamp(default, tz="UTC") if start is None else pd.Timestamp(start)
    last = pd.Timestamp(_TO, tz="UTC") if end is None else pd.Timestamp(end)
    if last > _LIMIT:
        raise UsageError(f"source 'synthetic' ends at {_LIMIT:%Y-%m-%d}", end=str(end))
    return max(first, begin), last


def _check_size(
    timeframe: Timeframe, first: pd.Timestamp, last: pd.Timestamp, calendar: str
) -> None:
    share = 1.0 if calendar == ALWAYS else 0.19
    count = (last - first) / pd.Timedelta(timeframe.delta) * share
    if count > _MOST_BARS:
        raise UsageError(
            f"about {count:,.0f} bars of {timeframe} were asked of source 'synthetic'; "
            f"at most {_MOST_BARS:,} are made at once",
            timeframe=str(timeframe),
        )


def _made(
    symbol: str, timeframe: Timeframe, calendar: str, first: pd.Timestamp, last: pd.Timestamp
) -> pd.DataFrame:
    # A day beside both ends: a session need not lie within its UTC date.
    low, high = first - pd.Timedelta(days=1), last + pd.Timedelta(days=1)
    months = pd.period_range(low.strftime("%Y-%m"), high.strftime("%Y-%m"), freq="M")
    until = months[-1].end_time.date()
    labels = sessions(calendar, _BEGIN, until)
    day_of = {label: number for number, label in enumerate(labels.asi8)}
    days = _days(symbol, calendar)
    _, table = session_labels(labels, calendar)
    pieces, stamps = [], []
    for month in months:
        inside = labels[(labels.year == month.year) & (labels.month == month.month)]
        if not len(inside):
            continue
        numbers = np.array([day_of[label] for label in inside.asi8])
        row = np.searchsorted(table.labels, inside.asi8)
        seed = f"{symbol}|{timeframe}|{month}"
        if timeframe.is_intraday:
            values, times = _intraday(
                _rng(seed), days, numbers, (table.opens[row], table.closes[row]), timeframe
            )
        else:
            values, times = _daily(_rng(seed), days, numbers), inside.asi8
        pieces.append(values)
        stamps.append(times)
    bars = _frame(np.concatenate(pieces), np.concatenate(stamps))
    if calendar == "XNYS":
        bars["volume"] = bars["volume"].round()
    return bars


def _rng(text: str) -> np.random.Generator:
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "little")
    return np.random.Generator(np.random.Philox(key=seed))


@lru_cache(maxsize=64)
def _days(symbol: str, calendar: str) -> _Days:
    rng = _rng(f"{symbol}|days")
    yearly = rng.uniform(0.15, 0.45) * (1.6 if calendar == ALWAYS else 1.0)
    price = float(np.exp(rng.uniform(np.log(20), np.log(300))))
    # Calm spells of 80 days on average, rough ones of 20.
    calm, rough = rng.geometric(1 / 80, 400), rng.geometric(1 / 20, 400)
    spells = np.column_stack([calm, rough]).ravel()
    loud = np.repeat(np.tile([0.75, 1.9], 400), spells)[:_DAYS]
    sigma = yearly / np.sqrt(252) * loud * np.exp(0.15 * rng.standard_normal(_DAYS))
    moves = rng.standard_t(5, _DAYS) / np.sqrt(5 / 3) * sigma * np.sqrt(0.8)
    share = 0.02 if calendar == ALWAYS else 0.2
    gaps = rng.standard_t(4, _DAYS) / np.sqrt(2) * sigma * np.sqrt(share)
    level = np.cumsum(moves + gaps + 0.06 / 252)
    before = np.concatenate([[0.0], level[:-1]])
    volume = np.exp(rng.uniform(12.5, 16.5) + 0.25 * rng.standard_normal(_DAYS)) * np.sqrt(loud)
    base = np.log(price)
    return _Days(base + _bounded(before + gaps), base + _bounded(level), sigma, volume)


def _bounded(level: Floats) -> Floats:
    bounded: Floats = 1.5 * np.tanh(level / 1.5)
    return bounded


def _daily(rng: np.random.Generator, days: _Days, numbers: Longs) -> Floats:
    opens, closes = days.open[numbers], days.close[numbers]
    reach = days.sigma[numbers] * 0.55
    noise = np.abs(rng.standard_normal((2, len(numbers))))
    volume = days.volume[numbers] * np.exp(0.2 * rng.standard_normal(len(numbers)))
    return _columns(opens, closes, reach * noise[0], reach * noise[1], volume, days.sigma[numbers])


def _intraday(
    rng: np.random.Generator,
    days: _Days,
    numbers: Longs,
    hours: tuple[Longs, Longs],
    timeframe: Timeframe,
) -> tuple[Floats, Longs]:
    opens, closes = hours
    size = int(timeframe.delta.total_seconds()) * _SECOND
    most = -(-int((closes - opens).max()) // size)
    shape = (len(numbers), most)
    times = opens[:, None] + np.arange(most) * size
    is_open = times < closes[:, None]
    place = (times + size / 2 - opens[:, None]) / (closes - opens)[:, None]
    smile = np.where(is_open, 0.5 + 3.0 * (2 * place - 1) ** 2, 0.0)
    weight = smile / smile.sum(axis=1, keepdims=True)
    sigma = days.sigma[numbers][:, None] * np.sqrt(0.8 * weight)
    steps = sigma * rng.standard_normal(shape)
    start, finish = days.open[numbers][:, None], days.close[numbers][:, None]
    steps += weight * (finish - start - steps.sum(axis=1, keepdims=True))
    ends = start + np.cumsum(steps, axis=1)
    begins = np.concatenate([start, ends[:, :-1]], axis=1)
    jitter = 0.1 * sigma * rng.standard_normal(shape)
    jitter[:, 0] = 0.0
    above, below = 0.6 * sigma * np.abs(rng.standard_normal((2, *shape)))
    busy = 0.6 + 0.4 * np.abs(steps) / np.where(sigma > 0, sigma, 1.0)
    volume = (
        days.volume[numbers][:, None] * weight * busy * np.exp(0.4 * rng.standard_normal(shape))
    )
    nervous = days.sigma[numbers][:, None] * np.sqrt(smile)
    grid = _columns(begins + jitter, ends, above, below, volume, nervous)
    return grid[is_open], times[is_open]


def _columns(
    opens: Floats, closes: Floats, above: Floats, below: Floats, volume: Floats, nervous: Floats
) -> Floats:
    """Return open, high, low, close, volume, spread along the last axis."""
    price = np.exp(closes)
    spread = np.maximum(0.01, np.round(price * 0.01 * nervous, 2))
    prices = np.stack(
        [opens, np.maximum(opens, closes) + above, np.minimum(opens, closes) - below, closes],
        axis=-1,
    )
    ticks = np.round(np.exp(prices), 2)
    return np.concatenate([ticks, np.stack([np.round(volume, 4), spread], axis=-1)], axis=-1)


def _frame(values: Floats, times: Longs) -> pd.DataFrame:
    names = ["open", "high", "low", "close", "volume", "spread"]
    return pd.DataFrame(values, index=utc_index(times), columns=names)
