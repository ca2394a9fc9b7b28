"""The order path under every fault and crash there is, by seed."""

from __future__ import annotations

import os
from collections import Counter

import pytest

from workbench.testing.simulation.campaign import campaign, simulate
from workbench.testing.simulation.soak import SEEDS, soak

STEPS = 1_000_000
PARTS = 4


@pytest.mark.parametrize("part", range(PARTS))
def test_a_million_steps_break_no_invariant(part):
    total = campaign(range(part * 1_000_000, (part + 1) * 1_000_000), steps=STEPS // PARTS)
    assert total.breaches == []
    assert total.steps >= STEPS // PARTS
    assert _missing(total.seen, at_least=100 // PARTS) == []


@pytest.mark.soak
def test_a_hundred_million_steps_break_no_invariant():
    wanted = int(os.environ.get("SOAK_STEPS", "100000000"))
    total = soak(int(os.environ.get("SOAK_SEED", "10000000")), wanted)
    assert total.breaches == []
    assert total.steps >= wanted
    assert total.crashes >= wanted // 1_000
    assert _missing(total.seen, at_least=wanted // 10_000) == []


def test_a_campaign_on_every_core_is_the_campaign_of_its_seeds():
    said = []
    total = soak(500, 60_000, said.append)
    assert total.seeds == SEEDS * len(said)
    assert total == campaign(range(500, 500 + total.seeds))
    assert said[0].endswith(f"to go on: SOAK_SEED=550 SOAK_STEPS={60_000 - steps(said[0])}")
    assert said[-1].endswith("SOAK_STEPS=0")


def steps(line):
    return int(line.split(" ")[0].replace(",", ""))


BROKE_ONCE = [70_005_913]  # a stranger found after everything was canceled, and nothing was open


@pytest.mark.parametrize("seed", BROKE_ONCE)
def test_a_seed_that_broke_something_once_does_not_any_more(seed):
    assert simulate(seed).breach == ""


def test_the_same_seed_gives_the_same_journal():
    for seed in range(100):
        first, second = (simulate(seed, with_hash=True) for _ in range(2))
        assert first == second
        assert first.breach == ""


REACHED = (
    "submitted > accepted", "submitted > unknown", "submitted > rejected",
    "submitted > pending_cancel", "unknown > accepted", "unknown > working", "unknown > filled",
    "unknown > rejected", "unknown > pending_cancel", "accepted > working",
    "working > partially_filled", "partially_filled > filled", "partially_filled > pending_cancel",
    "pending_cancel > canceled", "pending_cancel > filled", "partially_filled > pending_replace",
    "pending_replace > replaced", "pending_replace > filled", "pending_replace > partially_filled",
    "pending_replace > pending_cancel", "working > expired", "fill", "synthetic fill", "taken back",
    "bust", "correction", "overfill", "external order", "refused", "never sent", "lost request",
    "lost response", "slow call", "failed question", "lagging answer", "lost frame", "late frame",
    "repeated frame", "outage", "crash: decided", "crash: written", "crash: acted", "crash: heard",
    "crash: told", "old writer refused", "fold compared", "the same intent again",
    "halt: cancel_all", "halt: no_new_orders",
)  # fmt: skip


def _missing(seen: Counter[str], at_least: int) -> list[str]:
    """Name what a campaign has not met often enough to say anything about it."""
    return [f"{name}: {seen[name]}" for name in REACHED if seen[name] < at_least]
