"""Bybit's perpetuals with margin in USDT, of a unified account in one-way mode."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

from workbench.core.money import MONEY, ZERO, decimal
from workbench.core.order import Order
from workbench.core.position import Position
from workbench.core.signal import Side
from workbench.errors import RefusedError
from workbench.venues.ccxt.dialects.bybit import Bybit
from workbench.venues.ccxt.messages import Holdings
from workbench.venues.ccxt.pairs import Pair
from workbench.venues.outcomes import Ask

__all__ = ["BybitLinear"]

_SAME = "110043"  # it is so already
_MARGINS = {"cross": "REGULAR_MARGIN", "isolated": "ISOLATED_MARGIN"}


class BybitLinear(Bybit):
    """Perpetuals; the margin mode is one for the whole account."""

    kind = "linear"
    category: ClassVar[str] = "linear"
    is_contract = True
    capabilities = replace(Bybit.capabilities, shorts=True, cash_places=2)

    def holdings(self) -> Holdings:
        """Return the margin that the account has, and what its positions have not realised."""
        told = super().holdings()
        total = ZERO
        for row in self._positions():
            total = MONEY.add(total, self.read(lambda row=row: decimal(row["unrealisedPnl"] or 0)))  # type: ignore[misc]
        return replace(told, unrealised=total)

    def contracts(self) -> Sequence[Position]:
        """Return positions, by the exchange's names."""
        rows = self._positions()

        def read() -> list[Position]:
            found = []
            for row in rows:
                size = decimal(row["size"] or 0)
                if size:
                    units = size if row["side"] == "Buy" else -size
                    found.append(Position(str(row["symbol"]), units, decimal(row["avgPrice"])))
            return found

        return self.read(read)

    def prepare(self, pair: Pair) -> None:
        """Set the leverage of a market and the margin mode, where the settings tell them."""
        terms = self.account.terms
        if terms.margin is not None:
            asked = {"setMarginMode": _MARGINS[terms.margin]}
            self._set("privatePostV5AccountSetMarginMode", pair, asked)
        if terms.leverage is not None:
            lever = f"{terms.leverage:g}"
            asked = {
                "category": self.category,
                "symbol": pair.name,
                "buyLeverage": lever,
                "sellLeverage": lever,
            }
            self._set("privatePostV5PositionSetLeverage", pair, asked)

    def _set(self, method: str, pair: Pair, asked: dict[str, Any]) -> None:
        try:
            self.account.ask(Ask.QUERY, method, asked)
        except RefusedError as error:
            if error.facts.get("code") != _SAME:
                raise RefusedError(
                    f"not sent: {pair.symbol} cannot be set to {asked}: {error.message}",
                    symbol=pair.symbol,
                    sent=False,
                ) from None

    def _positions(self) -> list[dict[str, Any]]:
        asked = {"category": self.category, "limit": 200, **self._of_settlement()}
        return list(self._pages("privateGetV5PositionList", asked))

    def _of_market(self) -> dict[str, Any]:
        return {}

    def _of_stop(self, order: Order) -> dict[str, Any]:
        return {"triggerDirection": 1 if order.side is Side.BUY else 2}

    def _of_settlement(self) -> dict[str, Any]:
        return {"settleCoin": "USDT"}
