"""Bybit, spot of a unified account."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar

from workbench.core.capabilities import Capabilities, IdScope
from workbench.core.money import ZERO, decimal
from workbench.core.order import Order, OrderState, OrderType, TimeInForce
from workbench.core.signal import Side
from workbench.errors import UnavailableError
from workbench.venues.ccxt.dialects.dialect import Dialect
from workbench.venues.ccxt.messages import (
    Execution,
    Holdings,
    Told,
    milliseconds,
    number,
    tables,
)
from workbench.venues.ccxt.pairs import Pair
from workbench.venues.ids import IdForm, Sent
from workbench.venues.outcomes import Ask

__all__ = ["Bybit"]

_SPAN = timedelta(days=7)  # which executions may be asked for at once
_STATES = {
    "Created": OrderState.ACCEPTED,
    "Untriggered": OrderState.WORKING,
    "Triggered": OrderState.WORKING,
    "Active": OrderState.WORKING,
    "New": OrderState.WORKING,
    "PartiallyFilled": OrderState.PARTIALLY_FILLED,
    "PendingCancel": OrderState.PENDING_CANCEL,
    "Filled": OrderState.FILLED,
    "Cancelled": OrderState.CANCELED,
    "PartiallyFilledCanceled": OrderState.CANCELED,
    "Deactivated": OrderState.CANCELED,
    "Rejected": OrderState.REJECTED,
}
_TIFS = {"IOC": TimeInForce.IOC, "FOK": TimeInForce.FOK}
_NO_TRADES = ("Funding", "Settle", "UNKNOWN")  # liquidations change what is held, these do not


class Bybit(Dialect):
    """Spot: an order is answered by its ids alone, and looked up in two lists."""

    exchange = "bybit"
    has_paper = True
    market = "bybit"
    category: ClassVar[str] = "spot"
    capabilities = Capabilities(
        ids=IdScope.EVER,
        finds_ended=True,
        types=frozenset({OrderType.MARKET, OrderType.LIMIT, OrderType.STOP, OrderType.STOP_LIMIT}),
        tifs=frozenset({TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK}),
        request_lifetime=timedelta(seconds=5),  # the window of a signed request
        lookup_lag=timedelta(seconds=5),
        post_only=True,
    )
    ids = IdForm(36)

    def request(self, order: Order, client: str, pair: Pair) -> tuple[str, dict[str, Any]]:
        """Return the call that sends an order."""
        body: dict[str, Any] = {
            "category": self.category,
            "symbol": pair.name,
            "side": order.side.value.capitalize(),
            "orderType": "Market" if order.limit_price is None else "Limit",
            "qty": f"{order.quantity:f}",
            "orderLinkId": client,
        }
        if order.limit_price is None:
            body |= self._of_market()
        else:
            tif = "PostOnly" if order.post_only else order.tif.value.upper()
            body |= {"price": f"{order.limit_price:f}", "timeInForce": tif}
        if order.stop_price is not None:
            body |= {"triggerPrice": f"{order.stop_price:f}", **self._of_stop(order)}
        if order.reduce_only and pair.is_contract:
            body["reduceOnly"] = True
        return "privatePostV5OrderCreate", body

    def acknowledged(self, answer: Any, client: str) -> tuple[str, Told | None]:
        """Read the answer to an order: ids, no more."""
        told = answer["result"]
        if told["orderLinkId"] != client:
            raise ValueError("another order")
        return str(told["orderId"]), None

    def cancel(self, sent: Sent, pair: Pair, venue_id: str | None) -> None:
        """Ask for an order's end."""
        del venue_id
        asked = {"category": self.category, "symbol": pair.name, "orderLinkId": sent.client_id}
        self.account.ask(Ask.CANCEL, "privatePostV5OrderCancel", asked)

    def find(self, sent: Sent, pair: Pair, venue_id: str | None) -> Told | None:
        """Return an order by its client id, from the list of late orders or the older one."""
        del pair, venue_id
        asked = {"category": self.category, "orderLinkId": sent.client_id}
        for method in ("privateGetV5OrderRealtime", "privateGetV5OrderHistory"):
            told = self.asked(method, asked)
            rows = [] if told is None else self.read(lambda told=told: _orders(told))  # type: ignore[misc]
            found = next((row for row in rows if row.client == sent.client_id), None)
            if found is not None:
                return found
        return None

    def open_orders(self) -> Sequence[Told]:
        """Return open orders of all markets."""
        asked = {"category": self.category, "openOnly": 0, "limit": 50, **self._of_settlement()}
        rows = self._pages("privateGetV5OrderRealtime", asked)
        found = self.read(lambda: [_order(row) for row in rows])
        return [one for one in found if one.state.is_open]

    def executions(self, since: datetime, pairs: Iterable[Pair]) -> Sequence[Execution]:
        """Return executions, seven days at once."""
        del pairs
        found: list[Execution] = []
        now, start = datetime.now(UTC) + timedelta(minutes=1), since
        while start < now:
            end = min(start + _SPAN, now)
            asked = {
                "category": self.category,
                "startTime": int(start.timestamp() * 1000),
                "endTime": int(end.timestamp() * 1000),
                "limit": 100,
            }
            rows = list(self._pages("privateGetV5ExecutionList", asked))
            found += self.read(
                lambda rows=rows: [  # type: ignore[misc]
                    self._trade(row) for row in rows if row.get("execType") not in _NO_TRADES
                ]
            )
            start = end
        return found

    def clients(self, executions: Sequence[Execution]) -> dict[str, str]:
        """Return nothing: executions tell the client id, and have none where there is none."""
        return {one.venue_id: "" for one in executions}

    def holdings(self) -> Holdings:
        """Return what the account has."""
        told = self.ask("privateGetV5AccountWalletBalance", {"accountType": "UNIFIED"})

        def read() -> Holdings:
            rows = tables(told["result"]["list"])
            coins = [coin for row in rows for coin in tables(row["coin"])]
            sums = {str(coin["coin"]): decimal(coin["walletBalance"] or 0) for coin in coins}
            return Holdings("", {name: units for name, units in sums.items() if units})

        return self.read(read)

    def prices(self, pairs: Iterable[Pair]) -> dict[str, Decimal]:
        """Return last prices."""
        found: dict[str, Decimal] = {}
        for pair in pairs:
            asked = {"category": self.category, "symbol": pair.name}
            told = self.ask("publicGetV5MarketTickers", asked)
            found |= self.read(
                lambda told=told: {  # type: ignore[misc]
                    row["symbol"]: decimal(row["lastPrice"])
                    for row in tables(told["result"]["list"])
                }
            )
        return found

    def now(self) -> int | None:
        """Return the exchange's clock."""
        told = self.ask("publicGetV5MarketTime")
        return self.read(lambda: int(told["result"]["timeNano"]) // 1_000_000)

    # of spot ------------------------------------------------------------------------------

    def _of_market(self) -> dict[str, Any]:
        return {"marketUnit": "baseCoin"}  # else a buy is of an amount of money

    def _of_stop(self, order: Order) -> dict[str, Any]:
        del order
        return {"orderFilter": "StopOrder"}

    def _of_settlement(self) -> dict[str, Any]:
        return {}

    # inside -------------------------------------------------------------------------------

    def _pages(self, method: str, asked: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        cursor = ""
        while True:
            told = self.ask(method, {**asked, "cursor": cursor} if cursor else dict(asked))
            yield from self.read(lambda told=told: tables(told["result"]["list"]))  # type: ignore[misc]
            after = str(told["result"].get("nextPageCursor") or "")
            if not after:
                return
            if after == cursor:
                raise UnavailableError("bybit: a page that leads nowhere", garbled=True)
            cursor = after

    def _trade(self, row: Mapping[str, Any]) -> Execution:
        return Execution(
            name=str(row["execId"]),
            venue_id=str(row["orderId"]),
            client=str(row.get("orderLinkId") or ""),
            market=str(row["symbol"]),
            side=Side.BUY if row["side"] == "Buy" else Side.SELL,
            quantity=decimal(row["execQty"]),
            price=decimal(row["execPrice"]),
            at=milliseconds(row["execTime"]),
            fee=decimal(row.get("execFee") or ZERO),
            fee_currency=str(row.get("feeCurrency") or ""),
        )


def _orders(told: Any) -> list[Told]:
    return [_order(row) for row in tables(told["result"]["list"])]


def _order(row: Mapping[str, Any]) -> Told:
    status = str(row["orderStatus"])
    is_limit, stop = row["orderType"] == "Limit", number(row.get("triggerPrice"))
    kinds = {
        (False, False): OrderType.MARKET,
        (True, False): OrderType.LIMIT,
        (False, True): OrderType.STOP,
        (True, True): OrderType.STOP_LIMIT,
    }
    reason = str(row.get("rejectReason") or "").removeprefix("EC_NoError")
    return Told(
        client=str(row.get("orderLinkId") or ""),
        venue_id=str(row["orderId"]),
        market=str(row["symbol"]),
        side=Side.BUY if row["side"] == "Buy" else Side.SELL,
        type=kinds[is_limit, stop is not None],
        state=_STATES.get(status, OrderState.ACCEPTED),
        at=milliseconds(row["createdTime"]),
        quantity=number(row.get("qty")),
        filled=decimal(row.get("cumExecQty") or 0),
        average=number(row.get("avgPrice")),
        limit_price=number(row.get("price")) if is_limit else None,
        stop_price=stop,
        tif=_TIFS.get(str(row.get("timeInForce")), TimeInForce.GTC),
        reduce_only=bool(row.get("reduceOnly")),
        reason=reason if status in _STATES else f"status {status}",
    )
