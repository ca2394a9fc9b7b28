import math
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import rankdata

import workbench as wb
from workbench.errors import DataError, UsageError
from workbench.research.pbo import pbo, pbo_of
from workbench.research.point_returns import each_point, point_returns


def noise(seed, rows=1000, columns=100):
    return np.random.default_rng(seed).normal(0, 1 / math.sqrt(252), (rows, columns))


def scaled(matrix, sharpe):
    """Give the columns exactly these annual Sharpe ratios, as the paper's cases do."""
    centred = matrix - matrix.mean(axis=0)
    return centred / centred.std(axis=0, ddof=1) / math.sqrt(252) + np.asarray(sharpe) / 252


YEAR = 365.25 * 5 / 7  # observations a year, in the authors' own programs

# Table 1 of Bailey, Borwein, López de Prado and Zhu: one configuration has a Sharpe ratio of 1 or
# 2, all others of 0; PBO by 1,000 hold-outs, and by CSCV with its deviation from matrix to matrix
PAPER = {  # sharpe, rows, columns: by hold-out, by CSCV, deviation
    (1, 500, 100): (0.924, 0.929, 0.023),
    (1, 1000, 100): (0.743, 0.755, 0.034),
    (1, 500, 50): (0.878, 0.870, 0.031),
    (1, 1000, 50): (0.628, 0.666, 0.035),
    (1, 500, 10): (0.650, 0.618, 0.054),
    (1, 1000, 500): (0.872, 0.893, 0.032),
    (2, 500, 500): (0.614, 0.679, 0.037),
}


def of_the_paper(generator, sharpe, rows, columns):
    """One draw: each column centred and scaled, then moved to exactly its Sharpe ratio."""
    matrix = generator.standard_normal((rows, columns))
    matrix = (matrix - matrix.mean(axis=0)) / matrix.std(axis=0)
    matrix[:, -1] += sharpe / math.sqrt(YEAR)
    return matrix


