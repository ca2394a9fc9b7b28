"""What is written comes back, and what could not is refused with a word of what to do."""

from __future__ import annotations

import enum
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from workbench.core.order import Intent, OrderType, Protection, Slice
from workbench.core.signal import Side
from workbench.errors import UsageError
from workbench.store.codec import decode, dump, encode, text

AT = datetime(2024, 5, 2, 13, 30, tzinfo=UTC)
INTENT = Intent(
    intent_id="i", run_id="r", strategy="s", symbol="AAPL", side=Side.BUY, type=OrderType.MARKET,
    decided_at=AT, quantity=Decimal(3),
)  # fmt: skip


class Cents(Decimal):
    """A Decimal of somebody's own."""


@pytest.mark.parametrize(
    "at",
    [
        pd.Timestamp(AT),
        pd.Timestamp("2024-05-02 09:30", tz="America/New_York"),
        pd.Timestamp("2024-05-02 13:30:00.000000999", tz="UTC"),
        datetime(2024, 5, 2, 15, 30, tzinfo=timezone(timedelta(hours=2))),
    ],
)
def test_an_instant_of_any_kind_is_read_as_the_same_instant(at):
    plain = encode(replace(INTENT, decided_at=at))
    assert plain["decided_at"] == AT.isoformat()
    assert decode(Intent, plain) == INTENT
    assert encode(decode(Intent, plain)) == plain


def test_a_decimal_of_any_kind_is_read_digit_by_digit():
    plain = encode(replace(INTENT, quantity=Cents("3.10")))
    assert str(decode(Intent, plain).quantity) == "3.10"


@pytest.mark.parametrize("at", [AT.replace(tzinfo=None), pd.Timestamp("2024-05-02"), pd.NaT])
def test_an_instant_without_a_zone_is_refused(at):
    with pytest.raises(UsageError, match="time zone"):
        encode(at)


@pytest.mark.parametrize(
    "value", [np.float64(0.1), np.float32(0.5), np.int64(7), np.bool_(True), np.str_("a")]
)
def test_scalars_of_numpy_are_the_numbers_they_are(value):
    assert dump({"x": encode(value)}) == dump({"x": value}) == dump({"x": value.item()})


class Mood(enum.Enum):
    GOOD = "good"


@pytest.mark.parametrize(
    ("value", "advice"),
    [
        (pd.Timedelta("1min"), "total_seconds"),
        (timedelta(minutes=1), "total_seconds"),
        (date(2024, 5, 2), "isoformat"),
        (pd.Timestamp(AT), "isoformat"),
        (np.datetime64("2024-05-02"), "str"),
        (Decimal("1.5"), "str"),
        (Mood.GOOD, "value"),
        (np.arange(3), "tolist"),
        (pd.Series([1.0]), "tolist"),
        ({1, 2}, "sorted"),
        (object(), "plain"),
    ],
)
def test_what_would_come_back_as_something_else_is_refused_with_advice(value, advice):
    with pytest.raises(UsageError, match=advice) as told:
        dump({"deep": [{"er": value}]})
    assert type(value).__name__ in told.value.message


@pytest.mark.parametrize(
    "value",
    [
        INTENT,
        replace(INTENT, strategy='a "quote", a\nline, \u00e4 and \U0001f600', reduce_only=True),
        replace(INTENT, decided_at=pd.Timestamp("2024-05-02 09:30", tz="America/New_York")),
        replace(INTENT, decided_at=AT.replace(microsecond=7)),
        replace(INTENT, quantity=Cents("3.10"), symbol=np.str_("AAPL")),
        replace(INTENT, quantity=Decimal("1E+3"), slice=None, reason=""),
        replace(INTENT, intent_id="twap-7-3-0", slice=Slice("twap-7", 3)),
        replace(INTENT, protection=Protection(loss=Decimal("0.05"))),
        {"b": 1.5, "a": [None, "x"]},
        Side.BUY,
        "text",
        True,
        7,
    ],
)
def test_the_text_is_the_canonical_json_of_the_plain_values(value):
    assert text(value) == dump(encode(value))


def test_an_instant_without_a_zone_is_refused_in_a_text_too():
    with pytest.raises(UsageError, match="time zone"):
        text(replace(INTENT, decided_at=AT.replace(tzinfo=None)))
