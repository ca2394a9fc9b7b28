from datetime import timedelta

import pytest

from workbench.core.timeframe import Timeframe
from workbench.errors import UsageError


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1m", "1m"),
        ("m", "1m"),
        ("15min", "15m"),
        ("1H", "1h"),
        ("4 hours", "4h"),
        ("1D", "1d"),
        ("day", "1d"),
        ("1w", "1w"),
        ("1M", "1M"),
        ("3mo", "3M"),
        ("30s", "30s"),
    ],
)
def test_parse(text, said):
    assert str(Timeframe.parse(text)) == said
    assert Timeframe.parse(Timeframe.parse(text)) == Timeframe.parse(text)


@pytest.mark.parametrize("text", ["", "0m", "5x", "-1d", "1.5h", None, 5])
def test_what_is_no_timeframe_is_refused(text):
    with pytest.raises(UsageError, match="no such timeframe"):
        Timeframe.parse(text)


def test_a_minute_is_not_a_month():
    assert Timeframe.parse("1m").delta == timedelta(minutes=1)
    assert Timeframe.parse("1M").delta == timedelta(days=30)


def test_intraday_and_order():
    assert Timeframe.parse("4h").is_intraday
    assert not Timeframe.parse("1d").is_intraday
    assert not Timeframe.parse("24h").is_intraday
    assert Timeframe.parse("5m") < Timeframe.parse("1h") < Timeframe.parse("1w")
