"""The card a result shows in Jupyter: key figures, an equity curve, conventions, findings."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from workbench.backtest.result import Result

__all__ = ["card", "sparkline"]

_WIDTH, _HEIGHT, _POINTS = 560, 96, 280
_SHOWN = {
    "total_return": "{:,.2%}",
    "cagr": "{:,.2%}",
    "sharpe": "{:.2f}",
    "sortino": "{:.2f}",
    "volatility": "{:.2%}",
    "max_drawdown": "{:.2%}",
    "win_rate": "{:.1%}",
    "profit_factor": "{:.2f}",
    "round_trips": "{:,.0f}",
    "exposure": "{:.1%}",
    "fees": "{:,.2f}",
    "end_equity": "{:,.2f}",
}


def card(result: Result) -> str:
    """Return a result as a small piece of HTML, without script and readable in any theme."""
    stats = result.stats
    cells = "".join(
        "<div>"
        f"<div style='opacity:.65;font-size:11px'>{name.replace('_', ' ')}</div>"
        f"<div style='font-size:15px;font-variant-numeric:tabular-nums;"
        f"overflow-wrap:anywhere'>{_text(stats[name], form)}"
        "</div></div>"
        for name, form in _SHOWN.items()
    )
    window = f"{stats['start']:%Y-%m-%d} to {stats['end']:%Y-%m-%d}"
    choices = result.choices
    conventions = (
        f"{stats['bars']:,} bars {choices.get('timeframe', '')} {escape(window)} · filled at "
        f"{'the close decided on' if choices.get('fill') == 'close' else 'the next open'} · "
        f"{stats['periods_per_year']:g} periods per year ({escape(str(choices.get('calendar')))}) "
        "· ddof 1, risk-free 0, drawdown on closes"
    )
    notes = "".join(f"<li>{escape(text)}</li>" for text in result.findings)
    findings = f"<ul style='margin:6px 0 0;padding-left:18px'>{notes}</ul>" if notes else ""
    return (
        "<div style='font-family:system-ui,sans-serif;font-size:12px;max-width:600px;padding:12px "
        "16px;border:1px solid rgba(128,128,128,.35);border-radius:8px'>"
        f"<div style='font-size:14px;font-weight:600'>{escape(result.kind)} · "
        f"{escape(repr(result.strategy))} · {escape(', '.join(result.symbols))}</div>"
        f"{sparkline(result.equity, result.cash)}"
        "<div style='display:grid;gap:8px 12px;"
        f"grid-template-columns:repeat(auto-fill,minmax(82px,1fr))'>{cells}</div>"
        f"<div style='opacity:.65;margin-top:8px'>{conventions}</div>{findings}</div>"
    )


def sparkline(equity: pd.Series, cash: float) -> str:
    """Return an equity curve as inline SVG; the dashed line is the starting cash.

    Examples
    --------
    >>> sparkline(pd.Series([100.0, 110.0]), 100.0)[:4]
    '<svg'
    """
    values = equity.to_numpy("float64")
    values = np.where(np.isfinite(values), values, cash)
    take = np.unique(np.linspace(0, len(values) - 1, min(len(values), _POINTS)).astype(int))
    # The extremes are what a curve is looked at for: thinning must not lose them.
    take = np.union1d(take, [values.argmin(), values.argmax()])
    low, high = min(values.min(), cash), max(values.max(), cash)
    span = (high - low) or 1.0
    x = take / max(len(values) - 1, 1) * _WIDTH
    y = 4 + (high - values[take]) / span * (_HEIGHT - 8)
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
    base = 4 + (high - cash) / span * (_HEIGHT - 8)
    colour = "#2e9e6b" if values[-1] >= cash else "#d2504b"
    return (
        f"<svg viewBox='0 0 {_WIDTH} {_HEIGHT}' width='100%' role='img' "
        "aria-label='equity' style='display:block;margin:8px 0'>"
        f"<line x1='0' x2='{_WIDTH}' y1='{base:.1f}' y2='{base:.1f}' stroke='currentColor' "
        "stroke-opacity='.35' stroke-dasharray='3 4'/>"
        f"<polyline points='{points}' fill='none' stroke='{colour}' stroke-width='1.5' "
        "stroke-linejoin='round'/></svg>"
    )


def _text(value: float, form: str) -> str:
    return "n/a" if pd.isna(value) else form.format(value)
