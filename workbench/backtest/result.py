"""What a run returns: statistics, curves, orders, fills, round trips, findings, plots."""

from __future__ import annotations

import warnings
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.backtest import stats as statistics
from workbench.backtest.books import Books, books_of
from workbench.backtest.card import card
from workbench.backtest.findings import find
from workbench.backtest.frames import trips_frame
from workbench.backtest.scrutiny import examine
from workbench.backtest.tape import Run, RunRecord
from workbench.kernels.carry import KINDS
from workbench.kernels.trips import Trips
from workbench.runs.manifest import Manifest
from workbench.strategy.sleeves import gather

if TYPE_CHECKING:
    from workbench.backtest.agreement import Agreement
    from workbench.backtest.diagnosis import Diagnosis

__all__ = ["Result", "RunRecord", "assemble"]


class Result:
    """The result of a backtest, a replay or a live run.

    Frames are made when they are first asked for. In Jupyter a result shows a card.

    Parameters
    ----------
    run : Run
        What the runner left behind.
    findings : list of str, optional
        Those a saved run was saved with; found anew where there are none.
    agreement : Agreement, optional
        What the reference said to a saved run.

    Attributes
    ----------
    strategy, bars, kind, cash, choices
        What was run, on what, how, with how much, and by which conventions.
    agreement
        What the slow reference says to the run; None until `second_opinion` or `save` asks.
    """

    def __init__(
        self,
        run: Run,
        findings: list[str] | None = None,
        agreement: Agreement | None = None,
    ) -> None:
        self._run = run
        self._found = findings
        self.agreement = agreement
        self._notes: list[str] = []
        self.kind = run.kind
        self.strategy = run.strategy
        self.bars = run.bars
        self.symbols = run.symbols
        self.cash = run.cash
        self.choices = dict(run.choices)

    @cached_property
    def _measured(self) -> tuple[dict[str, float], Trips]:
        run = self._run
        return statistics.figures(
            run.worth, run.units, run.records, run.cash, self.periods_per_year, run.carried
        )

    @property
    def index(self) -> pd.DatetimeIndex:
        """The labels of the bars."""
        return pd.DatetimeIndex(self.bars.index)

    @property
    def periods_per_year(self) -> float:
        """Bars per year, by which ratios are annualised."""
        return float(self.choices["periods_per_year"])

    @cached_property
    def stats(self) -> pd.Series:
        """The statistics; see ``wb.stats.CONVENTIONS``, also in ``attrs["conventions"]``."""
        index = self.index
        return statistics.as_series(self._measured[0], index[0], index[-1])

    @cached_property
    def equity(self) -> pd.Series:
        """Cash and positions at each close, after its fills."""
        return pd.Series(self._run.worth, index=self.index, name="equity")

    @cached_property
    def cash_held(self) -> pd.Series:
        """Cash at each close, after its fills; negative is overdrawn."""
        return pd.Series(self._run.purse, index=self.index, name="cash")

    @cached_property
    def carry(self) -> pd.DataFrame:
        """Money received (negative: paid) for what was held, booked before the open of each bar.

        By kind: ``margin`` and ``cash`` interest, ``borrow``, ``funding``, ``dividend``; and what
        of it is ``of`` each symbol. Without rows where nothing is ever due.
        """
        flows = self._run.carried.flows
        names = [*KINDS, *(f"of {symbol}" for symbol in self.symbols)]
        return pd.DataFrame(
            flows.reshape(len(flows), len(names)), index=self.index[: len(flows)], columns=names
        )

    @property
    def financing(self) -> float:
        """Money paid for what was held: interest, borrow fees and funding; negative was received.

        It is a cost beside ``stats["fees"]`` and ``stats["slippage"]``, and in the equity like
        them. Dividends are not in it; `carry` tells kinds and bars.
        """
        return 0.0 - float(self.carry[[kind for kind in KINDS if kind != "dividend"]].sum().sum())

    @cached_property
    def best_equity(self) -> pd.Series | None:
        """Equity had the profit been taken wherever both stops lay inside a bar.

        The upper edge of the band whose lower edge is `equity`; None where there is no
        such round trip.
        """
        best = self._run.best
        return None if best is None else pd.Series(best, index=self.index, name="best_equity")

    @cached_property
    def returns(self) -> pd.Series:
        """Change of equity per bar, as a fraction."""
        return statistics.returns(self.equity, self.cash)

    @cached_property
    def drawdown(self) -> pd.Series:
        """Equity below its highest so far, as a negative fraction."""
        return statistics.drawdown(self.equity, self.cash)

    @cached_property
    def positions(self) -> pd.DataFrame:
        """Units held at each close, signed, a column per symbol."""
        return pd.DataFrame(self._run.units, index=self.index, columns=list(self.symbols))

    @property
    def targets(self) -> pd.DataFrame:
        """What the strategy wanted: fractions of equity, a column per symbol."""
        return self._run.targets

    @property
    def orders(self) -> pd.DataFrame:
        """Orders in the order they were made; ``time`` is the bar of the decision.

        With the ``strategy`` where several have books of their own (``wb.Sleeves``).
        """
        return self._with_strategy(self._run.orders)

    @property
    def fills(self) -> pd.DataFrame:
        """Fills, oldest first; ``time`` is the bar they happened in.

        With the ``strategy`` where several have books of their own (``wb.Sleeves``).
        """
        return self._with_strategy(self._run.fills)

    @cached_property
    def by_strategy(self) -> Books | None:
        """What each strategy did where several share the account (``wb.Sleeves``), else None.

        Equity, profit, positions, fills, round trips and statistics of each; they add up.
        """
        return books_of(self._run)

    def _with_strategy(self, frame: pd.DataFrame) -> pd.DataFrame:
        books = self.by_strategy
        if books is None or books.strategy.net:
            return frame
        return frame.assign(strategy=frame["symbol"].str.partition("/")[0].to_numpy(dtype=object))

    @cached_property
    def round_trips(self) -> pd.DataFrame:
        """What was closed, from flat to flat, in the order of the exits; profits after fees."""
        return trips_frame(self._measured[1].closed, self.index, self.symbols, self._marks)

    @cached_property
    def open_round_trips(self) -> pd.DataFrame:
        """What is open at the end, valued at the last close; ``exit_time`` is NaT."""
        return trips_frame(self._measured[1].open, self.index, self.symbols, self._marks)

    @cached_property
    def _marks(self) -> np.ndarray:
        closes = self.bars["close"]
        frame = closes.to_frame() if isinstance(closes, pd.Series) else closes
        last: np.ndarray = frame.ffill().iloc[-1].to_numpy("float64")
        return last

    @property
    def findings(self) -> list[str]:
        """What one must know before believing the numbers, in sentences."""
        if self._found is None:
            measured, trips = self._measured
            dependent = int(trips.closed["both"].sum())
            notes = examine(self._run, measured, trips.closed)
            self._found = find(self._run, measured, dependent)
            self._found += [str(note) for note in notes if note.flagged]
        return [*self._found, *self._notes]

    @property
    def path_dependent_fills(self) -> np.ndarray:
        """Per fill, whether the order of prices inside its bar decided."""
        flags: np.ndarray = self._run.records["both"] > 0
        return flags

    @cached_property
    def manifest(self) -> Manifest:
        """The pedigree of the run: data, code, parameters, packages, conventions."""
        if self._run.manifest is not None:
            return self._run.manifest
        return Manifest.create(self.kind, self.strategy, gather(self.bars), self.choices)

    def count(self) -> None:
        """Append the run to the workspace's ledger of trials; a failure becomes a finding."""
        # The settings, which say where the ledger is, take half a second to load.
        from workbench.runs.ledger import Ledger, Trial

        sharpe = self._measured[0]["sharpe"]
        said = Ledger.open().record([Trial(self.manifest, sharpe, self.periods_per_year)])
        if said:
            self._notes.append(said)

    def plot(self, theme: str = "light", *, symbol: str | None = None, overlays: Any = None) -> Any:
        """Return a Bokeh figure: price with fills, equity, drawdown.

        Parameters
        ----------
        theme : {"light", "dark"}
        symbol : str, optional
            Which price to show where there are several, by default the first.
        overlays : mapping of str to Series, optional
            Lines upon the price, by the name to show.

        Raises
        ------
        UsageError
            No such theme or symbol.
        """
        from workbench.plots.result import figure

        return figure(self, theme=theme, symbol=symbol, overlays=overlays)

    def tearsheet(self, path: str | Path) -> Path:
        """Write the tear sheet, one HTML file that needs no network, and return its path."""
        from workbench.backtest.tearsheet import write

        return Path(write(self, path))

    def to_vectorbt(self) -> Any:
        """Return a ``vbt.Portfolio`` made from the recorded fills.

        Raises
        ------
        UsageError
            vectorbt is not installed.
        """
        from workbench.backtest.vectorbt import portfolio

        return portfolio(self)

    def diagnose(self) -> Diagnosis:
        """Ask what the result hangs on, running its targets again a little otherwise.

        Beside what `findings` look at: one bar of delay, doubled costs (5 bps of slippage where
        there are none), eight starts within the first quarter of the bars; round trips per
        parameter; and the Sharpe ratio against the best that luck gives the trials in the
        ledger. "Found" is a gain that loses more than half of itself. Only a backtest is run
        again; nothing is counted as a trial.

        Returns
        -------
        Diagnosis
            With ``ok``, ``findings`` and a ``table``; in Jupyter it shows itself.
        """
        from workbench.backtest.diagnosis import diagnose

        return diagnose(self)

    def second_opinion(self) -> Agreement:
        """Compute the run once more by the slow reference, and return whether they agree.

        A long run is computed in part, from its first bar on; the answer says how far. A
        difference is warned of and becomes a finding, which names the first bar. What is known
        already is not computed again.
        """
        if self.agreement is None:
            from workbench.backtest.agreement import check

            self.agreement = check(self._run)
            if self.agreement.verdict == "differs":
                text = f"do not believe this run: {self.agreement}"
                self._notes.append(text)
                warnings.warn(text, RuntimeWarning, stacklevel=2)
        return self.agreement

    def save(self, folder: str | Path | None = None) -> Path:
        """Save the run under the workspace's ``data/runs``; ``wb.load_run(id)`` reads it.

        The run is computed once more by the slow reference first (`second_opinion`), and what
        that says is saved with it. A run it does not agree with is saved all the same, with a
        warning and a finding: it is evidence.

        Parameters
        ----------
        folder : str or Path, optional
            Another folder of runs.

        Returns
        -------
        Path
            The run's own folder; its name is ``result.manifest.run_id``.
        """
        from workbench.backtest.keep import save_run

        return save_run(self, folder)

    def __repr__(self) -> str:
        figures = self._measured[0]
        return (
            f"<{self.kind} of {self.strategy!r} on {', '.join(self.symbols)}: "
            f"{len(self.bars):,} bars, total return {figures['total_return']:.2%}, "
            f"sharpe {figures['sharpe']:.2f}, max drawdown {figures['max_drawdown']:.2%}, "
            f"{figures['round_trips']:.0f} round trips>"
        )

    def _repr_html_(self) -> str:
        return card(self)


def assemble(run: Run) -> Result:
    """Return the result of a run, whoever made it.

    Parameters
    ----------
    run : Run
        A `RunRecord` where there are frames.
    """
    return Result(run)
