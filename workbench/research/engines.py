"""Which kernel runs the points of a sweep, and whether it may."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np

from workbench.backtest.stats import NAMES
from workbench.errors import UsageError, nearest
from workbench.kernels.sweep_events import run_events, run_plain
from workbench.kernels.sweep_generic import Setting, run_rules, run_targets
from workbench.kernels.sweep_held import Prices, together
from workbench.kernels.sweep_spans import run_spans, run_spans_of
from workbench.kernels.sweep_tables import Tables, tables
from workbench.research.sight import Sight
from workbench.research.templates import Template
from workbench.research.traced import Tracing
from workbench.strategy.evaluate import evaluate, unchecked
from workbench.strategy.lines import Lines

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from workbench.backtest.engine import Simulation
    from workbench.kernels.sweep_signals import Rules
    from workbench.research.grid import Grid
    from workbench.strategy.base import Strategy

    Floats = NDArray[np.float64]
    Integers = NDArray[np.int64]

__all__ = ["ENGINES", "Engine"]

ENGINES = ("auto", "events", "spans", "generic", "each")
_STATS = NAMES[2:]
_ROWS = 96 * 2**20  # bytes of indicator rows at a time
_BLOCKS = (128, 1024)  # points, at least and at most
_WORTH = 2**21  # bars of all points of a block, for which it is worth going to a thread


class Engine:
    """The kernels of a sweep, over one grid and one simulation.

    Parameters
    ----------
    grid : Grid
    simulation : Simulation
    wanted : {"auto", "events", "spans", "generic", "each"}
    template : Template or None, optional
        Of the grid that this one is a part of, so that the parts run as the whole would. By
        default its own.
    threads : int, optional
        As many as there are cores by default.
    sight : Sight, optional
        What strategies are shown where it is more than the bars of the simulation.

    Attributes
    ----------
    name : str
        The one that is used. ``"events"`` works only where the signal changes: a rule, or
        targets that turn out to be 0, 1 and NaN, on one symbol, all in or flat; a point for
        which it is not exact is run by the next. ``"spans"`` looks at the bars on which
        something is held, one symbol, any targets and stops. ``"generic"`` simulates each bar;
        ``"each"`` does so point by point through the code of a backtest.
    template : Template or None
        The rule of all points; None where points are asked for their targets.
    made : (float, int)
        The seconds that the indicators of the latest part of the points took, and its points.

    Raises
    ------
    UsageError
        No such engine, or it would not be exact.
    """

    def __init__(
        self,
        grid: Grid,
        simulation: Simulation,
        wanted: str = "auto",
        *,
        template: Template | Literal["own"] | None = "own",
        threads: int | None = None,
        sight: Sight | None = None,
    ) -> None:
        if wanted not in ENGINES:
            raise UsageError(
                f"engine may not be {wanted!r}{nearest(str(wanted), ENGINES)}; use "
                f"{', '.join(ENGINES)}",
                engine=wanted,
            )
        self.grid, self.simulation = grid, simulation
        self.sight = sight or Sight(simulation.bars)
        self.threads = threads or os.cpu_count() or 1
        if template == "own":
            is_single = len(simulation.symbols) == 1
            by_rule = is_single and wanted != "each" and simulation.every is None
            by_rule &= "member" not in simulation.bars
            template = Template.of(grid) if by_rule else None
        self.template = template
        self._is_traced = template is None and wanted not in ("each", "events")
        why = {"events": _not_events(simulation, self.template), "spans": _not_spans(simulation)}
        if why.get(wanted):
            raise UsageError(
                f"the {wanted} engine would not be exact: {why[wanted]}", engine=wanted
            )
        self.wanted = wanted
        exact = [name for name in why if not why[name]]
        self.name = wanted if wanted != "auto" else [*exact, "generic"][0]
        self._is_spanned = "spans" in exact and wanted != "generic"
        least, most = _BLOCKS
        self._size = min(max(least, _WORTH // len(simulation.bars)), most)  # points of a block
        self._rows = 0
        self.made = (0.0, 1)
        self._periods = float(simulation.choices["periods_per_year"])
        self._setting = Setting(simulation.market, simulation.cash, self._periods, simulation.terms)

    @cached_property
    def _tables(self) -> Tables:
        ours = self.simulation
        return tables(ours.market, ours.terms, ours.cash, self._periods)

    @cached_property
    def _prices(self) -> Prices:
        return together(self.simulation.market)

    @property
    def memory(self) -> int:
        """Bytes that a rule's points need beyond bars and statistics, at most."""
        bars = len(self.simulation.bars)
        shared = sum(a.nbytes for a in self._tables[:3]) if self.name == "events" else bars * 64
        workers = self.threads * bars * 41
        return shared + workers + self._rows

    def point(self, strategy: Strategy, bars: pd.DataFrame) -> Floats:
        """Return the statistics of one point, whose targets are asked for on `bars`.

        Raises
        ------
        UsageError
            As of `row`; or its targets break the contract.
        """
        ask = evaluate if self.name == "each" else unchecked
        return self.row(self.sight.window(ask(strategy, bars)), strategy)

    def row(self, targets: Floats, strategy: Strategy) -> Floats:
        """Return the statistics of a strategy's targets on the simulation's bars.

        Raises
        ------
        UsageError
            They are infinite; or other than 0, 1 and NaN and the events engine was asked for by
            name.
        """
        if self.name == "each":
            found = self.simulation.stats(targets)
            return np.array([found[name] for name in _STATS])
        row = np.empty(len(_STATS))
        targets = np.require(targets, requirements=["C", "W"])
        if self.name == "events":
            if not run_plain(targets, self._tables, row):
                return row
            if self.wanted == "events":
                raise UsageError(
                    f"the events engine is not exact for {strategy!r}: its targets are other "
                    "than 0, 1 and NaN, or its returns are all alike; use engine='auto'"
                )
        self._run(self.simulation.taken(targets), row)
        return row

    def _run(self, targets: Floats, row: Floats) -> None:
        """Write the statistics of any targets into a row."""
        if not self._is_spanned or run_spans_of(targets, self._prices, self._setting, row):
            run_targets(targets[None], self._setting, row[None])

    def blocks(self, points: Integers, most: int = 0) -> Iterator[tuple[Integers, Floats]]:
        """Run points of a rule; yield positions in the grid and their statistics, in blocks.

        At most so many bytes of indicator rows are held at a time, where one point needs no more.
        The first block is run before the others begin, the others by as many threads as
        there are cores. A point depends on no other: the numbers are the same however many.
        """
        assert self.template is not None  # noqa: S101 - the caller looks
        at = self.grid.places()
        found = Lines(self.sight.bars)
        boxes = _boxes(self.template, at, points, (most or _ROWS) // (8 * found.shape[0]))
        return self._parts(self._ruled(boxes, at, found))

    def traced(self, points: Integers, most: int) -> Tracing | None:
        """Return what reads the targets of points, None where they are to be asked for.

        Parameters
        ----------
        points : ndarray of int
            On the first and the last of them and on some between, what was read is compared
            with the targets themselves.
        most : int
            Bytes of indicator rows at a time.
        """
        if not self._is_traced or self.simulation.every is not None:
            return None
        return Tracing.of(self.grid, self.sight.bars, points, most)

    def read(self, tracing: Tracing, points: Integers) -> Iterator[tuple[Integers, Floats]]:
        """Run points whose targets can be read, in blocks as `blocks` does; others are left."""
        parts = tracing.parts(points)
        return self._parts((numbers, self.sight.rules(rules)) for numbers, rules in parts)

    def _parts(
        self, parts: Iterator[tuple[Integers, Rules | None]]
    ) -> Iterator[tuple[Integers, Floats]]:
        """Run points part by part, each in blocks."""
        with ThreadPoolExecutor(self.threads) as pool:
            started = time.perf_counter()
            for box, rules in parts:
                self._rows = max(self._rows, 0 if rules is None else rules.table.nbytes)
                self.made = (time.perf_counter() - started, len(box))
                table = np.empty((len(box), len(_STATS)))
                begins = list(range(0, len(box), self._size))
                runs = [pool.submit(self._block, begin, rules, table, box) for begin in begins[1:]]
                try:
                    self._block(0, rules, table, box)
                    yield box[: self._size], table[: self._size]
                    for begin, run in zip(begins[1:], runs, strict=True):
                        run.result()
                        end = begin + self._size
                        yield box[begin:end], table[begin:end]
                finally:
                    for run in runs:
                        run.cancel()
                del rules, runs  # before the rows of the next part are made
                started = time.perf_counter()

    def _ruled(
        self, boxes: Iterable[Integers], at: Mapping[str, Integers], found: Lines
    ) -> Iterator[tuple[Integers, Rules | None]]:
        """Add the rules to boxes of points, None where an indicator has gaps.

        Points that share a box with such a one are taken apart from it: what runs a point
        must not depend on its company, or the chunks of a sweep would show in its numbers.
        """
        assert self.template is not None  # noqa: S101 - the caller looks
        for box in boxes:
            rules = self.template.rules({n: a[box] for n, a in at.items()}, self.grid, found)
            if rules is None and len(box) > 1:
                yield from self._ruled(np.array_split(box, 2), at, found)
            else:
                yield box, None if rules is None else self.sight.rules(rules)
            del rules  # before those of the next part are made

    def _block(self, begin: int, rules: Rules | None, table: Floats, box: Integers) -> None:
        end = min(begin + self._size, len(box))
        if rules is None:  # an indicator has gaps: the rule's targets know what to do with them
            for k in range(begin, end):
                targets = evaluate(self.grid.strategy(int(box[k])), self.sight.bars)
                self._run(self.simulation.taken(self.sight.window(targets)), table[k])
            return
        table[begin:end, 0] = np.nan
        is_long = rules.ends[0] == rules.ends[1]  # and never short
        if self.name == "events" and is_long:
            run_events(begin, end, rules, self._tables, table)
        elif self._is_spanned:
            run_spans(begin, end, rules, self._prices, self._setting, table)
        for at in np.flatnonzero(np.isnan(table[begin:end, 0])).tolist():
            self._run_rule(begin + at, rules, table)

    def _run_rule(self, k: int, rules: Rules, table: Floats) -> None:
        given = (k, k + 1, rules)
        if not self._is_spanned or run_spans(*given, self._prices, self._setting, table):
            run_rules(*given, self._setting, table)


def _not_spans(simulation: Simulation) -> str:
    """Return why the spans engine would not be exact, or nothing."""
    terms, market = simulation.terms, simulation.market
    costs, sizing = terms.costs, terms.sizing
    reasons = {
        "there are several symbols": len(simulation.symbols) > 1,
        "the first close is missing": not np.isfinite(market.close[0]).all(),
        "slippage or participation depends on the volume": (
            costs.impact > 0 or costs.max_participation < math.inf
        ),
        "holdings are financed, or pay and split": len(market.events) > 0,
        "entries rest at a limit": terms.entry.offset < math.inf,
        "orders have a least notional": sizing.least > 0,
        "there is a maintenance margin": sizing.maintenance > 0,
        "positions are rebalanced while held": sizing.mode > 0 or simulation.every is not None,
    }
    return next((why for why, holds in reasons.items() if holds), "")


def _not_events(simulation: Simulation, template: Template | None) -> str:
    """Return why the events engine would not be exact, or nothing."""
    terms, market = simulation.terms, simulation.market
    sizing = terms.sizing
    shorts = template is not None and template.rule.short is not None
    prices = [market.close] if terms.at_close > 0 else [market.open, market.close]
    reasons = {
        "fees have tiers or a minimum": len(terms.costs.tiers) > 1 or terms.costs.minimum != 0,
        "the rule goes short, and a short's return depends on where it began": shorts,
        "there are stops": min(terms.stops) < math.inf,
        "prices are missing": not all(np.isfinite(p).all() for p in prices),
        "lots are whole": sizing.lot > 0,
        "orders are sized at the decision": sizing.at_fill <= 0,
        "not all of the equity is used": sizing.cash_buffer != 0 or sizing.leverage < 1,
    }
    own = next((why for why, holds in reasons.items() if holds), "")
    return _not_spans(simulation) or own


def _boxes(
    template: Template, at: Mapping[str, Integers], points: Integers, most: int
) -> Iterator[Integers]:
    """Divide points, so that a part has at most so many rows of indicators."""
    rows = 0
    for operand in template.operands:
        names = template.slots(operand)
        rows += math.prod(len(np.unique(at[name][points])) for name in names)
    counts = {name: len(np.unique(places[points])) for name, places in at.items()}
    widest = max(counts, key=lambda name: counts[name])
    if rows <= most or counts[widest] < 2:
        yield points
        return
    places = at[widest][points]
    middle = np.unique(places)[counts[widest] // 2]
    for side in (points[places < middle], points[places >= middle]):
        yield from _boxes(template, at, side, most)
