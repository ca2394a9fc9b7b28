"""What pictures share in which a colour is a statistic of a sweep's points."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from bokeh.models import BasicTicker, NumeralTickFormatter
from bokeh.models.annotations import ColorBar

from workbench.errors import DataError, UsageError, nearest
from workbench.plots.theme import FONT, Theme
from workbench.plots.units import FRACTIONS

__all__ = ["LESS_IS_BEST", "check_columns", "colour_bar", "number_format"]

LESS_IS_BEST = frozenset(
    {"volatility", "max_drawdown_bars", "recovery_bars", "turnover", "fees", "slippage"}
)
"""The statistics of which the least is the best."""


def check_columns(stats: pd.DataFrame, x: str, y: str, value: str) -> None:
    """Raise where a column is missing, or the statistic has not one finite number.

    Raises
    ------
    UsageError
        No such column; the nearest is offered.
    DataError
        Nothing to colour.
    """
    for name in (x, y, value):
        if name not in stats.columns:
            raise UsageError(
                f"the sweep has no {name!r}{nearest(name, map(str, stats.columns))}; "
                f"it has {', '.join(map(str, stats.columns))}",
                column=name,
            )
    if not np.isfinite(stats[value].to_numpy(np.float64)).any():
        raise DataError(f"{value!r} has not one finite number", column=value)


def number_format(value: str) -> str:
    """Return Bokeh's format of a statistic.

    Examples
    --------
    >>> number_format("cagr"), number_format("sharpe")
    ('0.0%', '0,0.00')
    """
    return "0.0%" if value in FRACTIONS else "0,0.00"


def colour_bar(mapper: Any, value: str, look: Theme) -> ColorBar:
    """Return the bar that tells which colour is which number."""
    return ColorBar(
        color_mapper=mapper, width=10, padding=8, bar_line_color=None, title=None,
        formatter=NumeralTickFormatter(format=number_format(value)),
        ticker=BasicTicker(desired_num_ticks=6), background_fill_color=look.surface,
        major_label_text_color=look.muted, major_label_text_font=FONT,
        major_label_text_font_size="11px", major_tick_line_color=None,
    )  # fmt: skip
