import numpy as np
import pytest

import workbench as wb
from workbench.errors import DataError
from workbench.research.overfit import Moments, deflated_sharpe_ratio
from workbench.research.trials import clustered_deflated_sharpe, effective_trials


def ideas(count, each, own=0.3, rows=750, seed=1):
    rng = np.random.default_rng(seed)
    return np.repeat(rng.normal(0, 1, (rows, count)), each, axis=1) + own * rng.normal(
        0, 1, (rows, count * each)
    )


@pytest.mark.parametrize("count", [2, 3, 5, 10])
def test_variants_of_some_ideas_count_for_the_ideas(count):
    found = effective_trials(ideas(count, 12))
    assert found == count
    assert len(set(found.labels[:12])) == 1 and found.silhouette > 0.5


def test_unlike_clusters_are_found_too():
    matrix = np.hstack([ideas(1, 40, seed=1), ideas(1, 5, seed=2), ideas(1, 15, 0.6, seed=3)])
    assert effective_trials(matrix) == 3


def test_without_correlation_each_counts():
    found = effective_trials(np.random.default_rng(3).normal(0, 1, (2000, 40)))
    assert found.labels is None
    assert 38 <= found <= 40


def test_variants_of_one_idea_are_one_trial():
    found = effective_trials(ideas(1, 40, own=0.05))
    assert found == 1 and found.correlation > 0.99
    assert effective_trials(ideas(1, 1)) == 1


def test_silhouettes_are_those_of_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    found = effective_trials(ideas(4, 6))
    distance = np.sqrt(np.clip(1 - np.corrcoef(ideas(4, 6), rowvar=False), 0, 2) / 2)
    np.fill_diagonal(distance, 0)
    theirs = metrics.silhouette_score(distance, found.labels, metric="precomputed")
    assert found.silhouette == pytest.approx(theirs)


def test_deflation_is_milder_than_with_all_trials():
    matrix = ideas(4, 25, rows=600, seed=8) * 0.01 + 0.0005
    found = clustered_deflated_sharpe(matrix)
    best = matrix[:, (matrix.mean(axis=0) / matrix.std(axis=0)).argmax()]
    assert found.trials == 4
    assert found.moments == Moments.of(best)
    strict = deflated_sharpe_ratio(found.moments, trials=100, variance=found.variance)
    assert strict < found


def test_what_never_moves_is_no_trial():
    matrix = ideas(3, 8)
    with_flat = np.hstack([matrix, np.zeros((len(matrix), 5)), np.full((len(matrix), 1), np.nan)])
    assert effective_trials(with_flat) == effective_trials(matrix)
    with pytest.raises(DataError, match="ever moves"):
        effective_trials(np.zeros((50, 3)))
    with pytest.raises(DataError, match="three rows"):
        effective_trials(np.zeros(50))


def test_of_a_sweep(one):
    found = wb.sweep(
        wb.strategies.SmaCross, one, fast=range(5, 20), slow=range(20, 60, 10), progress=False
    )
    deflated = clustered_deflated_sharpe(found)
    assert 1 <= deflated.trials < 60
    assert deflated.moments.sharpe == pytest.approx(Moments.of(found.best().run().returns).sharpe)
