"""``wb.check``: leaks, purity, warm-up and parity of a strategy, in one report."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.data import loader, schema
from workbench.errors import UsageError
from workbench.research import leaks, parity, planting, purity, rare, warmup
from workbench.strategy.base import Strategy
from workbench.strategy.evaluate import evaluate

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["CheckReport", "check"]

_SAMPLE = ("AAPL", "GOOG", "IBM", "MSFT")
_LONGEST = 20_000
_SHORTEST = 10


@dataclass(frozen=True)
class CheckReport:
    """What `check` found.

    Parameters
    ----------
    strategy : str
        As it prints.
    data : str
        The bars it was run on.
    findings : tuple of str
        What is wrong; empty when all is well.
    notes : tuple of str
        What is worth knowing and is not wrong in itself.
    table : DataFrame
        One row per check: ``verdict`` (ok, found, not done; of the hunter also weak, where
        it missed a planted leak) and ``detail``, which says how much was tried.
    leaks : tuple of Leak
        What revealed each leak, as facts.
    """

    strategy: str
    data: str
    findings: tuple[str, ...]
    notes: tuple[str, ...]
    table: pd.DataFrame
    leaks: tuple[leaks.Leak, ...] = field(default=(), repr=False)

    @property
    def ok(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    def __str__(self) -> str:
        width = max(len(str(name)) for name in self.table.index)
        lines = [f"{self.strategy} on {self.data}: {'ok' if self.ok else 'NOT OK'}"]
        lines += [
            f"  {name:<{width}}  {row.verdict:<8}  {row.detail}"
            for name, row in self.table.iterrows()
        ]
        lines += [f"  ! {text}" for text in self.findings]
        lines += [f"  · {text}" for text in self.notes]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th style='text-align:left'>{escape(str(name))}</th>"
            f"<td>{escape(row.verdict)}</td>"
            f"<td style='text-align:left'>{escape(row.detail)}</td></tr>"
            for name, row in self.table.iterrows()
        )
        items = "".join(f"<li><b>{escape(text)}</b></li>" for text in self.findings)
        items += "".join(f"<li>{escape(text)}</li>" for text in self.notes)
        return (
            f"<div><b>{escape(self.strategy)}</b> on {escape(self.data)}: "
            f"<b>{'ok' if self.ok else 'not ok'}</b><table>{rows}</table><ul>{items}</ul></div>"
        )


class _Report:
    """Gathers rows, findings and notes."""

    def __init__(self) -> None:
        self.rows: dict[str, tuple[str, str]] = {}
        self.findings: list[str] = []
        self.notes: list[str] = []

    def add(self, name: str, found: list[str], detail: str) -> None:
        self.rows[name] = ("found" if found else "ok", detail)
        self.findings += found


def check(
    strategy: Strategy | type[Strategy],
    bars: pd.DataFrame | None = None,
    *,
    cuts: int = 64,
    plant: bool = True,
) -> CheckReport:
    """Check a strategy for what makes a backtest lie.

    *Leaks*: rows after a cut point are cut off, scaled, given noise, one symbol at a time
    too, moved or left out; a target at or before the cut that changes (by more than 1e-12)
    knew them. *Rare leaks*: bars are changed one by one. *Hunter*: known leaks are planted in
    the strategy (`workbench.research.planting`), and it is told how many of them the search
    for leaks finds.
    *Purity*: the same bars give the same targets, and neither bars nor strategy are
    changed. *Warm-up*: the history needed, measured, is not longer than declared.
    *Parity*: a replay through the order path gives the orders and fills of the backtest.
    What a strategy reads from elsewhere than its bars and attributes cannot be checked; the
    notes name the frames it finds there.

    Parameters
    ----------
    strategy : Strategy
        An object; a class stands for its defaults.
    bars : DataFrame, optional
        What to run on; of more than 20,000 rows the last ones are taken. By default the
        sample's AAPL, GOOG, IBM and MSFT, or as many of them as the strategy takes.
    cuts : int
        At how many rows the future is changed. More find rarer leaks; the time is
        proportional.
    plant : bool
        Whether to plant leaks; it takes at most a few seconds.

    Returns
    -------
    CheckReport
        ``.ok``, ``.findings``, ``.notes``, ``.table``.

    Raises
    ------
    UsageError
        No strategy on bars, targets that break the contract, or fewer than 10 bars.
    DataError
        Bars that break the contract.

    Examples
    --------
    >>> import workbench as wb
    >>> class Tomorrow(wb.Strategy):
    ...     def targets(self, bars):
    ...         return (bars["close"].shift(-1) > bars["close"]).astype(float)
    >>> report = check(Tomorrow, wb.bars("AAPL", source="sample"))
    >>> report.ok, report.leaks[0].ahead
    (False, 1)
    """
    subject = _subject(strategy)
    given = _sample(subject) if bars is None else schema.check_bars(bars)
    frame = given.iloc[-_LONGEST:]
    if len(frame) < _SHORTEST:
        raise UsageError(
            f"a check needs at least {_SHORTEST} bars, not {len(frame)}", bars=len(frame)
        )
    if not isinstance(cuts, int) or cuts < 1:
        raise UsageError(f"cuts must be at least 1, not {cuts!r}", cuts=cuts)
    report = _Report()
    if len(given) > len(frame):
        report.notes.append(f"of {len(given):,} bars the last {len(frame):,} were taken")
    base = evaluate(subject, frame.copy())
    with warnings.catch_warnings():
        # Odd bars are shown on purpose; what numpy thinks of them is of no interest.
        warnings.simplefilter("ignore", RuntimeWarning)
        found = leaks.search(subject, frame, base, cuts)
        _leaks(report, found)
        length = warmup.measure(subject, frame, base)
        if not found.leaks:
            _rare(report, found, _rarely(subject, frame, base, length))
        if plant:
            _hunter(report, found, subject, frame, cuts)
        impure = purity.impurities(subject, frame, base)
        report.add("purity", impure, "same bars, same targets; bars and strategy left as they were")
        _warmup(report, length)
        _parity(report, parity.measure(subject, frame, base))
    _targets(report, frame, base, is_chosen=bars is not None)
    return CheckReport(
        strategy=repr(subject),
        data=_told(frame),
        findings=tuple(report.findings),
        notes=tuple(report.notes),
        table=pd.DataFrame.from_dict(
            report.rows, orient="index", columns=["verdict", "detail"]
        ).rename_axis("check"),
        leaks=tuple(found.leaks),
    )


def _subject(strategy: Any) -> Strategy:
    made = strategy() if isinstance(strategy, type) and issubclass(strategy, Strategy) else strategy
    if not isinstance(made, Strategy):
        is_named = isinstance(strategy, str | type)
        given = repr(strategy) if is_named else f"a {type(strategy).__name__}"
        raise UsageError(
            f"a check takes an object or a class derived from wb.Strategy, not {given}"
        )
    return made


def _sample(strategy: Strategy) -> pd.DataFrame:
    """Return the sample's symbols together, where the strategy takes several, else the first."""
    wide = min(strategy.max_symbols or len(_SAMPLE), len(_SAMPLE))
    if wide > 1:
        several = loader.bars(list(_SAMPLE[:wide]), source="sample")
        try:
            evaluate(strategy, several.copy())
        except leaks.ANSWERS:
            if strategy.min_symbols > 1:
                raise
        else:
            return several
    return loader.bars(_SAMPLE[0], source="sample")


