"""Alpaca's trading interface through alpaca-py: one attempt a call, and the right account.

alpaca-py would send an order four times where the venue answers 504, and wait for ever
where it does not answer at all; here an order call is one request with time-outs.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import requests
from alpaca.common.exceptions import APIError
from alpaca.trading.client import TradingClient

from workbench.config import Settings
from workbench.errors import OutcomeUnknownError, UnavailableError, UsageError, WorkbenchError
from workbench.venues.alpaca.client import FOREIGN, LIMIT, tame
from workbench.venues.alpaca.outcomes import error_of
from workbench.venues.calls import Line, Urgency, open_line, unavailable
from workbench.venues.outcomes import Ask, is_never_sent

__all__ = ["AlpacaTrading"]

_HOSTS = {True: "paper-api.alpaca.markets", False: "api.alpaca.markets"}
_PREFIXES = {True: "PK", False: "AK"}
_LARGEST = 5 << 20
_CONNECT = 3.0
_READ = 10.0
_URGENCY = {
    Ask.SUBMIT: Urgency.ORDER,
    Ask.REPLACE: Urgency.ORDER,
    Ask.CANCEL: Urgency.CANCEL,
    Ask.QUERY: Urgency.QUERY,
}


class AlpacaTrading:
    """Calls of one account, under the workspace's limit.

    Parameters
    ----------
    settings : Settings
        ``alpaca_paper_key`` and ``alpaca_paper_secret``, or the same with ``live``;
        ``venues.alpaca_paper`` or ``venues.alpaca_live`` for address and limit.
    is_paper : bool

    Raises
    ------
    UsageError
        There is no key, or it or the address is of the other environment.
    """

    def __init__(self, settings: Settings, *, is_paper: bool) -> None:
        self.vendor = "alpaca_paper" if is_paper else "alpaca_live"
        self.is_paper = is_paper
        self.key = settings.secret(f"{self.vendor}_key", self.vendor)
        self.secret = settings.secret(f"{self.vendor}_secret", self.vendor)
        told = settings.venue(self.vendor)
        address = told.url.rstrip("/") if told.url else f"https://{_HOSTS[is_paper]}"
        _check_environment(self.vendor, is_paper, self.key, address)
        self.line: Line = open_line(
            settings, self.vendor, LIMIT, FOREIGN, secrets=(self.key, self.secret)
        )
        client = TradingClient(
            self.key, self.secret, paper=is_paper, raw_data=True, url_override=address
        )
        read = min(told.timeout, _READ)
        self._client = tame(client, read, connect=min(_CONNECT, read), largest=_LARGEST)

    def ask(self, ask: Ask, method: str, path: str, data: dict[str, Any] | None = None) -> Any:
        """Make one call, once, and return what its answer says.

        Parameters
        ----------
        ask : Ask
            Decides what a failure means, and what is kept free of the limit.
        method : str
            ``GET``, ``POST``, ``PATCH`` or ``DELETE``.
        path : str
        data : dict, optional
            The query, or the body.

        Raises
        ------
        RefusedError
            A definite no, or for ``outcome="absent"`` there is no such order.
        UnavailableError
            Of an order: certainly never sent. Of a question: no answer.
        OutcomeUnknownError
            Sent, and there is no answer to trust; never of a question.
        UsageError
            The key is refused.
        """
        urgency = _URGENCY[ask]
        return self.line.send(lambda: self._once(ask, method, path, data), urgency=urgency)

    def _once(self, ask: Ask, method: str, path: str, data: dict[str, Any] | None) -> Any:
        try:
            return self._client._request(method, path, data)
        except APIError as error:
            told = self._answered(ask, error)
        except requests.exceptions.RequestException as error:
            told = self._lost(ask, error)
        except json.JSONDecodeError:
            told = self._unclear(ask, "no JSON")
        raise told  # outside the handlers: the package's own exception holds the keys

    def _answered(self, ask: Ask, error: APIError) -> WorkbenchError:
        response = error.response
        if response is None:
            return self._unclear(ask, "an error without an answer")
        return error_of(ask, response.status_code, response.text, response.headers, self.vendor)

    def _lost(self, ask: Ask, error: requests.exceptions.RequestException) -> WorkbenchError:
        if is_never_sent(error):
            return unavailable(self.vendor, f"no connection ({type(error).__name__})", sent=False)
        if isinstance(error, requests.exceptions.Timeout):
            return self._unclear(ask, "no answer in time")
        return self._unclear(ask, f"the connection broke ({type(error).__name__})")

    def _unclear(self, ask: Ask, why: str) -> UnavailableError | OutcomeUnknownError:
        if ask is Ask.QUERY:
            return unavailable(self.vendor, why)
        return OutcomeUnknownError(
            f"{self.vendor}: no answer to trust to a {ask}: {why}", vendor=self.vendor
        )


def _check_environment(vendor: str, is_paper: bool, key: str, address: str) -> None:
    host = urlsplit(address).hostname
    if key.startswith(_PREFIXES[not is_paper]):
        other = "live" if is_paper else "paper"
        raise UsageError(
            f"WORKBENCH_{vendor.upper()}_KEY is a key of {other} trading; nothing is sent with it",
            vendor=vendor,
        )
    if host == _HOSTS[not is_paper]:
        raise UsageError(
            f"venues.{vendor}.url is {host}, which is not where {vendor} trades", vendor=vendor
        )
