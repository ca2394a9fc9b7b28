"""Several strategies side by side on one account, each with its share of the capital."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench.core.ids import order_key
from workbench.data import schema
from workbench.errors import UsageError, nearest
from workbench.strategy import registry
from workbench.strategy.base import Strategy
from workbench.strategy.evaluate import evaluate
from workbench.strategy.parameters import Param, param, specs

__all__ = ["Named", "Sleeves", "gather", "in_force", "owner", "spread", "swept"]

WHOLE = "whole_volume"
"""The field in which bars that were spread keep the volume of the bar, all shares together."""

_NEAR = 1e-9
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Named(Mapping[str, Any]):
    """Values by name that do not change, and so can be hashed.

    Examples
    --------
    >>> Named({"a": 1}), hash(Named(a=1)) == hash(Named({"a": 1}))
    ({'a': 1}, True)
    """

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, Any] | None = None, **more: Any) -> None:
        self._values = {**(values or {}), **more}

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __eq__(self, other: object) -> bool:
        # the order counts: it is that of the columns, and so of the fills
        return isinstance(other, Named) and [*self.items()] == [*other.items()]

    def __hash__(self) -> int:
        return hash(tuple(self.items()))

    def __repr__(self) -> str:
        return repr(self._values)

    def __reduce__(self) -> tuple[Any, ...]:
        return Named, (self._values,)


class Sleeves(Strategy):
    """Run several strategies on one account, each with a share of its capital.

    ``wb.backtest`` and ``wb.replay`` give each strategy books of its own: a column per strategy
    and symbol (``trend/AAPL``), orders of its own, a share of each bar's volume. The targets of
    a strategy are fractions of its share of *all* equity: capital is shared, what one earns the
    others trade with as well, and weights move back only where orders are made. With
    ``net=True`` the targets are added up instead, and there is one order per symbol. Either way
    ``result.by_strategy`` tells what each of them did. The rules are in docs/fills.md, 6c.

    Parameters
    ----------
    strategies : mapping of str to Strategy
        On bars; the names are identifiers, such as ``trend``. The first goes first where
        orders of one bar compete for cash.
    shares : mapping of str to float, optional
        Above 0 and 1 together; the same for all by default.
    net : bool
        Whether to trade the sum of the targets. A strategy without an opinion on a bar (NaN)
        then stands by its last one; before its first one it counts as flat.

    Raises
    ------
    UsageError
        No strategies, a name that is none, something else than strategies on bars, or shares
        that do not fit.

    Examples
    --------
    >>> import workbench as wb
    >>> both = Sleeves(
    ...     strategies={"trend": wb.strategies.SmaCross(), "dip": wb.strategies.RsiReversion()},
    ...     shares={"trend": 0.6, "dip": 0.4},
    ... )
    >>> result = wb.backtest(both, wb.bars("IBM", start="2010"), record=False)
    >>> result.symbols
    ('trend/IBM', 'dip/IBM')
    >>> bool(abs(result.by_strategy.equity.sum(axis=1) - result.equity).max() < 1e-6)
    True
    """

    strategies: Mapping[str, Any] = param(Named(), doc="Strategies by name.")
    shares: Mapping[str, Any] = param(Named(), doc="Their shares of the capital.")
    net: bool = param(False, doc="Whether to trade the sum of the targets.")

    @classmethod
    def _taken(cls, parameters: dict[str, Any]) -> dict[str, Any]:
        strategies = _strategies(parameters.get("strategies"))
        shares = _shares(parameters.get("shares"), strategies)
        return {**parameters, "strategies": strategies, "shares": shares}

    @property
    def members(self) -> tuple[Strategy, ...]:
        """The strategies, in order."""
        return tuple(self.strategies.values())

    @property
    def warmup(self) -> int:
        """The longest of theirs."""
        return max(strategy.warmup for strategy in self.members)

    def replace(self, **parameters: Any) -> Self:
        """Return a copy with some parameters changed; ``trend.fast`` is one of a strategy's own.

        Examples
        --------
        >>> from workbench.strategy.library import SmaCross
        >>> Sleeves(strategies={"trend": SmaCross()}).replace(**{"trend.fast": 5}).members
        (SmaCross(fast=5, slow=50),)
        """
        members = dict(_strategies(parameters.pop("strategies", self.strategies)))
        for name in list(parameters):
            owner, _, own = name.partition(".")
            if own and owner in members:
                members[owner] = members[owner].replace(**{own: parameters.pop(name)})
        return super().replace(strategies=members, **parameters)

    def wanted(self, bars: pd.DataFrame) -> NDArray[np.float64]:
        """Return what each wants of the whole equity, its share times its targets.

        Parameters
        ----------
        bars : DataFrame
            Of a column per symbol.

        Returns
        -------
        ndarray, shape (strategies, T, N)
        """
        pairs = zip(self.members, self.shares.values(), strict=True)
        return np.stack([share * evaluate(strategy, bars) for strategy, share in pairs])

    def targets(self, bars: pd.DataFrame) -> pd.Series | pd.DataFrame:
        """Return the sum of what they want; on bars that were spread, each in its columns."""
        if _is_spread(bars):
            prefixes = [symbol.partition("/")[0] for symbol in bars["close"].columns]
            if list(dict.fromkeys(prefixes)) != list(self.strategies):
                raise UsageError(
                    f"these bars were spread over {', '.join(dict.fromkeys(prefixes))}, the "
                    f"strategies are {', '.join(self.strategies)}"
                )
            values = np.concatenate(list(self.wanted(gather(bars))), axis=1)
        else:
            values = _summed(self.wanted(bars))
        if bars.columns.nlevels == 1:
            return pd.Series(values[:, 0], index=bars.index)
        return pd.DataFrame(values, index=bars.index, columns=bars["close"].columns)


def swept(strategy: Any) -> dict[str, Param]:
    """Return what can be swept: parameters, and those of each of `Sleeves` as ``trend.fast``.

    Examples
    --------
    >>> from workbench.strategy.library import SmaCross
    >>> list(swept(Sleeves(strategies={"trend": SmaCross()})))
    ['strategies', 'shares', 'net', 'trend.fast', 'trend.slow']
    """
    found = dict(specs(strategy))
    if isinstance(strategy, Sleeves):
        for owner, one in strategy.strategies.items():
            found |= {
                f"{owner}.{n}": replace(p, name=f"{owner}.{n}") for n, p in specs(one).items()
            }
    return found


def spread(strategy: Any, bars: pd.DataFrame) -> pd.DataFrame:
    """Return the bars a strategy is traded on: for sleeves that are not netted, spread.

    Each strategy gets a column of every field and symbol, and its share of the volume, so that
    together they never take more of a bar than one may. What was spread before is spread anew.

    Examples
    --------
    >>> import workbench as wb
    >>> one = Sleeves(strategies={"a": wb.strategies.SmaCross()})
    >>> list(spread(one, wb.bars("IBM", start="2012"))["close"])
    ['a/IBM']
    """
    if not isinstance(strategy, Sleeves) or strategy.net:
        return bars
    bars = gather(schema.check_bars(bars))
    symbols = schema.describe(bars).symbols
    keys: list[Any] = list(bars.columns)
    if bars.columns.nlevels == 1:
        keys = [(field, symbols[0]) for field in keys]
    parts = []
    for name, share in strategy.shares.items():
        part = bars.set_axis(
            pd.MultiIndex.from_tuples(
                [(field, f"{name}/{symbol}") for field, symbol in keys], names=["field", "symbol"]
            ),
            axis=1,
        )
        whole = part[["volume"]]
        parts += [
            part.drop(columns="volume", level=0),
            whole * share,
            whole.rename(columns={"volume": WHOLE}, level=0),
        ]
    found = pd.concat(parts, axis=1)
    _check_keys(list(dict.fromkeys(found.columns.get_level_values(1))))
    found.attrs = {key: value for key, value in bars.attrs.items() if key != "symbol"}
    if bars.columns.nlevels == 1:
        found.attrs["symbol"] = symbols[0]  # tells `gather` that there was one column level
    return schema.check_bars(found)


def gather(bars: pd.DataFrame) -> pd.DataFrame:
    """Return bars as they were before they were `spread`; others are returned as they are.

    Examples
    --------
    >>> import workbench as wb
    >>> bars = wb.bars("IBM", start="2012")
    >>> one = Sleeves(strategies={"a": wb.strategies.SmaCross()})
    >>> gather(spread(one, bars)).equals(bars)
    True
    """
    if not _is_spread(bars):
        return bars
    keys: list[Any] = list(bars.columns)
    first = keys[0][1].partition("/")[0]
    places = {key: place for place, key in enumerate(keys)}
    kept, names = [], []
    for field, column in keys:
        name, _, symbol = column.partition("/")
        if name == first and field != WHOLE:
            kept.append(places[WHOLE if field == "volume" else field, column])
            names.append((field, symbol))
    found = bars.iloc[:, kept]
    if "symbol" in bars.attrs:
        return found.set_axis([field for field, _ in names], axis=1)
    return found.set_axis(pd.MultiIndex.from_tuples(names, names=["field", "symbol"]), axis=1)


def owner(strategy: Any, symbol: str) -> str:
    """Return the name of whoever an order of a symbol belongs to.

    Examples
    --------
    >>> from workbench.strategy.library import SmaCross
    >>> owner(Sleeves(strategies={"a": SmaCross()}), "a/IBM"), owner(SmaCross(), "BTC/USD")
    ('a', 'SmaCross')
    """
    if isinstance(strategy, Sleeves) and not strategy.net:
        return symbol.partition("/")[0]
    return str(strategy.name)


def in_force(wanted: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return targets with the last known one in the place of NaN, 0 before the first.

    Parameters
    ----------
    wanted : ndarray, shape (strategies, T, N)

    Examples
    --------
    >>> in_force(np.array([[[np.nan], [1.0], [np.nan]]])).ravel().tolist()
    [0.0, 1.0, 1.0]
    """
    rows = np.where(np.isnan(wanted), -1, np.arange(wanted.shape[1])[:, None])
    latest = np.maximum.accumulate(rows, axis=1)
    found = np.take_along_axis(wanted, np.maximum(latest, 0), axis=1)
    return np.where(latest < 0, 0.0, found)


