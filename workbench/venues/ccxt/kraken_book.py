"""Kraken's order books with its checksum, which ccxt leaves out."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from workbench.core.depth import Depth
from workbench.core.order_book import OrderBook, kraken_checksum
from workbench.venues.socket import trouble

__all__ = ["KrakenBooks"]

_DEPTH = 10


class KrakenBooks:
    """Keeps the books that frames tell of, and checks each after every change.

    Parameters
    ----------
    markets : mapping
        ccxt's, for the decimals of each pair.
    """

    def __init__(self, markets: Mapping[str, Any]) -> None:
        self._markets = markets
        self._books: dict[str, OrderBook] = {}

    def read(self, frame: str | bytes) -> Depth | None:
        """Return the whole book after a frame; None where it is about something else.

        Raises
        ------
        UnavailableError
            The book is not Kraken's any more; only a new snapshot helps.
        """
        text = frame if isinstance(frame, str) else frame.decode()
        if '"book"' not in text:
            return None
        told = json.loads(text)
        if told.get("channel") != "book" or "data" not in told:
            return None
        row = told["data"][0]
        book = self._book(str(row["symbol"]))
        bids, asks = (
            tuple((float(level["price"]), float(level["qty"])) for level in row.get(side, ()))
            for side in ("bids", "asks")
        )
        at = datetime.fromisoformat(row["timestamp"])
        is_whole = told.get("type") == "snapshot"
        change = Depth(book.symbol, at, bids, asks, is_whole, checksum=row.get("checksum"))
        if not book.apply(change):
            raise trouble("kraken", f"the order book of {book.symbol}: {book.trouble}")
        view = book.view()
        assert view is not None  # noqa: S101  it was just found good
        return Depth(book.symbol, at, view.bids, view.asks, True, checksum=change.checksum)

    def _book(self, symbol: str) -> OrderBook:
        if symbol not in self._books:
            steps = self._markets[symbol]["precision"]
            digits = [round(-math.log10(float(steps[name]))) for name in ("price", "amount")]
            self._books[symbol] = OrderBook(symbol, _DEPTH, kraken_checksum(*digits))
        return self._books[symbol]
