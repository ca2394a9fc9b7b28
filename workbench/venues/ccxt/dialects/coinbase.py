"""Coinbase Advanced Trade, spot."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from workbench.core.capabilities import Capabilities, IdScope
from workbench.core.money import MONEY, ZERO, decimal
from workbench.core.order import Order, OrderState, OrderType, TimeInForce
from workbench.core.signal import Side
from workbench.errors import OutcomeUnknownError, RefusedError, UnavailableError
from workbench.venues.ccxt.dialects.dialect import Dialect
from workbench.venues.ccxt.messages import Execution, Holdings, Told, instant, number, table, tables
from workbench.venues.ccxt.pairs import Pair
from workbench.venues.ids import IdForm, Sent
from workbench.venues.outcomes import Ask, Outcome

__all__ = ["Coinbase"]

_PAGE = 250
_MINUTE = timedelta(minutes=1)
_TWO = Decimal(2)
_STATES = {
    "PENDING": OrderState.ACCEPTED,
    "QUEUED": OrderState.ACCEPTED,
    "OPEN": OrderState.WORKING,
    "CANCEL_QUEUED": OrderState.PENDING_CANCEL,
    "EDIT_QUEUED": OrderState.PENDING_REPLACE,
    "FILLED": OrderState.FILLED,
    "CANCELLED": OrderState.CANCELED,
    "EXPIRED": OrderState.EXPIRED,
    "FAILED": OrderState.REJECTED,
}
_TIFS = {
    "IMMEDIATE_OR_CANCEL": TimeInForce.IOC,
    "FILL_OR_KILL": TimeInForce.FOK,
}
_LIMITS = {
    TimeInForce.GTC: "limit_limit_gtc",
    TimeInForce.IOC: "sor_limit_ioc",
    TimeInForce.FOK: "limit_limit_fok",
}


class Coinbase(Dialect):
    """Spot: no stop that becomes a market order; orders are looked up by the venue's ids.

    A client id that is sent twice is answered with the first order.
    """

    exchange = "coinbase"
    market = "coinbase"
    capabilities = Capabilities(
        ids=IdScope.EVER,
        finds_ended=True,
        types=frozenset({OrderType.MARKET, OrderType.LIMIT, OrderType.STOP_LIMIT}),
        tifs=frozenset({TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK}),
        request_lifetime=timedelta(seconds=120),  # of the token that signs a request
        lookup_lag=timedelta(seconds=5),
        post_only=True,
    )
    ids = IdForm(36)
    currency = "USD"

    def request(self, order: Order, client: str, pair: Pair) -> tuple[str, dict[str, Any]]:
        """Return the call that sends an order."""
        body = {
            "client_order_id": client,
            "product_id": pair.name,
            "side": order.side.value.upper(),
            "order_configuration": _configuration(order),
        }
        return "v3PrivatePostBrokerageOrders", body

    def acknowledged(self, answer: Any, client: str) -> tuple[str, Told | None]:
        """Read the answer to an order: ids, no more."""
        told = answer["success_response"]
        if answer["success"] is not True or told["client_order_id"] != client:
            raise ValueError("another order")
        return str(told["order_id"]), None

    def cancel(self, sent: Sent, pair: Pair, venue_id: str | None) -> None:
        """Ask for an order's end."""
        del pair
        asked = {"order_ids": [venue_id]}
        told = self.account.ask(Ask.CANCEL, "v3PrivatePostBrokerageOrdersBatchCancel", asked)
        try:
            row = tables(told["results"])[0]
            is_taken, why = row["success"] is True, str(row.get("failure_reason"))
        except (KeyError, TypeError, IndexError):
            is_taken, why = False, "UNKNOWN_CANCEL_FAILURE_REASON"
        if is_taken:
            return
        if why in ("UNKNOWN_CANCEL_FAILURE_REASON", "INTERNAL"):
            raise OutcomeUnknownError(
                f"coinbase: no answer to trust to a cancel of {sent.order_id}: {why}",
                order_id=sent.order_id,
            )
        found = Outcome.ABSENT if why == "UNKNOWN_CANCEL_ORDER" else Outcome.REFUSED
        raise RefusedError(f"coinbase: {why}", order_id=sent.order_id, outcome=found.value)

    def find(self, sent: Sent, pair: Pair, venue_id: str | None) -> Told | None:
        """Return an order: by the venue's id, or from the list since just before it was sent."""
        if venue_id is not None:
            told = self.asked(
                "v3PrivateGetBrokerageOrdersHistoricalOrderId", {"order_id": venue_id}
            )
            return None if told is None else self.read(lambda: _order(told["order"]))
        start = datetime.fromtimestamp(sent.at, UTC) - _MINUTE
        asked = {"product_ids": [pair.name], "start_date": _stamp(start), "limit": _PAGE}
        for row in self._pages("v3PrivateGetBrokerageOrdersHistoricalBatch", "orders", asked):
            if row.get("client_order_id") == sent.client_id:
                return self.read(lambda row=row: _order(row))  # type: ignore[misc]
        return None

    def open_orders(self) -> Sequence[Told]:
        """Return open orders of all markets."""
        asked = {"order_status": ["OPEN"], "limit": _PAGE}
        rows = self._pages("v3PrivateGetBrokerageOrdersHistoricalBatch", "orders", asked)
        return self.read(lambda: [_order(row) for row in rows])

    def executions(self, since: datetime, pairs: Iterable[Pair]) -> Sequence[Execution]:
        """Return executions, page by page."""
        del pairs
        asked = {"start_sequence_timestamp": _stamp(since), "limit": _PAGE}
        rows = self._pages("v3PrivateGetBrokerageOrdersHistoricalFills", "fills", asked)
        return self.read(
            lambda: [_trade(row) for row in rows if row.get("trade_type", "FILL") == "FILL"]
        )

    def clients(self, executions: Sequence[Execution]) -> dict[str, str]:
        """Look the orders of executions up, one by one."""
        found: dict[str, str] = {}
        for venue_id in {one.venue_id for one in executions}:
            told = self.asked(
                "v3PrivateGetBrokerageOrdersHistoricalOrderId", {"order_id": venue_id}
            )
            if told is not None:
                found[venue_id] = self.read(lambda told=told: _order(told["order"]).client)  # type: ignore[misc]
        return found

    def holdings(self) -> Holdings:
        """Return what the account has, free and on hold."""
        rows = list(self._pages("v3PrivateGetBrokerageAccounts", "accounts", {"limit": _PAGE}))

        def read() -> Holdings:
            sums: dict[str, Decimal] = {}
            for row in rows:
                parts = row["available_balance"]["value"], (row.get("hold") or {}).get("value")
                for part in parts:
                    held = sums.get(row["currency"], ZERO)
                    sums[row["currency"]] = MONEY.add(held, decimal(part or 0))
            return Holdings("", {name: units for name, units in sums.items() if units})

        return self.read(read)

    def prices(self, pairs: Iterable[Pair]) -> dict[str, Decimal]:
        """Return the middle between best bid and ask."""
        names = [pair.name for pair in pairs]
        told = self.ask("v3PrivateGetBrokerageBestBidAsk", {"product_ids": names})

        def read() -> dict[str, Decimal]:
            found = {}
            for book in tables(told["pricebooks"]):
                bid, ask = (decimal(book[side][0]["price"]) for side in ("bids", "asks"))
                found[book["product_id"]] = MONEY.divide(MONEY.add(bid, ask), _TWO)
            return found

        return self.read(read)

    def now(self) -> int | None:
        """Return the exchange's clock."""
        told = self.ask("v3PublicGetBrokerageTime")
        return self.read(lambda: int(told["epochMillis"]))

    def _pages(self, method: str, part: str, asked: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        cursor = ""
        while True:
            told = self.ask(method, {**asked, "cursor": cursor} if cursor else dict(asked))
            yield from self.read(lambda told=told: tables(table(told)[part]))  # type: ignore[misc]
            after = str(told.get("cursor") or "")
            if not after or told.get("has_next") is False:
                return
            if after == cursor:
                raise UnavailableError("coinbase: a page that leads nowhere", garbled=True)
            cursor = after


def _configuration(order: Order) -> dict[str, Any]:
    """Return an order's terms under the name that Coinbase has for such orders."""
    size = {"base_size": f"{order.quantity:f}"}
    if order.limit_price is None:
        name = "market_market_fok" if order.tif is TimeInForce.FOK else "market_market_ioc"
        return {name: size}
    size["limit_price"] = f"{order.limit_price:f}"
    if order.stop_price is None:
        return {_LIMITS[order.tif]: {**size, "post_only": True} if order.post_only else size}
    way = "UP" if order.side is Side.BUY else "DOWN"
    stop = {"stop_price": f"{order.stop_price:f}", "stop_direction": f"STOP_DIRECTION_STOP_{way}"}
    return {"stop_limit_stop_limit_gtc": {**size, **stop}}


def _order(row: Mapping[str, Any]) -> Told:
    terms: dict[str, Any] = next(iter(table(row.get("order_configuration") or {}).values()), {})
    limit, stop = number(terms.get("limit_price")), number(terms.get("stop_price"))
    kind = OrderType.MARKET if limit is None else OrderType.LIMIT
    status = str(row["status"])
    why = [row.get(name) for name in ("reject_message", "cancel_message")]
    return Told(
        client=str(row["client_order_id"]),
        venue_id=str(row["order_id"]),
        market=str(row["product_id"]),
        side=Side.BUY if row["side"] == "BUY" else Side.SELL,
        type=OrderType.STOP_LIMIT if stop is not None else kind,
        state=_STATES.get(status, OrderState.ACCEPTED),
        at=instant(row["created_time"]),
        quantity=number(terms.get("base_size")),
        filled=decimal(row.get("filled_size") or 0),
        average=number(row.get("average_filled_price")),
        limit_price=limit,
        stop_price=stop,
        tif=_TIFS.get(str(row.get("time_in_force")), TimeInForce.GTC),
        reason=next((str(one) for one in why if one), "" if status in _STATES else status),
    )


def _trade(row: Mapping[str, Any]) -> Execution:
    price, size = decimal(row["price"]), decimal(row["size"])
    return Execution(
        name=str(row["trade_id"]),
        venue_id=str(row["order_id"]),
        market=str(row["product_id"]),
        side=Side.BUY if row["side"] == "BUY" else Side.SELL,
        quantity=MONEY.divide(size, price) if row.get("size_in_quote") else size,
        price=price,
        at=instant(row["trade_time"]),
        fee=decimal(row.get("commission") or ZERO),
    )


def _stamp(when: datetime) -> str:
    return when.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