def _summed(wanted: NDArray[np.float64]) -> NDArray[np.float64]:
    held = in_force(wanted)
    total = held[0]
    for other in held[1:]:
        total = total + other
    return np.where(np.isnan(wanted).all(axis=0), np.nan, total)


def _is_spread(bars: pd.DataFrame) -> bool:
    return bars.columns.nlevels == 2 and WHOLE in bars.columns.get_level_values(0)


def _strategies(given: Any) -> Named:
    if not isinstance(given, Mapping) or not given:
        raise UsageError(
            "Sleeves needs strategies by name: wb.Sleeves(strategies={'trend': "
            "wb.strategies.SmaCross(), 'dip': wb.strategies.RsiReversion()})",
            strategy="Sleeves",
        )
    found = {}
    for name, told in given.items():
        if not isinstance(name, str) or not name.isidentifier():
            raise UsageError(
                f"Sleeves: a strategy's name is an identifier such as 'trend', not {name!r}",
                strategy="Sleeves",
            )
        strategy = _made(told)
        if not isinstance(strategy, Strategy) or isinstance(strategy, Sleeves):
            raise UsageError(
                f"Sleeves: {name} must be an object derived from wb.Strategy, such as "
                f"wb.strategies.SmaCross(), not {strategy!r}",
                strategy="Sleeves",
            )
        found[name] = strategy
    return Named(found)


