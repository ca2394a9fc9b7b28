"""One exchange through ccxt: its limit, its address, and what its errors are in the house.

ccxt's own throttle holds for one object only and is not safe among threads; here each
request of an exchange asks the workspace's limiter for a turn, with the weight that ccxt
gives it. Where ccxt reads a malformed answer as an empty one, or gives an error another
class than its meaning, the answer itself is looked at.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any, TypeVar
from urllib.parse import urlsplit

import ccxt

from workbench.config import Settings
from workbench.errors import DataError, UsageError, WorkbenchError, nearest
from workbench.venues.calls import (
    Foreign,
    from_status,
    garbled,
    limited,
    open_line,
    retry_after,
    unavailable,
)
from workbench.venues.paging import Limit

__all__ = ["NAMED", "Exchange", "exchange_limit", "hosts", "localize", "meaning", "on_paper"]

T = TypeVar("T")

NAMED = ("binance", "bybit", "coinbase", "kraken")
_WINDOW = 10.0
_FOREIGN = (ccxt.BaseError, TypeError, KeyError, IndexError, AttributeError, ValueError)
_USAGE: tuple[tuple[type[Exception], str], ...] = (
    (ccxt.BadSymbol, "has no such symbol"),
    (ccxt.AuthenticationError, "refuses the key"),
    (ccxt.NotSupported, "does not offer this"),
    (ccxt.ArgumentsRequired, "needs more than it was told"),
)


class Exchange:
    """Reads of one exchange's public data.

    Parameters
    ----------
    name : str
        As ccxt calls it, e.g. ``"binance"``.
    settings : Settings
        ``venues.<name>`` for address, time-out and limit.
    kind : str
        Which markets are listed, where the exchange has several kinds.
    vendor : str, optional
        Under which name the settings have it, where that is another; ``"binance_paper"`` is
        Binance's demo trading.
    """

    def __init__(
        self, name: str, settings: Settings, *, kind: str = "spot", vendor: str | None = None
    ) -> None:
        if name not in ccxt.exchanges:
            hint = nearest(name, ccxt.exchanges) or f"; named are {', '.join(NAMED)}"
            raise UsageError(f"ccxt has no exchange {name!r}{hint}", source=f"ccxt:{name}")
        told = settings.venue(vendor or name)
        self.name = name
        self.api: Any = getattr(ccxt, name)({"timeout": int(told.timeout * 1000)})
        self.api.options |= {"fetchMarkets": _only(self.api, kind), "maxRetriesOnFailure": 0}
        self.api.has["fetchCurrencies"] = False
        self.line = open_line(settings, name, exchange_limit(self.api), self._foreign())
        if (vendor or "").endswith("_paper"):
            on_paper(self.api)
        if told.url:
            localize(self.api, told.url)
        self._answer: tuple[int, Any, str] = (0, {}, "")
        self._lock = threading.Lock()
        self.api.enableRateLimit = True
        self.api.throttle = lambda cost=None: self.line.limiter.take(cost or 1.0)
        self.api.on_rest_response = self._note

    def read(self, call: Callable[[Any], T], check: Callable[[Any], bool] | None = None) -> T:
        """Return what a call of ccxt brings.

        Parameters
        ----------
        call : callable
            Is given the ccxt object; one request of it is the last.
        check : callable, optional
            Is given the last answer as JSON, and tells whether it can be one.

        Raises
        ------
        UsageError, DataError, UnavailableError
            As `workbench.venues.calls.Line.read`.
        """
        with self._lock:
            return self.line.read(lambda: self._once(call, check), weight=0)

    def market(self, symbol: str) -> dict[str, Any]:
        """Return ccxt's description of a symbol; the list is asked for once.

        Raises
        ------
        UsageError
            There is no such symbol; the nearest is offered.
        """
        if not self.api.markets:
            self.read(self.load)
        if symbol not in self.api.markets:
            known = [name for name in self.api.markets if ":" not in name]
            hint = nearest(symbol, known) or ", e.g. BTC/USDT"
            raise UsageError(
                f"{self.name} has no symbol {symbol!r}{hint}", symbol=symbol, source=self.name
            )
        found: dict[str, Any] = self.api.markets[symbol]
        return found

    def load(self, api: Any) -> None:
        """Ask for the list of markets, inside a `read`."""
        if not api.load_markets():
            api.markets = None  # so that they are asked for again
            raise garbled(self.name, f"a list of markets without one: {self._answer[2][:60]!r}")

    def _once(self, call: Callable[[Any], T], check: Callable[[Any], bool] | None) -> T:
        self._answer = (0, {}, "")
        found = call(self.api)
        if self._answer[0]:
            try:
                told = json.loads(self._answer[2])
            except ValueError:
                raise garbled(self.name, f"no JSON but {self._answer[2][:60]!r}") from None
            if check is not None and not check(told):
                raise garbled(self.name, f"JSON of another shape: {self._answer[2][:60]!r}")
        return found

    def _note(self, status: int, _reason: str, *rest: Any) -> str:
        _url, _method, headers, body = rest[:4]
        self._answer = (int(status), headers, body)
        return str(body).strip()

    def _foreign(self) -> Foreign:
        return Foreign(_FOREIGN, self._translate)

    def _translate(self, error: Exception) -> WorkbenchError:
        status, headers, body = self._answer
        said = " ".join(str(error).split())[:200]
        if status == 200 and type(error) is ccxt.ExchangeError:  # no code that ccxt knows
            return garbled(self.name, said)
        if status in (418, 429) or status >= 500:
            return from_status(self.name, 429 if status == 418 else status, body, headers)
        return meaning(self.name, error, headers)


def meaning(name: str, error: Exception, headers: Any = None) -> WorkbenchError:
    """Return what a class of ccxt means; the order counts, as the classes are kin."""
    said = " ".join(str(error).split())[:200]
    if isinstance(error, ccxt.DDoSProtection | ccxt.RateLimitExceeded):
        return limited(name, retry_after(headers or {}), said)
    if isinstance(error, ccxt.OperationFailed):
        return unavailable(name, said)
    for kind, meaning in _USAGE:
        if isinstance(error, kind):
            return UsageError(f"{name} {meaning}: {said}", source=name)
    if isinstance(error, ccxt.BadResponse) or not isinstance(error, ccxt.BaseError):
        return garbled(name, f"{type(error).__name__}: {said}")
    return DataError(f"{name} refused the request: {said}", vendor=name)


def exchange_limit(api: Any) -> Limit:
    """Return an exchange's limit as ccxt tells it, in units of ccxt's weights.

    ccxt spaces units of weight evenly; a window of ten seconds allows small bursts.
    """
    return Limit(max(1.0, _WINDOW * 1000 / float(api.rateLimit)), _WINDOW)


def localize(api: Any, base: str, only: str = "") -> None:
    """Point a ccxt object at another server; the former host becomes the first part of the path.

    Parameters
    ----------
    api : ccxt.Exchange
        Of any flavour; REST and stream addresses are changed.
    base : str
        E.g. ``"http://127.0.0.1:8080"``.
    only : str
        Leave addresses of other schemes alone, e.g. ``"ws"``.
    """
    for key in ("api", "test", "demo"):
        if key in api.urls:
            api.urls[key] = _moved(api.urls[key], base.rstrip("/"), api.hostname, only)


def on_paper(api: Any) -> None:
    """Point a ccxt object at the exchange's demo trading.

    Raises
    ------
    UsageError
        A request of it would still go where real money is.
    """
    real = hosts(api, "api", "http")
    api.enable_demo_trading(True)
    if real & hosts(api, "api", "http"):
        raise UsageError(
            f"ccxt has no addresses for demo trading at {api.id}; nothing is sent", vendor=api.id
        )


def hosts(api: Any, name: str, scheme: str = "") -> set[str]:
    """Return where the addresses of a ccxt object lead.

    Parameters
    ----------
    api : ccxt.Exchange
    name : str
        Which of them: ``"api"``, ``"demo"``, ``"test"``.
    scheme : str
        Those of others are left out, e.g. ``"http"``.
    """
    told = [url.replace("{hostname}", api.hostname or "") for url in _leaves(api.urls.get(name))]
    return {urlsplit(url).netloc for url in told if url.startswith(scheme)} - {""}


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from _leaves(inner)
    elif isinstance(value, str):
        yield value


def _moved(value: Any, base: str, hostname: str | None, only: str) -> Any:
    if isinstance(value, dict):
        return {key: _moved(inner, base, hostname, only) for key, inner in value.items()}
    if isinstance(value, list):
        return [_moved(inner, base, hostname, only) for inner in value]
    if not isinstance(value, str) or "://" not in value or not value.startswith(only):
        return value
    address = urlsplit(value.replace("{hostname}", hostname or ""))
    root = base
    if address.scheme in ("ws", "wss"):
        root = base.replace("http://", "ws://").replace("https://", "wss://")
    return f"{root}/{address.netloc}{address.path}"


def _only(api: Any, kind: str) -> Any:
    """Return the option that asks for markets of one kind: one request instead of many."""
    told = api.options.get("fetchMarkets")
    has_kind = isinstance(told, dict) and kind in told.get("types", ())
    return {**told, "types": [kind]} if has_kind else told
