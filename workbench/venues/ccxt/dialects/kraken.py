"""Kraken, spot."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar

from workbench.core.capabilities import Capabilities, IdScope
from workbench.core.money import ZERO, decimal
from workbench.core.order import Order, OrderState, OrderType, TimeInForce
from workbench.core.signal import Side
from workbench.venues.ccxt.dialects.dialect import Dialect
from workbench.venues.ccxt.messages import Execution, Holdings, Told, instant, number, table
from workbench.venues.ccxt.pairs import Pair
from workbench.venues.ids import IdForm, Sent
from workbench.venues.outcomes import Ask

__all__ = ["Kraken"]

_DEADLINE = timedelta(seconds=10)
_TYPES = {
    "market": OrderType.MARKET,
    "limit": OrderType.LIMIT,
    "stop-loss": OrderType.STOP,
    "stop-loss-limit": OrderType.STOP_LIMIT,
}
_STATES = {
    "pending": OrderState.ACCEPTED,
    "open": OrderState.WORKING,
    "closed": OrderState.FILLED,
    "canceled": OrderState.CANCELED,
    "expired": OrderState.EXPIRED,
}
_MANY = 50


class Kraken(Dialect):
    """Spot: an order that comes after its deadline is refused, so that none turns up late."""

    exchange = "kraken"
    market = "kraken"
    capabilities = Capabilities(
        ids=IdScope.OPEN,
        finds_ended=True,
        types=frozenset({OrderType.MARKET, OrderType.LIMIT, OrderType.STOP, OrderType.STOP_LIMIT}),
        tifs=frozenset({TimeInForce.GTC, TimeInForce.IOC}),
        request_lifetime=_DEADLINE,
        lookup_lag=timedelta(seconds=5),
        post_only=True,
    )
    ids = IdForm(18)
    currency = "USD"
    words: ClassVar[Mapping[OrderType, str]] = {kind: word for word, kind in _TYPES.items()}

    def request(self, order: Order, client: str, pair: Pair) -> tuple[str, dict[str, Any]]:
        """Return the call that sends an order; a stop's trigger stands in the first price."""
        deadline = datetime.now(UTC) + _DEADLINE
        body: dict[str, Any] = {
            "pair": pair.name,
            "type": order.side.value,
            "ordertype": self.words[order.type],
            "volume": f"{order.quantity:f}",
            "cl_ord_id": client,
            # fees in the quote currency
            "oflags": "fciq,post" if order.post_only else "fciq",
            "deadline": deadline.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        }
        prices = [price for price in (order.stop_price, order.limit_price) if price is not None]
        for name, price in zip(("price", "price2"), prices, strict=False):
            body[name] = f"{price:f}"
        if order.type is not OrderType.MARKET:
            body["timeinforce"] = order.tif.value.upper()
        return "privatePostAddOrder", body

    def acknowledged(self, answer: Any, client: str) -> tuple[str, Told | None]:
        """Read the answer to an order; it names the order and no more."""
        del client
        return str(answer["result"]["txid"][0]), None

    def cancel(self, sent: Sent, pair: Pair, venue_id: str | None) -> None:
        """Ask for an order's end."""
        del pair, venue_id
        self.account.ask(Ask.CANCEL, "privatePostCancelOrder", {"cl_ord_id": sent.client_id})

    def find(self, sent: Sent, pair: Pair, venue_id: str | None) -> Told | None:
        """Return an order by its client id: an open one, or else one that has ended."""
        del pair, venue_id
        for method, part in (
            ("privatePostOpenOrders", "open"),
            ("privatePostClosedOrders", "closed"),
        ):
            told = self.ask(method, {"cl_ord_id": sent.client_id})
            rows = self.read(lambda told=told, part=part: _orders(told["result"][part]))  # type: ignore[misc]
            found = next((row for row in rows if row.client == sent.client_id), None)
            if found is not None:
                return found
        return None

    def open_orders(self) -> Sequence[Told]:
        """Return open orders of all markets."""
        told = self.ask("privatePostOpenOrders")
        return self.read(lambda: _orders(told["result"]["open"]))

    def executions(self, since: datetime, pairs: Iterable[Pair]) -> Sequence[Execution]:
        """Return executions, newest first; what comes in between only moves the pages down."""
        del pairs
        asked: dict[str, Any] = {"start": f"{since.timestamp() - 1:.6f}"}
        found: dict[str, Execution] = {}
        while True:
            told = self.ask("privatePostTradesHistory", {**asked, "ofs": len(found)})
            rows = self.read(lambda told=told: table(told["result"]["trades"]))  # type: ignore[misc]
            count = self.read(lambda told=told: int(told["result"]["count"]))  # type: ignore[misc]
            before = len(found)
            found |= self.read(lambda rows=rows: {k: _trade(k, row) for k, row in rows.items()})  # type: ignore[misc]
            if len(found) >= count or len(found) == before:
                return list(found.values())

    def clients(self, executions: Sequence[Execution]) -> dict[str, str]:
        """Look the orders of executions up."""
        wanted = sorted({one.venue_id for one in executions})
        found: dict[str, str] = {}
        for start in range(0, len(wanted), _MANY):
            names = ",".join(wanted[start : start + _MANY])
            told = self.ask("privatePostQueryOrders", {"txid": names})
            rows = self.read(lambda told=told: _orders(told["result"]))  # type: ignore[misc]
            found |= {row.venue_id: row.client for row in rows}
        return found

    def holdings(self) -> Holdings:
        """Return what the account has."""
        told = self.ask("privatePostBalanceEx")

        def read() -> Holdings:
            sums = {name: decimal(row["balance"]) for name, row in table(told["result"]).items()}
            return Holdings("", {name: units for name, units in sums.items() if units})

        return self.read(read)

    def prices(self, pairs: Iterable[Pair]) -> dict[str, Decimal]:
        """Return last prices."""
        names = ",".join(pair.name for pair in pairs)
        told = self.ask("publicGetTicker", {"pair": names})
        return self.read(
            lambda: {name: decimal(row["c"][0]) for name, row in table(told["result"]).items()}
        )


