"""The line to a vendor."""

from __future__ import annotations

import itertools
import time

import pytest

from workbench.errors import DataError, RefusedError, UnavailableError, UsageError
from workbench.venues.calls import (
    Foreign,
    Line,
    Terms,
    garbled,
    limited,
    retry_after,
    unavailable,
)
from workbench.venues.limits import Limiter
from workbench.venues.paging import Limit


class Strange(Exception):
    """What a vendor's client raises."""


@pytest.fixture
def make_line(tmp_path):
    numbers = itertools.count()

    def make(translate=lambda error: unavailable("v", str(error)), **terms):
        limiter = Limiter(tmp_path, f"v {next(numbers)}", Limit(1000, 1))
        told = Terms(**{"base": 0.01, "failures": 50, **terms})
        return Line("v", limiter, Foreign((Strange,), translate), ("s3cret",), told)

    return make


class Calls:
    def __init__(self, *outcomes):
        self.outcomes, self.count = list(outcomes), 0

    def __call__(self):
        self.count += 1
        outcome = self.outcomes.pop(0) if self.outcomes else "fine"
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


def test_a_read_is_tried_again_until_it_works(make_line):
    calls = Calls(Strange("one"), garbled("v", "half"), Strange("two"))
    assert make_line().read(calls) == "fine"
    assert calls.count == 4


def test_a_read_that_never_works_tells_its_last_error(make_line):
    calls = Calls(*[Strange("down")] * 9)
    with pytest.raises(UnavailableError, match="down"):
        make_line(attempts=3).read(calls)
    assert calls.count == 3
    with pytest.raises(DataError, match="cannot be read: half"):
        make_line(attempts=2).read(Calls(*[garbled("v", "half")] * 2))


@pytest.mark.parametrize("error", [UsageError("key"), DataError("no"), RefusedError("funds")])
def test_a_definite_no_is_not_asked_again(make_line, error):
    calls = Calls(error)
    with pytest.raises(type(error)):
        make_line().read(calls)
    assert calls.count == 1


def test_what_is_sent_is_sent_once(make_line):
    calls = Calls(Strange("down"))
    with pytest.raises(UnavailableError):
        make_line().send(calls)
    assert calls.count == 1


def test_the_delay_a_vendor_asks_for_is_kept_by_all_who_share_the_key(make_line):
    line = make_line()
    began = time.monotonic()
    assert line.read(Calls(limited("v", 0.5))) == "fine"
    assert time.monotonic() - began >= 0.5
    line.limiter.pause(0)
    with pytest.raises(UnavailableError):
        line.send(Calls(limited("v", 30.0)))
    assert line.limiter.wait_for_turn() > 25


def test_a_long_delay_is_told_not_waited_for(make_line):
    calls = Calls(limited("v", 3600.0))
    with pytest.raises(UnavailableError) as caught:
        make_line(longest=60).read(calls)
    assert caught.value.retry_after == 3600
    assert calls.count == 1


def test_a_vendor_that_keeps_failing_is_left_alone_for_a_while(make_line):
    line = make_line(attempts=1, failures=3, rest=0.3)
    for _ in range(3):
        with pytest.raises(UnavailableError, match="down"):
            line.read(Calls(Strange("down")))
    calls = Calls()
    with pytest.raises(UnavailableError, match="left alone") as caught:
        line.read(calls)
    assert (calls.count, caught.value.sent) == (0, False)
    time.sleep(0.35)
    assert line.read(calls) == "fine"


def test_refusals_and_limits_are_no_outage(make_line):
    line = make_line(attempts=1, failures=2)
    for error in (UsageError("no"), limited("v", None), DataError("bad")) * 2:
        with pytest.raises(type(error)):
            line.read(Calls(error))
    assert line.read(Calls()) == "fine"


def test_a_secret_is_in_no_error(make_line):
    line = make_line(lambda error: unavailable("v", str(error), address=str(error)), attempts=1)
    with pytest.raises(UnavailableError) as caught:
        line.read(Calls(Strange("GET /x?token=s3cret failed")))
    assert "s3cret" not in caught.value.message
    assert "s3cret" not in repr(caught.value.facts)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"RETRY-AFTER": "-1"}, 0.0),
        ({"Retry-After": "inf"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "", "Date": "Wed, 21 Oct 2015 07:28:00 GMT"}, None),
        (
            {
                "retry-after": "Wed, 21 Oct 2015 07:29:30 GMT",
                "date": "Wed, 21 Oct 2015 07:28:00 GMT",
            },
            90.0,
        ),
        (
            {
                "Retry-After": "Wed, 21 Oct 2015 07:27:00 GMT",
                "Date": "Wed, 21 Oct 2015 07:28:00 GMT",
            },
            0.0,
        ),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT", "Date": "today"}, 0.0),
    ],
)
def test_the_delay_that_headers_ask_for(headers, seconds):
    assert retry_after(headers) == seconds
