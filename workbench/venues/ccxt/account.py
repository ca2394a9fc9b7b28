"""Signed calls of one account at an exchange through ccxt: one request a call."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from typing import Any

import ccxt

from workbench.config import Settings, VenueSettings
from workbench.errors import (
    UsageError,
    WorkbenchError,
)
from workbench.venues.calls import Foreign, Line, Urgency, open_line, retry_after, unavailable
from workbench.venues.ccxt.client import exchange_limit, localize, on_paper
from workbench.venues.ccxt.environment import check_environment
from workbench.venues.ccxt.outcomes import outcome, reading
from workbench.venues.http import TameSession
from workbench.venues.outcomes import Ask, Outcome, is_never_sent, proved

__all__ = ["ExchangeAccount", "credentials"]

_LARGEST = 5 << 20
_CONNECT = 3.0
_READ = 10.0
_WINDOW = 5_000  # milliseconds for which a signed request may be under way
_OPTIONS: dict[str, dict[str, Any]] = {
    "binance": {"recvWindow": _WINDOW},
    # else ccxt asks which kind of account it is before each first call; the old kind is gone
    "bybit": {
        "recvWindow": _WINDOW,
        "enableUnifiedMargin": False,
        "enableUnifiedAccount": True,
        "unifiedMarginStatus": 6,
    },
}
_FOREIGN = (ccxt.BaseError, TypeError, KeyError, IndexError, AttributeError, ValueError)
_URGENCY = {
    Ask.SUBMIT: Urgency.ORDER,
    Ask.REPLACE: Urgency.ORDER,
    Ask.CANCEL: Urgency.CANCEL,
    Ask.QUERY: Urgency.QUERY,
}


class ExchangeAccount:
    """Calls of one key, under the workspace's limit.

    Each thread has a ccxt object of its own, as one is not safe among threads; they share
    the limit, the difference of the clocks, and the row of numbers that Kraken wants.

    Parameters
    ----------
    settings : Settings
        ``<exchange>_key`` and ``<exchange>_secret``; ``venues.<exchange>`` for address,
        time-out and limit. On paper the same with ``<exchange>_paper``.
    exchange : str
        ``"binance"``, ``"bybit"``, ``"coinbase"`` or ``"kraken"``.
    is_paper : bool
        Whether it is an account of the exchange's demo trading.

    Raises
    ------
    UsageError
        There is no key, or it or the address is of the other environment.
    """

    def __init__(self, settings: Settings, exchange: str, *, is_paper: bool = False) -> None:
        self.exchange, self.is_paper = exchange, is_paper
        vendor = self.vendor = f"{exchange}_paper" if is_paper else exchange
        self.key, self.secret = credentials(settings, vendor)
        self._told = settings.venue(vendor)
        check_environment(settings, exchange, is_paper=is_paper)
        probe = getattr(ccxt, exchange)()
        self.line: Line = open_line(
            settings,
            vendor,
            exchange_limit(probe),
            Foreign((ccxt.BaseError,), lambda error: unavailable(vendor, str(error)[:200])),
            secrets=(self.key, self.secret),
        )
        self.clock_ahead = 0  # milliseconds our clock is before the exchange's
        self._local = threading.local()
        self._counting, self._number = threading.Lock(), 0

    @property
    def terms(self) -> VenueSettings:
        """What the settings say of the exchange."""
        return self._told

    @property
    def digest(self) -> str:
        """A name of the key that tells nothing of it."""
        return hashlib.sha256(self.key.encode()).hexdigest()[:12]

    def number(self) -> int:
        """Return a number that is larger than all before it, those of other runs included."""
        with self._counting:
            self._number = max(self._number + 1, time.time_ns() // 1000)
            return self._number

    def ask(
        self,
        ask: Ask,
        method: str,
        params: dict[str, Any] | None = None,
        before: Callable[[], None] | None = None,
    ) -> Any:
        """Make one call, once, and return what its answer says.

        Parameters
        ----------
        ask : Ask
            Decides what a failure means, and what is kept free of the limit.
        method : str
            ccxt's name of the exchange's own call, e.g. ``"privatePostOrder"``.
        params : dict, optional
            Of the exchange.
        before : callable, optional
            Called once there is a turn, right before the request leaves.

        Raises
        ------
        RefusedError
            A definite no, or for ``outcome="absent"`` there is no such order.
        UnavailableError
            Of an order: certainly never taken. Of a question: no answer.
        OutcomeUnknownError
            Sent, and there is no answer to trust; never of a question.
        UsageError
            The key is refused.
        """
        urgency = _URGENCY[ask]
        return self.line.send(
            lambda: self._once(ask, method, params or {}, before), weight=0, urgency=urgency
        )

    def set_clock(self, theirs: int) -> None:
        """Take the exchange's time, in milliseconds, for the times of what is signed."""
        self.clock_ahead = time.time_ns() // 1_000_000 - theirs

    def unclear(self, ask: Ask, why: str) -> WorkbenchError:
        """Return the error of an answer that proves nothing."""
        return proved(Outcome.UNKNOWN, ask, self.vendor, why)

    def made(self, kind: Any) -> Any:
        """Return a ccxt object for this account, e.g. of ``ccxt.pro.binance``."""
        api = kind({"apiKey": self.key, "secret": self.secret, "timeout": int(self._read * 1000)})
        api.options |= {"maxRetriesOnFailure": 0, "adjustForTimeDifference": False}
        api.options |= _OPTIONS.get(self.exchange, {})
        api.nonce = lambda: api.milliseconds() - self.clock_ahead
        if self.exchange == "coinbase":  # its tokens are in whole seconds
            api.seconds = lambda: api.nonce() // 1000
        api.incrementing_nonce = self.number
        if self.is_paper:
            on_paper(api)
        if self._told.url:
            localize(api, self._told.url)
        return api

    @property
    def _read(self) -> float:
        return min(self._told.timeout, _READ)

    def _api(self) -> Any:
        if not hasattr(self._local, "api"):
            api = self._local.api = self.made(getattr(ccxt, self.exchange))
            api.session = TameSession(min(_CONNECT, self._read), self._read, _LARGEST)
            api.enableRateLimit = True
            api.throttle = self._turn
            api.on_rest_response = self._note
            api.fetch = self._leave(api.fetch)
        return self._local.api

    def _turn(self, cost: float | None = None) -> None:
        """Take a turn of the limit; what must be done before the request leaves is done."""
        self.line.turn(cost or 1.0, _URGENCY[self._local.ask])
        before, self._local.before = self._local.before, None
        if before is not None:
            before()

    def _once(
        self, ask: Ask, method: str, params: dict[str, Any], before: Callable[[], None] | None
    ) -> Any:
        api, local = self._api(), self._local
        local.ask, local.before, local.has_left = ask, before, False
        local.answer = (0, {}, "")
        try:
            told = getattr(api, method)(params)
        except _FOREIGN as error:
            failure = self._meaning(ask, error)
        else:
            if isinstance(told, dict | list) and local.answer[0] < 300:
                return told
            failure = self.unclear(ask, f"HTTP {local.answer[0]}, and no answer of its form")
        raise failure  # outside the handler: the package's own exception may hold keys

    def _meaning(self, ask: Ask, error: Exception) -> WorkbenchError:
        status, headers, body = self._local.answer
        said = " ".join(str(error).split())[:200]
        if not self._local.has_left:  # a key of the wrong form, an argument that is missing
            text = f"not sent to {self.vendor}: {said}"
            return UsageError(text, vendor=self.vendor, sent=False)
        cause = error.__cause__
        if status == 0 and isinstance(cause, Exception) and is_never_sent(cause):
            return unavailable(self.vendor, "no connection", sent=False)
        if status == 0:
            return self.unclear(ask, f"no answer ({type(error).__name__})")
        found = outcome(self.exchange, ask, type(error), status, body)
        code, said = reading(self.exchange, body)
        words = " ".join(f"HTTP {status} {said}".split())[:200]
        facts = {"status": status, "code": code}
        return proved(found, ask, self.vendor, words, delay=retry_after(headers), facts=facts)

    def _leave(self, fetch: Callable[..., Any]) -> Callable[..., Any]:
        def leave(*args: Any, **kwargs: Any) -> Any:
            self._local.has_left = True
            return fetch(*args, **kwargs)

        return leave

    def _note(self, status: int, _reason: str, *rest: Any) -> str:
        _url, _method, headers, body = rest[:4]
        self._local.answer = (int(status), headers, body)
        return str(body).strip()


def credentials(settings: Settings, vendor: str) -> tuple[str, str]:
    """Return key and secret of an exchange, or of its demo trading (``"binance_paper"``).

    Raises
    ------
    UsageError
        One is not set; the error says which.
    """
    key = settings.secret(f"{vendor}_key", vendor)
    # a private key may stand on one line in an environment
    secret = settings.secret(f"{vendor}_secret", vendor).replace("\\n", "\n")
    return key, secret
