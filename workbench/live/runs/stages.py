"""How far a strategy has come on its way to real money, and who let it."""

from __future__ import annotations

from enum import StrEnum

from workbench.core.ports import Clock
from workbench.errors import RefusedError, UsageError, nearest
from workbench.store.database import Database
from workbench.store.deployments import deployed
from workbench.store.stages import StageChange, add_stage, stages_of

__all__ = ["Stage", "Stages"]


class Stage(StrEnum):
    """The stages of a strategy, in order; ``paused`` and ``retired`` are beside them."""

    DRAFT = "draft"
    CHECKED = "checked"
    PAPER = "paper"
    LIVE = "live"
    PAUSED = "paused"
    RETIRED = "retired"

    @classmethod
    def parse(cls, text: str) -> Stage:
        """Read a stage.

        Raises
        ------
        UsageError
            There is none of that name; the nearest is offered.
        """
        try:
            return cls(text.strip().lower())
        except ValueError:
            known = [one.value for one in cls]
            raise UsageError(
                f"no stage {text!r}{nearest(text, known)}; known are {', '.join(known)}"
            ) from None


_NEXT = {
    Stage.DRAFT: {Stage.CHECKED},
    Stage.CHECKED: {Stage.PAPER},
    Stage.PAPER: {Stage.LIVE},
    Stage.LIVE: {Stage.PAPER},
    Stage.PAUSED: {Stage.CHECKED, Stage.PAPER, Stage.LIVE},
    Stage.RETIRED: set(),
}


class Stages:
    """The stages of a workspace's strategies.

    A stage is that of a strategy's code: once that changes, it is a draft again.

    Parameters
    ----------
    database : Database
        Migrated.
    clock : Clock

    Examples
    --------
    >>> from workbench.core.clock import WallClock
    >>> from workbench.store.migrate import open_database
    >>> stages = Stages(open_database("sqlite://"), WallClock())
    >>> stages.of("SmaCross", "c0de")
    <Stage.DRAFT: 'draft'>
    >>> stages.move("SmaCross", "c0de", Stage.CHECKED, actor="ada", evidence="no leaks")
    >>> stages.of("SmaCross", "c0de"), stages.of("SmaCross", "0ther")
    (<Stage.CHECKED: 'checked'>, <Stage.DRAFT: 'draft'>)
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    def of(self, strategy: str, code: str) -> Stage:
        """Return the stage of a strategy as its code is now."""
        told = self.history(strategy)
        if not told:
            return Stage.DRAFT
        stage = Stage(told[0].stage)
        if told[0].code != code and stage is not Stage.RETIRED:
            return Stage.DRAFT
        return stage

    def history(self, strategy: str | None = None) -> list[StageChange]:
        """Return the steps of a strategy, or of all, the newest first."""
        with self._database.read() as connection:
            return stages_of(connection, strategy)

    def paper_days(self, strategy: str, code: str) -> int:
        """Return on how many days it decided at venues without real money, with this code."""
        with self._database.read() as connection:
            runs = deployed(connection)
        return sum(
            run.days
            for run in runs
            if (run.strategy, run.code) == (strategy, code) and run.venue in _PAPER
        )

    def move(
        self, strategy: str, code: str, to: Stage, *, actor: str, reason: str = "",
        evidence: str = "",
    ) -> None:  # fmt: skip
        """Store a step; whether its gates are passed is for the caller to see.

        Raises
        ------
        UsageError
            The step leaves a stage out, or nobody is named.
        """
        if not actor.strip():
            raise UsageError("a step needs to know who took it")
        now = self.of(strategy, code)
        beside = {Stage.PAUSED, Stage.RETIRED, Stage.DRAFT} - {now}
        if to not in _NEXT[now] | (beside if now is not Stage.RETIRED else {Stage.DRAFT}):
            after = ", ".join(sorted(_NEXT[now])) or "draft"
            raise UsageError(
                f"{strategy} is {now}; it does not become {to} from there, but {after}",
                strategy=strategy,
                stage=now.value,
            )
        change = StageChange(
            strategy=strategy, stage=to.value, code=code, actor=actor.strip(),
            time=self._clock.now(), reason=reason.strip(), evidence=evidence,
        )  # fmt: skip
        with self._database.write() as connection:
            add_stage(connection, change)

    def require_live(self, strategy: str, code: str) -> None:
        """Hold that a strategy may trade real money.

        Raises
        ------
        RefusedError
            It may not; the error says what to do.
        """
        stage = self.of(strategy, code)
        if stage is not Stage.LIVE:
            raise RefusedError(
                f"{strategy} is {stage}, not live: real money is for strategies that went through "
                f"checked and paper; see `workbench strategy promote {strategy}`",
                strategy=strategy,
                stage=stage.value,
            )


_PAPER = frozenset({"sim", "alpaca-paper"})
