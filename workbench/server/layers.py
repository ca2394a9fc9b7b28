"""Indicators by a short text, as lines upon the price or panes below it."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd

from workbench.errors import UsageError
from workbench.indicators import catalog, talib_specs
from workbench.plots.panes import Line, Pane

__all__ = ["CHOICES", "Layers", "layers"]

_ON_PRICE_GROUPS = frozenset({"Overlap Studies", "Price Transform"})
_ON_PRICE = frozenset({"ichimoku", "keltner", "vwap_rolling", "vwap_session"})
_LEVELS: dict[str, tuple[float, ...]] = {
    "rsi": (30.0, 70.0),
    "mfi": (20.0, 80.0),
    "stoch": (20.0, 80.0),
    "stochf": (20.0, 80.0),
    "stochrsi": (20.0, 80.0),
    "willr": (-80.0, -20.0),
    "cci": (-100.0, 100.0),
    "adx": (25.0,),
    "zscore": (-2.0, 2.0),
    "macd": (0.0,),
}

# what a person looks for first; every other indicator can be named as well
CHOICES = (
    "sma 20",
    "sma 50",
    "sma 200",
    "ema 20",
    "ema 50",
    "bbands 20",
    "keltner",
    "ichimoku",
    "supertrend",
    "sar",
    "rsi 14",
    "macd",
    "stoch",
    "atr 14",
    "adx 14",
    "cci 20",
    "mfi 14",
    "obv",
    "zscore 20",
    "roc 10",
)


@dataclass
class Layers:
    """What is drawn upon the price, and the panes below it."""

    overlays: dict[str, Line | pd.Series | pd.DataFrame] = field(default_factory=dict)
    panes: list[Pane] = field(default_factory=list)


def layers(bars: pd.DataFrame, wanted: list[str]) -> Layers:
    """Compute indicators over the bars of one symbol.

    Parameters
    ----------
    bars : DataFrame
    wanted : list of str
        ``"sma 20"``, ``"macd 12 26 9"`` or a name alone for its defaults.

    Raises
    ------
    UsageError
        No such indicator, or a parameter out of range.

    Examples
    --------
    >>> import workbench as wb
    >>> found = layers(wb.bars("AAPL", start="2012"), ["sma 20", "rsi 14"])
    >>> list(found.overlays), [pane.name for pane in found.panes]
    (['SMA 20'], ['RSI 14'])
    """
    made = Layers()
    for text in wanted:
        name, numbers = _read(text)
        values = catalog.function(name)(bars, *numbers)
        label = " ".join([name.upper(), *(f"{number:g}" for number in numbers)])
        if isinstance(values, pd.DataFrame):
            values = values.rename(columns=_short)
        if name in _ON_PRICE or _group(name) in _ON_PRICE_GROUPS:
            made.overlays[label] = values
        else:
            made.panes.append(_pane(name, label, values))
    return made


def _pane(name: str, label: str, values: pd.Series | pd.DataFrame) -> Pane:
    if isinstance(values, pd.DataFrame):
        lines = {f"{label} {column}": Line(values[column]) for column in values}
    else:
        lines = {label: Line(values)}
    return Pane(label, lines, levels=_LEVELS.get(name, ()), height=104)


def _short(column: str) -> str:
    return str(column).removesuffix("band")


def _read(text: str) -> tuple[str, list[float]]:
    name, *rest = text.split()
    try:
        numbers = [int(part) if part.isdigit() else float(part) for part in rest]
    except ValueError:
        raise UsageError(
            f"write an indicator as 'sma 20': a name, then numbers; not {text!r}"
        ) from None
    return name.lower(), list(numbers)


def _group(name: str) -> str:
    return talib_specs.spec(name).group if name in talib_specs.names() else ""
