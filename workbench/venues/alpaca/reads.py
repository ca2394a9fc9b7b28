"""Questions to Alpaca about orders, executions and holdings: all pages, or an error."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import quote

from workbench.core.account import Account
from workbench.core.fill import Fill
from workbench.core.order import Order
from workbench.core.position import Position
from workbench.errors import DataError, RefusedError, UnavailableError, UsageError
from workbench.venues.alpaca.assets import Asset
from workbench.venues.alpaca.messages import (
    Names,
    account_of,
    activity_fill,
    order_of,
    position_of,
    rows,
)
from workbench.venues.alpaca.trading import AlpacaTrading
from workbench.venues.outcomes import Ask, Outcome

__all__ = ["AlpacaReads"]

T = TypeVar("T")

_PAGE = 500
_FILLS_PAGE = 100
_SECOND = timedelta(seconds=1)
_MANY = 3


class AlpacaReads:
    """What an account says of itself; every method blocks.

    Parameters
    ----------
    trading : AlpacaTrading
    venue : str
        As fills name it.
    """

    def __init__(self, trading: AlpacaTrading, venue: str) -> None:
        self.trading = trading
        self.venue = venue
        self.names = Names()
        self._assets: dict[str, Asset] = {}

    def account(self) -> Account:
        """Return the account."""
        told = self._get("/account")
        return self._read(told, lambda: account_of(told, is_paper=self.trading.is_paper))

    def standing(self) -> str:
        """Return why the account may not trade; ``""`` where it may."""
        told = self._get("/account")
        self._read(told, lambda: told["account_number"])
        if told.get("status") not in (None, "ACTIVE"):
            return f"its status is {told['status']}"
        blocked = ("trading_blocked", "account_blocked", "trade_suspended_by_user")
        return ", ".join(name.replace("_", " ") for name in blocked if told.get(name))

    def positions(self) -> list[Position]:
        """Return holdings."""
        told = self._get("/positions")
        return self._read(told, lambda: [position_of(row) for row in rows(told)])

    def held(self, symbol: str) -> Position:
        """Return the holding of one symbol."""
        told = self._find(f"/positions/{quote(symbol.replace('/', ''))}")
        if told is None:
            return Position(symbol)
        return self._read(told, lambda: position_of(told))

    def asset(self, symbol: str) -> Asset:
        """Return what is known of a symbol; asked for once.

        Raises
        ------
        RefusedError
            There is none.
        """
        if symbol not in self._assets:
            told = self._find(f"/assets/{quote(symbol, safe='')}")
            if told is None:
                raise RefusedError(f"{self.venue} does not know {symbol!r}", symbol=symbol)
            self._assets[symbol] = self._read(told, lambda: Asset.of(told))
        return self._assets[symbol]

    def order(self, order_id: str) -> Order | None:
        """Look an order up by the name we gave it, legs included."""
        parent, _, kind = order_id.rpartition("-")
        if kind in ("loss", "profit") and order_id not in self.names.parents:
            self._find_order(parent, nested=True)
        if order_id in self.names.parents:
            told = self._find(f"/orders/{self.names.theirs[order_id]}")
        else:
            told = self._find_order(order_id)
        return None if told is None else self._read(told, lambda: order_of(told, self.names))

    def open_orders(self) -> list[Order]:
        """Return open orders, legs included."""
        told = self._orders({"status": "open"})
        lone = {str(row["symbol"]) for row in told if self.names.is_lone_leg(row)}
        if lone:
            self.learn(lone)
        return self._read(told, lambda: [order_of(row, self.names) for row in told])

    def learn(self, symbols: Collection[str]) -> None:
        """Learn whose the legs of some symbols are."""
        self._orders({"status": "all", "nested": "true", "symbols": ",".join(sorted(symbols))})

    def fills(self, since: datetime | None) -> list[Fill]:
        """Return executions from an instant on, oldest first."""
        asked: dict[str, Any] = {"direction": "asc", "page_size": _FILLS_PAGE}
        if since is not None:
            asked["after"] = _stamp(since - _SECOND)
        found: list[Mapping[str, Any]] = []
        while True:
            told = self._get("/account/activities/FILL", asked)
            page = self._read(told, lambda told=told: list(rows(told)))  # type: ignore[misc]
            found += page
            if len(page) < _FILLS_PAGE:
                break
            last = page[-1].get("id")
            if not last or last == asked.get("page_token"):
                raise self._garbled("a page of executions that leads nowhere")
            asked = {**asked, "page_token": last}
        self._learn(found, since)
        fills = self._read(found, lambda: [self._fill(row) for row in found])
        fills.sort(key=lambda fill: fill.time)
        return [fill for fill in fills if since is None or fill.time >= since]

    def _fill(self, row: Mapping[str, Any]) -> Fill:
        return activity_fill(row, self.names.ours[str(row["order_id"])], self.venue)

    def _learn(self, found: Sequence[Mapping[str, Any]], since: datetime | None) -> None:
        """Learn the names of the orders of executions."""
        if len(self._strange(found)) > _MANY:
            asked = {"status": "all", "nested": "true"}
            self._orders(
                asked if since is None else {**asked, "after": _stamp(since - 86400 * _SECOND)}
            )
        for venue_id in self._strange(found):
            told = self._find(f"/orders/{quote(venue_id)}")
            if told is None:
                raise self._garbled(f"an execution of an order that is not there, {venue_id}")
            if self.names.is_lone_leg(told):
                self.learn({str(told["symbol"])})
            self._read(told, lambda told=told: self.names.learn(told))  # type: ignore[misc]

    def _strange(self, found: Sequence[Mapping[str, Any]]) -> list[str]:
        ids = dict.fromkeys(str(row.get("order_id")) for row in found)
        return [one for one in ids if one not in self.names.ours]

    def _orders(self, asked: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        """Return all pages of a list of orders, and learn their names where legs are told."""
        query: dict[str, Any] = {"limit": _PAGE, "direction": "asc", "nested": "false", **asked}
        found: dict[str, Mapping[str, Any]] = {}
        while True:
            told = self._get("/orders", query)
            page = self._read(told, lambda told=told: list(rows(told)))  # type: ignore[misc]
            before = len(found)
            found |= self._read(page, lambda page=page: {str(row["id"]): row for row in page})  # type: ignore[misc]
            if query["nested"] == "true":
                self._read(page, lambda page=page: [self.names.learn(row) for row in page])  # type: ignore[misc]
            if len(page) < _PAGE:
                return list(found.values())
            if len(found) == before:
                raise self._garbled("a page of orders that leads nowhere")
            # many orders may share an instant: the last page's are asked for again
            last = self._read(page, lambda page=page: page[-1]["submitted_at"])  # type: ignore[misc]
            query["after"] = _stamp(datetime.fromisoformat(_cut(last)) - timedelta(milliseconds=1))

    def _find_order(self, order_id: str, *, nested: bool = False) -> Any:
        told = self._find("/orders:by_client_order_id", {"client_order_id": order_id})
        if told is None or not nested:
            return told
        whole = self._find(f"/orders/{quote(str(told.get('id')))}", {"nested": "true"})
        if whole is not None:
            self._read(whole, lambda: self.names.learn(whole))
        return whole

    def _find(self, path: str, query: dict[str, Any] | None = None) -> Any:
        """Return an answer, None only where the venue itself says that there is none."""
        try:
            return self._get(path, query)
        except RefusedError as error:
            if error.facts.get("outcome") == Outcome.ABSENT.value:
                return None
            raise UnavailableError(error.message, **error.facts) from None

    def _get(self, path: str, query: dict[str, Any] | None = None) -> Any:
        return self.trading.ask(Ask.QUERY, "GET", path, query)

    def _read(self, told: object, parse: Callable[[], T]) -> T:
        try:
            return parse()
        except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError, UsageError):
            raise self._garbled(type(told).__name__) from None
        except DataError as error:
            raise self._garbled(error.message) from None

    def _garbled(self, what: str) -> UnavailableError:
        return UnavailableError(f"{self.venue} answered what cannot be read: {what}", garbled=True)


def _stamp(when: datetime) -> str:
    return when.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _cut(text: str) -> str:
    head, _, digits = text.replace("Z", "").partition(".")
    return f"{head}.{digits[:6].ljust(6, '0')}+00:00"
