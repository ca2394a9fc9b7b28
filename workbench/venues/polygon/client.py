"""Polygon's client: the package massive, or polygon-api-client under its former name.

Both turn what they cannot read into nothing, so only the raw answer is taken from them,
and it is read here.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import import_module
from typing import Any, TypeVar
from urllib.parse import urlsplit

import urllib3

from workbench.config import Settings
from workbench.errors import UsageError, WorkbenchError
from workbench.venues.calls import Foreign, Line, from_status, garbled, open_line, unavailable
from workbench.venues.paging import Limit

__all__ = ["FREE_PLAN", "PolygonClient"]

T = TypeVar("T")

VENDOR = "polygon"
FREE_PLAN = Limit(5, 60)


class PolygonClient:
    """Reads of Polygon's REST interface, under the workspace's limit.

    Parameters
    ----------
    settings : Settings
        ``polygon_key``; ``venues.polygon`` for another address, time-out or plan.
    """

    def __init__(self, settings: Settings) -> None:
        key = settings.secret("polygon_key", VENDOR)
        told = settings.venue(VENDOR)
        self.line: Line = open_line(
            settings, VENDOR, FREE_PLAN, Foreign(_FOREIGN, _translate), secrets=(key,)
        )
        package = _package()
        base = {"base": told.url.rstrip("/")} if told.url else {}
        self._client = package.RESTClient(
            api_key=key, retries=0, pagination=False, num_pools=2, **base
        )
        # the package's own time-outs and retries: one release ignores the first, and the
        # second would pass the limit by; the line has both
        pool = self._client.client.connection_pool_kw
        pool["timeout"] = urllib3.Timeout(connect=told.timeout, read=told.timeout)
        pool["retries"] = urllib3.Retry(total=0, raise_on_status=False, redirect=False)

    def read(
        self, path: str, params: dict[str, Any] | None, parse: Callable[[dict[str, Any]], T]
    ) -> T:
        """Return what one request brings.

        Parameters
        ----------
        path : str
            With its query where it has one; the host of a full address is left out.
        params : dict, optional
        parse : callable
            Reads the answer; where it says `garbled`, the request is made again.

        Raises
        ------
        UsageError, DataError, UnavailableError
            As `workbench.venues.calls.Line.read`.
        """
        split = urlsplit(path)
        local = f"{split.path}?{split.query}" if split.query else split.path
        return self.line.read(lambda: parse(self._once(local, params)))

    def _once(self, path: str, params: dict[str, Any] | None) -> dict[str, Any]:
        client = self._client
        reply = client.client.request(
            "GET", client.BASE + path, fields=params, headers=client.headers
        )
        text = reply.data.decode("utf-8", errors="replace")
        if reply.status != 200:
            raise from_status(VENDOR, reply.status, _message(text), reply.headers)
        try:
            told = json.loads(text)
        except ValueError:
            raise garbled(VENDOR, f"no JSON but {text[:60]!r}") from None
        if not isinstance(told, dict):
            raise garbled(VENDOR, f"JSON that is no table: {text[:60]!r}")
        if told.get("status") not in ("OK", "DELAYED", None):
            raise _error_in_answer(told)
        return told


def _error_in_answer(told: dict[str, Any]) -> WorkbenchError:
    """Return the error of an answer that says 200 outside and something else inside."""
    said = str(told.get("error") or told.get("message") or told.get("status"))[:200]
    if told.get("status") in ("NOT_AUTHORIZED", "AUTH_ERROR"):
        return from_status(VENDOR, 403, said, {})
    if "exceeded" in said.lower() and "request" in said.lower():
        return from_status(VENDOR, 429, said, {})
    return garbled(VENDOR, f"status {told.get('status')!r}: {said}")


def _message(text: str) -> str:
    try:
        told = json.loads(text)
    except ValueError:
        return text
    return str(told.get("error") or told.get("message") or text) if isinstance(told, dict) else text


_FOREIGN = (urllib3.exceptions.HTTPError,)


def _translate(error: Exception) -> WorkbenchError:
    if isinstance(error, urllib3.exceptions.MaxRetryError) and error.reason is not None:
        error = error.reason
    if isinstance(error, urllib3.exceptions.TimeoutError):
        return unavailable(VENDOR, "no answer in time")
    return unavailable(VENDOR, f"the connection failed ({type(error).__name__})")


def _package() -> Any:
    for name in ("massive", "polygon"):
        try:
            return import_module(name)
        except ModuleNotFoundError as error:
            if error.name != name:
                raise
    raise UsageError(
        "source 'polygon' needs the package massive: pip install 'trading-workbench[venues]'",
        extra="venues",
    )
