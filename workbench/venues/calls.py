"""Requests to an outside party: its limit, retries of reads, a circuit breaker, its errors.

A `Line` stands between a venue's adapter and the vendor's own client. The adapter hands
it a call; the line waits for a turn under the limit all processes share, makes the call,
turns the vendor's exception into one of the house, and tries a *read* again where that is
safe: after Retry-After where the vendor names a delay, else after an exponential backoff
with full jitter. A vendor that fails time after time is left alone for a while.
"""

from __future__ import annotations

import hashlib
import math
import random
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

import pybreaker
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt

from workbench.config import Settings
from workbench.errors import (
    DataError,
    OutcomeUnknownError,
    UnavailableError,
    UsageError,
    WorkbenchError,
)
from workbench.venues.limits import Limiter, shared_limiter
from workbench.venues.paging import Limit

__all__ = [
    "Foreign",
    "Line",
    "Terms",
    "Urgency",
    "from_status",
    "garbled",
    "limited",
    "open_line",
    "retry_after",
    "unavailable",
]

T = TypeVar("T")

_CAP = 20.0


class Urgency(StrEnum):
    """What a call is for: the more urgent, the more of the limit is kept free for it."""

    NONE = "none"  # a read of data: all of the limit, in its own time
    QUERY = "query"  # about orders and accounts: leaves room for orders
    ORDER = "order"  # never through a breaker that is not closed
    CANCEL = "cancel"  # past the breaker too: what ends an order is always tried


# the share of the limit that may be used up, and the seconds to wait for a turn
_BUDGET: dict[Urgency, tuple[float, float | None]] = {
    Urgency.NONE: (1.0, None),
    Urgency.QUERY: (0.6, 10.0),
    Urgency.ORDER: (0.8, 2.0),
    Urgency.CANCEL: (1.0, 10.0),
}


@dataclass(frozen=True, slots=True)
class Terms:
    """How patient a line is.

    Parameters
    ----------
    attempts : int
        How often a read is sent at most.
    longest : float
        Seconds: a vendor that asks for a longer delay is told of, not waited for.
    failures, rest : int, float
        After so many failures in a row the vendor is left alone for so many seconds.
    base : float
        Seconds of the first backoff, at most; each further one may be twice as long.
    """

    attempts: int = 5
    longest: float = 120.0
    failures: int = 5
    rest: float = 30.0
    base: float = 0.5


@dataclass(frozen=True, slots=True)
class Foreign:
    """What a vendor's client raises, and what that is in the house.

    Parameters
    ----------
    kinds : tuple of exception types
    translate : callable
        Turns such an exception into one of the house.
    """

    kinds: tuple[type[Exception], ...]
    translate: Callable[[Exception], WorkbenchError]


