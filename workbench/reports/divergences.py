"""Live runs in a morning's report: what each earned beside its backtest, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from workbench.config import Settings, load_settings
from workbench.errors import WorkbenchError
from workbench.live.divergence.divergence import PARTS, Divergence, reconcile
from workbench.runs import registry

__all__ = ["Divergences", "divergences"]


@dataclass(frozen=True)
class Divergences:
    """The live runs of some days.

    Parameters
    ----------
    found : mapping of str to Divergence
        By run, the newest first.
    problems : mapping of str to str
        By run, why nothing can be said of it.
    """

    found: Mapping[str, Divergence] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)

    def table(self) -> pd.DataFrame:
        """Return a row per run: ``backtest``, the parts, ``live``; money."""
        rows = {
            run: {"backtest": one.planned, **dict(zip(PARTS, one.parts, strict=True)),
                  "live": one.earned}
            for run, one in self.found.items()
        }  # fmt: skip
        columns = ["backtest", *PARTS, "live"]
        return pd.DataFrame.from_dict(rows, orient="index", columns=columns).astype("float64")

    def findings(self) -> list[str]:
        """Return what deserves a look: what is above the limit, and what cannot be said."""
        found = [one.findings[0] for one in self.found.values() if not one.ok()]
        return found + [f"{run}: {text}" for run, text in self.problems.items()]


def divergences(
    since: pd.Timestamp | str | None = None, *, most: int = 10, settings: Settings | None = None
) -> Divergences:
    """Hold the saved live runs against their backtests.

    Parameters
    ----------
    since : Timestamp or str, optional
        Only runs that still saw a bar then; all by default.
    most : int
        The newest so many.
    settings : Settings, optional
        Of the workspace.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     found = divergences(settings=load_settings(folder))
    >>> found.table().empty, found.findings()
    (True, [])
    """
    settings = settings or load_settings()
    runs = registry.list_runs(settings.folder("runs"))
    runs = runs[runs["kind"] == "live"]
    if since is not None:
        start = pd.Timestamp(since)
        start = start if start.tz is not None else start.tz_localize("UTC")
        runs = runs[pd.to_datetime(runs["end"], utc=True, format="ISO8601") >= start]
    found: dict[str, Divergence] = {}
    problems: dict[str, str] = {}
    for name in map(str, runs.index[:most]):
        try:
            found[name] = reconcile(name, settings=settings)
        except WorkbenchError as error:
            problems[name] = error.message
    return Divergences(found, problems)
