"""Asks a strategy at work for its opinion, in a thread of its own and within its patience."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np

from workbench.core.quote import Quote
from workbench.core.trade import Trade
from workbench.kernels.codes import Floats
from workbench.live.decisions.opinions import EventOpinions, combined, opinions_of, signals
from workbench.live.decisions.worker import Worker
from workbench.strategy.base import EventStrategy
from workbench.strategy.sleeves import spread

if TYPE_CHECKING:
    from workbench.live.decisions.deployment import Deployment
    from workbench.live.market.rows import Row
    from workbench.live.runs.line import Line

__all__ = ["Asking"]

Opinion = tuple[Floats, dict[str, Decimal]]
_WARM_UP = 60.0


class Asking:
    """Between a strategy and the bars and events that it is asked about.

    Each method raises the `WorkbenchError` that the strategy or the time it took deserves.

    Parameters
    ----------
    deployment : Deployment
    line : Line
        Where its bars come from.
    """

    def __init__(self, deployment: Deployment, line: Line) -> None:
        self._deployment, self._line = deployment, line
        self._worker = Worker(deployment.title)

    async def tell_past(self) -> None:
        """Tell a strategy on events of the bars before; what it answers to them is dropped."""
        strategy, window = self._deployment.strategy, self._line.window
        if not isinstance(strategy, EventStrategy):
            return
        times = window.index().to_pydatetime().tolist()
        values = window.values()

        def tell() -> None:
            opinions = EventOpinions(strategy, self._deployment.symbols, times, values, {})
            for row in range(len(times)):
                opinions.at(row)

        await self._worker.call(tell, max(_WARM_UP, self._deployment.patience))

    async def at(self, row: Row) -> Opinion:
        """Return what is wanted by column at a row, NaN for no opinion, and at what limits."""
        line, deployment = self._line, self._deployment
        frame = line.window.frame(row.label)

        def ask() -> Opinion:
            bars = spread(deployment.strategy, frame)
            if isinstance(deployment.strategy, EventStrategy):
                values = line.window.row(row.label)
                opinions = opinions_of(
                    deployment.strategy, bars, deployment.symbols, [row.label], values
                )
                return opinions.at(0), opinions.limits
            columns = tuple(deployment.columns)
            opinions = opinions_of(deployment.strategy, bars, columns, [], np.empty(0))
            return opinions.at(len(bars) - 1), opinions.limits

        return await self._worker.call(ask, deployment.patience)

    async def about(self, event: Quote | Trade) -> Opinion:
        """Return what a strategy on events answers to a quote or a trade, as `at` does."""
        strategy, deployment = self._deployment.strategy, self._deployment
        assert isinstance(strategy, EventStrategy)  # noqa: S101  whoever calls has looked
        ask = strategy.on_quote if isinstance(event, Quote) else strategy.on_trade
        found = await self._worker.call(lambda: signals(ask(event)), deployment.patience)
        return combined(found, deployment.symbols, strategy.name)

    def close(self) -> None:
        """End its thread."""
        self._worker.close()
