"""What a morning's report tells, as frames and sentences: movers, positions, results, risk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from workbench.errors import DataError, UsageError
from workbench.strategy.registry import find

__all__ = ["Review", "review"]

_SPANS = {"1 day": 1, "5 days": 5, "21 days": 21}


@dataclass(frozen=True)
class Review:
    """The numbers of one morning.

    Each symbol is traded by itself, with an equal part of the cash, and none of the runs counts
    as a trial: this watches a strategy, it does not search for one.

    Parameters
    ----------
    bars : pandas.DataFrame
        Of all symbols, up to the morning.
    results : mapping of str to Result
        By symbol.
    """

    bars: pd.DataFrame
    results: Mapping[str, Any]

    @property
    def symbols(self) -> list[str]:
        """In the order they were asked for."""
        return list(self.results)

    @property
    def last(self) -> pd.Timestamp:
        """The label of the last bar."""
        return pd.Timestamp(self.bars.index[-1])

    @property
    def equity(self) -> pd.Series:
        """Of all symbols together."""
        curves = {name: result.equity for name, result in self.results.items()}
        return pd.DataFrame(curves).ffill().bfill().sum(axis=1)

    @property
    def returns(self) -> pd.Series:
        """Of all symbols together, per bar."""
        return self.equity.pct_change().fillna(0.0)

    @property
    def held(self) -> pd.Series:
        """The same cash, in equal parts bought at the first bar and held."""
        from workbench.plots.result import buy_and_hold

        return buy_and_hold(self.bars, sum(r.cash for r in self.results.values()))

    def movers(self) -> pd.DataFrame:
        """Return the last bar of each symbol, the largest move first.

        Returns
        -------
        pandas.DataFrame
            ``close``; ``1 day``, ``5 days``, ``21 days`` (fractions); ``sigmas``, the last move
            in standard deviations of the 63 before; ``volume ratio`` to its mean of 21;
            ``below high``, the distance from the highest close of 252.
        """
        close, volume = self._each("close"), self._each("volume")
        change = close.pct_change(fill_method=None)
        known = close.ffill()
        table = pd.DataFrame({"close": known.iloc[-1]})
        for name, span in _SPANS.items():
            table[name] = known.iloc[-1] / known.shift(span).iloc[-1] - 1
        table["sigmas"] = change.iloc[-1] / change.iloc[-64:-1].std(ddof=1)
        table["volume ratio"] = volume.iloc[-1] / volume.iloc[-22:-1].mean()
        table["below high"] = known.iloc[-1] / known.iloc[-252:].max() - 1
        return table.sort_values("1 day", key=lambda moves: moves.abs(), ascending=False)

    def state(self) -> pd.DataFrame:
        """Return what each symbol holds, what it wants next, and its last fill.

        Returns
        -------
        pandas.DataFrame
            ``position`` (units), ``value`` (money), ``open since``, ``open profit`` (money),
            ``target`` (fraction of its equity), ``next`` (what will be traded at the next open),
            ``last fill``.
        """
        rows = {}
        for symbol, result in self.results.items():
            units = float(result.positions.iloc[-1, 0])
            price = float(result.bars["close"].ffill().iloc[-1])
            wanted = result.targets.iloc[:, 0].ffill().fillna(0.0)
            opened, fills = result.open_round_trips, result.fills
            rows[symbol] = {
                "position": units,
                "value": units * price,
                "open since": opened["entry_time"].iloc[-1] if len(opened) else pd.NaT,
                "open profit": float(opened["pnl"].sum()) if len(opened) else 0.0,
                "target": float(wanted.iloc[-1]),
                "next": _next(wanted),
                "last fill": _told(fills.iloc[-1]) if len(fills) else "none yet",
            }
        return pd.DataFrame.from_dict(rows, orient="index")

    def performance(self) -> pd.DataFrame:
        """Return growth over the usual spans, of the strategy and of buy and hold.

        Returns
        -------
        pandas.DataFrame
            Rows ``last day``, ``month to date``, ``last month``, ``year to date``, ``12 months``
            and ``since start``; columns ``strategy``, ``buy & hold``, ``difference``.
            A span that begins before the data is NaN.
        """
        curves = {"strategy": self.equity, "buy & hold": self.held}
        table = pd.DataFrame({name: _spans(curve) for name, curve in curves.items()})
        table["difference"] = table["strategy"] - table["buy & hold"]
        return table

    def risk(self) -> dict[str, float]:
        """Return the risk of what is held now, and of the curve so far.

        Returns
        -------
        dict of str to float
            ``gross exposure`` (fraction of equity), ``volatility`` of the last 21 bars a year,
            ``value at risk`` (money: the 5 % quantile of what the present positions would have
            returned in the last 252 bars), ``drawdown`` now, ``worst day`` of the last 252 bars,
            ``correlation`` (mean of the symbols' pairs over 63 bars; NaN for one symbol).
        """
        equity, returns = self.equity, self.returns
        per_year = next(iter(self.results.values())).periods_per_year
        moves = self._each("close").ffill().pct_change(fill_method=None)
        values = self.state()["value"]
        simulated = (moves.iloc[-252:].fillna(0.0) * values).sum(axis=1)
        corr = moves.iloc[-63:].corr().to_numpy()
        pairs = corr[np.triu_indices_from(corr, k=1)]
        return {
            "gross exposure": float(values.abs().sum() / equity.iloc[-1]),
            "volatility": float(returns.iloc[-21:].std(ddof=1) * np.sqrt(per_year)),
            "value at risk": max(0.0, -float(simulated.quantile(0.05))),
            "drawdown": float(equity.iloc[-1] / equity.max() - 1),
            "worst day": float(returns.iloc[-252:].min()),
            "correlation": float(pairs.mean()) if len(pairs) else float("nan"),
        }

    def notes(self, grave: Sequence[str] = ()) -> list[str]:
        """Return what deserves a look this morning, the urgent first.

        Parameters
        ----------
        grave : sequence of str
            Findings on the data, which come before everything else.
        """
        found = [f"Data: {text}" for text in grave]
        state, movers, risk = self.state(), self.movers(), self.risk()
        found += [f"{symbol}: {text}" for symbol, text in state["next"].items() if text != "keep"]
        for symbol, row in movers.iterrows():
            if abs(row["sigmas"]) >= 2.5:
                found.append(f"{symbol} moved {row['1 day']:+.1%}, {row['sigmas']:+.1f} sigmas")
            if row["volume ratio"] >= 2:
                found.append(f"{symbol} traded {row['volume ratio']:.1f} times its usual volume")
        if risk["drawdown"] <= -0.1:
            found.append(f"The account is {-risk['drawdown']:.1%} below its highest value")
        if risk["correlation"] >= 0.7:
            found.append(f"The symbols move together: mean correlation {risk['correlation']:.2f}")
        return found or ["Nothing out of the ordinary."]

    def _each(self, field: str) -> pd.DataFrame:
        values = self.bars[field]
        return values.to_frame(self.symbols[0]) if isinstance(values, pd.Series) else values


def review(
    bars: pd.DataFrame,
    strategy: str,
    params: Mapping[str, Any] | None = None,
    *,
    as_of: str | None = None,
    cash: float = 100_000.0,
) -> Review:
    """Run a strategy over each symbol up to a day, for a report about it.

    Parameters
    ----------
    bars : pandas.DataFrame
        Several symbols, see ``wb.bars([...])``.
    strategy : str
        Its name, as the registry knows it.
    params : mapping, optional
        Its parameters.
    as_of : str, optional
        The last day that is known; all bars by default.
    cash : float
        In equal parts for the symbols.

    Raises
    ------
    UsageError
        No such strategy or parameter, or `as_of` is no date.
    DataError
        Fewer than 2 bars up to that day.

    Examples
    --------
    >>> import workbench as wb
    >>> morning = review(wb.bars(["AAPL", "IBM"]), "SmaCross", as_of="2012-06-29")
    >>> str(morning.last.date()), list(morning.performance().columns)
    ('2012-06-29', ['strategy', 'buy & hold', 'difference'])
    """
    from workbench.backtest.engine import backtest

    attrs = dict(bars.attrs)
    known = bars if as_of is None else bars.loc[: _end_of(as_of)]
    if len(known) < 2:
        raise DataError(f"there are {len(known)} bars up to {as_of or 'the end'}; 2 are needed")
    chosen: Any = find(strategy)(**dict(params or {}))
    many = known.columns.nlevels > 1
    symbols = list(known["close"].columns) if many else [str(attrs.get("symbol", "asset"))]
    results = {}
    for symbol in symbols:
        single: Any = known.xs(symbol, axis=1, level=1) if many else known
        single = single.dropna(how="all")
        single.attrs = {**attrs, "symbol": symbol}
        results[symbol] = backtest(chosen, single, cash=cash / len(symbols), record=False)
    known.attrs = attrs
    return Review(known, results)


def _end_of(day: str) -> pd.Timestamp:
    try:
        instant = pd.Timestamp(day)
    except ValueError:
        raise UsageError(f"as_of is no date: {day!r}; write e.g. '2012-06-29'") from None
    instant = instant.tz_localize("UTC") if instant.tz is None else instant.tz_convert("UTC")
    whole = instant == instant.normalize()
    return instant + pd.Timedelta(days=1) - pd.Timedelta(1, "ns") if whole else instant


def _spans(curve: pd.Series) -> pd.Series:
    last, instant = curve.index[-1], pd.Timedelta(1, "ns")
    month = last.normalize().replace(day=1)
    starts = {
        "last day": curve.index[-2],
        "month to date": month - instant,
        "last month": month - pd.DateOffset(months=1) - instant,
        "year to date": month.replace(month=1) - instant,
        "12 months": last - pd.DateOffset(years=1),
        "since start": curve.index[0],
    }
    found = {}
    for name, start in starts.items():
        end = month - instant if name == "last month" else last
        before = curve.loc[:start]
        found[name] = curve.loc[:end].iloc[-1] / before.iloc[-1] - 1 if len(before) else np.nan
    return pd.Series(found)


def _next(wanted: pd.Series) -> str:
    now, before = float(wanted.iloc[-1]), float(wanted.iloc[-2])
    if now == before:
        return "keep"
    if now == 0:
        return "close at the next open"
    return f"{'raise' if now > before else 'lower'} to {now:.0%} at the next open"


def _told(fill: Any) -> str:
    return (
        f"{fill['side']} {fill['quantity']:,.2f} at {fill['price']:,.2f} on {fill['time']:%d %b %Y}"
    )
