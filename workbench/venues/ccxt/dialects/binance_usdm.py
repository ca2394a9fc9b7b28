"""Binance's perpetuals with margin in USDT or USDC, of an account in one-way mode."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from workbench.core.capabilities import Capabilities, IdScope
from workbench.core.money import MONEY, ZERO, decimal
from workbench.core.order import Order, OrderType, TimeInForce
from workbench.core.position import Position
from workbench.errors import RefusedError, UnavailableError
from workbench.venues.ccxt.dialects.binance import Binance, trade_told
from workbench.venues.ccxt.messages import Execution, Holdings, tables
from workbench.venues.ccxt.pairs import Pair
from workbench.venues.outcomes import Ask

__all__ = ["BinanceUsdm"]

_PAGE = 1000
_SPAN = timedelta(days=7)  # which executions may be asked for at once
_SAME = ("-4046", "-4059")  # it is so already
_MARGINS = {"cross": "CROSSED", "isolated": "ISOLATED"}


class BinanceUsdm(Binance):
    """Perpetuals; orders that wait for a price are sent elsewhere there, and not offered."""

    market = "binanceusdm"
    is_contract = True
    capabilities = Capabilities(
        ids=IdScope.OPEN,
        finds_ended=True,
        types=frozenset({OrderType.MARKET, OrderType.LIMIT}),
        tifs=frozenset({TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK}),
        shorts=True,
        request_lifetime=timedelta(seconds=5),
        lookup_lag=timedelta(seconds=5),
        post_only=True,
        cash_places=2,  # profits are rounded one by one
    )
    calls: ClassVar[Mapping[str, str]] = {
        "place": "fapiPrivatePostOrder",
        "cancel": "fapiPrivateDeleteOrder",
        "order": "fapiPrivateGetOrder",
        "open": "fapiPrivateGetOpenOrders",
        "trades": "fapiPrivateGetUserTrades",
        "prices": "fapiPublicGetTickerPrice",
        "time": "fapiPublicGetTime",
    }

    def request(self, order: Order, client: str, pair: Pair) -> tuple[str, dict[str, Any]]:
        """Return the call that sends an order."""
        method, body = super().request(order, client, pair)
        return method, {**body, "reduceOnly": "true"} if order.reduce_only else body

    def _rest(self, body: dict[str, Any]) -> None:
        """Let an order only rest: good till it would cross."""
        body["timeInForce"] = "GTX"

    def executions(self, since: datetime, pairs: Iterable[Pair]) -> Sequence[Execution]:
        """Return executions of markets, seven days at once."""
        found: list[Execution] = []
        for pair in pairs:
            start, now = since, datetime.now(UTC) + timedelta(minutes=1)
            while start < now:
                end = min(start + _SPAN, now)
                found += self._between(pair, start, end)
                start = end
        return found

    def holdings(self) -> Holdings:
        """Return the margin that the account has, and what its positions have not realised."""
        told = self.ask("fapiPrivateV3GetAccount")

        def read() -> Holdings:
            rows = tables(told["assets"])
            sums = {str(row["asset"]): decimal(row["walletBalance"]) for row in rows}
            open_profit = [decimal(row.get("unrealizedProfit") or 0) for row in rows]
            total = ZERO
            for one in open_profit:
                total = MONEY.add(total, one)
            return Holdings("", {k: v for k, v in sums.items() if v}, total)

        return self.read(read)

    def contracts(self) -> Sequence[Position]:
        """Return positions, by the exchange's names."""
        told = self.ask("fapiPrivateV3GetPositionRisk")

        def read() -> list[Position]:
            rows = [(row, decimal(row["positionAmt"])) for row in tables(told)]
            return [
                Position(str(row["symbol"]), units, decimal(row["entryPrice"]))
                for row, units in rows
                if units
            ]

        return self.read(read)

    def prepare(self, pair: Pair) -> None:
        """Set leverage and margin mode of a market, where the settings tell them."""
        terms = self.account.terms
        if terms.margin is not None:
            self._set("fapiPrivatePostMarginType", pair, marginType=_MARGINS[terms.margin])
        if terms.leverage is not None:
            self._set("fapiPrivatePostLeverage", pair, leverage=int(terms.leverage))

    def _set(self, method: str, pair: Pair, **terms: Any) -> None:
        try:
            self.account.ask(Ask.QUERY, method, {"symbol": pair.name, **terms})
        except RefusedError as error:
            if error.facts.get("code") not in _SAME:
                raise RefusedError(
                    f"not sent: {pair.symbol} cannot be set to {terms}: {error.message}",
                    symbol=pair.symbol,
                    sent=False,
                ) from None

    def _between(self, pair: Pair, start: datetime, end: datetime) -> list[Execution]:
        """Return the executions of a market between two instants, all pages."""
        found: dict[str, Execution] = {}
        low, high = (int(at.timestamp() * 1000) for at in (start, end))
        while True:
            asked = {"symbol": pair.name, "limit": _PAGE, "startTime": low, "endTime": high}
            told = self.ask(self.calls["trades"], asked)
            rows = self.read(lambda told=told: [trade_told(row) for row in tables(told)])  # type: ignore[misc]
            before = len(found)
            found |= {row.name: row for row in rows}
            if len(rows) < _PAGE:
                return list(found.values())
            if len(found) == before:
                raise UnavailableError("binance: a page that leads nowhere", garbled=True)
            # many may share an instant: the last one is asked for again
            low = int(max(row.at for row in rows).timestamp() * 1000)
