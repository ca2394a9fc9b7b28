"""What a live run leaves behind: a saved run as of a backtest, beside its recorded events."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench.core.money import ZERO
from workbench.data.schema import fingerprint
from workbench.errors import DataError, UsageError
from workbench.runs import registry
from workbench.runs.manifest import DataFacts, Manifest, package_versions

if TYPE_CHECKING:
    from workbench.live.runs.live_run import LiveRun

__all__ = ["left", "save_live"]

_KEYS = {"orders": "order_id", "fills": "execution_id"}


def save_live(run: LiveRun, folder: Path | None = None) -> Path | None:
    """Save a live run as it stands under ``data/runs``; None where it has seen no bar.

    What was saved of it before a restart is kept, and goes on. As told by `left`.
    """
    if not len(run.line.window):
        return None
    folder = folder or run.account.settings.folder("runs")
    manifest, frames = left(run, folder)
    return registry.save(manifest, frames, folder)


def left(run: LiveRun, folder: Path | None = None) -> tuple[Manifest, dict[str, pd.DataFrame]]:
    """Return manifest and frames of a live run as it stands.

    Frames: ``bars`` (what it was shown, the warm-up included), ``decisions`` (label, target by
    column, the reason where it was not acted upon), ``orders`` and ``fills`` (of its own, with
    the venue's instants) and ``verdicts`` (what the gate said of each intent). The manifest's
    conventions tell capital, venue, the first live bar and the choices.
    """
    record = run.record
    frames = {
        "bars": run.line.window.frame(),
        "decisions": _decisions(run),
        "orders": _orders(run),
        "fills": _fills(run),
        "verdicts": _verdicts(run),
    }
    frames = _continued(frames, record.run_id, folder or run.account.settings.folder("runs"))
    bars, decisions = frames["bars"], frames["decisions"]
    bars.attrs["fingerprint"] = fingerprint(bars)
    manifest = Manifest(
        run_id=record.run_id,
        kind="live",
        strategy=record.strategy,
        params=run.deployment.strategy.params,
        code_hash=record.code,
        data=DataFacts.of(bars),
        packages=package_versions(),
        conventions={
            "cash": float(record.capital),
            "venue": record.venue,
            "account": record.book,
            "name": record.name,
            "identity": record.identity,
            "timeframe": str(run.line.timeframe),
            "calendar": run.line.calendar,
            "columns": list(run.columns),
            "first": decisions.index[0].isoformat() if len(decisions) else "",
            "state": record.state,
        },
        created=record.started.isoformat(),
    )
    return manifest, frames


def _continued(
    frames: dict[str, pd.DataFrame], run_id: str, folder: Path
) -> dict[str, pd.DataFrame]:
    """Put what was saved of the run before a restart in front of what it left since."""
    try:
        found: Any = registry.load(run_id, folder)[1]
    except (UsageError, DataError):  # the first time, or damaged: nothing to go on from
        return frames
    return {
        name: frame if found.get(name) is None else _joined(name, found[name], frame)
        for name, frame in frames.items()
    }


def _joined(name: str, before: pd.DataFrame, frame: pd.DataFrame) -> pd.DataFrame:
    if list(before.columns) != list(frame.columns):
        return frame
    if name == "verdicts":
        return pd.concat([before, frame], ignore_index=True).drop_duplicates(ignore_index=True)
    key = _KEYS.get(name)
    old, known = (before[key], frame[key]) if key else (before.index, frame.index)
    kept = before[~old.isin(known)]
    if kept.empty:
        return frame
    joined = pd.concat([kept, frame], ignore_index=key is not None)
    joined = joined if key else joined.sort_index()
    joined.attrs = dict(frame.attrs)
    return joined


def _decisions(run: LiveRun) -> pd.DataFrame:
    index = pd.DatetimeIndex([one.label for one in run.decisions], name="time", tz="UTC")
    rows = {
        column: [float(one.targets[place]) for one in run.decisions]
        for place, column in enumerate(run.columns)
    }
    skipped = [one.skipped for one in run.decisions]
    return pd.DataFrame({**rows, "skipped": pd.Series(skipped, index=index, dtype="str")}, index)


def _orders(run: LiveRun) -> pd.DataFrame:
    names = ("order_id", "symbol", "side", "type", "state", "quantity", "target", "filled",
             "average_price", "limit_price", "stop_price", "decided_at", "parent_id",
             "reason")  # fmt: skip
    orders = [o for o in run.account.ledger.orders.values() if run.pilot.owns(o)]
    rows = [[_cell(getattr(order, name)) for name in names] for order in orders]
    frame = pd.DataFrame(rows, columns=list(names), dtype="str")
    frame["column"] = [run.pilot.orders.get(order.order_id, order.symbol) for order in orders]
    wanted = [run.pilot.wanted.get(order.order_id) for order in orders]
    frame["wanted"] = pd.Series(wanted, dtype="float64")
    return frame


def _fills(run: LiveRun) -> pd.DataFrame:
    names = ("execution_id", "order_id", "symbol", "side", "quantity", "price", "fee",
             "fee_currency", "slippage", "time")  # fmt: skip
    fills = [f for f in run.account.ledger.fills.values() if run.pilot.owns(f)]
    rows = [[_cell(getattr(fill, name)) for name in names] for fill in fills]
    return pd.DataFrame(rows, columns=list(names), dtype="str")


def _verdicts(run: LiveRun) -> pd.DataFrame:
    rows = [
        [name, judged.outcome, verdict.get("rule", ""), verdict.get("reason", "")]
        for name, judged in run.account.ledger.intents.items()
        if judged.intent.run_id == run.record.run_id
        for verdict in judged.verdicts
        if judged.outcome != "pass" and verdict.get("outcome") != "pass"
    ]
    return pd.DataFrame(rows, columns=["intent_id", "outcome", "rule", "reason"], dtype="str")


def _cell(value: object) -> str:
    if value is None:
        return ""
    if value == ZERO:
        return "0"
    return str(getattr(value, "value", value))
