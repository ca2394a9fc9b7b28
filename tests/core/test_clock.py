from datetime import UTC, datetime, timedelta

import pytest

from workbench.core.clock import EventClock, WallClock
from workbench.core.ports import Clock
from workbench.errors import InvariantError

START = datetime(2024, 1, 2, tzinfo=UTC)


def test_both_clocks_are_clocks_and_aware():
    for clock in (WallClock(), EventClock(START)):
        assert isinstance(clock, Clock)
        assert clock.now().tzinfo is UTC


def test_an_event_clock_never_runs_backwards():
    clock = EventClock(START)
    clock.advance(START + timedelta(hours=1))
    clock.advance(START + timedelta(hours=1))
    with pytest.raises(InvariantError, match="backwards"):
        clock.advance(START)
