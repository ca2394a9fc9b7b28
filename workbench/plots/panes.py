"""What can be put on and below a price chart: lines and panes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from workbench.errors import UsageError, nearest

__all__ = ["Line", "Pane", "as_lines", "drawdown_pane", "equity_pane"]

_KINDS = ("line", "area", "bars")
_UNITS = ("", "$", "%", "m", "price")


@dataclass(frozen=True, eq=False)
class Line:
    """One line and how it is drawn.

    Parameters
    ----------
    values : pandas.Series
        On the bars' index, or on one that can be aligned to it; NaN leaves a gap.
    role : str, optional
        A colour role of the theme; the next of the series by default.
    width : float
        Pixels.
    dash : str
        ``"solid"``, ``"dashed"`` or ``"dotted"``.
    """

    values: pd.Series
    role: str | None = None
    width: float = 1.5
    dash: str = "solid"


@dataclass(frozen=True, eq=False)
class Pane:
    """A pane below the price, with its own scale.

    Parameters
    ----------
    name : str
        Written in its upper left corner.
    lines : Mapping of str to pandas.Series or Line
        By label.
    kind : {"line", "area", "bars"}
        ``area`` fills between the first line and zero, ``bars`` draws it as columns.
    unit : {"", "$", "%", "m", "price"}
        How numbers are written; ``%`` takes fractions, ``m`` large counts.
    levels : tuple of float
        Dotted lines across, such as 30 and 70; two of them shade what is between.
    height : int
        Pixels.

    Examples
    --------
    >>> rsi = pd.Series([40.0, 60.0])
    >>> Pane("RSI", {"RSI 14": rsi}, levels=(30, 70)).unit
    ''
    """

    name: str
    lines: Mapping[str, pd.Series | Line] = field(default_factory=dict)
    kind: str = "line"
    unit: str = ""
    levels: tuple[float, ...] = ()
    height: int = 110

    def __post_init__(self) -> None:
        for word, value, known in (("kind", self.kind, _KINDS), ("unit", self.unit, _UNITS)):
            if value not in known:
                raise UsageError(
                    f"pane {self.name!r}: no {word} {value!r}{nearest(value, known)}; "
                    f"use one of {', '.join(map(repr, known))}",
                    **{word: value},
                )
        if not self.lines:
            raise UsageError(f"pane {self.name!r} has no line", pane=self.name)


def as_lines(lines: Mapping[str, pd.Series | Line | pd.DataFrame]) -> dict[str, Line]:
    """Return every entry as a `Line`; a frame gives one for each of its columns.

    Examples
    --------
    >>> band = pd.DataFrame({"upper": [2.0], "lower": [1.0]})
    >>> list(as_lines({"BB": band}))
    ['BB upper', 'BB lower']
    """
    found: dict[str, Line] = {}
    for name, entry in lines.items():
        if isinstance(entry, Line):
            found[name] = entry
        elif isinstance(entry, pd.Series):
            found[name] = Line(entry)
        elif isinstance(entry, pd.DataFrame):
            found.update({f"{name} {column}": Line(entry[column]) for column in entry.columns})
        else:
            raise UsageError(
                f"{name!r} must be a Series, a DataFrame or a Line, not {type(entry).__name__}",
                line=name,
            )
    return found


def equity_pane(equity: pd.Series, benchmark: pd.Series | None = None, height: int = 130) -> Pane:
    """Return a pane of the account's value, with a dashed benchmark where one is given."""
    lines = {"Equity": Line(equity, role="primary", width=2)}
    if benchmark is not None:
        lines["Buy & hold"] = Line(benchmark, role="muted", width=1, dash="dashed")
    return Pane("Equity", lines, unit="$", height=height)


def drawdown_pane(drawdown: pd.Series, height: int = 90) -> Pane:
    """Return a pane of the drawdown, a series of fractions at or below zero."""
    lines = {"Drawdown": Line(drawdown, role="down", width=1.2)}
    return Pane("Drawdown", lines, kind="area", unit="%", height=height)
