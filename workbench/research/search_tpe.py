"""Points proposed by Optuna's tree-structured Parzen estimator, in batches."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from workbench.errors import UsageError
from workbench.research.search_space import Span

if TYPE_CHECKING:
    import optuna

    from workbench.research.search_space import Space

__all__ = ["Tpe"]

_FRUITLESS = 300  # proposals in a row that bring no new point: there may be none left
_EXTRA = 'pip install "trading-workbench[search]"'
Point = tuple[Any, ...]


class Tpe:
    """Asks Optuna for points and tells it what became of them.

    Parameters
    ----------
    space : Space
    seed : int
        The same seed and the same answers give the same points.
    startup : int
        How many points are drawn at random before it learns.
    more : bool
        Whether more of the objective is better.

    Attributes
    ----------
    again, refused : int
        How often a point was proposed that was known, and one the constraint refused.

    Raises
    ------
    UsageError
        Optuna is not installed.

    Notes
    -----
    Bergstra, Bardenet, Bengio and Kégl (2011), *Algorithms for hyper-parameter optimization*;
    multivariate, with a constant liar for the points of a batch that have no answer yet. A
    known point is answered from memory. Points that the constraint refuses, that failed or
    that have no value are told as pruned at once, which ranks them behind all others.

    Examples
    --------
    >>> from workbench.research.search_space import Space
    >>> from workbench.strategy.library import SmaCross
    >>> tpe = Tpe(Space.of(SmaCross, {"fast": (5, 50), "slow": (60, 200)}), seed=1, startup=8)
    >>> for _ in range(6):
    ...     points = tpe.ask(8)
    ...     tpe.tell({p: -abs(p[0] - 20) - abs(p[1] - 100) for p in points}, {})
    >>> best = max(tpe.known, key=lambda p: tpe.known[p])
    >>> abs(best[0] - 20) + abs(best[1] - 100) < 40
    True
    """

    def __init__(self, space: Space, *, seed: int, startup: int, more: bool = True) -> None:
        self._optuna = _optuna()
        self._space = space
        self._axes = {axis.name: self._distribution(axis) for axis in space.axes}
        self.known: dict[Point, float] = {}
        self._open: dict[Point, list[optuna.trial.Trial]] = {}
        self.again = self.refused = 0
        levels = self._optuna.logging
        level = levels.get_verbosity()
        levels.set_verbosity(levels.WARNING)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", self._optuna.exceptions.ExperimentalWarning)
                sampler = self._optuna.samplers.TPESampler(
                    seed=seed, n_startup_trials=startup, multivariate=True, constant_liar=True
                )
            self._study = self._optuna.create_study(
                sampler=sampler, direction="maximize" if more else "minimize"
            )
        finally:
            levels.set_verbosity(level)

    def ask(self, count: int) -> list[Point]:
        """Return up to `count` new points; fewer where none are found, none at the end.

        Raises
        ------
        UsageError
            Not one point was ever found that passes the constraint.
        """
        fruitless, size = 0, self._space.size
        while len(self._open) < count and fruitless < _FRUITLESS:
            if size is not None and len(self.known) + len(self._open) >= size:
                break
            trial = self._study.ask(self._axes)
            point = self._point(trial)
            fruitless += 1
            if point in self.known:
                self.again += 1
                self._answer(trial, self.known[point])
            elif point in self._open:
                self.again += 1
                self._open[point].append(trial)
            elif not self._space.passes(point):
                self.refused += 1
                self._answer(trial, math.nan)
            else:
                fruitless = 0
                self._open[point] = [trial]
        if not self._open and not self.known:
            raise UsageError(
                f"none of {self.refused:,} proposed points passes the constraint",
                points=self.refused,
            )
        return list(self._open)

    def tell(self, values: Mapping[Point, float], pruned: Mapping[Point, Sequence[float]]) -> None:
        """Answer the points that were asked for.

        Parameters
        ----------
        values : mapping
            The objective of each finished point; NaN where there is none, as for a failed one.
        pruned : mapping
            Of each pruned point the objective on the parts of the bars that it was run on.
        """
        for point, trials in self._open.items():
            seen = pruned.get(point, ())
            value = math.nan if point in pruned else values.get(point, math.nan)
            self.known[point] = value
            for trial in trials:
                self._answer(trial, value, seen)
        self._open = {}

    def _answer(self, trial: optuna.trial.Trial, value: float, seen: Sequence[float] = ()) -> None:
        for step, one in enumerate(seen):
            if math.isfinite(one):
                trial.report(one, step)
        if math.isfinite(value):
            self._study.tell(trial, value)
        else:
            self._study.tell(trial, state=self._optuna.trial.TrialState.PRUNED)

    def _point(self, trial: optuna.trial.Trial) -> Point:
        found = trial.params
        return tuple(
            found[axis.name] if isinstance(axis, Span) else axis.values[found[axis.name]]
            for axis in self._space.axes
        )

    def _distribution(self, axis: Any) -> Any:
        kinds = self._optuna.distributions
        if isinstance(axis, Span):
            return kinds.FloatDistribution(axis.low, axis.high)
        if axis.ordered:  # by place: values need not be evenly spaced
            return kinds.IntDistribution(0, len(axis.values) - 1)
        return kinds.CategoricalDistribution(range(len(axis.values)))


def _optuna() -> Any:
    try:
        import optuna
    except ImportError:
        raise UsageError(
            f"search='tpe' needs Optuna, which is not installed: {_EXTRA}, or use search='sobol'",
            package="optuna",
        ) from None
    return optuna