def _orders(rows: Any) -> list[Told]:
    return [_order(venue_id, row) for venue_id, row in table(rows).items()]


def _order(venue_id: str, row: Mapping[str, Any]) -> Told:
    about = row["descr"]
    kind = _TYPES.get(about["ordertype"], OrderType.LIMIT)
    prices = number(_plain(about.get("price"))), number(_plain(about.get("price2")))
    stop = prices[0] if kind in (OrderType.STOP, OrderType.STOP_LIMIT) else None
    limit = {OrderType.LIMIT: prices[0], OrderType.STOP_LIMIT: prices[1]}.get(kind)
    filled, status = decimal(row["vol_exec"]), str(row["status"])
    return Told(
        client=str(row.get("cl_ord_id") or ""),
        venue_id=venue_id,
        market=str(about["pair"]),
        side=Side(about["type"]),
        type=kind,
        state=_STATES.get(status, OrderState.ACCEPTED),
        at=instant(row["opentm"]),
        quantity=decimal(row["vol"]),
        filled=filled,
        average=number(row.get("price")),
        limit_price=limit,
        stop_price=stop,
        reason=str(row.get("reason") or "") if status in _STATES else f"status {status}",
    )


def _plain(text: Any) -> Any:
    """Return a price; None for one that is a distance, as of trailing stops."""
    return None if str(text or "").startswith(("+", "-", "#")) or "%" in str(text) else text


def _trade(name: str, row: Mapping[str, Any]) -> Execution:
    return Execution(
        name=name,
        venue_id=str(row["ordertxid"]),
        market=str(row["pair"]),
        side=Side(row["type"]),
        quantity=decimal(row["vol"]),
        price=decimal(row["price"]),
        at=instant(row["time"]),
        fee=decimal(row.get("fee") or ZERO),
    )
