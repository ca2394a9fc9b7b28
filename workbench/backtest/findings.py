"""What a reader of a result must know before believing it, in sentences."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from workbench.backtest.tape import Run
from workbench.kernels.carry import KINDS
from workbench.kernels.codes import SPLIT

__all__ = ["find"]

_FEW = 30


def find(run: Run, stats: Mapping[str, float], dependent: int) -> list[str]:
    """Return the findings on a run; `dependent` counts path-dependent round trips."""
    found = list(run.findings)
    if run.choices.get("fill") == "close":
        found.append(
            "filled at the close that was decided on: nobody can do that; fill='next_open' is the "
            "honest default"
        )
    if not len(run.records) and bool((run.targets.fillna(0.0) != 0.0).any(axis=None)):
        found.append(
            "the targets ask for positions, but nothing was ever filled: no price, no volume, or "
            "less equity than a lot costs"
        )
    found += _overdrawn(run)
    found += _carried(run)
    if run.liquidated:
        found.append(
            f"{run.liquidated} {_s('position', run.liquidated)} liquidated: equity fell below the "
            "maintenance margin"
        )
    if run.trimmed:
        found.append(f"{run.trimmed} {_s('order', run.trimmed)} trimmed to what could be afforded")
    if run.small:
        found.append(
            f"{run.small} {_s('order', run.small)} below the least notional: not made, or rejected"
        )
    if dependent:
        found.append(_band(run, dependent))
    left = [name for name, units in zip(run.symbols, run.units[-1], strict=True) if units != 0.0]
    if left:
        found.append(f"open at the end and valued at the last close: {', '.join(left)}")
    trips = int(stats["round_trips"])
    if trips < _FEW:
        found.append(
            f"only {trips} closed {_s('round trip', trips)}: too few to tell skill from luck "
            f"(fewer than {_FEW})"
        )
    worst = float(run.worth.min())
    if worst <= 0.0:
        found.append(
            "equity fell to zero or below: ruin; ratios of returns are not defined after it"
        )
    return found


def _overdrawn(run: Run) -> list[str]:
    bars = int(np.sum(run.purse < -1e-9 * np.maximum(np.abs(run.worth), run.cash)))
    if not bars:
        return []
    flows = run.carried.flows
    is_charged = bool(len(flows)) and bool((flows[:, KINDS.index("margin")] != 0.0).any())
    said = "interest was charged" if is_charged else "no interest is charged"
    return [f"cash was overdrawn at the close of {bars} {_s('bar', bars)}; {said}"]


def _carried(run: Run) -> list[str]:
    """Tell what holdings brought in and cost, each kind by itself."""
    events, flows = run.carried
    if not len(flows):
        return []
    sums = flows[:, : len(KINDS)].sum(axis=0).tolist()
    words = {"margin": "interest on margin", "cash": "interest on cash", "borrow": "borrow fees",
             "funding": "funding", "dividend": "dividends"}  # fmt: skip
    told = [
        f"{words[kind]} {total:+,.2f}"
        for kind, total in zip(KINDS, sums, strict=True)
        if abs(total) >= 0.005
    ]
    splits = int((events[:, :, SPLIT] != 1.0).sum())
    found = [f"carried: {', '.join(told)}"] if told else []
    return found + ([f"{splits} {_s('split', splits)} in raw prices"] if splits else [])


def _band(run: Run, dependent: int) -> str:
    text = (
        f"{dependent} {_s('round trip', dependent)} had loss and profit stop inside one bar; the "
        "loss was taken"
    )
    if run.best is None:
        return text
    return (
        f"{text}: end equity {run.worth[-1]:,.2f}, and {run.best[-1]:,.2f} had it been the profit"
    )


def _s(word: str, count: int) -> str:
    return word if count == 1 else f"{word}s"
