import pytest

from workbench.costs import slippage
from workbench.errors import UsageError


def test_prices():
    assert slippage.Bps(10).price(100.0, 1) == pytest.approx(100.1)
    assert slippage.Fixed(0.25).price(100.0, -1) == 99.75
    share = slippage.VolumeShare(0.1)
    assert share.price(100.0, 1, 500.0, 1_000.0) == pytest.approx(102.5)
    assert share.price(100.0, -1, 5_000.0, 1_000.0) == pytest.approx(90.0)


def test_a_price_never_falls_below_zero():
    assert slippage.Fixed(5).price(3.0, -1) == 0.0


@pytest.mark.parametrize(
    "make",
    [
        lambda: slippage.Bps(-1),
        lambda: slippage.Bps(10_000),
        lambda: slippage.Fixed(-0.1),
        lambda: slippage.Fixed(None),
        lambda: slippage.VolumeShare(0),
        lambda: slippage.VolumeShare(1),
    ],
)
def test_bad_values_are_refused(make):
    with pytest.raises(UsageError):
        make()
