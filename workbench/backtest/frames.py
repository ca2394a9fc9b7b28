"""From the kernel's tape to frames, and back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from workbench.core.ids import order_key
from workbench.kernels import book as b
from workbench.kernels.book import FILL, Records
from workbench.kernels.codes import LIQUIDATION, LOSS, MARKET, PROFIT, TRAIL

__all__ = ["LEGS", "LIQUIDATED", "fill_records", "fills_frame", "orders_frame", "trips_frame"]

LIQUIDATED = "-liquidation"
"""What the order of a margin call has behind the id of the order that opened the position."""

_STATUS = {
    b.WORKING: "working",
    b.FILLED: "filled",
    b.PARTIAL: "partially_filled",
    b.CANCELED: "canceled",
    b.EXPIRED: "expired",
    b.REJECTED: "rejected",
}
_TYPE = {MARKET: "market", LOSS: "stop", PROFIT: "limit", TRAIL: "trailing_stop",
         LIQUIDATION: "market"}  # fmt: skip
_LEG = {MARKET: "", LOSS: "-loss", PROFIT: "-profit", TRAIL: "-trail", LIQUIDATION: LIQUIDATED}
LEGS = tuple(leg for leg in _LEG.values() if leg)
"""How the ``order_id`` of an order ends that no decision made."""


def _words(codes: np.ndarray, words: dict[int, str]) -> np.ndarray:
    return np.take(np.array([words[k] for k in range(len(words))], dtype=object), codes)


def _sides(sides: np.ndarray) -> np.ndarray:
    return np.where(sides > 0, "buy", "sell").astype(object)


def _names(codes: np.ndarray, symbols: Sequence[str]) -> np.ndarray:
    return np.take(np.array(symbols, dtype=object), codes)


def _ids(orders: Records, index: pd.DatetimeIndex, symbols: Sequence[str]) -> np.ndarray:
    keys = [
        order_key(index[bar], symbols[symbol]) + _LEG[kind]
        for bar, symbol, kind in zip(
            orders["bar"].tolist(),
            orders["symbol"].tolist(),
            orders["kind"].tolist(),
            strict=True,
        )
    ]
    return np.array(keys, dtype=object)


def orders_frame(orders: Records, index: pd.DatetimeIndex, symbols: Sequence[str]) -> pd.DataFrame:
    """Return the orders of a tape, oldest decision first as they were made.

    ``time`` is the label of the bar they were decided on; for a protective leg, which
    stands here once it was triggered, that of the order that opened the position.
    """
    kind, filled = orders["kind"], orders["filled"]
    level = orders["level"]
    rests = (kind == MARKET) & ~np.isnan(level)
    with np.errstate(invalid="ignore", divide="ignore"):
        average = np.where(filled > 0, orders["paid"] / filled, np.nan)
    return pd.DataFrame(
        {
            "order_id": _ids(orders, index, symbols),
            "time": index[orders["bar"]],
            "symbol": _names(orders["symbol"], symbols),
            "side": _sides(orders["side"]),
            "type": np.where(rests, "limit", _words(kind, _TYPE)),
            "quantity": orders["quantity"],
            "target": orders["target"],
            "limit_price": np.where(rests | (kind == PROFIT), level, np.nan),
            "stop_price": np.where(rests | (kind == PROFIT), np.nan, level),
            "status": _words(orders["status"], _STATUS),
            "filled": filled,
            "average_price": average,
        }
    )


def fills_frame(
    fills: Records, orders: Records, index: pd.DatetimeIndex, symbols: Sequence[str]
) -> pd.DataFrame:
    """Return the fills of a tape, oldest first; ``time`` is the label of the bar."""
    return pd.DataFrame(
        {
            "time": index[fills["bar"]],
            "symbol": _names(fills["symbol"], symbols),
            "side": _sides(fills["side"]),
            "quantity": fills["quantity"],
            "price": fills["price"],
            "fee": fills["fee"],
            "slippage": fills["slippage"],
            "order_id": _ids(orders, index, symbols)[fills["order"]],
        }
    )


def fill_records(
    fills: pd.DataFrame,
    index: pd.DatetimeIndex,
    symbols: Sequence[str],
    path_dependent: Sequence[bool] | None = None,
) -> Records:
    """Return a frame of fills as the kernel's records, for statistics and round trips.

    Parameters
    ----------
    path_dependent : sequence of bool, optional
        Per fill, whether the order of prices inside the bar decided.
    """
    records = np.zeros(len(fills), FILL)
    records["bar"] = index.get_indexer(pd.DatetimeIndex(fills["time"]))
    records["symbol"] = pd.Index(symbols).get_indexer(pd.Index(fills["symbol"]))
    records["side"] = np.where(fills["side"] == "buy", 1.0, -1.0)
    for name in ("quantity", "price", "fee", "slippage"):
        records[name] = fills[name].to_numpy("float64")
    records["order"] = -1
    if path_dependent is not None:
        records["both"] = np.asarray(path_dependent, dtype=bool)
    return records


def trips_frame(
    trips: Records, index: pd.DatetimeIndex, symbols: Sequence[str], marks: np.ndarray
) -> pd.DataFrame:
    """Return round trips, in the order of their ends.

    One that is still open has no exit time, and is valued at `marks` (one per symbol):
    its ``exit_price`` is the average over what was sold and what is left at that mark.
    ``carried`` is what it received (negative: paid) while it was held, a part of ``pnl``.
    """
    is_open = trips["exit"] < 0
    rest = trips["entered"] - trips["left"]
    rest = np.where(is_open, rest, 0.0)
    gained = trips["gained"] + rest * np.where(is_open, marks[trips["symbol"]], 0.0)
    pnl = trips["side"] * (gained - trips["spent"]) - trips["fees"] + trips["carried"]
    last = np.where(is_open, len(index) - 1, trips["exit"])
    exits = index[last].where(~is_open)
    return pd.DataFrame(
        {
            "symbol": _names(trips["symbol"], symbols),
            "side": np.where(trips["side"] > 0, "long", "short").astype(object),
            "entry_time": index[trips["entry"]],
            "exit_time": exits,
            "entry_price": trips["spent"] / trips["entered"],
            "exit_price": gained / (trips["left"] + rest),
            "quantity": trips["entered"],
            "pnl": pnl,
            "return": pnl / trips["spent"],
            "bars": last - trips["entry"],
            "fees": trips["fees"],
            "path_dependent": trips["both"] > 0,
            "carried": trips["carried"],
        }
    )
