"""Finnhub's client under the workspace's limit, with its key out of the addresses."""

from __future__ import annotations

import finnhub
import requests
from finnhub.exceptions import FinnhubAPIException, FinnhubRequestException

from workbench.config import Settings
from workbench.errors import WorkbenchError
from workbench.venues.calls import Foreign, Line, from_status, garbled, open_line, unavailable
from workbench.venues.paging import Limit

__all__ = ["VENDOR", "open_client"]

VENDOR = "finnhub"


def open_client(settings: Settings) -> tuple[Line, finnhub.Client]:
    """Return the line to Finnhub, and the client whose calls it makes.

    Raises
    ------
    UsageError
        ``finnhub_key`` is not set.
    """
    key = settings.secret("finnhub_key", VENDOR)
    told = settings.venue(VENDOR)
    line = open_line(settings, VENDOR, Limit(60, 60), Foreign(_FOREIGN, _translate), secrets=(key,))
    client = finnhub.Client(api_key=key)
    client.DEFAULT_TIMEOUT = told.timeout
    if told.url:
        client.API_URL = told.url.rstrip("/")
    # the package puts the key into the address, which logs and errors like to tell
    session = client._session
    session.params.pop("token")
    session.headers["X-Finnhub-Token"] = key
    return line, client


def _translate(error: Exception) -> WorkbenchError:
    if isinstance(error, FinnhubAPIException):
        response = error.response
        return from_status(VENDOR, error.status_code, str(error.message), response.headers)
    if isinstance(error, FinnhubRequestException | ValueError):
        return garbled(VENDOR, "no JSON")
    if isinstance(error, requests.exceptions.Timeout):
        return unavailable(VENDOR, "no answer in time")
    return unavailable(VENDOR, f"the connection failed ({type(error).__name__})")


_FOREIGN = (FinnhubAPIException, FinnhubRequestException, requests.exceptions.RequestException)