def _leaks(report: _Report, found: leaks.LeakSearch) -> None:
    tried = sum(found.changes.values())
    detail = (
        f"{tried:,} changed futures of {len(found.changes)} kinds at {found.cuts} cut points; "
        f"targets equal to {leaks.TOLERANCE:g}"
    )
    if found.leaks:
        report.add("leaks", [str(found.leaks[0])], detail)
        kinds = ", ".join(leak.change for leak in found.leaks)
        report.notes.append(f"the leak shows when: {kinds}")
    elif tried:
        report.add("leaks", [], detail)
    else:
        report.rows["leaks"] = ("not done", "the strategy refused every changed future")
    if found.borrowed:
        report.notes.append(
            f"the strategy reads {', '.join(found.borrowed)}, which lies outside of it: later rows "
            "in there were not changed, and a leak through them is not found; use the bars it is "
            "given"
        )
    if found.refused:
        report.notes.append(
            f"the strategy refused {len(found.refused)} changed futures, which say nothing; "
            f"the first: {found.refused[0]}"
        )
    if found.stopped:
        report.notes.append(f"time ran out after {found.cuts} cut points")


def _rarely(
    strategy: Strategy, bars: pd.DataFrame, base: NDArray[np.float64], found: warmup.Warmup
) -> rare.RareSearch:
    memory = max(found.declared, 0 if found.needed is None else found.needed)
    return rare.search(strategy, bars, base, memory)


