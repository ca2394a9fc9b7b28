"""Points drawn at random, or evenly by Sobol's sequence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.research.search_space import Space

__all__ = ["Drawn", "draw"]

_DRAWS_PER_TRIAL = 100
_FEWEST_DRAWS = 10_000
_BLOCK = 1024  # a power of two: Sobol's points are even in such numbers


@dataclass(frozen=True)
class Drawn:
    """Distinct points that count, and what was met on the way.

    Parameters
    ----------
    points : list of tuple
    again : int
        How often a point came that was there already.
    refused : int
        How many draws the constraint refused.
    is_all : bool
        Whether the space has no other points.
    """

    points: list[tuple[Any, ...]]
    again: int = 0
    refused: int = 0
    is_all: bool = False


def draw(space: Space, how: str, trials: int, seed: int) -> Drawn:
    """Draw distinct points that the constraint lets pass.

    Parameters
    ----------
    space : Space
    how : {"random", "sobol"}
        Each axis evenly; Sobol's sequence is scrambled by the seed (Owen).
    trials : int
        How many points are wanted. A space that has no more is taken whole.
    seed : int

    Raises
    ------
    UsageError
        Not one of very many draws passes the constraint.

    Examples
    --------
    >>> from workbench.research.search_space import Space
    >>> from workbench.strategy.library import SmaCross
    >>> space = Space.of(SmaCross, {"fast": (5, 12), "slow": (20, 27)})
    >>> found = draw(space, "sobol", 8, seed=3)
    >>> sorted(fast for fast, _ in found.points)  # each once: that is what even means
    [5, 6, 7, 8, 9, 10, 11, 12]
    """
    if space.size is not None and space.size <= trials:
        passed = [point for point in space.all() if space.passes(point)]
        _check(passed, space.size)
        return Drawn(passed, refused=space.size - len(passed), is_all=True)
    kept: dict[tuple[Any, ...], None] = {}
    most = max(_FEWEST_DRAWS, _DRAWS_PER_TRIAL * trials)
    again = refused = 0
    for parts in _parts(how, len(space.axes), seed, most):
        point = space.point(parts)  # type: ignore[arg-type]
        if point in kept:
            again += 1
        elif space.passes(point):
            kept[point] = None
            if len(kept) == trials:
                break
        else:
            refused += 1
    _check(list(kept), most)
    return Drawn(list(kept), again, refused)


def _parts(how: str, axes: int, seed: int, most: int) -> Iterator[NDArray[np.float64]]:
    if how == "sobol":
        from scipy.stats import qmc

        if axes > qmc.Sobol.MAXDIM:
            raise UsageError(
                f"Sobol's sequence has {qmc.Sobol.MAXDIM:,} dimensions, not {axes:,}; "
                "use search='random'"
            )
        source = qmc.Sobol(axes, scramble=True, rng=np.random.default_rng(seed))
        for _ in range(0, most, _BLOCK):
            yield from source.random(_BLOCK)
    else:
        generator = np.random.default_rng(seed)
        for _ in range(0, most, _BLOCK):
            yield from generator.random((_BLOCK, axes))


def _check(points: list[tuple[Any, ...]], draws: int) -> None:
    if not points:
        raise UsageError(f"none of {draws:,} points passes the constraint", points=draws)
