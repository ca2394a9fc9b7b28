# mypy: allow-untyped-calls
"""What the Lab page arranges: controls from parameters, pictures of results, sweeps in slices."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from threading import Event
from typing import Any

import numpy as np
import pandas as pd
from panel_material_ui.widgets import (
    Checkbox,
    FloatSlider,
    IntInput,
    IntSlider,
    Select,
    TextInput,
)

from workbench import indicators as ta
from workbench.backtest.result import Result
from workbench.errors import UsageError
from workbench.plots.panes import Line, Pane, drawdown_pane, equity_pane
from workbench.plots.result import buy_and_hold
from workbench.research.sweep import sweep
from workbench.research.sweep_result import Sweep
from workbench.strategy.base import BaseStrategy, Strategy
from workbench.strategy.parameters import Param, specs

__all__ = ["Picture", "axis_values", "control", "picture", "slices", "usual_symbols"]

_WIDE: dict[str, Any] = {"sizing_mode": "stretch_width", "margin": (4, 10)}
_USUAL = {"Pairs": ["MSFT", "IBM"], "Momentum": ["AAPL", "GOOG", "IBM", "MSFT"]}


@dataclass
class Picture:
    """What a chart is given: `workbench.plots.market.MarketChart` takes them in this order."""

    bars: pd.DataFrame
    overlays: dict[str, Any]
    panes: list[Pane]
    fills: pd.DataFrame


def usual_symbols(strategy: str) -> list[str]:
    """Return the symbols a strategy is first shown with."""
    return list(_USUAL.get(strategy, ["GOOG"]))


def control(spec: Param, value: Any = None) -> Any:
    """Return the widget that fits a parameter: a slider where it has limits.

    Parameters
    ----------
    spec : Param
    value
        To begin with; the default where it is left out or not allowed.
    """
    try:
        start = spec.default if value is None else spec.check(value, "the page's address")
    except UsageError:
        start = spec.default
    label = spec.name.replace("_", " ").capitalize()
    told = {"label": label, "description": spec.doc, **_WIDE}
    if spec.choices is not None:
        return Select(options=list(spec.choices), value=start, **told)
    if spec.type is bool:
        return Checkbox(value=start, **told)
    if spec.low is not None and spec.high is not None and spec.type in (int, float):
        return _slider(spec, start, told)
    if spec.type is int:
        return IntInput(value=start, start=spec.low, end=spec.high, **told)
    return TextInput(value=str(start), **told)


def picture(strategy: BaseStrategy, result: Result) -> Picture:
    """Return price, the strategy's own lines, fills, equity and drawdown of a result.

    Of several symbols the first is drawn, and a pane shows the weights of all.
    """
    bars, fills = result.bars, result.fills
    worth = equity_pane(result.equity, buy_and_hold(bars, result.cash), height=140)
    panes = [worth, drawdown_pane(result.drawdown)]
    if bars.columns.nlevels > 1:
        panes.insert(0, _weights(result))
        symbol = result.symbols[0]
        single: Any = bars.xs(symbol, axis=1, level=1)
        single.attrs = {**bars.attrs, "symbol": symbol}
        return Picture(single, {}, panes, fills[fills["symbol"] == symbol])
    overlays, own = _own_lines(strategy, bars)
    return Picture(bars, overlays, [*own, *panes], fills)


def axis_values(spec: Param, count: int) -> list[Any]:
    """Return about `count` values of a parameter, spread over its limits.

    Raises
    ------
    UsageError
        The parameter has no limits.

    Examples
    --------
    >>> axis_values(Param("fast", int, 10, 2, 100), 5)
    [2, 26, 51, 76, 100]
    """
    if spec.choices is not None:
        return list(spec.choices)
    if spec.low is None or spec.high is None:
        raise UsageError(f"{spec.name} has no limits: give it low and high to sweep it")
    values = np.linspace(spec.low, spec.high, count)
    if spec.type is int:
        return sorted({round(float(value)) for value in values})
    return [round(float(value), 6) for value in values]


def slices(
    strategy: Strategy,
    bars: pd.DataFrame,
    axes: dict[str, list[Any]],
    stop: Event,
    **choices: Any,
) -> Iterator[tuple[float, Sweep]]:
    """Sweep slice by slice along the first axis, so that there is progress and an end.

    Yields
    ------
    float, Sweep
        The part that is done, and the slice. One of which no point succeeds is left out.

    Raises
    ------
    UsageError
        No point of any slice succeeds.
    """
    choices |= {"progress": False, "checkpoint": False, "constraint": _constraint(strategy)}
    found: Sweep | None = None
    refused: UsageError | None = None
    (name, values), *rest = axes.items()
    for number, value in enumerate(values, 1):
        if stop.is_set():
            return
        grid: dict[str, Any] = {name: [value], **dict(rest), **choices}
        try:
            found = sweep(strategy, bars, **grid)
        except UsageError as error:
            refused = error
        else:
            yield number / len(values), found
    if found is None and refused is not None:
        raise refused


def _constraint(strategy: Strategy) -> Callable[[dict[str, Any]], bool] | None:
    """Leave out fast averages that are the slower ones: that is another strategy."""
    if {"fast", "slow"} <= specs(strategy).keys():
        return lambda point: bool(point["fast"] < point["slow"])
    return None


def _slider(spec: Param, start: Any, told: dict[str, Any]) -> Any:
    low, high = spec.low, spec.high
    if spec.type is int:
        return IntSlider(start=int(low or 0), end=int(high or 0), step=int(spec.step or 1),
                         value=start, **told)  # fmt: skip
    step = spec.step or float(f"{(float(high or 0) - float(low or 0)) / 200:.1g}")
    return FloatSlider(start=low, end=high, step=step, value=start, **told)


def _weights(result: Result) -> Pane:
    close = result.bars["close"].ffill()
    weights = (result.positions * close).div(result.equity, axis=0).fillna(0.0)
    lines = {str(name): Line(weights[name], width=1.2) for name in weights.columns}
    return Pane("Weights", lines, unit="%", height=110)


def _own_lines(strategy: BaseStrategy, bars: pd.DataFrame) -> tuple[dict[str, Any], list[Pane]]:
    """Return the lines a worked example decides by; labels stay when a parameter moves."""
    params, close = strategy.params, bars["close"]
    if strategy.name == "SmaCross":
        return {
            "Fast": Line(ta.sma(close, params["fast"])),
            "Slow": Line(ta.sma(close, params["slow"])),
        }, []
    if strategy.name == "DonchianBreakout":
        upper = ta.donchian(bars, params["entry"])["upperband"].shift(1)
        lower = ta.donchian(bars, params["exit"])["lowerband"].shift(1)
        return {"Entry": Line(upper), "Exit": Line(lower)}, []
    if strategy.name == "RsiReversion":
        rsi = ta.rsi(close, params["window"])
        return {}, [Pane("RSI", {"RSI": Line(rsi)}, levels=(30.0, 70.0), height=92)]
    return {}, []
