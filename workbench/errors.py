"""The error tree: each branch is named after what the caller must do.

::

    WorkbenchError
    ├── UsageError           fix the call or the settings
    ├── DataError            this symbol or bar is bad; say so and go on
    ├── RefusedError         risk, venue, funds, market closed; normal, not retried
    ├── UnavailableError     safe to try again; carries the delay
    ├── OutcomeUnknownError  never retried; reconcile
    └── InvariantError       our own books are wrong; halt

An error says what was wrong, where, and what to do, and carries the facts as
fields so that a program need not read the text.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

__all__ = [
    "DataError",
    "InvariantError",
    "OutcomeUnknownError",
    "RefusedError",
    "UnavailableError",
    "UsageError",
    "WorkbenchError",
    "nearest",
]


class WorkbenchError(Exception):
    """The root of the tree.

    Parameters
    ----------
    message : str
        What was wrong, where, and what to do.
    **facts
        The same as fields; each is an attribute and stands in ``facts``.

    Examples
    --------
    >>> error = UsageError("no such symbol: 'APPL'", symbol="APPL")
    >>> error.symbol, error.facts
    ('APPL', {'symbol': 'APPL'})
    """

    def __init__(self, message: str, **facts: Any) -> None:
        super().__init__(message)
        self.message = message
        self.facts = facts

    def __getattr__(self, name: str) -> Any:
        facts = self.__dict__.get("facts", {})
        if name in facts:
            return facts[name]
        raise AttributeError(f"{type(self).__name__} has no field {name!r}")

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.message, self.facts)


def _rebuild(kind: type[WorkbenchError], message: str, facts: dict[str, Any]) -> WorkbenchError:
    return kind(message, **facts)


class UsageError(WorkbenchError):
    """The call or the settings must be fixed."""


class DataError(WorkbenchError):
    """A symbol, a file or a bar is bad; the rest can go on."""


class RefusedError(WorkbenchError):
    """Risk, venue, funds or a closed market said no; normal, and not retried."""


class UnavailableError(WorkbenchError):
    """Safe to try again; ``retry_after`` is the delay in seconds, or None."""

    def __init__(self, message: str, *, retry_after: float | None = None, **facts: Any) -> None:
        super().__init__(message, retry_after=retry_after, **facts)


class OutcomeUnknownError(WorkbenchError):
    """Sent, and no answer to trust: never retried, looked up until it is resolved."""


class InvariantError(WorkbenchError):
    """Our own books are wrong: halt."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ``", did you mean 'x'?"`` for the closest known name, or ``""``.

    Examples
    --------
    >>> nearest("APPL", ["AAPL", "IBM"])
    ", did you mean 'AAPL'?"
    >>> nearest("zzz", ["AAPL"])
    ''
    """
    names = [str(k) for k in known]
    folded = {n.casefold(): n for n in reversed(names)}
    match = get_close_matches(name.casefold(), folded, n=1, cutoff=0.5)
    return f", did you mean {folded[match[0]]!r}?" if match else ""
