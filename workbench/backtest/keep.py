"""A result on its way to the disk; ``workbench.backtest.saved`` reads it back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from workbench.runs import registry

if TYPE_CHECKING:
    from workbench.backtest.result import Result

__all__ = ["FRAMES", "save_run"]

FRAMES = ("bars", "equity", "cash_held", "positions", "targets", "orders", "fills")


def save_run(result: Result, folder: str | Path | None = None) -> Path:
    """Save a result with all it was made from and a second opinion; see ``Result.save``."""
    agreement = result.second_opinion()
    frames: dict[str, pd.DataFrame | pd.Series] = {name: getattr(result, name) for name in FRAMES}
    frames["round_trips"] = result.round_trips
    frames["stats"] = result.stats
    flags = result.path_dependent_fills
    frames["path_dependent"] = pd.Series(flags, dtype=bool, name="path_dependent")
    if result.best_equity is not None:
        frames["best_equity"] = result.best_equity
    if len(result.carry):
        frames["carry"] = result.carry
    frames["findings"] = pd.Series(result.findings, dtype="str", name="findings")
    frames["agreement"] = agreement.series()
    return registry.save(result.manifest, frames, folder)
