"""What is wrong, missing or odd in bars, told before they are believed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from workbench.core.timeframe import Timeframe
from workbench.data.defects import spikes, split_like, stale
from workbench.data.expected import expected_times
from workbench.data.repair import CONTRACT, repaired
from workbench.data.schema import FIELDS, PRICES, Dropped, describe, fingerprint
from workbench.data.zones import zone_shifts
from workbench.errors import DataError, UsageError
from workbench.venues.rows import violations

__all__ = ["QualityReport", "quality"]

_FAULTS = (
    "zone",
    "missing",
    "unexpected",
    "duplicates",
    "disorder",
    "violations",
    "zero_volume",
    "spikes",
    "stale",
    "splits",
)
_SEVERE = frozenset({"zone", "duplicates", "disorder", "violations", "spikes", "splits", "missing"})


@dataclass(frozen=True)
class QualityReport:
    """The result of `quality`; prints in the terminal and shows itself in a notebook.

    Parameters
    ----------
    table : DataFrame
        One row per symbol: ``bars first last`` and the count of each fault.
    details : DataFrame
        One row per place: ``symbol check time detail value``; `value` is a number where the
        check has one: hours to add, how many bars of a run, the ratio of a jump.
    findings : list of str
        Sentences, the grave ones first.
    notes : list of str
        What is good to know and no fault: adjustment, what was inferred.
    ok : bool
        Whether nothing grave was found: a day without a trade, or a bar outside the
        sessions, is a finding but not a grave one.
    bars : DataFrame
        What was looked at.
    """

    table: pd.DataFrame
    details: pd.DataFrame
    findings: list[str]
    notes: list[str]
    ok: bool
    bars: pd.DataFrame

    def repaired(self, *checks: str) -> pd.DataFrame:
        """Return new bars without the faults of some checks; what was done is in ``attrs``.

        Parameters
        ----------
        *checks : {"zone", "disorder", "duplicates", "violations", "spikes", "unexpected"}
            When none is named: ``disorder``, ``duplicates`` and ``violations``, what bars may
            not have by their contract. A bar that cannot be believed is dropped, never made
            up; of two at one time the first stays.

        Returns
        -------
        DataFrame
            ``attrs["repairs"]`` has a sentence for each kind of repair, which the findings of a
            backtest repeat.

        Raises
        ------
        UsageError
            A check that cannot be repaired.

        Examples
        --------
        >>> import workbench as wb
        >>> bars = wb.bars("AAPL", start="2010", end="2011")
        >>> twice = wb.quality(pd.concat([bars, bars.tail(1)])).repaired()
        >>> len(twice) == len(bars), twice.attrs["repairs"]
        (True, ('1 bar dropped whose time was there already, the first at 2010-12-31',))
        """
        wanted = checks or CONTRACT
        if self.bars.columns.nlevels == 2:
            return _each(self, wanted)
        if "zone" in wanted and self.table["zone"].sum():
            # the other checks were made on the times as they were
            moved = repaired(self.bars, self.details, ["zone"])
            others = [check for check in wanted if check != "zone"]
            return quality(moved).repaired(*others) if others else moved
        return repaired(self.bars, self.details, wanted)

    def __str__(self) -> str:
        head = "Data quality: " + ("nothing grave found" if self.ok else "look at the findings")
        lines = [head, "", self._shown().to_string(), ""]
        lines += [f"  ! {text}" for text in self.findings] or ["  no finding"]
        lines += [f"  · {text}" for text in self.notes]
        return "\n".join(lines)

    __repr__ = __str__

    def _shown(self) -> pd.DataFrame:
        """Return the table with dates as people write them."""
        shown = self.table.copy()
        for name in ("first", "last"):
            times = pd.to_datetime(shown[name], utc=True)
            days = bool((times.dropna() == times.dropna().dt.normalize()).all())
            shown[name] = times.dt.strftime("%Y-%m-%d" if days else "%Y-%m-%d %H:%M")
        return shown

    def _repr_html_(self) -> str:
        colour, word = ("#2e7d32", "nothing grave found") if self.ok else ("#c62828", "findings")
        items = "".join(f"<li>{escape(text)}</li>" for text in self.findings)
        notes = "".join(f"<li><small>{escape(text)}</small></li>" for text in self.notes)
        return (
            f'<div><b>Data quality</b> <span style="color:{colour}">● {word}</span>'
            f"{self._shown().to_html()}<ul>{items}{notes}</ul></div>"
        )


def quality(
    bars: pd.DataFrame, *, calendar: str | None = None, timeframe: str | None = None
) -> QualityReport:
    """Look bars over; they need not hold the contract, that is what this finds out.

    Parameters
    ----------
    bars : DataFrame
        One symbol or several; a symbol is looked at from its first bar to its last.
    calendar, timeframe : str, optional
        Against which gaps are measured; from ``attrs`` or inferred when left out.

    Returns
    -------
    QualityReport
        Checks: times in a wrong zone (moved by whole hours, more would lie in the sessions;
        days that are no midnights UTC or lie beside the sessions' dates), bars missing from
        the calendar or outside it, times twice or out of
        order, prices that break the contract, bars without volume, spikes (a return more
        than ten robust deviations, 1.4826 times the median absolute one, and six of those
        of the twenty bars around it, that is taken back by the next bar), stale runs (five
        flat bars alike or more) and jumps at the open that look like a split nobody adjusted
        for (within 4 % of 2:1, 3:1, 3:2…). ``wb.plots.quality.figure(report)`` draws them,
        `QualityReport.repaired` mends what is asked for.

    Raises
    ------
    DataError
        No UTC index or a missing column: there is nothing to measure.
    UsageError
        Not a DataFrame, or an unknown calendar.

    Examples
    --------
    >>> import workbench as wb
    >>> report = wb.quality(wb.bars("AAPL"))
    >>> report.ok, int(report.table.loc["AAPL", "missing"])
    (True, 0)
    """
    if not isinstance(bars, pd.DataFrame):
        raise UsageError(f"quality needs a DataFrame, not {type(bars).__name__}")
    _check_shape(bars)
    ordered = bars[~bars.index.duplicated()].sort_index()
    info = describe(ordered)
    frame = Timeframe.parse(timeframe or info.timeframe)
    code = calendar or info.calendar
    rows, places = {}, []
    for symbol in info.symbols:
        one = bars.xs(symbol, axis=1, level=1) if bars.columns.nlevels == 2 else bars
        counts, found = _look(pd.DataFrame(one), frame, code)
        rows[symbol] = counts
        places += [{"symbol": symbol, **place} for place in found]
    table = pd.DataFrame.from_dict(rows, orient="index")
    table.index.name = "symbol"
    details = pd.DataFrame(places, columns=["symbol", "check", "time", "detail", "value"])
    details["time"] = pd.to_datetime(details["time"], utc=True)  # also where there is none
    findings, ok = _sentences(table, details)
    notes = _notes(bars, info.inferred, frame, code)
    return QualityReport(table, details, findings, notes, ok, bars)


def _each(report: QualityReport, checks: Sequence[str]) -> pd.DataFrame:
    """Return bars of several symbols, each repaired by itself."""
    bars, fixed, told = report.bars, {}, []
    for symbol in report.table.index:
        one = pd.DataFrame(bars.xs(symbol, axis=1, level=1))
        one.attrs = {key: value for key, value in bars.attrs.items() if key != "repairs"}
        fixed[symbol] = quality(one[one["close"].notna()]).repaired(*checks)
        told += [f"{symbol}: {text}" for text in fixed[symbol].attrs.pop("repairs", ())]
        fixed[symbol].attrs = {}
    joined = pd.concat(fixed, axis=1, join="outer", sort=True).swaplevel(axis=1)
    whole: pd.DataFrame = joined[list(bars.columns)]
    whole.columns.names, whole.index.name = bars.columns.names, bars.index.name
    whole.attrs = dict(bars.attrs)
    if told:
        whole.attrs |= {"repairs": tuple(told), "fingerprint": fingerprint(whole)}
    return whole


def _check_shape(bars: pd.DataFrame) -> None:
    if not isinstance(bars.index, pd.DatetimeIndex) or bars.index.tz is None:
        raise DataError(
            "quality needs an index of UTC times; see wb.as_bars(frame, tz=…)",
            rule="naive time zone",
        )
    missing = [name for name in FIELDS if name not in bars.columns.get_level_values(0)]
    if missing:
        raise DataError(f"bars lack {', '.join(missing)}", missing=tuple(missing))


def _look(
    bars: pd.DataFrame, timeframe: Timeframe, calendar: str
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    numeric = bars[list(FIELDS)].apply(pd.to_numeric, errors="coerce").astype("float64")
    present = numeric[numeric["close"].notna()]
    ordered = present[~present.index.duplicated()].sort_index()
    times = pd.DatetimeIndex(ordered.index)
    found: list[dict[str, Any]] = []

    def tell(
        check: str,
        when: pd.DatetimeIndex,
        detail: Callable[[int], str],
        value: Callable[[int], float] = lambda _: np.nan,
    ) -> None:
        found.extend(
            {"check": check, "time": time, "detail": detail(row), "value": value(row)}
            for row, time in enumerate(when)
        )

    counts: dict[str, Any] = {
        "bars": len(present),
        "first": times[0] if len(times) else pd.NaT,
        "last": times[-1] if len(times) else pd.NaT,
        **dict.fromkeys(_FAULTS, 0),
    }
    _zones(ordered, timeframe, calendar, counts, tell)
    expected = expected_times(times, timeframe, calendar)
    if expected is not None:
        missing, odd = expected.difference(times), times.difference(expected)
        counts["missing"], counts["unexpected"] = len(missing), len(odd)
        tell("missing", missing, lambda _: "no bar where the calendar has one")
        tell("unexpected", odd, lambda _: f"no bar of {timeframe} on {calendar} begins here")
    twice = pd.DatetimeIndex(present.index[present.index.duplicated()])
    counts["duplicates"] = len(twice)
    tell("duplicates", twice, lambda _: "this time is there more than once")
    late = np.flatnonzero(np.diff(pd.DatetimeIndex(present.index).asi8) < 0) + 1
    counts["disorder"] = len(late)
    tell("disorder", pd.DatetimeIndex(present.index[late]), lambda _: "stands after a later bar")
    _rules(present, counts, tell)
    _odd_values(ordered, bars, counts, tell)
    return counts, found


def _zones(
    ordered: pd.DataFrame,
    timeframe: Timeframe,
    calendar: str,
    counts: dict[str, Any],
    tell: Callable[..., None],
) -> None:
    times, volume = pd.DatetimeIndex(ordered.index), ordered["volume"].to_numpy()
    for shift in zone_shifts(times, volume, timeframe, calendar):
        counts["zone"] += len(shift.rows)
        text = (
            f"{shift.hours:+g} hours from here, {shift.after:.0%} would lie in the sessions of "
            f"{calendar} and not {shift.before:.0%}"
        )
        tell(
            "zone",
            times[shift.rows],
            lambda _, text=text: text,
            lambda _, shift=shift: shift.hours,
        )


def _rules(present: pd.DataFrame, counts: dict[str, Any], tell: Callable[..., None]) -> None:
    values = {name: present[name].to_numpy() for name in FIELDS}
    for rule, bad in violations(values):
        counts["violations"] += int(bad.sum())
        tell("violations", present.index[bad], lambda _, rule=rule: rule)
    idle = values["volume"] == 0
    counts["zero_volume"] = int(idle.sum())
    tell("zero_volume", present.index[idle], lambda _: "no volume")


def _odd_values(
    ordered: pd.DataFrame, bars: pd.DataFrame, counts: dict[str, Any], tell: Callable[..., None]
) -> None:
    if len(ordered) < 3:
        return
    prices = {name: ordered[name].where(ordered[name] > 0).to_numpy() for name in PRICES}
    leaps = spikes(prices["close"], pd.DatetimeIndex(ordered.index))
    counts["spikes"] = len(leaps)
    close = prices["close"]
    tell("spikes", ordered.index[leaps], lambda row: f"close {close[leaps[row]]:g}, and back")
    starts, lengths = stale(prices)
    counts["stale"] = int(lengths.sum())
    tell(
        "stale",
        ordered.index[starts],
        lambda row: f"{lengths[row]} flat bars alike",
        lambda row: float(lengths[row]),
    )
    splits, ratios = split_like(prices)
    if "split" in bars:
        known = bars["split"].groupby(level=0).last().reindex(ordered.index).fillna(1.0).to_numpy()
        kept = known[splits] == 1
        splits, ratios = splits[kept], ratios[kept]
    counts["splits"] = len(splits)
    tell(
        "splits",
        ordered.index[splits],
        lambda row: f"opens at 1:{ratios[row]:.3g} of the close",
        lambda row: float(ratios[row]),
    )


_TEXTS = {
    "zone": "{n} bar{s} in a wrong time zone, the first at {first}: {detail}",
    "missing": "{n} bar{s} missing, the first at {first}",
    "unexpected": "{n} bar{s} outside the calendar, the first at {first}",
    "duplicates": "{n} time{s} twice, the first {first}",
    "disorder": "{n} bar{s} out of order, the first {first}",
    "violations": "{n} broken rule{s}, the first at {first}: {detail}",
    "zero_volume": "{n} bar{s} without volume, the first at {first}",
    "spikes": "{n} spike{s}, the first at {first}: {detail}",
    "stale": "{n} bar{s} in runs that do not move, the first from {first}",
    "splits": "{n} jump{s} like a split not adjusted for, the first at {first}: {detail}",
}


def _sentences(table: pd.DataFrame, details: pd.DataFrame) -> tuple[list[str], bool]:
    grave: list[str] = []
    light: list[str] = []
    for symbol, counts in table.iterrows():
        for check in _FAULTS:
            if not counts[check]:
                continue
            mine = details[(details["symbol"] == symbol) & (details["check"] == check)].iloc[0]
            text = _TEXTS[check].format(
                n=counts[check],
                s="" if counts[check] == 1 else "s",
                first=mine["time"],
                detail=mine["detail"],
            )
            (grave if check in _SEVERE else light).append(f"{symbol}: {text}")
    return grave + light, not grave


def _notes(
    bars: pd.DataFrame, inferred: tuple[str, ...], timeframe: Timeframe, calendar: str
) -> list[str]:
    adjustment = bars.attrs.get("adjustment", "unknown")
    told = {
        "all": "prices are adjusted for splits and dividends",
        "splits": "prices are adjusted for splits, not for dividends",
        "dividends": "prices are adjusted for dividends, not for splits",
        "none": "prices are raw: returns jump at splits and dividends",
    }
    notes = [
        told.get(
            str(adjustment).removesuffix("-forward"), "whether prices are adjusted is not known"
        )
    ]
    notes.append(f"measured against {timeframe} bars on {calendar}")
    if bars.attrs.get("source") == "synthetic":
        notes.append("these bars are synthetic")
    notes += [f"inferred {text}" for text in inferred]
    notes += [f"repaired: {text}" for text in bars.attrs.get("repairs", ())]
    if bars.attrs.get("dropped"):
        notes.append(f"when they were read: {Dropped(bars.attrs['dropped'])!r}")
    return notes
