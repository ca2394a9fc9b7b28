"""The gates between the stages of a strategy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.errors import RefusedError
from workbench.live.runs.stages import Stage, Stages
from workbench.research.check import check
from workbench.runs.code_hash import code_of
from workbench.strategy.base import BaseStrategy, EventStrategy, Strategy

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Promotion", "promote"]


@dataclass(frozen=True, slots=True)
class Promotion:
    """A step that was taken.

    Parameters
    ----------
    evidence : str
        What the gate found.
    is_overridden : bool
        Whether it was taken although the gate said no.
    """

    before: Stage
    after: Stage
    evidence: str
    is_overridden: bool = False


def promote(
    stages: Stages,
    strategy: BaseStrategy,
    to: Stage,
    *,
    actor: str,
    override: str = "",
    bars: pd.DataFrame | None = None,
    paper_days: int = 10,
) -> Promotion:
    """Let a strategy take a step, where its gate lets it.

    ``checked`` wants ``wb.check`` to find nothing (leaks, warm-up, purity, and the parity of
    backtest and replay); ``live`` wants so many days on paper with the same code.

    Parameters
    ----------
    override : str
        The reason to take it although the gate says no; it is kept with the step.
    bars : DataFrame, optional
        To check on; sample shares by default.
    paper_days : int
        How many days on paper ``live`` wants; the setting of that name.

    Raises
    ------
    RefusedError
        The gate says no, and no reason was given to go on.
    UsageError
        The step leaves a stage out.
    """
    code = code_of(strategy)
    before = stages.of(strategy.name, code)
    evidence, trouble = _gate(stages, strategy, to, bars, paper_days)
    if trouble and not override.strip():
        raise RefusedError(
            f"{strategy.name} does not become {to}: {trouble}; to go on all the same, give the "
            "reason",
            strategy=strategy.name,
            stage=to.value,
        )
    said = f"overridden: {trouble}" if trouble else evidence
    stages.move(strategy.name, code, to, actor=actor, reason=override, evidence=said)
    return Promotion(before, to, said, bool(trouble))


def _gate(
    stages: Stages,
    strategy: BaseStrategy,
    to: Stage,
    bars: pd.DataFrame | None,
    paper_days: int,
) -> tuple[str, str]:
    """Return what was found, and what speaks against the step."""
    if to is Stage.CHECKED and isinstance(strategy, Strategy):
        report = check(strategy, bars)
        return str(report), "; ".join(report.findings)
    if to is Stage.CHECKED and isinstance(strategy, EventStrategy):
        return "", "a strategy on events cannot be checked by itself"
    if to is Stage.LIVE:
        days = stages.paper_days(strategy.name, code_of(strategy))
        text = f"{days} days on paper of {paper_days}"
        return text, "" if days >= paper_days else text
    return "", ""
