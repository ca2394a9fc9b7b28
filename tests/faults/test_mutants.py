"""Published bugs, put into the order core one by one: the simulation kills each of them."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from workbench.testing.simulation.campaign import campaign, simulate

MUTANTS = runpy.run_path(str(Path(__file__).with_name("mutants.py")))["MUTANTS"]
SEEDS = 400


def killed_at(kit):
    for seed in range(SEEDS):
        if simulate(seed, kit).breach:
            return seed
    return None


def test_there_are_enough_of_them():
    names = [mutant.name for mutant in MUTANTS]
    assert len(names) == len(set(names)) >= 25
    assert all(mutant.mirrors for mutant in MUTANTS)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_known_bug_does_not_survive(mutant):
    assert killed_at(mutant.kit) is not None


def test_the_true_core_survives_the_same_seeds():
    assert campaign(range(SEEDS)).breaches == []
