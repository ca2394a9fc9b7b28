"""Whether a bar source keeps the promises of its port."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from workbench.core.ports import BarSource
from workbench.core.timeframe import Timeframe
from workbench.data.schema import FIELDS, check_bars, fingerprint
from workbench.errors import UsageError, WorkbenchError

__all__ = ["SourceReport", "check_source"]


@dataclass(frozen=True)
class SourceReport:
    """What `check_source` found.

    Parameters
    ----------
    table : DataFrame
        One row per promise: ``promise ok detail``.
    """

    table: pd.DataFrame

    @property
    def ok(self) -> bool:
        """Whether every promise is kept."""
        return bool(self.table["ok"].all())

    def __str__(self) -> str:
        marks = {True: "ok  ", False: "NOT "}
        lines = [
            f"  {marks[bool(ok)]} {promise}" + (f": {detail}" if detail else "")
            for promise, ok, detail in self.table.itertuples(index=False, name=None)
        ]
        return "\n".join(["Source: " + ("keeps its promises" if self.ok else "NOT OK"), *lines])

    __repr__ = __str__


def check_source(
    source: BarSource, symbol: str, timeframe: str = "1d", unknown: str | None = None
) -> SourceReport:
    """Ask a source in all the ways the workbench does, and report which promises it keeps.

    Parameters
    ----------
    source : BarSource
        An object, e.g. of a class under ``@wb.source("mine")``.
    symbol : str
        One it has, with ten bars or more.
    timeframe : str
        One it has.
    unknown : str, optional
        A symbol it lacks.

    Examples
    --------
    >>> from workbench.data.sample import SampleSource
    >>> check_source(SampleSource(), "IBM", unknown="IMB").ok
    True
    """
    frame = Timeframe.parse(timeframe)
    rows: list[tuple[str, bool, str]] = []

    def promise(text: str, look: Callable[[], str]) -> None:
        try:
            detail = look()
        except Exception as error:  # noqa: BLE001  whatever a user's class raises is told
            detail = f"{type(error).__name__}: {error}"
        rows.append((text, not detail, detail))

    promise("it is a BarSource", lambda: "" if isinstance(source, BarSource) else "it lacks name, "
            "symbols or history; see @wb.source")  # fmt: skip
    found: list[pd.DataFrame] = []

    def whole() -> str:
        found.append(check_bars(source.history(symbol, frame, None, None)))
        return ""

    promise("its bars hold the contract", whole)
    if not found:
        return SourceReport(pd.DataFrame(rows, columns=["promise", "ok", "detail"]))
    (held,) = found
    if len(held) < 10:
        raise UsageError(f"check_source needs ten bars of {symbol}, there are {len(held)}")
    asked = _Asked(source, symbol, frame, held)
    promise("times are what the contract calls them", asked.times)
    promise("the window is half open", asked.window)
    promise("a plain datetime will do", asked.plain)
    promise("a part has the bits of the whole", asked.part)
    promise("asking twice gives the same and shares nothing", asked.twice)
    promise("an empty window is an empty frame", asked.empty)
    if unknown is not None:
        promise("a symbol it lacks is an error of the tree", lambda: asked.lacks(unknown))
    return SourceReport(pd.DataFrame(rows, columns=["promise", "ok", "detail"]))


@dataclass(frozen=True, eq=False)
class _Asked:
    source: BarSource
    symbol: str
    timeframe: Timeframe
    held: pd.DataFrame

    @property
    def _window(self) -> tuple[pd.Timestamp, pd.Timestamp]:
        return self.held.index[3], self.held.index[7]

    def _ask(self, start: object, end: object) -> pd.DataFrame:
        return check_bars(self.source.history(self.symbol, self.timeframe, start, end))  # type: ignore[arg-type]

    def times(self) -> str:
        index = pd.DatetimeIndex(self.source.history(self.symbol, self.timeframe, None, None).index)
        if str(index.tz) != "UTC":
            return f"they are in {index.tz}"
        return "" if index.name == "time" else f"the index is named {index.name!r}, not 'time'"

    def window(self) -> str:
        start, end = self._window
        index = self._ask(start, end).index
        if not len(index) or index[0] != start:
            return f"asked from {start} on, the first bar is {index[0] if len(index) else 'none'}"
        return "" if index[-1] < end else f"asked up to {end}, the last bar is {index[-1]}"

    def plain(self) -> str:
        start, end = (time.to_pydatetime() for time in self._window)
        same = fingerprint(self._ask(start, end)) == fingerprint(self._ask(*self._window))
        return "" if same else "it gives other bars than a Timestamp"

    def part(self) -> str:
        start, end = self._window
        cut = self.held[(self.held.index >= start) & (self.held.index < end)]
        return "" if fingerprint(self._ask(start, end)) == fingerprint(cut) else "they differ"

    def twice(self) -> str:
        first = self.source.history(self.symbol, self.timeframe, None, None)
        before = fingerprint(check_bars(first))
        if before != fingerprint(self.held):
            return "the second answer differs"
        first.loc[:, list(FIELDS)] = 1.0
        after = fingerprint(self._ask(None, None))
        return "" if after == before else "changing an answer changed the next one"

    def empty(self) -> str:
        day = pd.Timestamp("1975-01-01", tz="UTC")
        found = self._ask(day, day + pd.Timedelta(days=31))
        return "" if found.empty else f"{len(found)} bars of January 1975"

    def lacks(self, unknown: str) -> str:
        try:
            found = self.source.history(unknown, self.timeframe, None, None)
        except WorkbenchError:
            return ""
        return f"{len(found)} bars of {unknown!r}"
