"""A live run as it was left: what was seen, wanted, refused and filled, in exact numbers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from workbench.backtest.terms import Choices, read
from workbench.core.ids import client_order_id
from workbench.core.money import MONEY, ZERO, decimal
from workbench.data.calendar import known_times
from workbench.errors import DataError, UsageError
from workbench.kernels.codes import Floats
from workbench.live.divergence.left import left
from workbench.runs import registry
from workbench.strategy.base import BaseStrategy, EventStrategy
from workbench.strategy.registry import find
from workbench.strategy.sleeves import Sleeves

if TYPE_CHECKING:
    from workbench.live.runs.live_run import LiveRun
    from workbench.runs.manifest import Manifest

__all__ = ["Execution", "Happened", "Journaled", "Key", "read_run"]

_LEGS = {"stop": "loss", "limit": "profit", "trailing_stop": "trail"}
_FRAMES = ("bars", "decisions", "orders", "fills", "verdicts")


class Key(NamedTuple):
    """Names an order by its decision: the bar's label, the column, and the leg's name."""

    time: pd.Timestamp
    column: str
    leg: str = ""


class Execution(NamedTuple):
    """A fill in a bar: signed like its order, so that a bust is negative."""

    row: int
    quantity: Decimal
    price: Decimal
    fee: Decimal


@dataclass(frozen=True)
class Happened:
    """What became of one order.

    Parameters
    ----------
    side : int
        +1 for a buy, -1 for a sell.
    ordered : Decimal or None
        Units that were sent; None where the venue was to size them and did not.
    fills : tuple of Execution
    is_refused : bool
        By the gate or by the venue, with nothing filled.
    """

    side: int
    ordered: Decimal | None
    fills: tuple[Execution, ...] = ()
    is_refused: bool = False

    @property
    def filled(self) -> Decimal:
        """Units."""
        return sum((fill.quantity for fill in self.fills), ZERO)


@dataclass(frozen=True, eq=False)
class Journaled:
    """A live run that can be computed again.

    Parameters
    ----------
    manifest : Manifest
    strategy : BaseStrategy
    choices : Choices
        Costs, sizing and stops that were expected.
    bars : DataFrame
        As they were seen, the warm-up included.
    first : int
        The row of the first decision.
    targets : ndarray, shape (T, N)
        As they were journaled; NaN where nothing was decided.
    skipped : ndarray of bool, shape (T,)
        Where a decision was seen and not acted upon.
    orders : mapping of Key to Happened
    notes : list of str
        What one has to know of it.
    """

    manifest: Manifest
    strategy: BaseStrategy
    choices: Choices
    bars: pd.DataFrame
    first: int
    targets: Floats
    skipped: np.ndarray
    orders: Mapping[Key, Happened]
    notes: list[str] = field(default_factory=list)

    @property
    def columns(self) -> tuple[str, ...]:
        """What was decided about, in order."""
        return tuple(self.manifest.conventions["columns"])

    @property
    def cash(self) -> float:
        """The capital it began with."""
        return float(self.manifest.conventions["cash"])


def read_run(
    run: str | Path | LiveRun,
    *,
    strategy: BaseStrategy | None = None,
    folder: str | Path | None = None,
) -> Journaled:
    """Read a live run, saved or at work.

    Raises
    ------
    UsageError
        No such run, it is no live one, it decided nothing, it answers quotes, or its strategy is
        not known here and was not given.
    DataError
        A file of it is missing, damaged or was changed since.
    """
    found: Any
    if isinstance(run, str | Path):
        if isinstance(run, Path):
            folder, run = run.parent, run.name
        manifest, found = registry.load(run, folder)
    else:
        manifest, found = left(run)
        strategy = strategy or run.deployment.strategy
    frames: dict[str, pd.DataFrame] = found
    if manifest.kind != "live":
        raise UsageError(
            f"run {manifest.run_id!r} is a {manifest.kind}: there is nothing live to compare",
            run_id=manifest.run_id,
        )
    missing = [name for name in _FRAMES if name not in frames]
    if missing:
        raise DataError(f"run {manifest.run_id!r} lacks {', '.join(missing)}", missing=missing)
    if not len(frames["decisions"]):
        raise UsageError(f"run {manifest.run_id!r} has decided nothing yet")
    return _Reading(manifest, frames).run(strategy or _strategy(manifest))


def _strategy(manifest: Manifest) -> BaseStrategy:
    try:
        if manifest.strategy == Sleeves.__name__:
            return Sleeves(**manifest.params)
        return find(manifest.strategy)(**manifest.params)
    except UsageError as error:
        raise UsageError(
            f"{manifest.strategy} is not known here; import it, or give strategy=: {error.message}"
        ) from error


class _Reading:
    """Turns the frames of one run into keys, rows and Decimals."""

    def __init__(self, manifest: Manifest, frames: Mapping[str, pd.DataFrame]) -> None:
        self.manifest, self.frames = manifest, frames
        self.bars = frames["bars"]
        self.index = pd.DatetimeIndex(self.bars.index)
        self.columns: list[str] = list(manifest.conventions["columns"])
        facts = manifest.conventions
        known = known_times(self.index[-1:], str(facts["timeframe"]), str(facts["calendar"]))
        self.end = known[0]
        self.notes: list[str] = []

    def run(self, strategy: BaseStrategy) -> Journaled:
        decisions = self.frames["decisions"]
        rows = self.index.get_indexer(pd.DatetimeIndex(decisions.index))
        if _answers_ticks(strategy) or (rows < 0).any():
            raise UsageError(
                f"run {self.manifest.run_id!r} decided between bars, on quotes or trades: bars "
                "cannot tell what it should have done"
            )
        targets = np.full((len(self.index), len(self.columns)), np.nan)
        targets[rows] = decisions[self.columns].to_numpy("float64")
        skipped = np.zeros(len(self.index), dtype=bool)
        skipped[rows] = decisions["skipped"].fillna("").astype(str).to_numpy() != ""
        return Journaled(
            manifest=self.manifest,
            strategy=strategy,
            choices=read(json.loads(self.manifest.conventions["identity"])),
            bars=self.bars,
            first=int(rows.min()),
            targets=targets,
            skipped=skipped,
            orders=dict(self._orders(pd.DatetimeIndex(decisions.index))),
            notes=self.notes,
        )

    def _orders(self, labels: pd.DatetimeIndex) -> Iterator[tuple[Key, Happened]]:
        run = self.manifest.run_id
        known = {
            client_order_id(run, label.to_pydatetime(), column): Key(label, column)
            for label in labels
            for column in self.columns
        }
        fills = self._fills()
        verdicts = self.frames["verdicts"]
        for name in verdicts.loc[verdicts["outcome"] == "refuse", "intent_id"].unique():
            if name in known:
                yield known[name], Happened(0, None, (), True)
        for order in self.frames["orders"].to_dict("records"):
            key = self._key(order, known)
            side = 1 if order["side"] == "buy" else -1
            own = [self._execution(fill, key, side) for fill in fills.pop(order["order_id"], [])]
            inside = tuple(one for one in own if one.row < len(self.index))
            if len(inside) < len(own):
                self.notes.append(
                    f"{len(own) - len(inside)} fills of {key.column} came after the last bar "
                    "that was seen and are left out"
                )
            ordered = _number(order["quantity"])
            if order["state"] == "filled":  # what a venue rounds off was not missed
                ordered = sum((one.quantity for one in own), ZERO)
            refused = order["state"] == "rejected" and not own
            yield key, Happened(side, ordered, inside, refused)

    def _key(self, order: Mapping[Any, Any], known: Mapping[str, Key]) -> Key:
        name, parent = order["order_id"], order.get("parent_id") or ""
        if parent in known:
            return known[parent]._replace(leg=_LEGS.get(order["type"], order["type"]))
        if name in known:
            return known[name]
        self.notes.append(f"order {name} belongs to no decision that was kept")
        return Key(pd.Timestamp(order["decided_at"]), str(order["column"]), f"of {name}")

    def _fills(self) -> dict[str, list[Mapping[Any, Any]]]:
        found: dict[str, list[Mapping[Any, Any]]] = {}
        for fill in self.frames["fills"].to_dict("records"):
            found.setdefault(str(fill["order_id"]), []).append(fill)
        return found

    def _execution(self, fill: Mapping[Any, Any], key: Key, side: int) -> Execution:
        at = pd.Timestamp(fill["time"])
        row = int(self.index.searchsorted(at, side="right")) - 1
        # what is decided at a close is filled later, also where that is the evening of a session
        row = max(row, int(self.index.searchsorted(key.time)) + (not key.leg))
        if at >= self.end and at != self.index[-1]:
            row = len(self.index)
        sign = 1 if (fill["side"] == "buy") == (side > 0) else -1
        price, fee = _exact(fill["price"]), _exact(fill["fee"])
        if fill["fee_currency"] == str(fill["symbol"]).partition("/")[0]:
            fee = MONEY.multiply(fee, price)  # taken in units of what was traded
        return Execution(row, sign * _exact(fill["quantity"]), price, fee)


def _answers_ticks(strategy: BaseStrategy) -> bool:
    kind = type(strategy)
    return isinstance(strategy, EventStrategy) and any(
        getattr(kind, name) is not getattr(EventStrategy, name) for name in ("on_quote", "on_trade")
    )


def _exact(text: str) -> Decimal:
    # money that was computed may have more digits than a person would be let type
    return decimal(Decimal(text), "number of a fill")


def _number(text: Any) -> Decimal | None:
    return _exact(text) if text not in ("", None) else None
