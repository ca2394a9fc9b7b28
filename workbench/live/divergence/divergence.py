"""Why a live run earned something else than its backtest, to the cent.

From the backtest on the bars of today to what happened lead eight steps, each of which takes over
one thing more of what happened and computes the rest again, by the code that decides live:

===========  ========================================================================
``data``     the bars as they were seen, in the place of those of today
``signal``   the targets as they were journaled, in the place of those computed now
``reject``   what the engine skipped, and the gate or the venue refused
``missed``   what was sent and not filled, or not whole
``timing``   the bar of each fill, at the price the rules give there
``price``    the price of each fill
``fee``      the fee of each fill
``size``     the units of each fill
===========  ========================================================================

The profit of a course less that of the one before it is the part of that step, so that the parts
add up to the whole difference. A part holds what follows from its cause as well: where a buy was
missed, the sale that then had nothing to sell is part of ``missed``.

The order matters where two causes meet in one fill, and this one goes with time: what was known,
what was wanted, what was let through, what was done of it, when, for how much. Bars come before
targets, for the targets follow from them. Whether an order was filled comes before when, and when
before the price: a late fill costs what the market moved (``timing``), and the rest of its price
is the venue's (``price``). Sizes come last because they answer to the account: by then the account
is the live one in all else, and only a size that its own rule does not explain is left over.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench.config import Settings, load_settings
from workbench.core.money import MONEY, ZERO, decimal
from workbench.core.ports import Bus
from workbench.errors import UsageError, nearest
from workbench.live.divergence.attribution import FACTS, PARTS, added, attribute
from workbench.live.divergence.journaled import read_run
from workbench.strategy.base import BaseStrategy

if TYPE_CHECKING:
    from workbench.live.runs.live_run import LiveRun

__all__ = ["PARTS", "Divergence", "cents", "reconcile"]

_CENT = Decimal("0.01")


@dataclass(frozen=True, eq=False)
class Divergence:
    """What a live run earned beside its backtest, and why not the same.

    Money is Decimals with ten digits after the point, which add up exactly.

    Parameters
    ----------
    run_id, strategy : str
        Whose it is.
    planned, earned : Decimal
        The profit of the backtest on the bars of today, and of the live run, at the last close.
    table : DataFrame
        A row per order (``time``, the bar of its decision; ``symbol``, its column; ``leg``, of
        stops), a column per part, and ``total``: live less backtest.
    rounds : Series
        The number of the round trip each order belongs to: until both are flat.
    limit : Decimal
        The difference that is tolerated, by the settings.
    notes : tuple of str
        What one has to know beside the numbers.
    """

    run_id: str
    strategy: str
    planned: Decimal
    earned: Decimal
    table: pd.DataFrame
    rounds: pd.Series
    limit: Decimal
    notes: tuple[str, ...] = field(default=())

    @property
    def total(self) -> Decimal:
        """What the live run earned more (negative: less) than the backtest."""
        return MONEY.subtract(self.earned, self.planned)

    @property
    def parts(self) -> pd.Series:
        """The total by cause; they add up to it exactly."""
        return pd.Series({name: added(self.table[name]) for name in PARTS}, dtype=object)

    def ok(self, limit: Decimal | float | None = None) -> bool:
        """Whether no more differs than is tolerated, and nothing is unexplained.

        Parameters
        ----------
        limit : Decimal or float, optional
            In money; that of the settings by default.
        """
        most = self.limit if limit is None else decimal(limit, "limit")
        return abs(self.total) <= most and cents(self.parts["unexplained"]) == 0

    def by(self, what: str) -> pd.DataFrame:
        """Return the table added up by ``"symbol"``, ``"day"``, ``"round"`` or ``"order"``.

        Raises
        ------
        UsageError
            Another word.
        """
        keys: dict[str, Any] = {
            "symbol": self.table["symbol"],
            "day": self.table["time"].dt.normalize().rename("day"),
            "round": [self.table["symbol"], self.rounds],
            "order": [self.table[name] for name in FACTS],
        }
        if what not in keys:
            raise UsageError(
                f"no table by {what!r}{nearest(what, keys)}; there is {', '.join(keys)}"
            )
        return self.table.groupby(keys[what], sort=True)[[*PARTS, "total"]].agg(added)

    @property
    def findings(self) -> list[str]:
        """What deserves a look, in sentences."""
        found = list(self.notes)
        if abs(self.total) > self.limit:
            cause = max(PARTS, key=lambda name: abs(self.parts[name]))
            found.insert(
                0,
                f"{self.run_id} is {money(self.total)} off its backtest, more than "
                f"{self.limit:,.2f}; most of it is {cause}: {money(self.parts[cause])}",
            )
        if cents(self.parts["unexplained"]) != 0:
            found.insert(0, f"{money(self.parts['unexplained'])} cannot be explained")
        return found

    def tell(self, bus: Bus) -> bool:
        """Publish an alert on the topic ``system`` where it is not `ok`; return whether."""
        if self.ok():
            return False
        at = str(self.table["time"].max()) if len(self.table) else ""
        text = "; ".join(self.findings[:2])
        facts = {"run_id": self.run_id, "total": str(cents(self.total)), "until": at}
        bus.publish("system", {"kind": "divergence", "text": text, **facts})
        return True

    def plot(self, theme: str = "light") -> Any:
        """Return a Bokeh figure: from the backtest's profit to the live one, cause by cause.

        Raises
        ------
        UsageError
            No such theme.
        """
        from workbench.plots.waterfall import figure

        steps = {
            name: float(value)
            for name, value in zip(PARTS, self.parts, strict=True)
            if cents(value) != 0
        }
        return figure(float(self.planned), steps, ("backtest", "live"), theme=theme)

    def __str__(self) -> str:
        rows = [("backtest", self.planned), *self.parts.items(), ("live", self.earned)]
        lines = [f"{name:<12}{cents(value):>16,}" for name, value in rows]
        return "\n".join([f"{self.run_id} ({self.strategy})", *lines, *self.findings])

    def _repr_html_(self) -> str:
        from workbench.live.divergence.card import card

        return card(self)


def reconcile(
    run: str | Path | LiveRun,
    bars: pd.DataFrame | None = None,
    *,
    strategy: BaseStrategy | None = None,
    folder: str | Path | None = None,
    settings: Settings | None = None,
) -> Divergence:
    """Run the live window of a run through the backtest, and put each cent of difference down.

    Where the parts come from and why in that order: docs/divergence.md.

    Parameters
    ----------
    run : str, Path or LiveRun
        The id of a saved run (``workbench runs list``), its folder, or a run at work.
    bars : DataFrame, optional
        Those of today, as they should have been; by default they are asked of the source of the
        run. Rows before the first and after the last bar that was seen are left out.
    strategy : BaseStrategy, optional
        Where its class is not known here.
    folder : str or Path, optional
        Of runs; the workspace's own by default.
    settings : Settings, optional
        Of the workspace, for `Divergence.limit`.

    Returns
    -------
    Divergence
        ``.total``, ``.parts``, ``.table``, ``.by(...)``, ``.plot()``, ``.ok(limit)``.

    Raises
    ------
    UsageError
        No such run; it is no live one, decided nothing, or decides on quotes; its strategy is
        not known here.
    DataError
        The run was damaged, or bars break the contract.
    """
    settings = settings or load_settings()
    with localcontext(MONEY):
        told = read_run(run, strategy=strategy, folder=folder or settings.folder("runs"))
        found = attribute(told, bars)
        return Divergence(
            run_id=told.manifest.run_id,
            strategy=repr(told.strategy),
            planned=found.planned,
            earned=found.earned,
            table=found.table,
            rounds=found.rounds,
            limit=decimal(told.cash, "cash") * decimal(settings.divergence_bps) / 10_000,
            notes=tuple(found.notes),
        )


def cents(value: Decimal) -> Decimal:
    """Round money to the cent.

    Examples
    --------
    >>> cents(Decimal("0.375"))
    Decimal('0.38')
    """
    return value.quantize(_CENT, ROUND_HALF_EVEN) + ZERO


def money(value: Decimal) -> str:
    """Say an amount with its sign.

    Examples
    --------
    >>> money(Decimal("-1234.5"))
    '-1,234.50'
    """
    return f"{cents(value):+,.2f}"
