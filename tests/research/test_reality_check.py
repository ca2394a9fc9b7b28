import numpy as np
import pandas as pd
import pytest

from workbench.errors import DataError, UsageError
from workbench.research.reality_check import reality_check, stationary_rows


def noise(seed, rows=250, columns=15):
    return np.random.default_rng(seed).normal(0, 0.01, (rows, columns))


def test_p_values_of_noise_are_spread_evenly():
    found = [reality_check(noise(seed), samples=200, block=1) for seed in range(200)]
    for name in ("white", "upper", "spa"):
        values = np.array([getattr(one, name) for one in found])
        assert values.mean() == pytest.approx(0.5, abs=0.07), name
        assert np.mean(values < 0.1) == pytest.approx(0.1, abs=0.06), name
        assert np.mean(values < 0.5) == pytest.approx(0.5, abs=0.1), name


def test_one_true_edge_is_seen():
    for seed in range(8):
        matrix = noise(seed, 750)
        matrix[:, 4] += 0.002
        found = reality_check(matrix)
        assert found.spa < 0.02 and found.white < 0.02
        assert found.best == 4


def test_hansens_bounds_are_in_order_and_enclose():
    for seed in range(20):
        found = reality_check(noise(seed) - 0.0005, samples=300)
        assert found.lower <= found.spa <= found.upper


def test_many_hopeless_strategies_cost_white_and_not_hansen():
    # what SPA was made for: bad and noisy alternatives must not hide a good one
    rng = np.random.default_rng(5)
    good = noise(1, 500, 3) + np.array([0.0015, 0.0, 0.0])
    hopeless = rng.normal(-0.03, 0.1, (500, 60))
    alone, beside = reality_check(good), reality_check(np.hstack([good, hopeless]))
    assert alone.spa < 0.05 and beside.spa < 0.05
    assert beside.white > 0.3


def test_a_single_strategy_is_tested_as_by_a_z_test():
    from scipy.special import ndtr

    values = noise(3, 1000, 1) + 0.0004
    z = values.mean() / values.std() * np.sqrt(1000)
    found = reality_check(values, samples=4000, block=1)
    assert found.statistic == pytest.approx(z, rel=0.05)
    assert found.white == pytest.approx(1 - ndtr(z), abs=0.02)


def test_rows_that_hang_together_make_it_harder():
    rng = np.random.default_rng(9)
    steps = rng.normal(0, 0.01, (1000, 1))
    slow = pd.DataFrame(steps).ewm(alpha=0.1).mean().to_numpy()
    slow = slow - slow.mean() + 0.0003
    assert reality_check(slow, block=40).spa > reality_check(slow, block=1).spa


def test_a_benchmark_is_taken_off():
    matrix = noise(2)
    market = noise(99)[:, 0]
    same = reality_check(matrix + market[:, None], market, samples=200)
    assert same.spa == pytest.approx(reality_check(matrix, samples=200).spa, abs=1e-12)


def test_the_seed_decides():
    assert reality_check(noise(1), seed=3) == reality_check(noise(1), seed=3)
    assert reality_check(noise(1), seed=3) != reality_check(noise(1), seed=4)


def test_columns_keep_their_names_and_flat_ones_are_left_out():
    frame = pd.DataFrame(noise(1, columns=3) + 0.001, columns=["a", "flat", "c"])
    frame["flat"] = 0.0
    found = reality_check(frame)
    assert found.strategies == 2 and found.best in ("a", "c")
    assert "best of 2 strategies" in str(found)


def test_blocks_have_their_mean_length_and_every_row_is_as_likely():
    rows = stationary_rows(400, 500, 8, np.random.default_rng(0))
    follows = (np.diff(rows, axis=1) % 400 == 1).mean()
    assert follows == pytest.approx(1 - 1 / 8, abs=0.01)
    counts = np.bincount(rows.ravel(), minlength=400)
    assert counts.min() > 350 and counts.max() < 700


@pytest.mark.parametrize("choices", [{"samples": 99}, {"block": 0.5}, {"block": 251}])
def test_choices_out_of_range(choices):
    with pytest.raises(UsageError, match="must"):
        reality_check(noise(1), **choices)


def test_returns_that_cannot_be_tested():
    with pytest.raises(DataError, match="ten rows"):
        reality_check(noise(1, rows=9))
    with pytest.raises(DataError, match="differs from"):
        reality_check(np.zeros((50, 2)))
    with pytest.raises(DataError, match="benchmark has 3 rows"):
        reality_check(noise(1), np.zeros(3))