def _made(told: Any) -> Any:
    """Return an object told by name and parameters, as a manifest has it; others as they are."""
    if isinstance(told, Mapping) and isinstance(told.get("strategy"), str):
        return registry.find(told["strategy"])(**dict(told.get("params", {})))
    return told


def _shares(given: Any, strategies: Named) -> Named:
    if given is None or (isinstance(given, Mapping) and not given):
        return Named({name: 1.0 / len(strategies) for name in strategies})
    if not isinstance(given, Mapping):
        raise UsageError(f"Sleeves: shares are numbers by name, not {given!r}", strategy="Sleeves")
    for name in given:
        if name not in strategies:
            raise UsageError(
                f"Sleeves: a share for {name!r}, which is none of the strategies"
                f"{nearest(str(name), strategies)}",
                strategy="Sleeves",
            )
    for name in strategies:
        share = given.get(name)
        is_number = isinstance(share, int | float | np.number) and not isinstance(share, bool)
        if share is None or not is_number or not 0.0 < share <= 1.0:
            raise UsageError(
                f"Sleeves: the share of {name} must be above 0 and at most 1, not {share!r}",
                strategy="Sleeves",
            )
    if abs(sum(given.values()) - 1.0) > _NEAR:
        raise UsageError(
            f"Sleeves: the shares are {sum(given.values()):.10g} together, not 1; for cash on the "
            "side see wb.Sizing(cash_buffer=...), for more than all of it leverage=...",
            strategy="Sleeves",
        )
    return Named({name: float(given[name]) for name in strategies})


def _check_keys(symbols: list[str]) -> None:
    """Hold the columns to names that orders can be told apart by."""
    known: dict[str, str] = {}
    for symbol in symbols:
        key = order_key(_EPOCH, symbol)
        if key in known:
            raise UsageError(
                f"orders of {known[key]} and {symbol} would have the same name; give the "
                "strategies of Sleeves other names",
                symbols=(known[key], symbol),
            )
        known[key] = symbol
