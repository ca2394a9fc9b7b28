"""Results and the desk as the tables and sentences of a page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import pandas as pd
from bokeh.models.widgets.tables import NumberFormatter

from workbench.backtest.result import Result
from workbench.core.order import Order
from workbench.live.accounts.view import Holding, Snapshot
from workbench.server.figures import percent
from workbench.server.look import note

if TYPE_CHECKING:
    from workbench.research.sweep_result import Sweep

__all__ = [
    "FORMATTERS",
    "RIGHT",
    "blotter",
    "fills",
    "fills_of",
    "findings",
    "holdings",
    "pedigree",
    "profits",
    "round_trips",
    "sweep_words",
]

_MARKED = ("Side", "State", "Unrealised", "Realised", "Carried", "Profit", "End")
_NUMBERS = (
    "Quantity", "Filled", "Price", "Average", "Last", "Value", "Fee", "Fees", "Entry", "Exit",
)  # fmt: skip
FORMATTERS: dict[str, Any] = {
    **{name: {"type": "html"} for name in _MARKED},
    **{name: NumberFormatter(format="0,0.[0000]", nan_format="") for name in _NUMBERS},
}
RIGHT = dict.fromkeys(
    ("Quantity", "Filled", "Price", "Average", "Last", "Value", "Unrealised", "Realised", "Fee",
     "Fees", "Carried", "Profit", "Return", "Entry", "Exit", "Bars"), "right",
)  # fmt: skip
_CROSS = '<span class="end" title="Cancel this order">✕</span>'
_PERCENT = frozenset({"total_return", "cagr", "max_drawdown", "volatility", "win_rate"})


def findings(result: Result) -> str:
    """Return what one must know before believing the numbers."""
    if not result.findings:
        return note(
            "Nothing to object: no overdraft, no order that the bars could not fill.", "good"
        )
    items = "".join(f"<li>{escape(text)}</li>" for text in result.findings)
    return f'<div class="note warn"><b>Before you believe the numbers</b><ul>{items}</ul></div>'


def round_trips(result: Result) -> pd.DataFrame:
    """Return the round trips, newest first, as a table shows them."""
    trips = result.round_trips.iloc[::-1]
    return pd.DataFrame(
        {
            "Symbol": trips["symbol"],
            "Side": trips["side"],
            "Entered": trips["entry_time"].dt.strftime("%Y-%m-%d"),
            "Left": trips["exit_time"].dt.strftime("%Y-%m-%d"),
            "Bars": trips["bars"],
            "Entry": trips["entry_price"].round(2),
            "Exit": trips["exit_price"].round(2),
            "Profit": trips["pnl"].map(signed),
            "Return": trips["return"].map(percent),
        }
    ).reset_index(drop=True)


def pedigree(result: Result) -> str:
    """Return what the run was made of, so that it can be made again."""
    made = result.manifest
    conventions = result.stats.attrs.get("conventions", {})
    rows = {
        "Strategy": repr(result.strategy),
        "Run": made.run_id,
        "Data": f"{result.bars.attrs.get('source', '?')}, {len(result.bars):,} bars, "
        f"fingerprint {str(result.bars.attrs.get('fingerprint', ''))[:16]}",
        **{str(k).replace("_", " ").capitalize(): str(v) for k, v in conventions.items()},
    }
    cells = "".join(
        f'<tr><td class="muted" style="padding:5px 18px 5px 0;vertical-align:top">{escape(k)}</td>'
        f'<td style="padding:5px 0">{escape(v)}</td></tr>'
        for k, v in rows.items()
    )
    return f'<table style="border-collapse:collapse">{cells}</table>'


def sweep_words(parts: Sequence[Sweep], stats: pd.DataFrame, metric: str) -> str:
    """Return the best point of a sweep, and how much of it is luck."""
    row = stats.iloc[int(stats[metric].to_numpy("float64").argmax())]
    names = list(stats.columns[: list(stats.columns).index("bars")])
    point = ", ".join(f"{name} {row[name]:g}" if _is_number(row[name]) else f"{name} {row[name]}"
                      for name in names)  # fmt: skip
    best = percent(float(row[metric])) if metric in _PERCENT else f"{row[metric]:,.2f}"
    deflated = max(parts, key=lambda part: part.stats[metric].max()).deflated_sharpe()
    chance = (
        ""
        if not math.isfinite(deflated)
        else (
            " Deflated by every trial in the ledger, the chance that its Sharpe ratio is above "
            f"zero is {deflated:.0%}."
        )
    )
    words = metric.replace("_", " ")
    return (
        f"{len(stats):,} points. Best {words} {best} at {point}.{chance} Click a cell to go there."
    )


def blotter(shot: Snapshot) -> pd.DataFrame:
    """Return the orders and the refusals, newest first."""
    rows = [_order(order) for order in shot.log.orders[:300]]
    for judged in shot.log.refusals[:100]:
        wanted = judged.intent
        said = next(v for v in judged.verdicts if v.get("outcome") == "refuse")
        rows.append(
            {
                "Time": wanted.decided_at,
                "Symbol": wanted.symbol,
                "Side": side(wanted.side.value),
                "Type": wanted.type.value,
                "Quantity": float(wanted.quantity or 0),
                "Filled": 0.0,
                "Price": None,
                "State": chip("refused"),
                "Note": said.get("reason", ""),
                "End": "",
                "order_id": wanted.intent_id,
            }
        )
    columns = [
        *("Time", "Symbol", "Side", "Type", "Quantity", "Filled", "Price", "State", "Note"),
        *("order_id", "End"),  # what is frozen stands last: Panel configures columns by place
    ]
    frame = pd.DataFrame(rows, columns=columns).sort_values("Time", ascending=False)
    # an empty column would become one of numbers, and the page would show later times as NaN
    times = [stamp.strftime("%H:%M:%S") for stamp in frame["Time"]]
    frame["Time"] = pd.Series(times, index=frame.index, dtype=object)
    return frame.reset_index(drop=True)


def fills(shot: Snapshot) -> pd.DataFrame:
    """Return the fills, newest first."""
    rows = [
        {
            "Time": fill.time.strftime("%H:%M:%S"),
            "Symbol": fill.symbol,
            "Side": side(fill.side.value),
            "Quantity": float(fill.quantity),
            "Price": float(fill.price),
            "Fee": float(fill.fee),
            "Order": fill.order_id,
        }
        for fill in shot.log.fills[:300]
    ]
    names = ["Time", "Symbol", "Side", "Quantity", "Price", "Fee", "Order"]
    return pd.DataFrame(rows, columns=names)


def fills_of(shot: Snapshot, symbol: str) -> pd.DataFrame:
    """Return the fills of a symbol as a chart takes them."""
    rows = [
        {
            "time": pd.Timestamp(fill.time),
            "side": fill.side.value,
            "quantity": float(fill.quantity),
            "price": float(fill.price),
        }
        for fill in reversed(shot.log.fills[:500])
        if fill.symbol == symbol
    ]
    return pd.DataFrame(rows, columns=["time", "side", "quantity", "price"])


def profits(shot: Snapshot) -> pd.DataFrame:
    """Return what each strategy has earned, by name."""
    rows = [
        {
            "Strategy": one.strategy,
            "Value": float(one.value),
            "Realised": signed(float(one.realised)),
            "Unrealised": signed(float(one.unrealised)),
            "Fees": float(one.fees),
            "Carried": signed(float(one.carried)),
            "Profit": signed(float(one.total)),
        }
        for one in shot.profits
    ]
    names = ["Strategy", "Value", "Realised", "Unrealised", "Fees", "Carried", "Profit"]
    return pd.DataFrame(rows, columns=names)


def holdings(found: Sequence[Holding]) -> pd.DataFrame:
    """Return the positions with their profit; flat ones stay for what they earned."""
    rows = [
        {
            "Symbol": one.symbol,
            "Side": "long" if one.quantity > 0 else "short" if one.quantity < 0 else "flat",
            "Quantity": float(one.quantity),
            "Average": float(one.average_price),
            "Last": float(one.last),
            "Value": float(one.value),
            "Unrealised": signed(float(one.unrealised)),
            "Realised": signed(float(one.realised)),
        }
        for one in found
    ]
    names = ["Symbol", "Side", "Quantity", "Average", "Last", "Value", "Unrealised", "Realised"]
    return pd.DataFrame(rows, columns=names)


def chip(state: str) -> str:
    """Return a state as a small label, green once it is filled and red where it was refused."""
    tones = {
        "running": "up",
        "filled": "up",
        "partially filled": "up",
        "refused": "down",
        "rejected": "down",
    }
    return f'<span class="chip {tones.get(state, "muted")}">{escape(state)}</span>'


def side(text: str) -> str:
    """Return ``buy`` and ``sell`` in their colours."""
    return f'<span class="{"up" if text == "buy" else "down"}">{escape(text)}</span>'


def signed(amount: float) -> str:
    """Return an amount in the colour of its sign."""
    tone = "up" if amount > 0 else "down" if amount < 0 else "muted"
    return f'<span class="{tone}">{amount:+,.2f}</span>'.replace("-", "−")


def _order(order: Order) -> dict[str, object]:
    named = order.average_price or order.limit_price or order.stop_price
    return {
        "Time": order.decided_at,
        "Symbol": order.symbol,
        "Side": side(order.side.value),
        "Type": order.type.value.replace("_", " "),
        "Quantity": float(order.quantity or 0),
        "Filled": float(order.filled),
        "Price": float(named) if named is not None else None,
        "State": chip(order.state.value.replace("_", " ")),
        "Note": order.reason,
        "End": _CROSS if order.state.is_open else "",
        "order_id": order.order_id,
    }


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) or hasattr(value, "dtype")
