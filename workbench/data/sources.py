"""The bar sources by name; a source's module is imported when it is chosen.

Beside what `workbench.core.ports.BarSource` asks, a source may state:

``is_stored``
    Whether its bars go through the catalog (yes, unless it says False: files are their
    own store, and invented bars are made again as fast as they are read).
``is_final``
    Whether it is a closed book that will not grow, and is taken whole.
``version``
    A text; bars stored under another one are fetched anew.
``pages``
    Yields `workbench.venues.history.Page` one by one; each is stored as it comes, and its
    bars are counted against the calendar.
``actions(symbol, start, end)``
    Tells splits, dividends and renames, where its bars carry none
    (`workbench.core.ports.ActionSource`).
``follows_renames``
    Whether it gives the bars of a stock's former names under the present one.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, cast

from workbench.config import Settings
from workbench.core.ports import BarSource
from workbench.data.own_sources import find_own, own_names
from workbench.errors import UsageError, nearest

__all__ = ["find", "names"]

# name -> "module:factory"; the factory takes the settings or nothing
_SOURCES = {
    "sample": "workbench.data.sample:SampleSource",
    "synthetic": "workbench.data.synthetic:SyntheticSource",
    "files": "workbench.venues.files.source:FilesSource",
    "polygon": "workbench.venues.polygon.history:PolygonHistory",
    "alpaca": "workbench.venues.alpaca.history:AlpacaHistory",
    "finnhub": "workbench.venues.finnhub.history:FinnhubHistory",
}
_BARE = frozenset({"sample", "synthetic"})
_CCXT = "workbench.venues.ccxt.history:CcxtHistory"
_EXCHANGES = ("binance", "bybit", "coinbase", "kraken")


def names() -> tuple[str, ...]:
    """Return the names of the sources.

    Examples
    --------
    >>> names()
    ('sample', 'synthetic', 'files', 'polygon', 'alpaca', 'finnhub',
     'binance', 'bybit', 'coinbase', 'kraken')
    """
    return (*_SOURCES, *_EXCHANGES)


def find(name: str, settings: Settings) -> BarSource:
    """Return the source of that name.

    Parameters
    ----------
    name : str
        One of `names`, ``"ccxt:<exchange>"`` for any other exchange that ccxt knows, or one
        of your own (`workbench.data.own_sources.source`).
    settings : Settings

    Raises
    ------
    UsageError
        There is none (the nearest is offered), its key is not set, or a package that it
        needs is not installed.
    """
    exchange = name.removeprefix("ccxt:") if isinstance(name, str) else ""
    if exchange in _EXCHANGES or exchange != name:
        return cast(BarSource, _load(_CCXT)(exchange, settings))
    if name not in _SOURCES:
        own = find_own(name, settings)
        if own is not None:
            return own
        hint = (
            nearest(str(name), (*names(), *own_names()))
            or f"; there are {', '.join(names())}, ccxt:<exchange>"
        )
        raise UsageError(f"no such source: {name!r}{hint}", source=name)
    factory = _load(_SOURCES[name])
    return cast(BarSource, factory() if name in _BARE else factory(settings))


def _load(where: str) -> Any:
    module, _, attribute = where.partition(":")
    try:
        return getattr(import_module(module), attribute)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("workbench"):
            raise
        raise UsageError(
            f"this source needs the package {error.name}: pip install 'trading-workbench[venues]'",
            package=error.name,
            extra="venues",
        ) from None