def _rare(report: _Report, found: leaks.LeakSearch, rarely: rare.RareSearch) -> None:
    if rarely.leak is not None:
        found.leaks.append(rarely.leak)
        report.add("rare leaks", [str(rarely.leak)], "single bars changed, the rest left")
        return
    tried = max(rarely.tried, found.cuts)
    least = rare.touched(tried, rarely.bars)
    detail = (
        f"{tried:,} of {rarely.bars:,} bars tried one by one: a look one bar ahead at "
        f"{least} bar{'s' * (least > 1)} ({least / rarely.bars:.2g} of all) or more is met with "
        "95% or more"
    )
    report.add("rare leaks", [], detail.replace("(1 of all)", "(all)"))


def _hunter(
    report: _Report, found: leaks.LeakSearch, strategy: Strategy, bars: pd.DataFrame, cuts: int
) -> None:
    if found.leaks:
        report.rows["hunter"] = ("not done", "there is a leak already; mend it first")
        return
    hunted = planting.hunt(strategy, bars, cuts)
    if not hunted.planted:
        why = "none changes a target" if hunted.idle else "no time, or the strategy refused them"
        report.rows["hunter"] = ("not done", f"no leak could be planted: {why}")
        return
    detail = f"found {len(hunted.found)} of {hunted.planted} planted leaks"
    if hunted.idle:
        detail += f"; without effect here: {', '.join(hunted.idle)}"
    if hunted.untried:
        detail += f"; not tried: {', '.join(hunted.untried)}"
    report.rows["hunter"] = ("weak" if hunted.missed else "ok", detail)
    if hunted.missed:
        report.notes.append(
            f"planted, but not found: {', '.join(hunted.missed)}; a leak like these in the "
            "strategy would be missed as well: give more cuts"
        )


def _warmup(report: _Report, found: warmup.Warmup) -> None:
    needed = "without end" if found.needed is None else f"{found.needed} bars"
    if found.needed is not None and found.finding and found.endless:
        needed += ", may have no end"
    detail = f"needed {needed}, declared {found.declared}; measured with {found.starts} starts"
    if found.ties:
        report.notes.append(
            f"rounding decides {found.ties} target{'s' * (found.ties > 1)}: a trillionth more or "
            "less in the prices turns them, as where two averages are equal; another history may "
            "decide them otherwise"
        )
    if found.starts:
        report.add("warm-up", [found.finding] if found.finding else [], detail)
    else:
        report.rows["warm-up"] = ("not done", "the strategy refused every shorter history")


def _parity(report: _Report, found: parity.Parity) -> None:
    if found.refused:
        report.rows["parity"] = ("not done", f"on {found.bars} bars: {found.refused}")
        return
    detail = f"{found.orders} orders over {found.bars} bars: backtest and replay"
    report.add("parity", [found.finding] if found.finding else [], detail)


def _targets(
    report: _Report, bars: pd.DataFrame, base: NDArray[np.float64], *, is_chosen: bool
) -> None:
    known = ~np.isnan(base)
    turns = int((np.diff(np.nan_to_num(base, nan=0.0), axis=0) != 0).sum())
    gross = np.nansum(np.abs(base), axis=1)
    report.add("targets", [], f"{known.mean():.0%} known, most gross exposure {gross.max():.3g}")
    if not known.any():
        report.notes.append("every target is NaN: nothing is ever traded, so nothing is proved")
    elif turns == 0:
        report.notes.append("the targets never change: that they do not leak proves little")
    if is_chosen and gross.max() > 1 + leaks.TOLERANCE:  # of symbols we chose it says nothing
        row = bars.index[int(gross.argmax())]
        report.notes.append(
            f"the targets sum to {gross.max():.3g} times equity at {row}: beyond a leverage of 1 "
            "orders are cut; give wb.Sizing(leverage=...)"
        )


def _told(bars: pd.DataFrame) -> str:
    info = schema.describe(bars)
    return (
        f"{', '.join(info.symbols)} {info.timeframe}, {len(bars):,} bars, "
        f"{bars.index[0]:%Y-%m-%d} to {bars.index[-1]:%Y-%m-%d}"
    )
