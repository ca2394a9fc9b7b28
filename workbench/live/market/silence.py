"""Finds symbols that are silent though their market is open, and sockets that are mute."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from workbench.data.calendar import ALWAYS, session_labels, utc_index

__all__ = ["Hours", "Silence", "Watch"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_PATIENT = 16
_NONE = timedelta(0)


class Hours:
    """Since when each market is open.

    Examples
    --------
    >>> hours = Hours()
    >>> print(hours.open_since("XNYS", datetime(2024, 7, 3, 16, 59, tzinfo=UTC)))
    2024-07-03 13:30:00+00:00
    >>> print(hours.open_since("XNYS", datetime(2024, 7, 3, 17, 0, tzinfo=UTC)))  # a half day
    None
    """

    def __init__(self) -> None:
        self._known: dict[str, tuple[datetime, datetime, datetime | None]] = {}

    def open_since(self, calendar: str, now: datetime) -> datetime | None:
        """Return when the market opened that is open now; None while it is closed."""
        if calendar == ALWAYS:
            return _EPOCH
        known = self._known.get(calendar)
        if known is None or not known[0] <= now < known[1]:
            known = self._known[calendar] = _span(calendar, now)
        return known[2]


def _span(calendar: str, now: datetime) -> tuple[datetime, datetime, datetime | None]:
    """Return from when until when the market is as it is now, and when it opened if it did."""
    at = np.array([int((now - _EPOCH) / timedelta(microseconds=1)) * 1000])
    _, table = session_labels(utc_index(at), calendar)
    row = int(np.searchsorted(table.opens, at[0], side="right")) - 1
    if row >= 0 and at[0] < table.closes[row]:
        opened = _instant(table.opens[row])
        return opened, _instant(table.closes[row]), opened
    closed = _instant(table.closes[row]) if row >= 0 else _EPOCH
    is_last = row + 1 >= len(table.opens)
    until = now + timedelta(days=1) if is_last else _instant(table.opens[row + 1])
    return closed, until, None


def _instant(nanoseconds: np.int64) -> datetime:
    return _EPOCH + timedelta(microseconds=int(nanoseconds) // 1000)


@dataclass(frozen=True, slots=True)
class Silence:
    """Who is silent.

    Parameters
    ----------
    symbols : tuple of str
    is_mute : bool
        Whether all are that should talk: it is the connection then, not the market.
    """

    symbols: tuple[str, ...] = ()
    is_mute: bool = False


class Watch:
    """Watches the symbols of one connection.

    A mute connection is found after `limit`. Each time one was given up the limit doubles,
    up to sixteenfold, so that a market in which little happens is not left again and again;
    after twenty times the limit in which none was, it halves.

    Parameters
    ----------
    symbols : iterable of str
    limit : timedelta
        Without an event for so long in an open market is silence.
    calendar : callable
        Gives the calendar of a symbol.
    hours : Hours, optional
    """

    def __init__(
        self,
        symbols: Iterable[str],
        limit: timedelta,
        calendar: Callable[[str], str],
        hours: Hours | None = None,
    ) -> None:
        self.limit = limit
        self._patience = 1
        self._changed = _EPOCH
        self._calendars = {symbol: calendar(symbol) for symbol in symbols}
        self._heard: dict[str, datetime] = {}
        self._opened: datetime | None = None
        self._hours = hours or Hours()
        self._slack: dict[str, timedelta] = {}

    def allow(self, symbols: Iterable[str], slack: timedelta) -> None:
        """Let symbols be silent for longer, of which only bars are told."""
        self._slack.update(dict.fromkeys(symbols, slack))

    def opened(self, now: datetime) -> None:
        """Start anew with a fresh connection."""
        self._opened = now

    def heard(self, symbol: str, now: datetime) -> None:
        """Note that something was told of a symbol."""
        self._heard[symbol] = now

    def gave_up(self, now: datetime) -> None:
        """Be more patient with the next connection."""
        self._patience = min(2 * self._patience, _MOST_PATIENT)
        self._changed = now

    def check(self, now: datetime) -> Silence:
        """Return who is silent now."""
        if self._opened is None:
            return Silence()
        silent, most_recent = [], None
        for symbol, calendar in self._calendars.items():
            since = self._hours.open_since(calendar, now)
            if since is None:
                continue
            last = max(self._heard.get(symbol, _EPOCH), since, self._opened)
            most_recent = last if most_recent is None else max(most_recent, last)
            if now - last > self.limit + self._slack.get(symbol, _NONE):
                silent.append(symbol)
        if self._patience > 1 and now - self._changed > 20 * self.limit:
            self._patience, self._changed = self._patience // 2, now
        is_mute = most_recent is not None and now - most_recent > self.limit * self._patience
        return Silence(tuple(silent), is_mute)
