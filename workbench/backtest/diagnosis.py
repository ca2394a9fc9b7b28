"""A result put to the question: what it hangs on, found by running it again a little otherwise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.special import ndtri

import workbench.backtest as package
from workbench.backtest import terms
from workbench.backtest.scrutiny import Note, examine
from workbench.costs import fees, slippage
from workbench.costs.costs import Costs
from workbench.errors import DataError, UsageError
from workbench.runs.ledger import Ledger

if TYPE_CHECKING:
    from workbench.backtest.result import Result

__all__ = ["Diagnosis", "diagnose", "doubled"]

_STARTS = 8
_PER_PARAMETER = 10  # round trips
_FREE = 5.0  # bps of slippage tried where a run was given no costs


@dataclass(frozen=True)
class Diagnosis:
    """What `diagnose` found.

    Parameters
    ----------
    subject : str
        The strategy and what it ran on.
    notes : sequence of Note
        A question and its answer each.
    """

    subject: str
    notes: Sequence[Note]

    @property
    def ok(self) -> bool:
        """Whether nothing was found to worry about."""
        return not self.findings

    @property
    def findings(self) -> list[str]:
        """What to worry about, with its numbers and what to do."""
        return [str(note) for note in self.notes if note.flagged]

    @property
    def table(self) -> pd.DataFrame:
        """All questions: indexed by check; columns ``verdict figures advice``, empty where ok."""
        rows = {
            note.check: (
                "found" if note.flagged else "ok",
                note.figures,
                note.advice if note.flagged else "",
            )
            for note in self.notes
        }
        columns = ["verdict", "figures", "advice"]
        return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("check")

    def __repr__(self) -> str:
        found = "".join(f"\n- {text}" for text in self.findings) or " nothing to worry about"
        return f"<diagnosis of {self.subject}, {len(self.notes)} questions:{found}>"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th style='text-align:left'>{escape(note.check)}</th>"
            f"<td>{'<b>found</b>' if note.flagged else 'ok'}</td>"
            f"<td style='text-align:left'>{escape(str(note))}</td></tr>"
            for note in self.notes
        )
        verdict = "nothing to worry about" if self.ok else f"{len(self.findings)} findings"
        return f"<div><b>{escape(self.subject)}</b>: {verdict}<table>{rows}</table></div>"


def diagnose(result: Result) -> Diagnosis:
    """Ask what a result hangs on; see ``Result.diagnose``."""
    figures, trips = result._measured
    notes = examine(result._run, figures, trips.closed)
    subject = f"{result.strategy!r} on {', '.join(result.symbols)}"
    if result.kind != "backtest":
        return Diagnosis(subject, [*notes, *_of_search(result)])
    try:
        again = _Again(result)
    except UsageError as error:
        again, why = None, error.message
        notes.append(Note("not run again", False, why))
    if again is not None:
        notes += [_delayed(result, again), _dearer(result, again), _begun_later(result, again)]
    return Diagnosis(subject, [*notes, *_of_search(result)])


class _Given:
    """Targets that are known, as a strategy."""

    name, warmup, min_symbols, max_symbols = "Given", 0, 1, None
    params: dict[str, Any] = {}  # noqa: RUF012 - nothing is ever put into it

    def __init__(self, wanted: pd.DataFrame) -> None:
        self._wanted = wanted

    def targets(self, bars: pd.DataFrame) -> pd.DataFrame | pd.Series:
        if bars.columns.nlevels == 1:
            return self._wanted.iloc[:, 0]
        return self._wanted.set_axis(bars["close"].columns, axis=1)


class _Again:
    """Runs the targets of a result again, with one thing changed."""

    def __init__(self, result: Result) -> None:
        self.choices = terms.read(result.choices)
        self.bars, self.wanted = result.bars, result.targets
        self.cash, self.calendar = result.cash, result.choices.get("calendar")

    def run(
        self, wanted: pd.DataFrame | None = None, costs: Costs | None = None, skip: int = 0
    ) -> Any:
        """Return the statistics, or None where there are no targets left."""
        targets = (self.wanted if wanted is None else wanted).iloc[skip:]
        if not targets.notna().any(axis=None):
            return None
        backtest: Any = package
        options = {
            "costs": costs or self.choices.costs,
            "sizing": self.choices.sizing,
            "stops": self.choices.stops,
            "fill": self.choices.fill,
            "cash": self.cash,
            "calendar": self.calendar,
        }
        return backtest(_Given(targets), self.bars.iloc[skip:], record=False, **options).stats


def _delayed(result: Result, again: _Again) -> Note:
    before = float(result.stats["total_return"])
    late = again.run(again.wanted.shift(1))
    if late is None:
        return Note("one bar later", False, "there is no target left a bar later")
    after = float(late["total_return"])
    return Note(
        "one bar later",
        _lost(before, after),
        f"acting one bar later, total return is {after:.1%} instead of {before:.1%}",
        "the edge is one of speed: check that the fills are ones you would get",
    )


def _dearer(result: Result, again: _Again) -> Note:
    before = float(result.stats["total_return"])
    dear, words = doubled(again.choices.costs), "with costs doubled"
    if dear == again.choices.costs:
        dear, words = replace(dear, slippage_bps=_FREE), f"with slippage of {_FREE:g} bps"
    after = float(again.run(costs=dear)["total_return"])
    return Note(
        "doubled costs",
        _lost(before, after),
        f"{words}, total return is {after:.1%} instead of {before:.1%}",
        "the edge is as thin as its costs: measure them before trading it",
    )


def _begun_later(result: Result, again: _Again) -> Note:
    bars = len(result.bars)
    if bars < 5 * _STARTS:
        return Note("start date", False, f"{bars} bars are too few to begin elsewhere")
    starts = np.linspace(0, bars // 4, _STARTS).astype(int)
    runs = {int(skip): again.run(skip=int(skip)) for skip in starts}
    rates = {skip: float(found["cagr"]) for skip, found in runs.items() if found is not None}
    known = {skip: rate for skip, rate in rates.items() if not math.isnan(rate)}
    if not known:
        return Note("start date", False, "growth is not defined from any start")
    low, high = min(known, key=known.__getitem__), max(known, key=known.__getitem__)
    base = float(result.stats["cagr"])
    return Note(
        "start date",
        _lost(base, known[low]),
        f"begun on {len(known)} days of the first quarter, growth per year is from "
        f"{known[low]:.1%} (from {result.index[low]:%Y-%m-%d}) to {known[high]:.1%} (from "
        f"{result.index[high]:%Y-%m-%d})",
        "the first bars carry the result: judge it by the worst of the starts",
    )


def _lost(before: float, after: float) -> bool:
    """Whether a gain is gone, or more than half of it."""
    return before > 0.0 and after < 0.5 * before


def _of_search(result: Result) -> list[Note]:
    return [_parameters(result), _trials(result)]


def _parameters(result: Result) -> Note:
    members = getattr(result.strategy, "members", (result.strategy,))
    count = sum(len(member.params) for member in members)
    trips = int(result.stats["round_trips"])
    each = trips / count if count else math.inf
    return Note(
        "parameters",
        each < _PER_PARAMETER,
        f"{trips} closed round trips for {count} parameter{'s' * (count != 1)}",
        f"have {_PER_PARAMETER} for each at least: fix some of them, or test on more bars",
    )


def _trials(result: Result) -> Note:
    """Hold the Sharpe ratio against the best that as many trials without any skill would give."""
    data = result.manifest.data.fingerprint
    try:
        count = Ledger.open().count(result.manifest.strategy, data)
    except DataError as error:
        return Note("trials", False, error.message)
    sharpe = float(result.stats["sharpe"])
    if count < 2 or len(result.bars) < 3:
        return Note("trials", False, f"{count} in the ledger for this strategy and these bars")
    # Bailey and López de Prado (2014), the expected maximum; each trial taken as independent.
    deviation = math.sqrt(result.periods_per_year / (len(result.bars) - 1))
    best = (1 - np.euler_gamma) * ndtri(1 - 1 / count)
    best = deviation * float(best + np.euler_gamma * ndtri(1 - 1 / (count * math.e)))
    return Note(
        "trials",
        0.0 < sharpe < best,
        f"a Sharpe ratio of {sharpe:.2f} after {count:,} trials of this strategy on these bars, "
        f"the best of which would be {best:.2f} by luck alone",
        "ask wb.sweep(...).deflated_sharpe(), and test it on bars that none of them has seen",
    )


def doubled(costs: Costs) -> Costs:
    """Return costs with each rate that is paid doubled; rebates stay as they are.

    Examples
    --------
    >>> doubled(Costs(fee=fees.MakerTaker(-1, 5), slippage_bps=2)).fee
    MakerTaker(maker_bps=-1, taker_bps=10)
    """
    most = 9_999.0  # a rate has to stay below the whole price
    fee: Any = costs.fee
    if isinstance(fee, fees.Bps):
        fee = fees.Bps(_twice(fee.bps, most))
    elif isinstance(fee, fees.PerShare):
        fee = fees.PerShare(2 * fee.per_share, 2 * fee.minimum)
    elif isinstance(fee, fees.MakerTaker):
        fee = fees.MakerTaker(_twice(fee.maker_bps, most), _twice(fee.taker_bps, most))
    elif isinstance(fee, fees.Tiered):
        fee = fees.Tiered(
            [(start, _twice(maker, most), _twice(taker, most)) for start, maker, taker in fee.steps]
        )
    model: Any = costs.slippage
    if isinstance(model, slippage.Bps):
        model = slippage.Bps(_twice(model.bps, most))
    elif isinstance(model, slippage.Fixed):
        model = slippage.Fixed(2 * model.amount)
    elif isinstance(model, slippage.VolumeShare):
        model = slippage.VolumeShare(_twice(model.coefficient, 0.999))
    return replace(costs, fee=fee, slippage=model, slippage_bps=_twice(costs.slippage_bps, most))


def _twice(rate: float, most: float) -> float:
    return min(2 * rate, most) if rate > 0 else rate
