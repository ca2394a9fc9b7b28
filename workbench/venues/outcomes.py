"""What was asked of a venue, and what its answer proves."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from requests import exceptions as lost
from urllib3 import exceptions as low

from workbench.errors import (
    OutcomeUnknownError,
    RefusedError,
    UnavailableError,
    UsageError,
    WorkbenchError,
)
from workbench.venues.calls import limited, unavailable

__all__ = ["Ask", "Outcome", "is_never_sent", "proved"]


class Ask(StrEnum):
    """What was asked for."""

    SUBMIT = "submit"
    REPLACE = "replace"
    CANCEL = "cancel"
    QUERY = "query"


class Outcome(StrEnum):
    """What an answer proves."""

    REFUSED = "refused"  # the venue looked at it and said no: there is no such order
    DUPLICATE = "duplicate"  # an order with this client id is there: look it up
    ABSENT = "absent"  # the venue knows of no such order
    LIMITED = "limited"  # turned away before anybody looked at it
    CLOCK = "clock"  # turned away for its time or its number
    KEY = "key"  # the key is not let in
    UNKNOWN = "unknown"  # nothing


def proved(
    found: Outcome,
    ask: Ask,
    vendor: str,
    words: str,
    *,
    delay: float | None = None,
    facts: Mapping[str, Any] | None = None,
) -> WorkbenchError:
    """Return the error of an answer other than success.

    Parameters
    ----------
    found : Outcome
        What the answer proves.
    ask : Ask
    vendor : str
        As the settings name it.
    words : str
        The venue's own.
    delay : float, optional
        Seconds it asks for.
    facts : mapping, optional
        Fields of the error.

    Examples
    --------
    >>> proved(Outcome.UNKNOWN, Ask.SUBMIT, "kraken", "HTTP 504")
    OutcomeUnknownError('kraken: no answer to trust to a submit: HTTP 504')
    >>> proved(Outcome.CLOCK, Ask.SUBMIT, "binance", "too late").facts["sent"]
    False
    """
    told = {"vendor": vendor, **(facts or {})}
    if found is Outcome.LIMITED:
        error = limited(vendor, delay, words)
        return UnavailableError(error.message, **{**error.facts, **told, "sent": False})
    if found is Outcome.CLOCK:
        text = f"{vendor} turned it away unread: {words}"
        return UnavailableError(text, **told, sent=False, clock=True)
    if found is Outcome.KEY:
        variable = f"WORKBENCH_{vendor.upper()}_KEY"
        text = f"{vendor} refuses the key ({words}); see {variable}"
        return UsageError(text, key_refused=True, **told)
    if found is not Outcome.UNKNOWN:
        return RefusedError(f"{vendor}: {words}", outcome=found.value, **told)
    if ask is Ask.QUERY:
        return unavailable(vendor, words, delay, **(facts or {}))
    return OutcomeUnknownError(f"{vendor}: no answer to trust to a {ask}: {words}", **told)


def is_never_sent(error: Exception) -> bool:
    """Tell whether a request that failed without an answer cannot have reached the venue.

    Parameters
    ----------
    error : Exception
        Of requests.

    Examples
    --------
    >>> is_never_sent(lost.ConnectTimeout()), is_never_sent(lost.ReadTimeout())
    (True, False)
    """
    if isinstance(error, (lost.ConnectTimeout, lost.InvalidURL, lost.MissingSchema)):
        return True
    return any(isinstance(cause, _BEFORE) for cause in _causes(error))


_BEFORE = (low.NewConnectionError, low.ConnectTimeoutError, low.NameResolutionError)


def _causes(error: Exception) -> list[object]:
    found: list[object] = []
    waiting: list[object] = [error]
    while waiting and len(found) < 20:
        one = waiting.pop()
        found.append(one)
        waiting += [a for a in getattr(one, "args", ()) if isinstance(a, Exception)]
        waiting += [r for r in (getattr(one, "reason", None),) if isinstance(r, Exception)]
    return found
