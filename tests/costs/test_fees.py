import pickle

import pytest

from workbench.costs import fees
from workbench.errors import UsageError


def test_amounts():
    assert fees.Bps(10).amount(100, 50.0) == pytest.approx(5.0)
    assert fees.PerShare(0.005, minimum=1).amount(100, 50.0) == 1.0
    assert fees.PerShare(0.005, minimum=1).amount(1_000, 50.0) == pytest.approx(5.0)
    maker_taker = fees.MakerTaker(maker_bps=-1, taker_bps=5)
    assert maker_taker.amount(10, 100.0, is_maker=True) == pytest.approx(-0.1)
    assert maker_taker.amount(10, 100.0) == pytest.approx(0.5)


def test_a_tier_is_the_one_reached_before_the_fill():
    fee = fees.Tiered([(0, 10, 20), (1_000, 5, 10)])
    assert fee.amount(100, 100.0, traded=999.0) == pytest.approx(20.0)
    assert fee.amount(100, 100.0, traded=1_000.0) == pytest.approx(10.0)
    assert fee.amount(100, 100.0, is_maker=True, traded=1e9) == pytest.approx(5.0)


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda: fees.Bps(float("nan")), "bps"),
        (lambda: fees.Bps("10"), "bps"),
        (lambda: fees.Bps(True), "bps"),
        (lambda: fees.Bps(10_000), "bps"),
        (lambda: fees.PerShare(-0.1), "per_share"),
        (lambda: fees.PerShare(0.1, minimum=-1), "minimum"),
        (lambda: fees.MakerTaker(1, float("inf")), "taker_bps"),
        (lambda: fees.Tiered([]), "steps"),
        (lambda: fees.Tiered([(0, 1)]), "steps"),
        (lambda: fees.Tiered(None), "steps"),
        (lambda: fees.Tiered([(0, "x", 1)]), "maker_bps"),
        (lambda: fees.Tiered([(0, 1, True)]), "taker_bps"),
        (lambda: fees.Tiered([(5, 1, 1)]), "begin at 0"),
        (lambda: fees.Tiered([(0, 1, 1), (0, 2, 2)]), "rise"),
    ],
)
def test_bad_values_are_named(make, word):
    with pytest.raises(UsageError, match=word):
        make()


def test_tariffs_compare_hash_and_pickle():
    fee = fees.Tiered([(0, 10, 20), (1_000, 5, 10)])
    assert fee == pickle.loads(pickle.dumps(fee))
    assert len({fee, fees.Tiered(((0, 10, 20), (1_000, 5, 10)))}) == 1
