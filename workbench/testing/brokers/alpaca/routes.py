"""Alpaca's paths, and a few of our own to move the market and to count."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

from workbench.core.order import TimeInForce
from workbench.errors import UsageError
from workbench.testing.brokers.alpaca.book import AlpacaBook
from workbench.testing.brokers.alpaca.faults import Trouble, happens
from workbench.testing.brokers.alpaca.papers import Paper, asset, holding
from workbench.testing.brokers.alpaca.tickets import Refused
from workbench.testing.wire import Asked, Reply

__all__ = ["AlpacaRoutes"]

_CHANGES = ("POST", "PATCH", "DELETE")


class AlpacaRoutes:
    """The ``answer`` of a `workbench.testing.wire.WireServer`.

    Parameters
    ----------
    book : AlpacaBook
    key, secret : str
        The ones that are let in.
    """

    def __init__(self, book: AlpacaBook, key: str, secret: str) -> None:
        self.book = book
        self.posts: dict[str, int] = {}
        self.assets: dict[str, dict[str, Any]] = {}
        self.facts: dict[str, Any] = {"account_number": "PA3SIM", "status": "ACTIVE",
                                      "multiplier": "2"}  # fmt: skip
        self._keys = (key, secret)

    def __call__(self, asked: Asked) -> Reply:
        """Answer a request."""
        path = unquote(asked.path)
        if path.startswith("/sim/"):
            return self._control(path.removeprefix("/sim/"), asked)
        given = (asked.headers.get("apca-api-key-id"), asked.headers.get("apca-api-secret-key"))
        if given != self._keys:
            return Reply({"message": "forbidden."}, 403)
        if not path.startswith("/v2/"):
            return Reply({"message": "Not Found"}, 404)
        path = path.removeprefix("/v2")
        if asked.method in _CHANGES:
            return self._change(asked, path)
        with self.book.lock:
            if happens(self.book.random, self.book.faults.fail_query):
                return Reply("<html>503</html>", 503)
            return self._delayed(self._answer(lambda: self._question(path, asked)))

    def _change(self, asked: Asked, path: str) -> Reply:
        with self.book.lock:
            if asked.method == "POST" and path == "/orders":
                name = str(_body(asked).get("client_order_id"))
                self.posts[name] = self.posts.get(name, 0) + 1
            trouble = Trouble.draw(self.book.faults, self.book.random)
            if trouble.is_lost and trouble.answer is not None:
                return self._delayed(trouble.answer)
            reply = self._answer(lambda: self._order_call(asked, path))
            return self._delayed(trouble.answer or reply)

    def _delayed(self, reply: Reply) -> Reply:
        longest = self.book.faults.latency
        if longest <= 0.0 or reply.silence:
            return reply
        return Reply(
            reply.body, reply.status, reply.headers, silence=longest * self.book.random.random(),
            is_dropped=reply.is_dropped, is_reset=reply.is_reset,
        )  # fmt: skip

    def _answer(self, work: Callable[[], Reply]) -> Reply:
        try:
            return work()
        except Refused as no:
            return Reply(no.body, no.status)

    def _order_call(self, asked: Asked, path: str) -> Reply:
        book, venue_id = self.book, path.removeprefix("/orders/")
        if asked.method == "POST" and path == "/orders":
            return Reply(book.submit(_body(asked)).shown(None, nested=True))
        if asked.method == "PATCH":
            return Reply(book.replace(venue_id, _body(asked)).shown(None, nested=True))
        if asked.method == "DELETE" and path == "/orders":
            named = [p.told["id"] for p in book.papers.values() if p.is_open]
            for one in named:
                if book.papers[one].is_open:
                    book.cancel(one)
            return Reply([{"id": one, "status": 200} for one in named], 207)
        if asked.method == "DELETE" and path.startswith("/orders/"):
            book.cancel(venue_id)
            return Reply("", 204)
        return Reply({"code": 40410000, "message": "endpoint not found."}, 404)

    def _question(self, path: str, asked: Asked) -> Reply:
        before = self.book.lagged(self.book.faults.lag)
        if path == "/orders:by_client_order_id":
            paper = self.book.by_client.get(asked.query.get("client_order_id", ""))
            return self._one(paper, before, nested=False)
        if path.startswith("/orders/"):
            nested = asked.query.get("nested") == "true"
            return self._one(self.book.papers.get(path.split("/")[2]), before, nested=nested)
        if path == "/orders":
            return Reply(self._orders(asked.query, before))
        if path == "/account/activities/FILL":
            return Reply(self._activities(asked.query))
        return self._standing(path)

    def _standing(self, path: str) -> Reply:
        venue = self.book.venue
        if path == "/account":
            account = venue.account()
            told = {
                "id": "6ecfcc34-4bed-4b53-83ba-c564aa832a81", "currency": "USD",
                "cash": format(account.cash, "f"), "equity": format(account.equity, "f"),
                "buying_power": format(account.cash, "f"), "trading_blocked": False,
                "account_blocked": False,
            }  # fmt: skip
            return Reply({**told, **self.facts})
        if path.startswith("/positions"):
            name = path.removeprefix("/positions").strip("/")
            rows = [
                holding(p, self.book.price(p.symbol), is_crypto="/" in p.symbol)
                for p in venue.positions()
            ]
            if not name:
                return Reply(rows)
            for row in rows:
                if row["symbol"] == name.replace("/", ""):
                    return Reply(row)
            return _missing("position does not exist")
        symbol = path.removeprefix("/assets/")
        if symbol in venue.state.book.cells:
            return Reply(asset(symbol, self.assets.get(symbol, {})))
        return _missing(f"asset not found for {symbol}")

    def _one(self, paper: Paper | None, before: datetime | None, *, nested: bool) -> Reply:
        told = None if paper is None else paper.shown(before, nested=nested)
        return _missing("order not found") if told is None else Reply(told)

    def _orders(self, query: Any, before: datetime | None) -> list[dict[str, Any]]:
        nested = query.get("nested") == "true"
        status, found = query.get("status", "open"), []
        symbols = query["symbols"].split(",") if query.get("symbols") else None
        after = _instant(query.get("after"))
        for paper in self.book.papers.values():
            if nested and paper.parent is not None:
                continue
            told = paper.shown(before, nested=nested)
            if told is None or (symbols and told["symbol"] not in symbols):
                continue
            ended = told["status"] in ("filled", "canceled", "expired", "rejected", "replaced")
            if (status == "open" and ended) or (status == "closed" and not ended):
                continue
            if _instant(told["submitted_at"]) > after:
                found.append(told)
        found.sort(key=lambda told: told["submitted_at"], reverse=query.get("direction") != "asc")
        return found[: int(query.get("limit", 50))]

    def _activities(self, query: Any) -> list[dict[str, Any]]:
        after, token = _instant(query.get("after")), query.get("page_token")
        before = self.book.lagged(self.book.faults.fills_lag)
        rows = [
            row
            for row in self.book.activities
            if _instant(row["transaction_time"]) > after
            and (before is None or _instant(row["transaction_time"]) <= before)
        ]
        if query.get("direction") != "asc":
            rows.reverse()
        if token:
            at = [row["id"] for row in rows].index(token) + 1
            rows = rows[at:]
        return rows[: int(query.get("page_size", 100))]

    def _control(self, what: str, asked: Asked) -> Reply:
        told, book = _body(asked), self.book
        with book.lock:
            if what == "quote":
                size = float(told.get("size", "inf"))
                book.quote(told["symbol"], float(told["bid"]), float(told["ask"]), size)
            elif what == "faults":
                try:
                    book.faults = book.faults.changed(told)
                except UsageError as error:
                    return Reply({"message": error.message}, 422)
            elif what in ("halt", "resume"):
                (book.halted.add if what == "halt" else book.halted.discard)(told["symbol"])
            elif what == "freeze":
                book.is_frozen = bool(told.get("frozen", True))
            elif what == "auction":
                book.auction(TimeInForce(told["tif"]))
            elif what == "end_session":
                book.end_session()
            elif what == "bust":
                book.bust(int(told["number"]))
            elif what == "stats":
                open_count = sum(paper.is_open for paper in book.papers.values())
                return Reply({"posts": self.posts, "orders": len(book.papers), "open": open_count,
                              "fills": len(book.activities)})  # fmt: skip
            else:
                return Reply({"message": f"no control {what!r}"}, 404)
        return Reply({})


def _missing(message: str) -> Reply:
    return Reply({"code": 40410000, "message": message}, 404)


def _body(asked: Asked) -> dict[str, Any]:
    told = json.loads(asked.body or "{}")
    return told if isinstance(told, dict) else {}


def _instant(text: str | None) -> datetime:
    if not text:
        return datetime.min.replace(tzinfo=UTC)
    head, _, digits = text.replace("Z", "").replace("+00:00", "").partition(".")
    when = datetime.fromisoformat(head).replace(tzinfo=UTC)
    return when + timedelta(microseconds=int(digits[:6].ljust(6, "0")) if digits else 0)
