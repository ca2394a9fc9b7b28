"""What a search is asked for, and the batches of points it proposes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from workbench.backtest.stats import NAMES
from workbench.errors import UsageError, nearest
from workbench.research.search_draws import draw
from workbench.research.search_prune import PRUNES
from workbench.research.search_space import Space
from workbench.research.search_tpe import Tpe
from workbench.research.walk_result import LESS_IS_BEST

__all__ = ["SEARCHES", "Proposals", "Search", "proposals"]

SEARCHES = ("random", "sobol", "tpe")
_MOST_TRIALS = 1_000_000
_SMALLEST, _LARGEST = 8, 64
Point = tuple[Any, ...]


@dataclass(frozen=True)
class Search:
    """What a search is asked for.

    Parameters
    ----------
    how : {"random", "sobol", "tpe"}
    trials : int
        How many distinct points are wanted.
    seed : int
        The same seed gives the same points.
    objective : str
        The statistic that is searched for, a column of ``Sweep.stats``.
    prune : {None, "median", "halving"}
        Whether points are given up early, see ``workbench.research.search_prune``.

    Raises
    ------
    UsageError
        One of them is not what it may be.

    Examples
    --------
    >>> Search("tpe", trials=500).batch
    25
    >>> Search("tpe", objective="volatility").more
    False
    """

    how: str
    trials: int = 100
    seed: int = 0
    objective: str = "sharpe"
    prune: str | None = None

    def __post_init__(self) -> None:
        _one_of("search", self.how, SEARCHES)
        _one_of("objective", self.objective, NAMES[2:])
        if self.prune is not None:
            _one_of("prune", self.prune, PRUNES)
        _whole("trials", self.trials, 1, _MOST_TRIALS)
        _whole("seed", self.seed, 0, 2**32 - 1)

    @classmethod
    def of(cls, how: str | None, **said: Any) -> Search | None:
        """Return the search that was asked for, None for a sweep of a grid.

        Raises
        ------
        UsageError
            Its words are not what they may be, or were given without a search.
        """
        given = {name: value for name, value in said.items() if value is not None}
        if how is not None:
            return cls(how, **given)
        if given:
            first = next(iter(given))
            raise UsageError(
                f"{first} belongs to a search: give search='sobol' too (or {', '.join(SEARCHES)}); "
                f"a parameter of the strategy that is called so is given as {first}_",
                given=first,
            )
        return None

    @property
    def more(self) -> bool:
        """Whether more of the objective is better."""
        return self.objective not in LESS_IS_BEST

    @property
    def batch(self) -> int:
        """How many points are proposed before their results are looked at.

        It depends on nothing but `trials`: the same call gives the same points on any machine.
        """
        return min(max(self.trials // 20, _SMALLEST), _LARGEST)

    @property
    def is_told(self) -> bool:
        """Whether later points depend on the results of earlier ones."""
        return self.how == "tpe" or self.prune is not None

    def __str__(self) -> str:
        pruned = "" if self.prune is None else f", pruned by {self.prune}"
        return f"{self.how} search by {self.objective}{pruned}, seed {self.seed}"


class Proposals(Protocol):
    """Where the points of a search come from, batch by batch."""

    again: int
    refused: int

    def ask(self, count: int) -> list[Point]:
        """Return up to `count` new points, none where there are no more."""

    def tell(self, values: Mapping[Point, float], pruned: Mapping[Point, Sequence[float]]) -> None:
        """Say what became of the points that were asked for."""


@dataclass
class _Drawn:
    """Points that are drawn beforehand, whatever comes of them."""

    points: list[Point]
    again: int
    refused: int
    _next: int = field(default=0, init=False)

    def ask(self, count: int) -> list[Point]:
        found = self.points[self._next : self._next + count]
        self._next += len(found)
        return found

    def tell(self, values: Mapping[Point, float], pruned: Mapping[Point, Sequence[float]]) -> None:
        """Learn nothing."""


def proposals(search: Search, space: Space) -> Proposals:
    """Return where the points of a search come from.

    Examples
    --------
    >>> from workbench.strategy.library import SmaCross
    >>> space = Space.of(SmaCross, {"fast": (5, 6), "slow": [20, 30]})
    >>> proposals(Search("random", trials=9), space).ask(9)
    [(5, 20), (5, 30), (6, 20), (6, 30)]
    """
    if search.how == "tpe":
        startup = max(search.batch, 10)
        return Tpe(space, seed=search.seed, startup=startup, more=search.more)
    found = draw(space, search.how, search.trials, search.seed)
    return _Drawn(found.points, found.again, found.refused)


def _one_of(name: str, value: Any, known: Sequence[str]) -> None:
    if value not in known:
        raise UsageError(
            f"{name} may not be {value!r}{nearest(str(value), known)}; use {', '.join(known)}",
            **{name: value},
        )


def _whole(name: str, value: Any, low: int, high: int) -> None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not whole or not low <= value <= high:
        raise UsageError(
            f"{name} must be a whole number from {low} to {high:,}, not {value!r}; a parameter of "
            f"the strategy that is called so is given as {name}_",
            **{name: value},
        )
