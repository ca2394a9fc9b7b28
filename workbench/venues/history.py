"""What the histories of all vendors have in common: windows, pages, and rows made bars.

A vendor's adapter states its terms and answers `VendorHistory._answers`: one request
after the other, each with the rows it brought and up to where it answered. Everything
else is here: what window may be asked for, which rows belong to it, which of them are no
bars, and splits and dividends beside daily ones.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from workbench.core.timeframe import Timeframe
from workbench.errors import DataError, UsageError
from workbench.venues.calls import garbled
from workbench.venues.paging import Limit, Page, is_crypto
from workbench.venues.rows import FIELDS, Dropped, clean

__all__ = ["Actions", "Answer", "VendorHistory"]

_UNITS = "mhd"


@dataclass(frozen=True, slots=True)
class Answer:
    """What one request brought.

    Parameters
    ----------
    times : sequence of int
        Nanoseconds since 1970 UTC, as the vendor labels its bars.
    values : mapping of str to sequence
        ``open high low close volume``, each as long as `times`.
    until : Timestamp
        Up to where the vendor answered, exclusive; what it did not tell before is missing.
    """

    times: Sequence[int]
    values: Mapping[str, Sequence[Any]]
    until: pd.Timestamp


@dataclass(frozen=True, slots=True)
class Actions:
    """Splits (new shares per old) and dividends (cash per share) by ex-date, midnight UTC."""

    splits: Mapping[pd.Timestamp, float] = field(default_factory=dict)
    dividends: Mapping[pd.Timestamp, float] = field(default_factory=dict)

    def beside(self, bars: pd.DataFrame, start: pd.Timestamp | None) -> pd.DataFrame:
        """Return daily bars with the columns ``split`` and ``dividend``.

        An action on a day without a bar falls to the next bar; one after the last bar waits.
        """
        told = bars.assign(split=1.0, dividend=0.0)
        for name, table in (("split", self.splits), ("dividend", self.dividends)):
            column = told[name].to_numpy().copy()
            for day, value in table.items():
                at = int(bars.index.searchsorted(day))
                if at < len(bars) and (start is None or day >= start):
                    column[at] = column[at] * value if name == "split" else column[at] + value
            told[name] = column
        told.attrs = bars.attrs
        return told


class VendorHistory(ABC):
    """A bar source that asks a vendor page by page.

    Beside what `workbench.core.ports.BarSource` asks, it tells what a long download
    costs: `page_bars` per request, `limit`, and `day_minutes`, how many minutes of a day
    the vendor has bars for.
    """

    name: str
    is_stored = True
    adjustment = "none"
    page_bars: int
    limit: Limit
    day_minutes: Mapping[str, int] = {"XNYS": 390, "24/7": 1440}
    first = pd.Timestamp("1970-01-01", tz="UTC")
    delay = timedelta(0)

    def symbols(self) -> Sequence[str]:
        """Return nothing: a vendor has too many to list."""
        return ()

    def calendar(self, symbol: str) -> str:
        """Return the calendar a symbol trades by."""
        return "24/7" if is_crypto(symbol) else "XNYS"

    def has_actions(self, symbol: str) -> bool:  # noqa: ARG002  an adapter may need it
        """Tell whether daily bars of a symbol carry ``split`` and ``dividend``."""
        return False

    def history(
        self,
        symbol: str,
        timeframe: Timeframe,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> pd.DataFrame:
        """Return the bars of all pages; see `workbench.core.ports.BarSource`.

        Raises
        ------
        UsageError, DataError, UnavailableError
            As the port says.
        """
        pages = [page.bars for page in self.pages(symbol, timeframe, start, end)]
        bare = [bars for bars in pages if len(bars)] or pages[:1]
        dropped = [record for bars in pages for record in bars.attrs["dropped"]]
        attrs = {**pages[0].attrs, "dropped": Dropped(dropped)}
        for bars in bare:
            bars.attrs = {}
        whole = bare[0] if len(bare) == 1 else pd.concat(bare)
        whole.attrs = attrs
        return whole

    def pages(
        self,
        symbol: str,
        timeframe: Timeframe,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> Iterator[Page]:
        """Yield page after page, oldest first, each as soon as it is there.

        Raises
        ------
        UsageError, DataError, UnavailableError
            As the port says; pages already yielded are good.
        """
        self._check(timeframe)
        low = None if start is None else _stamp(start)
        begin, until = self._window(timeframe, low, end)
        if begin >= until:
            yield Page(self._bars(symbol, timeframe, Answer((), _none(), until)), low, until)
            return
        wants_actions = self.has_actions(symbol) and not timeframe.is_intraday
        actions = self._actions(symbol, begin) if wants_actions else None
        at, edge = begin, low
        for answer in self._answers(symbol, timeframe, begin, until):
            if answer.until <= at:
                raise garbled(self.name, f"a page of {symbol} after {at} that leads nowhere")
            bars = self._bars(symbol, timeframe, answer)
            bars = _cut(bars, begin if edge is None else edge, until)
            if actions is not None:
                bars = actions.beside(bars, edge)
            at = min(answer.until, until)
            # of days the last one may be under way still: it is not spoken for
            reach = at if timeframe.is_intraday else at.floor("D")
            yield Page(bars, edge, max(reach, edge or reach))
            edge = at if timeframe.is_intraday else at.floor("D")
        if at < until:
            raise garbled(self.name, f"bars of {symbol} that end at {at}, not at {until}")

    @abstractmethod
    def _answers(
        self, symbol: str, timeframe: Timeframe, start: pd.Timestamp, end: pd.Timestamp
    ) -> Iterator[Answer]:
        """Yield one answer per request; the last one reaches to `end`."""

    def _actions(self, symbol: str, start: pd.Timestamp) -> Actions:
        """Return splits and dividends from a day on, where ``has_actions``."""
        raise NotImplementedError(self.name)

    def _label(self, symbol: str, times: pd.DatetimeIndex) -> pd.DatetimeIndex:
        """Return the session dates of daily bars that carry the vendor's own times."""
        if self.calendar(symbol) == "24/7":
            days = times.normalize()
            if not days.equals(times):
                raise UsageError(
                    f"{self.name} counts the days of {symbol} from {times[0]:%H:%M} UTC, not from "
                    "midnight: load 1h bars and use wb.resample",
                    symbol=symbol,
                    source=self.name,
                )
            return days
        local = times.tz_convert("America/New_York").tz_localize(None)
        # a day is stamped with its midnight in New York or with that of UTC
        dates = np.where(times.asi8 % 86_400_000_000_000 == 0, times.tz_localize(None), local)
        return pd.DatetimeIndex(dates).normalize().tz_localize("UTC")

    def _check(self, timeframe: Timeframe) -> None:
        if timeframe.unit not in _UNITS or (timeframe.unit == "d" and timeframe.count > 1):
            raise UsageError(
                f"source {self.name!r} has bars of minutes, hours and one day, not {timeframe}; "
                "load days and use wb.resample",
                timeframe=str(timeframe),
                source=self.name,
            )
        if not timeframe.is_intraday and timeframe.unit != "d":
            raise UsageError(
                f"write 24 hours as 1d; source {self.name!r} has no {timeframe} bars to resample",
                timeframe=str(timeframe),
            )

    def _window(
        self, timeframe: Timeframe, start: pd.Timestamp | None, end: datetime | None
    ) -> tuple[pd.Timestamp, pd.Timestamp]:
        if start is None and timeframe.is_intraday:
            raise UsageError(
                f"say from when on: all {timeframe} bars that {self.name} has would take long; "
                "give start=, and see wb.plan",
                source=self.name,
                timeframe=str(timeframe),
            )
        latest = pd.Timestamp(datetime.now(UTC)).as_unit("ns") - self.delay
        until = latest if end is None else min(_stamp(end), latest)
        return self.first if start is None else max(start, self.first), until

    def _bars(self, symbol: str, timeframe: Timeframe, answer: Answer) -> pd.DataFrame:
        times = pd.DatetimeIndex(np.asarray(answer.times, dtype="int64").astype("datetime64[ns]"))
        index = times.tz_localize("UTC")
        if not timeframe.is_intraday and len(index):
            index = self._label(symbol, index)
        lengths = {len(answer.values[name]) for name in FIELDS} | {len(index)}
        if len(lengths) > 1:
            raise garbled(self.name, f"columns of {symbol} that are not equally long")
        frame = pd.DataFrame(
            {name: pd.Series(list(answer.values[name]), dtype=object) for name in FIELDS}
        ).set_axis(index.as_unit("ns").rename("time"), axis=0)
        good, dropped = clean(frame, symbol=symbol)
        if len(frame) and not len(good):
            raise DataError(
                f"{self.name} sent {len(frame)} rows of {symbol} and none is a bar: "
                f"{dropped['rule'].iloc[0]}",
                symbol=symbol,
                source=self.name,
            )
        good.attrs = {
            "calendar": self.calendar(symbol),
            "adjustment": self.adjustment,
            "source": self.name,
            "dropped": Dropped.of(dropped) if len(dropped) else Dropped(),
        }
        return good


def _none() -> dict[str, Sequence[Any]]:
    return dict.fromkeys(FIELDS, ())


def _stamp(value: datetime) -> pd.Timestamp:
    stamp = pd.Timestamp(value)
    utc = stamp.tz_localize("UTC") if stamp.tz is None else stamp.tz_convert("UTC")
    return utc.as_unit("ns")


def _cut(bars: pd.DataFrame, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
    attrs = bars.attrs
    cut = bars[(bars.index >= start) & (bars.index < end)]
    cut.attrs = attrs
    return cut
