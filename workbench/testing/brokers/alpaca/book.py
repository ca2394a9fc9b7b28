"""The venue itself: orders taken, matched by the simulated venue, and told of."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from random import Random
from threading import RLock
from typing import Any

from workbench.core.fill import Fill
from workbench.core.money import MONEY, ZERO, decimal, floor_to
from workbench.core.order import Order, OrderState, OrderType, TimeInForce
from workbench.core.quote import Quote
from workbench.core.signal import Side
from workbench.costs.costs import Costs
from workbench.errors import RefusedError
from workbench.testing.brokers.alpaca.faults import AlpacaFaults, happens
from workbench.testing.brokers.alpaca.funds import a_part, afford
from workbench.testing.brokers.alpaca.papers import Paper, Stamps, activity, frame, stamp, text
from workbench.testing.brokers.alpaca.tickets import Refused, Ticket, read_ticket
from workbench.venues.sim.terms import plain_terms
from workbench.venues.sim.venue import SimVenue

__all__ = ["AlpacaBook"]

_AUCTIONS = (TimeInForce.OPG, TimeInForce.CLS)
_NINTH = Decimal("0.000000001")
_ENDS = {
    OrderState.CANCELED: "canceled",
    OrderState.EXPIRED: "expired",
    OrderState.REJECTED: "rejected",
    OrderState.REPLACED: "replaced",
}


class AlpacaBook:
    """Orders and the account; every method holds the one lock.

    Parameters
    ----------
    symbols : sequence of str
        Pairs such as ``BTC/USD`` are crypto.
    cash : float
    tell : callable
        Is given each message of the stream.
    faults : AlpacaFaults, optional
    """

    def __init__(
        self,
        symbols: tuple[str, ...],
        cash: float,
        tell: Callable[[dict[str, Any]], None],
        faults: AlpacaFaults | None = None,
    ) -> None:
        terms = plain_terms(Costs(max_participation=1.0))
        self.venue = SimVenue(symbols, cash, terms, account_id="PA3SIM")
        self.faults = faults or AlpacaFaults()
        self.random = Random(self.faults.seed)  # noqa: S311  faults, not secrets
        self.lock = RLock()
        self.stamps = Stamps()
        self.papers: dict[str, Paper] = {}
        self.by_client: dict[str, Paper] = {}
        self.activities: list[dict[str, Any]] = []
        self.halted: set[str] = set()
        self.is_frozen = False
        self._tell = tell
        self._marks: dict[str, Quote] = {}
        self._waiting: dict[str, Paper] = {}
        self._reversed: dict[str, None] = {}

    # orders ---------------------------------------------------------------------------

    def submit(self, body: Mapping[str, Any]) -> Paper:
        """Take an order.

        Raises
        ------
        Refused
            The venue does not.
        """
        with self.lock:
            symbol = str(body.get("symbol"))
            if symbol not in self.venue.state.book.cells:
                raise Refused(422, 42210000, f"asset {symbol} not found")
            ticket = read_ticket(body, is_crypto="/" in symbol)
            order = ticket.order
            if not order.order_id:
                order = replace(order, order_id=self.stamps.uuid())
            if order.order_id in self.by_client:
                raise Refused(422, 40010001, "client_order_id must be unique")
            afford(self.venue, order, ticket.notional)
            paper = Paper.of(ticket, order, self.stamps, _class(symbol))
            self._note(paper)
            self._make_legs(paper, ticket)
            self._write(paper, "pending_new", "pending_new")
            self._begin(paper)
            self._settle()
            return paper

    def cancel(self, venue_id: str) -> None:
        """Ask for an order's end."""
        with self.lock:
            paper = self._open(venue_id)
            if self.faults.slow_cancel and paper.is_live:
                paper.wait = self.faults.slow_cancel
                self._write(paper, "pending_cancel", "pending_cancel")
                return
            self._end(paper)
            self._settle()

    def replace(self, venue_id: str, body: Mapping[str, Any]) -> Paper:
        """Put another order in the place of one."""
        with self.lock:
            old = self._open(venue_id)
            if Decimal(old.told["filled_qty"]) > 0 or old.legs or old.parent:
                raise Refused(422, 42210000, "order is partially filled or complex")
            name = str(body.get("client_order_id") or self.stamps.uuid())
            if name in self.by_client:
                raise Refused(422, 40010001, "client_order_id must be unique")
            wanted = {key: body[key] for key in body if key != "trail"}
            if "trail" in body:
                wanted["trail_percent"] = body["trail"]
            fields = ("symbol", "side", "type", "qty", "time_in_force", "limit_price", "stop_price",
                      "trail_percent", "extended_hours")  # fmt: skip
            told = {**{key: old.told[key] for key in fields}, **wanted, "client_order_id": name}
            ticket = read_ticket(told, is_crypto="/" in old.order.symbol)
            new = Paper.of(ticket, ticket.order, self.stamps, old.told["asset_class"])
            new.told["replaces"] = old.told["id"]
            self._finish(old, OrderState.REPLACED)
            self._settle()
            old.told["replaced_by"] = new.told["id"]
            self._note(new)
            self._write(new, "pending_new", "pending_new")
            self._begin(new)
            self._settle()
            return new

    # market ---------------------------------------------------------------------------

    def quote(self, symbol: str, bid: float, ask: float, size: float = math.inf) -> None:
        """Let the market move."""
        with self.lock:
            if self.is_frozen or not 0.0 < bid <= ask < math.inf:
                return
            at = self.stamps.now()
            quote = self._marks[symbol] = Quote(symbol, at, bid, ask)
            if symbol in self.halted:
                return
            self._step(symbol)
            if math.isinf(size) and happens(self.random, self.faults.partial):
                size = a_part(self.venue, symbol, self.random)
            self.venue.on_quote(quote, size)
            self._settle()

    def auction(self, tif: TimeInForce) -> None:
        """Let the orders for an auction take part in it, at the last quote."""
        with self.lock:
            for paper in [p for p in self._waiting.values() if p.order.tif is tif]:
                self._waiting.pop(paper.told["id"])
                self._send(paper, replace(paper.order, tif=TimeInForce.IOC))
            for quote in list(self._marks.values()):
                self.venue.on_quote(replace(quote, time=self.stamps.now()))
            self._settle()

    def end_session(self) -> None:
        """End the orders that live for the day."""
        with self.lock:
            for paper in list(self.papers.values()):
                if paper.is_open and paper.order.tif in (TimeInForce.DAY, *_AUCTIONS):
                    self._write(paper, "done_for_day", paper.told["status"])
                    self._finish(paper, OrderState.EXPIRED)
            self._settle()

    def bust(self, number: int) -> None:
        """Take an execution back, by its place among all."""
        with self.lock:
            fill = self.venue.fills()[number]
            if fill.execution_id in self._reversed:
                return
            self._reversed[fill.execution_id] = None
            side = Side.SELL if fill.side is Side.BUY else Side.BUY
            back = replace(fill, side=side, fee=-fill.fee)
            self.venue.state.book.apply(back)
            self.venue.state.statement.apply(back)
            paper = self.by_client[fill.order_id]
            left = Decimal(paper.told["filled_qty"]) - fill.quantity
            paper.write(self.stamps.now(), filled_qty=text(left))
            facts = {"price": text(fill.price), "qty": text(fill.quantity)}
            self._tell(frame(paper, "trade_bust", self.stamps, **facts))

    # views ----------------------------------------------------------------------------

    def price(self, symbol: str) -> float:
        """Return the last known price, NaN where there is none."""
        return self.venue.state.book.cell(symbol).mark

    # inside ---------------------------------------------------------------------------

    def _note(self, paper: Paper) -> None:
        self.papers[paper.told["id"]] = self.by_client[paper.told["client_order_id"]] = paper

    def _make_legs(self, paper: Paper, ticket: Ticket) -> None:
        order = paper.order
        side = order.side if ticket.order_class == "oco" else _other(order.side)
        plain = replace(order, side=side, limit_price=None, stop_price=None, protection=None)
        wanted = []
        if ticket.goal is not None and ticket.order_class in ("bracket", "oto"):
            wanted.append(replace(plain, type=OrderType.LIMIT, limit_price=ticket.goal))
        if ticket.stop is not None and ticket.order_class:
            kind = OrderType.STOP if ticket.stop_limit is None else OrderType.STOP_LIMIT
            wanted.append(
                replace(plain, type=kind, stop_price=ticket.stop, limit_price=ticket.stop_limit)
            )
        for one in wanted:
            named = replace(one, order_id=self.stamps.uuid())
            leg = paper.leg(named, self.stamps, ticket)
            self._note(leg)
            leg.write(self.stamps.now())

    def _begin(self, paper: Paper) -> None:
        """Let an order be live, or wait for what it waits for."""
        paper.wait = self.faults.queue
        is_sized = paper.order.quantity is not None
        if paper.wait or not is_sized or paper.order.tif in _AUCTIONS:
            self._waiting[paper.told["id"]] = paper
            self._write(paper, "accepted", "accepted")
            return
        self._send(paper, paper.order)

    def _step(self, symbol: str) -> None:
        """Let a quote's worth of time pass for what waits."""
        for paper in [p for p in self._waiting.values() if p.order.symbol == symbol]:
            if paper.wait > 0:
                paper.wait -= 1
            elif paper.order.tif not in _AUCTIONS:
                self._waiting.pop(paper.told["id"])
                self._size(paper)
                self._send(paper, paper.order)
        for paper in list(self.papers.values()) if self.faults.slow_cancel else ():
            if paper.told["status"] == "pending_cancel" and paper.order.symbol == symbol:
                paper.wait -= 1
                if paper.wait < 0:
                    self._end(paper)

    def _size(self, paper: Paper) -> None:
        if paper.order.quantity is None:
            quote = self._marks[paper.order.symbol]
            price = quote.ask if paper.order.side is Side.BUY else quote.bid
            amount = Decimal(paper.told["notional"])
            size = floor_to(MONEY.divide(amount, decimal(price)), _NINTH)
            paper.order = replace(paper.order, quantity=size)
            paper.told["qty"] = text(size)

    def _send(self, paper: Paper, order: Order) -> None:
        """Give an order to the matching."""
        paper.is_live = True
        if paper.order.extended_hours:
            order = replace(order, extended_hours=False)
        try:
            self.venue.submit(order)
        except RefusedError as error:
            self._write(paper, "rejected", "rejected", reject_reason=error.message)
            return
        self._write(paper, "new", "new")
        if paper.told["order_class"] == "oco" and paper.parent is None:
            for leg in paper.legs:
                self._send(leg, leg.order)

    def _settle(self) -> None:
        """Tell of what the matching did."""
        while True:
            news = self.venue.drain()
            if not news:
                return
            for one in news:
                if isinstance(one, Fill):
                    self._filled(one)
                elif isinstance(one, Order) and one.state in _ENDS:
                    self._ended(self.by_client[one.order_id], one.state)

    def _filled(self, fill: Fill) -> None:
        paper = self.by_client[fill.order_id]
        filled = MONEY.add(Decimal(paper.told["filled_qty"]), fill.quantity)
        order = self.venue.order(fill.order_id)
        whole = filled >= Decimal(paper.told["qty"])
        status = "filled" if whole else "partially_filled"
        if not whole and paper.told["status"] == "pending_cancel":
            status = "pending_cancel"
        average = order.average_price if order is not None else None
        paper.write(
            fill.time,
            status=status,
            filled_qty=text(filled),
            filled_avg_price=text(average),
        )
        self.activities.append(activity(paper, fill, self.stamps))
        held = self.venue.state.statement.positions[fill.symbol].quantity
        facts = {"price": text(fill.price), "qty": text(fill.quantity),
                 "position_qty": text(held), "timestamp": stamp(fill.time)}  # fmt: skip
        self._tell(frame(paper, "fill" if whole else "partial_fill", self.stamps, **facts))
        self._others(paper, fill)
        if whole and paper.parent is None and paper.told["order_class"] in ("bracket", "oto"):
            self._wake(paper, filled)

    def _wake(self, paper: Paper, quantity: Decimal) -> None:
        """Let the legs of an entry live, for what it was filled for."""
        for leg in paper.legs:
            if leg.told["status"] == "held":
                leg.order = replace(leg.order, quantity=quantity)
                leg.told["qty"] = text(quantity)
                self._send(leg, leg.order)

    def _others(self, paper: Paper, fill: Fill) -> None:
        """Lower, or end, what stands beside a leg that was filled."""
        family = paper.parent or (paper if paper.told["order_class"] == "oco" else None)
        if family is None:
            return
        members = [*family.legs, *([family] if family.told["order_class"] == "oco" else [])]
        for other in members:
            if other is paper or not other.is_open:
                continue
            if paper.told["status"] == "filled":
                self._end(other)
                continue
            left = MONEY.subtract(Decimal(other.told["qty"]), fill.quantity)
            slot = self.venue.state.open.get(other.told["client_order_id"])
            if slot is not None:
                slot.remaining -= float(fill.quantity)
                other.write(self.stamps.now(), qty=text(left))

    def _ended(self, paper: Paper, state: OrderState) -> None:
        if not paper.is_open:
            return
        word = _ENDS[state]
        self._write(paper, word, word)
        if paper.parent is not None:
            return
        filled = Decimal(paper.told["filled_qty"])
        is_entry = paper.told["order_class"] in ("bracket", "oto")
        if is_entry and filled > ZERO:
            self._wake(paper, filled)
            return
        for leg in paper.legs:
            if leg.is_open:
                self._end(leg)

    def _end(self, paper: Paper) -> None:
        self._finish(paper, OrderState.CANCELED)

    def _finish(self, paper: Paper, state: OrderState) -> None:
        """End an order, whether the matching has it or not."""
        slot = self.venue.state.open.get(paper.told["client_order_id"])
        if slot is not None:
            self.venue.state.finish(slot, state)
            return
        self._waiting.pop(paper.told["id"], None)
        self._ended(paper, state)

    def _write(self, paper: Paper, event: str, status: str, **facts: Any) -> None:
        paper.write(self.stamps.now(), status=status, **facts)
        self._tell(frame(paper, event, self.stamps))

    def _open(self, venue_id: str) -> Paper:
        paper = self.papers.get(venue_id)
        if paper is None:
            raise Refused(404, 40410000, f"order not found for {venue_id}")
        if not paper.is_open:
            status = paper.told["status"]
            raise Refused(422, 42210000, f'order is already in "{status}" state')
        return paper

    def lagged(self, seconds: float) -> Any:
        """Return the instant of which a view that lags so much tells, None for no lag."""
        return self.stamps.now() - timedelta(seconds=seconds) if seconds > 0 else None


def _class(symbol: str) -> str:
    return "crypto" if "/" in symbol else "us_equity"


def _other(side: Side) -> Side:
    return Side.SELL if side is Side.BUY else Side.BUY
