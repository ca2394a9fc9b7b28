"""Where orders may go, by name; what a venue needs is loaded when it is chosen."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from importlib import import_module
from typing import Any

from workbench.config import Settings
from workbench.errors import UsageError, nearest
from workbench.live.accounts.connected import Connected, Opener
from workbench.live.accounts.paper import paper

__all__ = ["is_live", "names", "opener"]

_VENUES = {
    "alpaca-paper": ("workbench.venues.alpaca.broker:AlpacaBroker", {"is_paper": True}),
    "alpaca-live": ("workbench.venues.alpaca.broker:AlpacaBroker", {"is_paper": False}),
}
_CCXT = "workbench.venues.ccxt.broker:CcxtBroker"
_PREFIX = "ccxt:"


def names() -> tuple[str, ...]:
    """Return the venues that orders can be sent to.

    Examples
    --------
    >>> names()
    ('sim', 'alpaca-paper', 'alpaca-live', 'ccxt:<exchange>', 'ccxt:<exchange>-paper')
    """
    return ("sim", *_VENUES, f"{_PREFIX}<exchange>", f"{_PREFIX}<exchange>-paper")


def is_live(name: str) -> bool:
    """Whether real money moves at a venue; of an exchange that is taken for granted.

    Examples
    --------
    >>> is_live("sim"), is_live("ccxt:binance-paper"), is_live("ccxt:binance")
    (False, False, True)
    """
    is_exchange = name.startswith(_PREFIX) and not name.endswith("-paper")
    return name == "alpaca-live" or is_exchange


def opener(
    name: str,
    settings: Settings,
    symbols: Sequence[str],
    *,
    account: str = "desk",
    cash: float = 1_000_000.0,
) -> Opener:
    """Return the way to connect to a venue.

    Parameters
    ----------
    name : str
        One of `names`.
    symbols : sequence of str
        What the simulated venue trades.
    account : str
        The name of the book.
    cash : float
        Of a new account at the simulated venue.

    Raises
    ------
    UsageError
        There is no such venue.
    """
    if name == "sim":
        return paper(settings, symbols, account=account, cash=cash)
    where: str
    terms: Mapping[str, Any]
    if name.startswith(_PREFIX):
        where, terms = _CCXT, {"exchange": name.removeprefix(_PREFIX)}
    elif name in _VENUES:
        where, terms = _VENUES[name]
    else:
        raise UsageError(
            f"no orders can be sent to {name!r}{nearest(name, names())}; there are "
            f"{', '.join(names())}",
            venue=name,
        )

    def connect(stack: ExitStack) -> Connected:
        broker = _load(name, where)(settings, **terms)
        close = getattr(broker, "close", None)
        if close is not None:
            stack.callback(lambda: _closed(close))
        return Connected(broker)

    return connect


def _load(name: str, where: str) -> Any:
    module, _, attribute = where.partition(":")
    try:
        return getattr(import_module(module), attribute)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if missing == module:
            raise UsageError(f"orders cannot be sent to {name} yet", venue=name) from None
        if missing.startswith("workbench"):
            raise
        raise UsageError(
            f"the venue {name} needs the package {missing}: "
            "pip install 'trading-workbench[venues]'",
            package=missing,
            extra="venues",
        ) from None


def _closed(close: Any) -> None:
    """Close a broker from wherever that is: in a loop it is left to it, else it is waited for."""
    work = close()
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        asyncio.run(work)
    else:
        _CLOSING.add(task := loop.create_task(work))
        task.add_done_callback(_CLOSING.discard)


_CLOSING: set[asyncio.Task[None]] = set()
