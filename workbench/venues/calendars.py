"""The codes by which markets' calendars are named."""

from __future__ import annotations

from workbench.errors import UsageError, nearest

__all__ = ["ALWAYS", "check_code"]

ALWAYS = "24/7"
_COMMON = ("XNYS", "XNAS", ALWAYS)  # known without loading the package of all of them


def check_code(calendar: str) -> str:
    """Return the code if there is such a calendar.

    Raises
    ------
    UsageError
        There is none; the nearest is offered.

    Examples
    --------
    >>> check_code("XNYS")
    'XNYS'
    """
    if calendar in _COMMON:
        return calendar
    import exchange_calendars

    known = exchange_calendars.get_calendar_names()
    if calendar not in known:
        hint = nearest(str(calendar), [*known, ALWAYS]) or "; use e.g. 'XNYS' or '24/7'"
        raise UsageError(f"no such calendar: {calendar!r}{hint}", calendar=calendar)
    return calendar