def is_below_the_median(matrix):
    """Whether the best of the first half is no better than the middle in the second."""
    first, second = (
        half.mean(axis=0) / half.std(axis=0) for half in np.split(matrix, [len(matrix) // 2])
    )
    return second[first.argmax()] < np.median(second)


def last(sharpe, columns=100):
    return np.where(np.arange(columns) == columns - 1, sharpe, 0.0)


def slow(matrix, blocks):
    """The definition, word for word."""
    parts = np.array_split(matrix, blocks)
    logits = []
    for chosen in combinations(range(blocks), blocks // 2):
        past = np.concatenate([parts[k] for k in chosen])
        future = np.concatenate([parts[k] for k in range(blocks) if k not in chosen])
        before, after = (half.mean(axis=0) / half.std(axis=0, ddof=1) for half in (past, future))
        rank = rankdata(after)[before.argmax()] / (matrix.shape[1] + 1)
        logits.append(math.log(rank / (1 - rank)))
    return np.array(logits)


def test_it_is_the_definition():
    matrix = noise(3, 240, 9)
    found = pbo(matrix, blocks=6)
    logits = slow(matrix, 6)
    np.testing.assert_allclose(found.logits, logits, atol=1e-9)
    assert found == pytest.approx(np.mean(logits <= 0))
    assert len(found.logits) == math.comb(6, 3)


def test_the_first_case_of_the_paper_is_overfitted_through_and_through():
    # 100 columns, 1,000 rows, 8 blocks, each Sharpe ratio 0 over all rows: what is won in one
    # half is lost in the other
    found = pbo(scaled(noise(1), np.zeros(100)), blocks=8)
    assert found == 1.0
    assert found.slope < -0.9 and found.loss == 1.0


def test_the_further_cases_of_the_paper_are_overfitted_less_and_less():
    # one column of the hundred has a Sharpe ratio of 1, of 2, and of 3
    found = [
        np.mean([pbo(scaled(noise(seed), last(sharpe)), blocks=8) for seed in range(10)])
        for sharpe in (0, 1, 2, 3)
    ]
    assert found[0] == 1.0 and found[3] < 0.05
    assert found == sorted(found, reverse=True)


@pytest.mark.parametrize("case", PAPER)
def test_the_accuracy_table_of_the_paper(case):
    by_holdout, by_cscv, deviation = PAPER[case]
    draws = 60 if case[2] == 500 else 300
    generator = np.random.default_rng(0)
    held_out = np.mean([is_below_the_median(of_the_paper(generator, *case)) for _ in range(draws)])
    error = math.sqrt(by_holdout * (1 - by_holdout) * (1 / draws + 1 / 1000))
    assert held_out == pytest.approx(by_holdout, abs=2.5 * error)
    found = np.mean([pbo(of_the_paper(generator, *case), blocks=8) for _ in range(12)])
    assert found == pytest.approx(by_cscv, abs=2.5 * deviation)
    assert found == pytest.approx(by_holdout, abs=0.06)  # what CSCV is to estimate


def test_worthless_configurations_give_a_half():
    found = [pbo(noise(seed, 400, 30), blocks=8) for seed in range(120)]
    assert np.mean(found) == pytest.approx(0.5, abs=0.06)


def test_a_true_edge_carries_over():
    found = [pbo(noise(seed) + last(4.0) / 252, blocks=10) for seed in range(10)]
    assert np.mean(found) < 0.02


def test_the_order_of_the_columns_does_not_matter():
    matrix = noise(5, 300, 20)
    turned = matrix[:, np.random.default_rng(0).permutation(20)]
    assert pbo(matrix, blocks=10) == pbo(turned, blocks=10)


def test_the_oldest_rows_that_make_no_block_are_left_out():
    matrix = noise(6, 163, 8)
    assert pbo(matrix, blocks=8) == pbo(matrix[3:], blocks=8)
    assert pbo(matrix, blocks=8).periods == 160


def test_what_does_not_move_counts_as_nothing_won():
    matrix = noise(7, 160, 4)
    matrix[:, 0] = 0.0
    matrix[:, 1] = np.nan
    found = pbo(matrix, blocks=4)
    assert np.isfinite(found.logits).all()
    assert pbo(pd.DataFrame(matrix), blocks=4) == found


def test_alike_configurations_are_no_choice():
    assert pbo(np.repeat(noise(8, 160, 1), 5, axis=1), blocks=4) == 1.0


def test_by_the_mean():
    matrix = noise(9, 160, 6)
    assert pbo(matrix, blocks=4, stat="mean").stat == "mean"


@pytest.mark.parametrize("blocks", [0, 3, 22, -2])
def test_blocks_are_even_and_not_too_many(blocks):
    with pytest.raises(UsageError, match="even number"):
        pbo(noise(1, 100, 4), blocks=blocks)


@pytest.mark.parametrize(
    ("matrix", "words"),
    [
        (noise(1, 100, 1), "two configurations"),
        (noise(1, 20, 4), "too few"),
        (noise(1, 100, 1).ravel(), "two dimensions"),
        (np.full((100, 3), np.inf), "infinite"),
    ],
)
def test_a_matrix_that_is_none(matrix, words):
    with pytest.raises(DataError, match=words):
        pbo(matrix)


def test_an_unknown_statistic():
    with pytest.raises(UsageError, match="did you mean 'sharpe'"):
        pbo(noise(1), stat="sharp")


@pytest.fixture
def swept(one):
    return wb.sweep(
        wb.strategies.SmaCross, one, fast=range(5, 20), slow=range(20, 60, 10), progress=False
    )


def test_a_sweep_gives_what_its_returns_give(swept):
    alone = pbo(point_returns(swept, most=None), blocks=8)
    found = pbo_of(swept, blocks=8)
    assert found == alone == swept.pbo(blocks=8)
    np.testing.assert_allclose(found.logits, alone.logits)
    assert "60 configurations" in str(found)


def test_returns_of_a_point_are_those_of_its_backtest(swept):
    (found,) = each_point(swept, [swept.best().stats.name])
    np.testing.assert_allclose(found, swept.best().run().returns.to_numpy(), atol=1e-15)


def test_points_are_thinned_and_the_best_is_kept(swept):
    found = point_returns(swept, most=7)
    assert found.shape[1] == 7 and swept.best().stats.name in found.columns
    with pytest.raises(UsageError, match="ask for fewer points"):
        point_returns(swept, memory=1000)
    with pytest.raises(UsageError, match="at least 1"):
        point_returns(swept, most=0)


def test_one_point_is_no_choice(one):
    found = wb.sweep(wb.strategies.SmaCross, one, fast=[5], progress=False)
    with pytest.raises(DataError, match="two finished points"):
        pbo_of(found)


def test_its_picture(swept):
    layout = pbo_of(swept, blocks=8).plot()
    assert len(layout.children) == 2


def test_an_option_it_does_not_have_is_told(swept):
    with pytest.raises(UsageError, match="has no option 'block', did you mean 'blocks'"):
        swept.pbo(block=8)
