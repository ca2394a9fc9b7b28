"""Many seeds, one after the other: how many steps, and which of them broke something."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random

from workbench.errors import InvariantError, WorkbenchError
from workbench.testing.simulation.world import Kit, World

__all__ = ["Campaign", "Run", "campaign", "simulate"]

TRADING_MS = 40_000
# after it has healed: when cancel all must be done, positions right, and all known
HEALED_MS = (30_000, 60_000, 90_000)


@dataclass(frozen=True, slots=True)
class Run:
    """What a seed came to.

    Parameters
    ----------
    breach : str
        What was broken; ``""`` where nothing was.
    hash : str
        Of the whole journal; ``""`` where it was not asked for.
    """

    seed: int
    steps: int
    orders: int
    crashes: int
    seen: Counter[str]
    breach: str = ""
    hash: str = ""


@dataclass
class Campaign:
    """What many seeds came to, added up."""

    seeds: int = 0
    steps: int = 0
    orders: int = 0
    crashes: int = 0
    seen: Counter[str] = field(default_factory=Counter)
    breaches: list[tuple[int, str]] = field(default_factory=list)

    def add(self, run: Run) -> None:
        """Count one seed in."""
        self.seeds += 1
        self.steps += run.steps
        self.orders += run.orders
        self.crashes += run.crashes
        self.seen.update(run.seen)
        if run.breach:
            self.breaches.append((run.seed, run.breach))

    def join(self, other: Campaign) -> None:
        """Count another campaign in."""
        self.seeds += other.seeds
        self.steps += other.steps
        self.orders += other.orders
        self.crashes += other.crashes
        self.seen.update(other.seen)
        self.breaches += other.breaches


def simulate(
    seed: int | Random,
    kit: Kit | None = None,
    *,
    with_hash: bool = False,
    trading_ms: int = TRADING_MS,
) -> Run:
    """Run one seed: trade under its faults, then, three times in four, heal and settle.

    Parameters
    ----------
    seed : int or Random
        The same one gives the same journal.
    kit : Kit, optional
        The production code by default.
    with_hash : bool
        Whether to hash the journal, which takes longer than the run itself.
    trading_ms : int
        Virtual time before it heals.

    Examples
    --------
    >>> run = simulate(7, with_hash=True)
    >>> run.breach, run.hash == simulate(7, with_hash=True).hash
    ('', True)
    """
    random = Random(seed) if isinstance(seed, int) else seed  # noqa: S311 - chance, not secrets
    was_on = gc.isenabled()
    gc.disable()  # a world is one circle, broken at its end: to look for it takes a tenth
    try:
        world = World(random, kit or Kit())
        breach = _breach(world, trading_ms)
        run = Run(
            seed=seed if isinstance(seed, int) else -1,
            steps=world.line.steps,
            orders=len(world.exchange.slots),
            crashes=world.crashes,
            seen=world.line.seen,
            breach=breach,
            hash=world.disk.hash() if with_hash else "",
        )
        world.end()
        return run
    finally:
        if was_on:
            gc.enable()


def _breach(world: World, trading_ms: int) -> str:
    """Run a world to its end; return what was broken, if anything."""
    try:
        world.run(trading_ms)
        if world.random.random() < 0.75:
            world.heal()
            checks = (world.watcher.canceled, world.watcher.positioned, world.watcher.settled)
            for wait_ms, check in zip(HEALED_MS, checks, strict=True):
                world.run(trading_ms + wait_ms)
                world.watcher.glance()
                check()
        world.watcher.look()
    except WorkbenchError as error:
        name = error.facts.get("invariant") if isinstance(error, InvariantError) else None
        return error.message if name else f"{type(error).__name__}: {error.message}"
    return ""


def campaign(seeds: Iterable[int], kit: Kit | None = None, steps: int | None = None) -> Campaign:
    """Run seeds until a number of steps is reached, and add them up."""
    total = Campaign()
    for seed in seeds:
        total.add(simulate(seed, kit))
        if steps is not None and total.steps >= steps:
            break
    return total
