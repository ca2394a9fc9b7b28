from decimal import Decimal

import pytest

from workbench.core.instrument import Instrument
from workbench.errors import UsageError


def test_defaults_are_a_share_in_new_york():
    share = Instrument("AAPL")
    assert (share.calendar, share.currency, share.tick) == ("XNYS", "USD", 0)


@pytest.mark.parametrize(
    "bad", [{"symbol": ""}, {"symbol": " A"}, {"symbol": "A", "lot": Decimal(-1)}]
)
def test_nonsense_is_refused(bad):
    with pytest.raises(UsageError):
        Instrument(**bad)
