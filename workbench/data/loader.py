"""``wb.bars``: one way to bars, whatever they come from."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from workbench.config import Settings, load_settings
from workbench.core.ports import BarSource
from workbench.core.timeframe import Timeframe
from workbench.data import coverage
from workbench.data.action_book import ActionBook
from workbench.data.adjust import adjust as adjusted_bars
from workbench.data.adjust import adjust_intraday, check_adjustment, is_forward
from workbench.data.catalog import Catalog
from workbench.data.choice import PassedOver, candidates, first_that_can
from workbench.data.download import Request, download
from workbench.data.holes import Hole, Holes
from workbench.data.plan import Watch, coverage_span, estimate
from workbench.data.raw import Told, told_of
from workbench.data.schema import Dropped, check_bars, fingerprint
from workbench.data.survivors import told_of_members, with_members
from workbench.data.universe import Universe
from workbench.data.window import When, moment_of, names_of, window_of
from workbench.errors import UsageError, nearest
from workbench.venues.paging import PagedSource

__all__ = ["bars"]

_DAY = Timeframe(1, "d")
Window = tuple[pd.Timestamp | None, pd.Timestamp | None]


def bars(
    symbols: str | Sequence[str] | Universe,
    timeframe: str | Timeframe = "1d",
    start: When = None,
    end: When = None,
    source: str | Sequence[str] | None = None,
    adjust: str = "all",
    as_of: When = None,
) -> pd.DataFrame:
    """Load bars of one symbol, or of several side by side.

    What is stored in the workspace is not fetched again, only the gaps are; what is
    fetched is checked, stored and returned. The same range gives the same bars whatever
    was asked before.

    Parameters
    ----------
    symbols : str, sequence of str, or wb.Universe
        ``"AAPL"`` gives single columns, ``["AAPL", "IBM"]`` two levels ``(field, symbol)``
        over the union of the times; a bar that a symbol does not have is NaN. A universe
        gives all who were members in the range, and a column ``member``: see `wb.universe`.
    timeframe : str
        ``"1m" "5m" "1h" "1d" "1w"``… as far as the source has it.
    start, end : str, date, datetime or Timestamp, optional
        ``start <= time < end``, whatever the type. Without a time zone they are UTC.
    source : str or sequence of str, optional
        ``"sample"``, ``"synthetic"``, ``"files"``, ``"polygon"``, ``"alpaca"``, ``"finnhub"``,
        ``"binance"``, ``"bybit"``, ``"coinbase"``, ``"kraken"``, ``"ccxt:<exchange>"``. Of
        several the first that can is taken, and ``attrs`` says why others were passed over.
        When left out: the settings' ``sources`` for the asset class, or their ``source``.
    adjust : {"all", "splits", "dividends", "none"}
        For both, for splits only, for dividends only, or raw prices (with the columns
        ``split`` and ``dividend`` where they are known). The last bar known has its raw
        price; with ``"all-forward"``, ``"splits-forward"`` or ``"dividends-forward"`` the
        first bar of the range has, and no later action changes an earlier price.
    as_of : str, date, datetime or Timestamp, optional
        Read the bars as this workspace had them then, nothing fetched: bars that were
        stored later are not there, and those that were restated since are as they were. A
        day alone means its end, midnight UTC.

    Returns
    -------
    DataFrame
        Bars (see `workbench.data.schema`). ``attrs`` tells ``timeframe source adjustment
        calendar fingerprint symbol``, and where there are any ``dropped``, the rows that
        were left out, ``holes``, what a vendor did not give though the calendar has it, and
        ``passed_over``, the sources that could not help, each with its reason.

    Raises
    ------
    UsageError
        Unknown symbol, source, timeframe or adjustment; no bar in the range.
    DataError
        What was read is no bars, e.g. a damaged file or an answer that stays malformed.
    UnavailableError
        A vendor cannot be reached; what it gave before is stored, and the next call goes on
        from there.

    Examples
    --------
    >>> import workbench as wb
    >>> aapl = wb.bars("AAPL", start="2012-01-01", end="2013-01-01")
    >>> len(aapl), aapl.attrs["calendar"]
    (250, 'XNYS')
    """
    window = window_of(start, end)
    named = symbols.between(*window) if isinstance(symbols, Universe) else symbols
    wanted, is_one = names_of(named)
    frame = Timeframe.parse(timeframe)
    check_adjustment(adjust)
    settings = load_settings()
    then, catalog, book = moment_of(as_of), Catalog.of(settings), ActionBook.open(settings)
    request = _Wanted(tuple(wanted), frame, window, adjust, catalog, book, then)
    loaded: dict[str, pd.DataFrame] = {}
    passed: list[PassedOver] = []
    if isinstance(symbols, Universe):
        loaded, passed, absent = _members(request, wanted, settings, source)
        return with_members(_finish(loaded, frame, False, passed), symbols, absent)
    for name in wanted:
        names = candidates(settings, source, name)
        loaded[name], _, others = first_that_can(settings, names, name, request.of(name))
        passed += others
    return told_of_members(_finish(loaded, frame, is_one, passed), symbols)


def _members(
    request: _Wanted, wanted: list[str], settings: Settings, source: str | Sequence[str] | None
) -> tuple[dict[str, pd.DataFrame], list[PassedOver], dict[str, str]]:
    """Load what can be had of a universe; the rest is told."""
    loaded: dict[str, pd.DataFrame] = {}
    passed: list[PassedOver] = []
    absent: dict[str, str] = {}
    for name in wanted:
        names, alone = candidates(settings, source, name), replace(request, symbols=(name,))
        try:
            loaded[name], _, others = first_that_can(settings, names, name, alone.of(name))
            passed += others
        except UsageError as error:
            absent[name] = error.message
            if len(absent) == len(wanted):
                raise
    return loaded, passed, absent


@dataclass(frozen=True)
class _Wanted:
    """What a call of ``wb.bars`` asks for, whatever source answers."""

    symbols: tuple[str, ...]
    timeframe: Timeframe
    window: Window
    adjust: str
    catalog: Catalog
    book: ActionBook
    as_of: pd.Timestamp | None

    def of(self, symbol: str) -> Callable[[BarSource], pd.DataFrame]:
        """Return the way to load one symbol from a source."""
        return lambda source: self._load(symbol, source)

    def _load(self, symbol: str, source: BarSource) -> pd.DataFrame:
        _check_known(list(self.symbols), source)
        start, end = self.window
        told = told_of(symbol, source, self.book, self.as_of)
        if isinstance(source, PagedSource):
            done = self._paged(symbol, source, told)
        else:
            raw = self._raw(symbol, source, told, None if self._looks_on else end)
            done = adjusted_bars(raw, self.adjust)
        done = coverage.cut(done, start, end)
        if done.empty:
            raise UsageError(
                f"{source.name!r} has no {self.timeframe} bar of {symbol} from "
                f"{start or 'its first'} to {end or 'the last'}",
                symbol=symbol,
                source=source.name,
            )
        return check_bars(done)

    @property
    def _looks_on(self) -> bool:
        """Whether every later split and dividend must be known: then read on beyond the end."""
        return self.adjust != "none" and not is_forward(self.adjust)

    def _paged(self, symbol: str, source: PagedSource, told: Told) -> pd.DataFrame:
        """Load from a vendor: no bar beyond the end of the window, but for days, which are few."""
        end = self.window[1]
        has_actions = source.has_actions(symbol) or told.changes_prices
        if self.adjust == "none" or not has_actions:
            return adjusted_bars(self._raw(symbol, source, told, end), self.adjust)
        if not self.timeframe.is_intraday:
            raw = self._raw(symbol, source, told, None if self._looks_on else end)
            return adjusted_bars(raw, self.adjust)
        raw = self._raw(symbol, source, told, end)
        if raw.empty:
            return raw
        span = (raw.index[0].normalize(), None if self._looks_on else end)
        daily = told.raw(
            symbol, span, lambda name, part: self._days(Request(source, name, _DAY), part)
        )
        return adjust_intraday(raw, daily, self.adjust)

    def _days(self, asked: Request, window: Window) -> pd.DataFrame:
        if self.as_of is not None:
            return self._known(asked, *window)
        return self.catalog.fetch(asked.source, asked.symbol, _DAY, *window)

    def _raw(
        self, symbol: str, source: BarSource, told: Told, end: pd.Timestamp | None
    ) -> pd.DataFrame:
        window = (self.window[0], end)
        return told.raw(symbol, window, lambda name, part: self._read(name, source, part))

    def _read(self, name: str, source: BarSource, window: Window) -> pd.DataFrame:
        (start, end), asked = window, Request(source, name, self.timeframe)
        if self.as_of is not None:
            return self._known(asked, start, end)
        if not getattr(source, "is_stored", True):
            if not isinstance(source, PagedSource):
                return source.history(name, self.timeframe, start, end)
            now = pd.Timestamp(self.catalog.clock.now())
            return download(asked, coverage_span((start, end), now), self.catalog.clock)
        with Watch(estimate(asked, (start, end), self.catalog)) as watch:
            return self.catalog.fetch(source, name, self.timeframe, start, end, watch)

    def _known(
        self, asked: Request, start: pd.Timestamp | None, end: pd.Timestamp | None
    ) -> pd.DataFrame:
        assert self.as_of is not None  # noqa: S101  who calls has looked
        name = asked.source.name
        if not getattr(asked.source, "is_stored", True):
            raise UsageError(
                f"as_of needs stored bars, and those of {name!r} are not: leave it out", source=name
            )
        raw = self.catalog.known(name, asked.symbol, asked.timeframe, (start, end), self.as_of)
        if raw.empty:
            raise UsageError(
                f"no {asked.timeframe} bar of {asked.symbol} from {name!r} was stored here by "
                f"{self.as_of}",
                symbol=asked.symbol,
                source=name,
                as_of=self.as_of,
            )
        return raw


def _finish(
    loaded: dict[str, pd.DataFrame],
    timeframe: Timeframe,
    is_one: bool,
    passed: Sequence[PassedOver],
) -> pd.DataFrame:
    sources = {name: str(frame.attrs.get("source", "")) for name, frame in loaded.items()}
    calendars = dict.fromkeys(frame.attrs.get("calendar", "XNYS") for frame in loaded.values())
    adjustments = {frame.attrs.get("adjustment", "unknown") for frame in loaded.values()}
    holes: list[Hole] = [hole for frame in loaded.values() for hole in frame.attrs.get("holes", ())]
    dropped = [record for frame in loaded.values() for record in frame.attrs.get("dropped", ())]
    as_of = {str(frame.attrs["as_of"]) for frame in loaded.values() if "as_of" in frame.attrs}
    if is_one:
        ((symbol, bars),) = loaded.items()
    else:
        bare = {name: frame.copy(deep=False) for name, frame in loaded.items()}
        for frame in bare.values():
            frame.attrs = {}
        joined = pd.concat(bare, axis=1, join="outer").sort_index().swaplevel(axis=1)
        fields = list(dict.fromkeys(field for frame in bare.values() for field in frame.columns))
        order = [(field, name) for field in fields for name in bare if field in bare[name]]
        bars = joined[order]
        bars.columns = pd.MultiIndex.from_tuples(order, names=["field", "symbol"])
    bars.index.name = "time"
    bars.attrs = {
        "timeframe": str(timeframe),
        "source": ", ".join(dict.fromkeys(sources.values())),
        "adjustment": next(iter(adjustments)) if len(adjustments) == 1 else "mixed",
        "calendar": "24/7" if len(calendars) > 1 and "24/7" in calendars else next(iter(calendars)),
        "fingerprint": fingerprint(bars),
    }
    if is_one:
        bars.attrs["symbol"] = symbol
    if as_of:
        bars.attrs["as_of"] = as_of.pop()
    if holes:
        bars.attrs["holes"] = Holes(holes)
    if passed:
        bars.attrs["passed_over"] = tuple(passed)
    if dropped:
        bars.attrs["dropped"] = Dropped(dropped)
        warnings.warn(f"{bars.attrs['dropped']!r}; see bars.attrs['dropped']", stacklevel=3)
    return bars


def _check_known(wanted: list[str], source: BarSource) -> None:
    known = source.symbols()
    unknown = [name for name in wanted if known and name not in known]
    if not unknown:
        return
    texts = [f"{name!r}{nearest(name, known)}" for name in unknown]
    raise UsageError(
        f"source {source.name!r} has no symbol {'; '.join(texts)}; it has "
        f"{', '.join(known[:20])}{', …' if len(known) > 20 else ''}",
        symbol=unknown[0],
        unknown=tuple(unknown),
        source=source.name,
    )
