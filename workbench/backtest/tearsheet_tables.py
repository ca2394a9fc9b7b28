"""What stands in the tear sheet's tiles and tables, as text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from workbench.backtest.measures.tables import drawdown_table
from workbench.kernels.carry import KINDS

__all__ = [
    "conventions", "costs", "drawdowns", "facts", "money", "names", "number",
    "pedigree", "percent", "tiles", "tone", "trips",
]  # fmt: skip

_UNKNOWN = "n/a"
_CARRIED = {
    "margin": "Interest on margin",
    "cash": "Interest on cash",
    "borrow": "Borrow fees",
    "funding": "Funding",
    "dividend": "Dividends",
}
Pairs = list[tuple[str, str]]


def percent(value: float, digits: int = 1, *, signed: bool = False) -> str:
    """Return a fraction as percent, with a true minus sign.

    Examples
    --------
    >>> percent(-0.1234), percent(0.5, signed=True), percent(float("nan"))
    ('−12.3%', '+50.0%', 'n/a')
    """
    if np.isnan(value):
        return _UNKNOWN
    form = f"{'+' if signed else ''},.{digits}%"
    return format(float(value), form).replace("-", "−")


def number(value: float, digits: int = 2) -> str:
    """Return a number with separators; n/a for NaN.

    Examples
    --------
    >>> number(1234.5), number(-1, 0)
    ('1,234.50', '−1')
    """
    if np.isnan(value):
        return _UNKNOWN
    return f"{float(value):,.{digits}f}".replace("-", "−")


def money(value: float, digits: int = 0) -> str:
    """Return an amount of money.

    Examples
    --------
    >>> money(-1234.5), money(99.5, 2)
    ('−$1,234', '$99.50')
    """
    if np.isnan(value):
        return _UNKNOWN
    return f"{'−' if value < 0 else ''}${abs(float(value)):,.{digits}f}"


def names(symbols: Sequence[str], most: int = 4) -> str:
    """Return symbols as a list that stays short.

    Examples
    --------
    >>> names(["A", "B"]), names(list("ABCDEF"))
    ('A, B', 'A, B, C and 3 more')
    """
    if len(symbols) <= most:
        return ", ".join(symbols)
    return f"{', '.join(symbols[: most - 1])} and {len(symbols) - most + 1} more"


def tone(value: float) -> str:
    """Return the class of a gain or a loss; nothing for neither."""
    if pd.isna(value) or value == 0:
        return ""
    return "up" if value > 0 else "down"


def facts(result: Any) -> list[str]:
    """Return what identifies the run: window, bars, source, fingerprint, fill."""
    stats, data = result.stats, result.manifest.data
    filled = "the close decided on" if result.choices.get("fill") == "close" else "the next open"
    found = [
        f"{stats['start']:%d %b %Y} to {stats['end']:%d %b %Y}",
        f"{stats['bars']:,} bars{' of ' + data.timeframe if data.timeframe else ''}",
        f"source {data.source}" if data.source else "source unknown",
        f"data {data.fingerprint[:12]}",
        f"filled at {filled}",
    ]
    if str(data.source).startswith("synthetic"):
        found.insert(0, "SYNTHETIC DATA")
    return found


def tiles(stats: Mapping[str, Any], held: Mapping[str, float], name: str) -> list[dict[str, str]]:
    """Return the key figures, those of the benchmark beneath, which goes by `name`."""
    shown = (
        ("CAGR", "cagr", percent, True),
        ("Sharpe", "sharpe", number, True),
        ("Sortino", "sortino", number, True),
        ("Max drawdown", "max_drawdown", percent, True),
        ("Volatility", "volatility", percent, False),
        ("Calmar", "calmar", number, True),
    )
    found = [
        _tile(label, form(stats[key]), stats[key] if toned else 0, f"{name} {form(held[key])}")
        for label, key, form, toned in shown
    ]
    count = stats["round_trips"]
    return [
        *found,
        _tile("Round trips", number(count, 0), 0, f"{percent(stats['win_rate'])} won"),
        _tile("Profit factor", number(stats["profit_factor"]), 0, "profits / losses"),
        _tile("Expectancy", money(stats["expectancy"]), stats["expectancy"], "per round trip"),
        _tile("Exposure", percent(stats["exposure"]), 0, "of bars in the market"),
        _tile("Turnover", f"{number(stats['turnover'], 1)}×", 0, "of equity a year"),
        _tile("Fees and slippage", money(stats["fees"] + stats["slippage"]), 0, "over the window"),
    ]


def _tile(name: str, value: str, toned: float, beside: str) -> dict[str, str]:
    return {"name": name, "value": value, "css": tone(toned), "beside": beside}


def drawdowns(equity: pd.Series, cash: float) -> dict[str, Any]:
    """Return the table of `drawdown_table`."""
    periods: Any = drawdown_table(equity, cash)
    rows = [
        [
            _cell(percent(row.depth), "down"),
            _cell(_day(row.peak)),
            _cell(_day(row.trough)),
            _cell(_day(row.recovery) if pd.notna(row.recovery) else "not yet"),
            _cell(number(row.to_trough, 0)),
            _cell(number(row.to_recovery, 0) if pd.notna(row.to_recovery) else "lasts"),
        ]
        for row in periods.itertuples()
    ]
    heads = ["Depth", "Peak", "Trough", "Recovered", "Bars down", "Bars back"]
    return {"columns": heads, "rows": rows, "words": []}


def trips(frame: pd.DataFrame) -> dict[str, Any]:
    """Return a table of round trips; what they carried stands in it where there is such a thing."""
    is_carried = bool((frame["carried"] != 0.0).any())
    rows = [
        [
            _cell(str(row["symbol"])),
            _cell(str(row["side"])),
            _cell(_day(row["entry_time"])),
            _cell(_day(row["exit_time"])),
            _cell(number(row["entry_price"])),
            _cell(number(row["exit_price"])),
            _cell(f"{row['quantity']:,.6g}"),
            _cell(money(row["pnl"]), tone(row["pnl"])),
            _cell(percent(row["return"], signed=True), tone(row["return"])),
            _cell(number(row["bars"], 0)),
            _cell(money(row["fees"], 2)),
            *([_cell(money(row["carried"], 2))] if is_carried else []),
        ]
        for _, row in frame.iterrows()
    ]
    heads = ["Symbol", "Side", "Entry", "Exit", "In at", "Out at", "Quantity", "Profit", "Return",
             "Bars", "Fees", *(["Carried"] if is_carried else [])]  # fmt: skip
    return {"columns": heads, "rows": rows, "words": [0, 1]}


def costs(result: Any) -> Pairs:
    """Return what trading and holding cost, and by which rules.

    Dividends are no cost: they are in the gain before costs as they are in the one after.
    """
    stats = result.stats
    gained = stats["end_equity"] - result.cash
    carried = {kind: float(result.carry[kind].sum()) for kind in KINDS}
    paid = stats["fees"] + stats["slippage"] + result.financing
    return [
        ("Starting cash", money(result.cash)),
        ("Fills", f"{len(result.fills):,}"),
        ("Fees", money(stats["fees"], 2)),
        ("Slippage", money(stats["slippage"], 2)),
        ("Financing", money(result.financing, 2)),
        *((_CARRIED[kind], money(amount, 2)) for kind, amount in carried.items() if amount),
        ("Gain after costs", money(gained)),
        ("Gain before costs", money(gained + paid)),
        ("Rules", str(result.choices.get("costs", "see conventions"))),
    ]


def conventions(result: Any) -> Pairs:
    """Return the choices the numbers depend on."""
    return list(_flat(result.choices))


def pedigree(manifest: Any) -> Pairs:
    """Return what the run can be made again from."""
    data = manifest.data
    return [
        ("Run", manifest.run_id),
        ("Strategy", f"{manifest.strategy} ({_joined(manifest.params)})"),
        ("Code", manifest.code_hash),
        ("Data", data.fingerprint),
        ("Source", f"{data.source or 'unknown'}, adjustment {data.adjustment or 'unknown'}"),
        ("Window", f"{data.start} to {data.end}, {data.bars:,} bars"),
        ("Packages", _joined(manifest.packages)),
        ("Seed", "nothing is drawn" if manifest.seed is None else str(manifest.seed)),
        ("Made", manifest.created),
    ]


def _flat(values: Mapping[str, Any], before: str = "") -> Iterable[tuple[str, str]]:
    for key, value in values.items():
        name = f"{before}{key}".replace("_", " ")
        if isinstance(value, Mapping):
            yield from _flat(value, f"{name}: ")
        else:
            yield name, "none" if value is None else str(value)


def _joined(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in values.items())


def _cell(text: str, css: str = "") -> dict[str, str]:
    return {"text": text, "css": css}


def _day(label: Any) -> str:
    if isinstance(label, pd.Timestamp):
        return f"{label:%Y-%m-%d}" if label == label.normalize() else f"{label:%Y-%m-%d %H:%M}"
    return str(label)
