"""What the desk tells the bus, and those who wait for something to happen."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from workbench.core.ports import Bus, Clock
from workbench.core.quote import Quote
from workbench.live.accounts.view import (
    Holding,
    fill_row,
    holding_row,
    order_row,
    quote_row,
    refusal_row,
)
from workbench.trading.ledger import Ledger
from workbench.trading.records import Kind, Record
from workbench.trading.steps import Step

__all__ = ["News"]

_log = logging.getLogger(__name__)


class News:
    """Publishes on ``orders``, ``positions``, ``quotes:SYMBOL`` and ``system``.

    Parameters
    ----------
    bus : Bus
    clock : Clock
    prices : mapping of str to Decimal
        The last prices, kept up to date by the desk.
    """

    def __init__(self, bus: Bus, clock: Clock, prices: Mapping[str, Decimal]) -> None:
        self.count = 0
        self._bus, self._clock, self._prices = bus, clock, prices
        self._happened = asyncio.Event()

    async def more(self) -> None:
        """Wait until something has happened."""
        await self._happened.wait()

    def quote(self, quote: Quote, source: str) -> None:
        """Tell of a new price."""
        self._bus.publish(f"quotes:{quote.symbol}", quote_row(quote, source))

    def step(self, step: Step, ledger: Ledger) -> None:
        """Tell what was decided or has happened, once it is in the journal."""
        self._wake()
        changed = dict.fromkeys(record.order_id for record in step.records if record.order_id)
        for name in changed:
            if name in ledger.orders:
                self._bus.publish("orders", order_row(ledger.orders[name]))
        for record in step.records:
            self._record(record, ledger)
        for alarm in step.alarms:
            self.say("alarm", alarm)

    def order(self, row: dict[str, Any]) -> None:
        """Tell of an order that is worked in parts, as a row of plain JSON values."""
        self._wake()
        self._bus.publish("orders", row)

    def say(self, kind: str, text: str, **facts: str) -> None:
        """Tell something about the desk itself."""
        self._wake()
        _log.warning("desk: %s: %s", kind, text)
        at = self._clock.now().isoformat().replace("+00:00", "Z")
        self._bus.publish("system", {"kind": kind, "text": text, "time": at, **facts})

    def _record(self, record: Record, ledger: Ledger) -> None:
        if record.kind is Kind.INTENT and record.value.outcome == "refuse":
            self._bus.publish("orders", refusal_row(record.value))
        elif record.kind is Kind.FILL:
            fill = record.value.fill
            position = ledger.books.position(fill.symbol)
            holding = Holding.of(position, self._prices.get(fill.symbol, fill.price))
            self._bus.publish("positions", {**holding_row(holding), "fill": fill_row(fill)})

    def _wake(self) -> None:
        self.count += 1
        self._happened.set()
        self._happened = asyncio.Event()
