"""Alpaca's market data through alpaca-py, which has no time-outs and retries on its own.

Answers are read raw: the package's models refuse what they do not know, and break on
null where there is nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import requests
from alpaca.common.exceptions import APIError
from alpaca.common.rest import RESTClient
from alpaca.data.historical.corporate_actions import CorporateActionsClient
from alpaca.data.historical.crypto import CryptoHistoricalDataClient
from alpaca.data.historical.news import NewsClient
from alpaca.data.historical.stock import StockHistoricalDataClient

from workbench.config import Settings
from workbench.errors import WorkbenchError
from workbench.venues.calls import Foreign, Line, from_status, garbled, open_line, unavailable
from workbench.venues.http import TameSession
from workbench.venues.paging import Limit

__all__ = ["FOREIGN", "LIMIT", "VENDOR", "AlpacaData", "tame"]

T = TypeVar("T")

VENDOR = "alpaca"
LIMIT = Limit(200, 60)


class AlpacaData:
    """Reads of Alpaca's market data, under the workspace's limit.

    Parameters
    ----------
    settings : Settings
        ``alpaca_key`` and ``alpaca_secret``; ``venues.alpaca`` for address and time-out.
    """

    def __init__(self, settings: Settings) -> None:
        key = settings.secret("alpaca_key", VENDOR)
        secret = settings.secret("alpaca_secret", VENDOR)
        told = settings.venue(VENDOR)
        self.line: Line = open_line(settings, VENDOR, LIMIT, FOREIGN, secrets=(key, secret))
        address = told.url.rstrip("/") if told.url else None
        kinds = {
            "stock": StockHistoricalDataClient,
            "crypto": CryptoHistoricalDataClient,
            "actions": CorporateActionsClient,
            "news": NewsClient,
        }
        self._clients: dict[str, RESTClient] = {
            name: tame(kind(key, secret, raw_data=True, url_override=address), told.timeout)
            for name, kind in kinds.items()
        }

    def read(
        self,
        where: tuple[str, str],
        params: dict[str, Any],
        parse: Callable[[dict[str, Any]], T],
    ) -> T:
        """Return what one request brings.

        Parameters
        ----------
        where : (str, str)
            ``"stock"``, ``"crypto"``, ``"actions"`` or ``"news"``, and the path.
        params : dict
        parse : callable
            Reads the answer; where it says `garbled`, the request is made again.

        Raises
        ------
        UsageError, DataError, UnavailableError
            As `workbench.venues.calls.Line.read`.
        """
        client, path = where
        return self.line.read(lambda: parse(self._once(self._clients[client], path, params)))

    def _once(self, client: RESTClient, path: str, params: dict[str, Any]) -> dict[str, Any]:
        told = client.get(path, params)
        if not isinstance(told, dict):
            raise garbled(VENDOR, f"no table for {path}")
        return told


def tame(
    client: RESTClient, timeout: float, *, connect: float | None = None, largest: int = 64 << 20
) -> RESTClient:
    """Return one of alpaca-py's clients with time-outs, and without retries of its own."""
    client._session = TameSession(timeout if connect is None else connect, timeout, largest)
    client._retry = 0
    client._retry_codes = []  # a new list: the default one is shared by all clients
    return client


def _translate(error: Exception) -> WorkbenchError:
    if isinstance(error, APIError):
        response = error.response
        if response is None:
            return unavailable(VENDOR, "an error without an answer")
        return from_status(VENDOR, response.status_code, _message(response), response.headers)
    if isinstance(error, requests.exceptions.JSONDecodeError):
        return garbled(VENDOR, "no JSON")
    if isinstance(error, requests.exceptions.Timeout):
        return unavailable(VENDOR, "no answer in time")
    return unavailable(VENDOR, f"the connection failed ({type(error).__name__})")


def _message(response: requests.Response) -> str:
    try:
        told = response.json()
    except requests.exceptions.JSONDecodeError:
        return response.text
    return str(told.get("message") or response.text) if isinstance(told, dict) else response.text


FOREIGN = Foreign((APIError, requests.exceptions.RequestException), _translate)
