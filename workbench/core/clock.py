"""The one place that asks the time."""

from __future__ import annotations

from datetime import UTC, datetime

from workbench.errors import InvariantError

__all__ = ["EventClock", "WallClock"]


class WallClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the present instant, aware, UTC."""
        return datetime.now(UTC)


class EventClock:
    """A clock that stands where the last event put it; it never runs backwards.

    Examples
    --------
    >>> clock = EventClock(datetime(2024, 1, 2, tzinfo=UTC))
    >>> clock.advance(datetime(2024, 1, 3, tzinfo=UTC))
    >>> clock.now().day
    3
    """

    def __init__(self, start: datetime) -> None:
        self._now = start

    def now(self) -> datetime:
        """Return the instant of the last event."""
        return self._now

    def advance(self, to: datetime) -> None:
        """Move to a later instant.

        Raises
        ------
        InvariantError
            `to` lies before the present instant.
        """
        if to < self._now:
            raise InvariantError(f"the clock would run backwards: {self._now} to {to}")
        self._now = to
