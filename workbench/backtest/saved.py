"""Runs that were saved, read back as results."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.backtest.agreement import Agreement
from workbench.backtest.keep import FRAMES
from workbench.backtest.result import Result, RunRecord
from workbench.errors import DataError, UsageError
from workbench.runs import registry
from workbench.strategy.registry import find
from workbench.strategy.sleeves import Sleeves

if TYPE_CHECKING:
    from workbench.runs.manifest import Manifest

__all__ = ["SavedStrategy", "load_run"]


@dataclass(frozen=True)
class SavedStrategy:
    """Name and parameters of a strategy whose class is not known here."""

    name: str
    params: dict[str, Any]

    def __repr__(self) -> str:
        return f"{self.name}({', '.join(f'{k}={v!r}' for k, v in self.params.items())})"

    def _repr_html_(self) -> str:
        return escape(repr(self))


def load_run(run_id: str | Path, folder: str | Path | None = None) -> Result:
    """Read a saved run.

    Parameters
    ----------
    run_id : str or Path
        As ``result.manifest.run_id`` told it, or the path that ``result.save()`` returned.
    folder : str or Path, optional
        The folder of runs; the workspace's ``data/runs`` by default.

    Returns
    -------
    Result
        With the same numbers. Its strategy is the object where the class is known here,
        else its name and parameters.

    Raises
    ------
    UsageError
        No such run; the nearest known one is offered.
    DataError
        A file of it is missing, damaged or was changed since.
    """
    if isinstance(run_id, Path):
        folder, run_id = run_id.parent, run_id.name
    manifest, frames = registry.load(run_id, folder)
    missing = [name for name in FRAMES if name not in frames]
    if missing:
        raise DataError(
            f"run {run_id!r} is a {manifest.kind} without {', '.join(missing)}: no result to show",
            run_id=run_id,
            missing=tuple(missing),
        )
    choices = dict(manifest.conventions)
    flags: Any = frames.get("path_dependent")
    said: Any = frames.get("findings")
    opinion: Any = frames.get("agreement")
    carry: Any = frames.get("carry")
    flows = np.empty((0, 0)) if carry is None else carry.to_numpy("float64")
    found: dict[str, Any] = {name: frames[name] for name in FRAMES}
    return Result(
        RunRecord(
            kind=manifest.kind,
            strategy=_strategy(manifest),
            symbols=tuple(map(str, frames["positions"].columns)),
            cash=float(choices["cash"]),
            choices=choices,
            path_dependent=None if flags is None else flags.tolist(),
            best_equity=frames.get("best_equity"),  # type: ignore[arg-type]
            manifest=manifest,
            flows=np.require(flows, requirements=["C", "W"]),
            **found,
        ),
        None if said is None else said.tolist(),
        None if opinion is None else Agreement.of_series(opinion),
    )


def _strategy(manifest: Manifest) -> Any:
    try:
        if manifest.strategy == Sleeves.__name__:
            return Sleeves(**manifest.params)
        return find(manifest.strategy)(**manifest.params)
    except UsageError:
        return SavedStrategy(manifest.strategy, dict(manifest.params))
