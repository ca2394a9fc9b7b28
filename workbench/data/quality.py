"""What is wrong, missing or odd in bars, told before they are believed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from workbench.core.timeframe import Timeframe
from workbench.data.expected import expected_times
from workbench.data.schema import FIELDS, PRICES, Dropped, describe
from workbench.errors import DataError, UsageError
from workbench.venues.rows import violations

__all__ = ["QualityReport", "quality"]

_FAULTS = (
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
_SPIKE, _STALE, _SPLIT = 10.0, 5, 0.04
_DAY = 86_400_000_000_000
_RATIOS = np.array([1.5, 2, 3, 4, 5, 6, 7, 8, 10, 15, 20, 25, 50])
_SEVERE = frozenset({"duplicates", "disorder", "violations", "spikes", "splits", "missing"})

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class QualityReport:
    """The result of `quality`; prints in the terminal and shows itself in a notebook.

    Parameters
    ----------
    table : DataFrame
        One row per symbol: ``bars first last`` and the count of each fault.
    details : DataFrame
        One row per place: ``symbol check time detail``.
    findings : list of str
        Sentences, the grave ones first.
    notes : list of str
        What is good to know and no fault: adjustment, what was inferred.
    ok : bool
        Whether nothing grave was found: a day without a trade, or a bar outside the
        sessions, is a finding but not a grave one.
    """

    table: pd.DataFrame
    details: pd.DataFrame
    findings: list[str]
    notes: list[str]
    ok: bool

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
        Checks: bars missing from the calendar or outside it, times twice or out of
        order, prices that break the contract, bars without volume, spikes (a return more
        than ten robust deviations, 1.4826 times the median absolute one, that is taken
        back by the next bar), stale runs (five flat bars alike or more) and jumps at the
        open that look like a split nobody adjusted for (within 4 % of 2:1, 3:1, 3:2…).

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
    details = pd.DataFrame(places, columns=["symbol", "check", "time", "detail"])
    findings, ok = _sentences(table, details)
    return QualityReport(table, details, findings, _notes(bars, info.inferred, frame, code), ok)


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

    def tell(check: str, when: pd.DatetimeIndex, detail: Callable[[int], str]) -> None:
        found.extend(
            {"check": check, "time": time, "detail": detail(row)} for row, time in enumerate(when)
        )

    counts: dict[str, Any] = {
        "bars": len(present),
        "first": times[0] if len(times) else pd.NaT,
        "last": times[-1] if len(times) else pd.NaT,
        **dict.fromkeys(_FAULTS, 0),
    }
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
    spikes = _spikes(prices["close"], pd.DatetimeIndex(ordered.index))
    counts["spikes"] = len(spikes)
    close = prices["close"]
    tell("spikes", ordered.index[spikes], lambda row: f"close {close[spikes[row]]:g}, and back")
    starts, lengths = _stale(prices)
    counts["stale"] = int(lengths.sum())
    tell("stale", ordered.index[starts], lambda row: f"{lengths[row]} flat bars alike")
    splits, ratios = _split_like(prices)
    if "split" in bars:
        known = bars["split"].groupby(level=0).last().reindex(ordered.index).fillna(1.0).to_numpy()
        kept = known[splits] == 1
        splits, ratios = splits[kept], ratios[kept]
    counts["splits"] = len(splits)
    tell("splits", ordered.index[splits], lambda row: f"opens at 1:{ratios[row]:.3g} of the close")


def _robust_z(returns: Floats) -> Floats:
    fine = returns[np.isfinite(returns)]
    if not len(fine):
        return np.zeros_like(returns)
    middle = np.median(fine)
    scale = 1.4826 * np.median(np.abs(fine - middle))
    if scale == 0:  # more than half of the bars stand still
        scale = float(fine.std()) or 1.0
    z: Floats = np.nan_to_num((returns - middle) / scale)
    return z


def _spikes(close: Floats, times: pd.DatetimeIndex) -> npt.NDArray[np.int64]:
    returns = np.diff(np.log(close))
    steps = np.diff(times.asi8)
    if np.median(steps) < _DAY:  # the night between two sessions is another matter
        returns[steps > 3 * np.median(steps)] = np.nan
    z = _robust_z(returns)
    there, back = returns[:-1], returns[1:]
    taken_back = (there * back < 0) & (np.abs(there + back) < 0.5 * np.abs(there))
    return np.flatnonzero((np.abs(z[:-1]) > _SPIKE) & taken_back) + 1


def _stale(
    prices: Mapping[str, Floats],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    flat = prices["high"] == prices["low"]
    same = flat[1:] & flat[:-1] & (prices["close"][1:] == prices["close"][:-1])
    edges = np.diff(np.concatenate([[0], same.astype(np.int8), [0]]))
    starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    lengths = ends - starts + 1
    long = lengths >= _STALE
    return starts[long], lengths[long]


def _split_like(prices: Mapping[str, Floats]) -> tuple[npt.NDArray[np.int64], Floats]:
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = prices["close"][:-1] / prices["open"][1:]
    size = np.maximum(ratio, 1 / ratio)
    close_to = np.abs(size[:, None] / _RATIOS - 1).min(axis=1) < _SPLIT
    extreme = np.abs(_robust_z(np.log(ratio))) > _SPIKE
    # A split moves the price for good, a spike does not: look a bar further on both sides.
    level = np.log(prices["close"])
    before = np.concatenate([level[:1], level[:-2]])
    after = np.concatenate([level[2:], level[-1:]])
    stays = np.abs(after - before) > 0.5 * np.abs(np.log(ratio))
    where = np.flatnonzero(close_to & extreme & stays)
    return where + 1, ratio[where]


_TEXTS = {
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
        "none": "prices are raw: returns jump at splits and dividends",
    }
    notes = [told.get(adjustment, "whether prices are adjusted is not known")]
    notes.append(f"measured against {timeframe} bars on {calendar}")
    if bars.attrs.get("source") == "synthetic":
        notes.append("these bars are synthetic")
    notes += [f"inferred {text}" for text in inferred]
    if bars.attrs.get("dropped"):
        notes.append(f"when they were read: {Dropped(bars.attrs['dropped'])!r}")
    return notes
