"""A result as a vectorbt portfolio, for its plots and its second opinion.

vectorbt carries the Commons Clause: it is a bridge, imported only here and only when it
is asked for.
"""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.errors import UsageError

if TYPE_CHECKING:
    from workbench.backtest.result import Result

__all__ = ["portfolio"]


def portfolio(result: Result) -> Any:
    """Return a ``vbt.Portfolio`` that repeats the recorded fills.

    Each fill becomes an order of its size, price and fee; symbols share the cash. Several
    fills of one symbol in one bar, of which vectorbt can place but one, become one of their
    sum at their average price. Equity at the closes is that of the result.

    Raises
    ------
    UsageError
        vectorbt is not installed; or the run has interest, dividends or splits, which it does
        not know; or fills of one bar cancel each other (a position opened and stopped out within
        it), which vectorbt's one order per bar cannot repeat.
    """
    vbt = _vectorbt()
    if len(result.carry):
        raise UsageError(
            "vectorbt knows neither splits and dividends nor interest and funding; the fills of "
            "this run alone would not give its equity"
        )
    index, symbols = result.index, list(result.symbols)
    shape = (len(index), len(symbols))
    net, gross, paid, fees = (np.zeros(shape) for _ in range(4))
    fills = result.fills
    rows = index.get_indexer(pd.DatetimeIndex(fills["time"]))
    columns = pd.Index(symbols).get_indexer(pd.Index(fills["symbol"]))
    quantity = fills["quantity"].to_numpy("float64")
    signed = np.where(fills["side"] == "buy", quantity, -quantity)
    np.add.at(net, (rows, columns), signed)
    np.add.at(gross, (rows, columns), quantity)
    np.add.at(paid, (rows, columns), signed * fills["price"].to_numpy("float64"))
    np.add.at(fees, (rows, columns), fills["fee"].to_numpy("float64"))
    mixed = (gross > 0) & (np.abs(net) < gross * (1 - 1e-12))
    if mixed.any():
        row, column = map(int, np.argwhere(mixed)[0])
        raise UsageError(
            f"{symbols[column]} was both bought and sold in the bar of {index[row]}; vectorbt "
            "places one order per bar and cannot repeat that",
            symbol=symbols[column],
            time=index[row],
        )
    with np.errstate(invalid="ignore", divide="ignore"):
        price = np.where(net != 0, paid / net, np.nan)
    close = result.bars["close"]
    frame = close.to_frame() if isinstance(close, pd.Series) else close.copy()
    frame.columns = pd.Index(symbols, name="symbol")
    several = len(symbols) > 1
    return vbt.Portfolio.from_orders(
        frame.ffill() if several else frame.ffill().iloc[:, 0].rename(symbols[0]),
        size=_like(np.where(net != 0, net, np.nan), several),
        price=_like(price, several),
        fixed_fees=_like(fees, several),
        init_cash=result.cash,
        freq=_frequency(index),
        cash_sharing=several,
        group_by=True if several else None,
        call_seq="auto" if several else "default",
    )


def _like(values: np.ndarray, several: bool) -> np.ndarray:
    return values if several else values[:, 0]


def _frequency(index: pd.DatetimeIndex) -> pd.Timedelta:
    steps = np.diff(index.as_unit("ns").asi8)
    values, counts = np.unique(steps, return_counts=True)
    return pd.Timedelta(int(values[np.argmax(counts)]), unit="ns")


def _vectorbt() -> ModuleType:
    try:
        import vectorbt
    except ImportError as error:
        raise UsageError(
            "to_vectorbt needs vectorbt, which is not installed: "
            "pip install 'trading-workbench[vectorbt]'",
            extra="vectorbt",
        ) from error
    found: ModuleType = vectorbt
    return found
