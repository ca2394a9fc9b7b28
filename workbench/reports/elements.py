"""Pieces of a report: tables, tiles, badges and lists as small, plain HTML.

They carry their own style, so that they look the same in Jupyter and in a rendered report.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from workbench.plots.theme import LIGHT

__all__ = ["Piece", "badge", "bullets", "money", "percent", "plain", "sparkline", "table", "tiles"]

_LINE, _MUTED, _CARD = LIGHT.divider, LIGHT.muted, LIGHT.surface


class Piece:
    """HTML that shows itself in a notebook."""

    def __init__(self, html: str) -> None:
        self.html = html

    def _repr_html_(self) -> str:
        return self.html

    def __add__(self, other: Piece) -> Piece:
        return Piece(self.html + other.html)


def percent(value: Any) -> str:
    """Return a fraction as signed percent in the colour of a gain or a loss.

    Examples
    --------
    >>> "+1.25%" in percent(0.0125), percent(float("nan"))
    (True, 'n/a')
    """
    if pd.isna(value):
        return "n/a"
    return _toned(f"{float(value):+.2%}".replace("-", "−"), float(value))


def money(value: Any) -> str:
    """Return money in the colour of a gain or a loss.

    Examples
    --------
    >>> "−$1,500" in money(-1500)
    True
    """
    if pd.isna(value):
        return "n/a"
    return _toned(f"{'−' if value < 0 else ''}${abs(float(value)):,.0f}", float(value))


def plain(digits: int = 2, after: str = "") -> Callable[[Any], str]:
    """Return a form for numbers without colour.

    Examples
    --------
    >>> plain(1, "×")(2.04)
    '2.0×'
    """
    return lambda value: "n/a" if pd.isna(value) else f"{float(value):,.{digits}f}{after}"


def table(
    frame: pd.DataFrame, forms: Mapping[str, Callable[[Any], str]] | None = None, caption: str = ""
) -> Piece:
    """Return a frame as a table, its index as row headings.

    Parameters
    ----------
    frame : pandas.DataFrame
        What to show.
    forms : mapping of str to callable
        By column: from a value to HTML; text and dates are escaped without one.
    caption : str
        Said above it, and to a screen reader.

    Examples
    --------
    >>> "<th scope='col'" in table(pd.DataFrame({"a": [1]})).html
    True
    """
    known = forms or {}
    edge = f"border-bottom:1px solid {_LINE}"
    cell = f"padding:6px 10px;{edge};white-space:nowrap"
    heads = "".join(
        f"<th scope='col' style='{cell};text-align:right;color:{_MUTED};font-weight:500'>"
        f"{escape(str(name))}</th>"
        for name in frame.columns
    )
    rows = []
    for label, row in frame.iterrows():
        cells = "".join(
            f"<td style='{cell};text-align:right'>{known.get(str(name), _words)(value)}</td>"
            for name, value in row.items()
        )
        rows.append(
            f"<tr><th scope='row' style='{cell};text-align:left'>{escape(str(label))}</th>"
            f"{cells}</tr>"
        )
    said = f"<caption style='text-align:left;color:{_MUTED};padding:0 0 6px'>{escape(caption)}"
    return Piece(
        f"<div style='overflow-x:auto;background:{_CARD};border:1px solid {_LINE};"
        "border-radius:8px;padding:10px 14px;margin:8px 0 14px;color:" + LIGHT.text + "'>"
        "<table class='wb-table' style='border-collapse:collapse;width:100%;font-size:13px;"
        "font-variant-numeric:tabular-nums;border:0'>"
        f"{said + '</caption>' if caption else ''}<thead><tr><td style='{cell}'></td>{heads}</tr>"
        f"</thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def tiles(figures: Mapping[str, str], notes: Mapping[str, str] | None = None) -> Piece:
    """Return a row of key figures; values are HTML, as the forms of this module give."""
    beside = notes or {}
    boxes = "".join(
        f"<div style='background:{_CARD};border:1px solid {_LINE};border-radius:8px;"
        f"padding:11px 13px'><div style='color:{_MUTED};font-size:12px'>{escape(name)}</div>"
        f"<div style='font-size:19px;font-weight:650;color:{LIGHT.text}'>{value}</div>"
        f"<div style='color:{_MUTED};font-size:11.5px'>{escape(beside.get(name, ''))}</div></div>"
        for name, value in figures.items()
    )
    return Piece(
        "<div style='display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));"
        f"gap:10px;margin:10px 0 14px;font-variant-numeric:tabular-nums'>{boxes}</div>"
    )


def badge(text: str, *, ok: bool) -> Piece:
    """Return a word on a coloured ground: good or not, and said in words as well."""
    ground, ink = ("#e2f4f1", "#075e54") if ok else ("#fdecea", "#8c1d18")
    return Piece(
        f"<span style='background:{ground};color:{ink};border-radius:999px;padding:3px 11px;"
        f"font-size:12.5px;font-weight:600'>{'✓' if ok else '!'} {escape(text)}</span>"
    )


def bullets(lines: Sequence[str]) -> Piece:
    """Return sentences as a list that stands out."""
    items = "".join(f"<li style='margin:3px 0'>{escape(line)}</li>" for line in lines)
    return Piece(
        f"<ul style='background:{_CARD};border:1px solid {_LINE};border-left:3px solid "
        f"{LIGHT.sell};border-radius:8px;margin:8px 0 14px;padding:10px 16px 10px 32px;"
        f"color:{LIGHT.text}'>{items}</ul>"
    )


def sparkline(values: pd.Series, width: int = 120, height: int = 26) -> str:
    """Return a small line as inline SVG.

    Examples
    --------
    >>> sparkline(pd.Series([1.0, 2.0]))[:4]
    '<svg'
    """
    seen = values.dropna().to_numpy(np.float64)
    if len(seen) < 2:
        return ""
    span = float(seen.max() - seen.min()) or 1.0
    x = np.linspace(1, width - 1, len(seen))
    y = 2 + (seen.max() - seen) / span * (height - 4)
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
    colour = LIGHT.up if seen[-1] >= seen[0] else LIGHT.down
    return (
        f"<svg width='{width}' height='{height}' viewBox='0 0 {width} {height}' role='img' "
        f"aria-label='from {seen[0]:,.2f} to {seen[-1]:,.2f}' style='vertical-align:middle'>"
        f"<polyline points='{points}' fill='none' stroke='{colour}' stroke-width='1.5'/></svg>"
    )


def _toned(text: str, value: float) -> str:
    colour = LIGHT.up_text if value > 0 else LIGHT.down_text if value < 0 else LIGHT.text
    return f"<span style='color:{colour}'>{text}</span>"


def _words(value: Any) -> str:
    if isinstance(value, pd.Timestamp):
        return f"{value:%d %b %Y}"
    if value is None or value is pd.NaT:
        return "–"
    return escape(f"{value:,.2f}" if isinstance(value, float) else str(value))