@dataclass
class Line:
    """The one way to a vendor; `open_line` makes it.

    Parameters
    ----------
    vendor : str
    limiter : Limiter
        Shared by all who use the vendor's key.
    foreign : Foreign
    secrets : iterable of str
        Never told in an error.
    terms : Terms
    """

    vendor: str
    limiter: Limiter
    foreign: Foreign
    secrets: Iterable[str] = ()
    terms: Terms = field(default_factory=Terms)

    def __post_init__(self) -> None:
        self.secrets = tuple(secret for secret in self.secrets if secret)
        self._breaker = _breaker(self.limiter.folder, self.limiter.name, self.terms)

    def read(self, call: Callable[[], T], *, weight: float = 1.0) -> T:
        """Make a call that changes nothing, again where it fails in a way that may pass.

        Parameters
        ----------
        call : callable
            Sends one request and reads the answer; may raise errors of the house itself,
            e.g. `garbled` for an answer that cannot be one.
        weight : float
            What it costs under the limit; 0 where the client asks for its own turns.

        Raises
        ------
        UsageError, DataError
            As the vendor says, at once; `DataError` also for an answer that stayed unreadable.
        UnavailableError
            It failed `terms.attempts` times, the breaker is open, or the vendor asks for more
            patience than `terms.longest`.
        """
        retrying = Retrying(
            stop=stop_after_attempt(self.terms.attempts),
            retry=retry_if_exception(self._may_pass),
            wait=self._wait,
            reraise=True,
        )
        return retrying(lambda: self.send(call, weight=weight))

    def send(
        self, call: Callable[[], T], *, weight: float = 1.0, urgency: Urgency = Urgency.NONE
    ) -> T:
        """Make a call once, whatever comes of it: for orders, and all else that must not repeat.

        Parameters
        ----------
        call : callable
        weight : float
        urgency : Urgency
            Which part of the limit it may use, and whether an open breaker stops it.

        Raises
        ------
        WorkbenchError
            As `Foreign.translate` says; `UnavailableError` before anything was sent, with the field
            ``sent=False``, where the breaker is open.
        """
        if urgency is Urgency.CANCEL:
            return self._once(call, weight, urgency)
        if urgency is Urgency.ORDER and self._breaker.current_state != "closed":
            raise self._resting()  # whether the vendor is well again is tried with questions
        try:
            told: T = self._breaker.call(self._once, call, weight, urgency)
        except pybreaker.CircuitBreakerError:
            raise self._resting() from None
        return told

    def redact(self, text: str) -> str:
        """Return a text without the secrets of this line."""
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return text

    def _resting(self) -> UnavailableError:
        return UnavailableError(
            f"{self.vendor} failed {self.terms.failures} times in a row and is left alone for "
            f"{self.terms.rest:g} s",
            retry_after=self.terms.rest,
            vendor=self.vendor,
            sent=False,
            resting=True,
        )

    def _once(self, call: Callable[[], T], weight: float, urgency: Urgency = Urgency.NONE) -> T:
        if weight > 0:
            self.turn(weight, urgency)
        try:
            return call()
        except self.foreign.kinds as error:
            told = self._clean(self.foreign.translate(error))
        except WorkbenchError as error:
            told = self._clean(error)
        delay = told.facts.get("retry_after")
        if told.facts.get("limited") and delay:
            self.limiter.pause(delay)
        # outside the handler: the vendor's own exception may carry an address with a key
        raise told

    def turn(self, weight: float, urgency: Urgency) -> None:
        """Wait for a turn under the limit, as far as a call of this urgency may use it up.

        Raises
        ------
        UnavailableError
            It would come too late; with the field ``sent=False``.
        """
        share, patience = _BUDGET[urgency]
        try:
            self.limiter.take(weight, patience, share)
        except UnavailableError as error:
            raise UnavailableError(error.message, **{**error.facts, "sent": False}) from None

    def _clean(self, error: WorkbenchError) -> WorkbenchError:
        facts = {k: self.redact(v) if isinstance(v, str) else v for k, v in error.facts.items()}
        return type(error)(self.redact(error.message), **facts)

    def _may_pass(self, error: BaseException) -> bool:
        if isinstance(error, UnavailableError):
            is_long = (error.retry_after or 0) > self.terms.longest
            return not is_long and not error.facts.get("resting")
        return isinstance(error, DataError) and bool(error.facts.get("garbled"))

    def _wait(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome is not None else None
        asked = error.facts.get("retry_after") if isinstance(error, WorkbenchError) else None
        ceiling = min(_CAP, self.terms.base * 2 ** (state.attempt_number - 1))
        jitter = random.uniform(0, ceiling)  # noqa: S311  full jitter
        return float(asked) + jitter * 0.1 if asked else jitter


def open_line(
    settings: Settings, vendor: str, limit: Limit, foreign: Foreign, *, secrets: Iterable[str] = ()
) -> Line:
    """Return the line to a vendor under the settings of this workspace.

    Parameters
    ----------
    settings : Settings
        ``venues.<vendor>`` may change the limit, the attempts and so on.
    vendor : str
    limit : Limit
        The vendor's own.
    foreign : Foreign
    secrets : iterable of str
        Key first: one limit is kept per vendor and key.
    """
    held = tuple(secrets)
    told = settings.venue(vendor)
    if told.per_minute is not None:
        limit = Limit(told.per_minute)
    key = held[0] if held else None
    limiter = shared_limiter(settings.folder("limits"), vendor, key, limit)
    return Line(vendor, limiter, foreign, held, Terms(attempts=told.attempts, base=told.backoff))


def unavailable(
    vendor: str, why: str, delay: float | None = None, **facts: Any
) -> UnavailableError:
    """Return the error of a vendor that cannot answer now."""
    return UnavailableError(f"{vendor}: {why}", retry_after=delay, vendor=vendor, **facts)


def limited(vendor: str, delay: float | None, why: str = "") -> UnavailableError:
    """Return the error of a vendor that wants fewer requests."""
    when = f"in {delay:g} s" if delay else "later"
    text = f"too many requests, try again {when}{f' ({why})' if why else ''}"
    return unavailable(vendor, text, delay, limited=True)


def garbled(vendor: str, what: str, **facts: Any) -> DataError:
    """Return the error of an answer that cannot be one; a read is tried again."""
    return DataError(
        f"{vendor} answered what cannot be read: {what}", vendor=vendor, garbled=True, **facts
    )


def from_status(vendor: str, status: int, text: str, headers: Mapping[str, str]) -> WorkbenchError:
    """Return the error that an HTTP status means.

    Parameters
    ----------
    vendor : str
    status : int
    text : str
        Of the answer; its beginning is told.
    headers : mapping
        Looked at for Retry-After.

    Examples
    --------
    >>> from_status("polygon", 429, "slow down", {"Retry-After": "7"})
    UnavailableError('polygon: too many requests, try again in 7 s (slow down)')
    >>> type(from_status("polygon", 401, "Unknown API Key", {})).__name__
    'UsageError'
    """
    said = " ".join(text.split())[:200]
    if status in (401, 403):
        return UsageError(
            f"{vendor} refuses the key, or its plan does not include this: {said or status}; see "
            f"WORKBENCH_{vendor.upper()}_KEY and the plan",
            vendor=vendor,
            status=status,
        )
    delay = retry_after(headers)
    if status == 429:
        return limited(vendor, delay, said)
    if status == 408 or status >= 500:
        return unavailable(vendor, f"HTTP {status} {said}".strip(), delay, status=status)
    if status == 404:
        return UsageError(f"{vendor} knows nothing of this: {said}", vendor=vendor, status=status)
    return DataError(
        f"{vendor} refused the request: HTTP {status} {said}", vendor=vendor, status=status
    )


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that the header Retry-After asks for, None where it does not.

    A date is taken from the answer's own Date, so that a clock that is wrong here does no harm;
    only where there is none it is taken from this machine's.

    Examples
    --------
    >>> retry_after({"Retry-After": "2"}), retry_after({})
    (2.0, None)
    >>> told = {"Date": "Wed, 21 Oct 2015 07:27:30 GMT"}
    >>> retry_after({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT", **told})
    30.0
    """
    told = {name.lower(): value for name, value in headers.items()}
    value = told.get("retry-after")
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        when, now = _instant(value), _instant(told.get("date", "")) or datetime.now(UTC)
        seconds = math.nan if when is None else (when - now).total_seconds()
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _instant(text: str) -> datetime | None:
    """Return the instant of an HTTP date, None where it is none."""
    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return None
    return when if when.tzinfo else when.replace(tzinfo=UTC)


_BREAKERS: dict[str, pybreaker.CircuitBreaker] = {}
_GUARD = threading.Lock()


def _breaker(folder: Path, name: str, terms: Terms) -> pybreaker.CircuitBreaker:
    """Return the breaker of a vendor and key; a process has one for all its clients."""
    known = hashlib.sha256(f"{folder}\n{name}\n{terms}".encode()).hexdigest()
    with _GUARD:
        if known not in _BREAKERS:
            _BREAKERS[known] = pybreaker.CircuitBreaker(
                fail_max=terms.failures,
                reset_timeout=terms.rest,
                exclude=[_is_no_outage],
                throw_new_error_on_trip=False,
            )
        return _BREAKERS[known]


def _is_no_outage(error: BaseException) -> bool:
    """Tell whether the vendor is well: a refusal or a limit, its own or ours, is an answer."""
    if isinstance(error, UnavailableError):
        return bool(error.facts.get("limited")) or "wait" in error.facts
    return not isinstance(error, OutcomeUnknownError)
