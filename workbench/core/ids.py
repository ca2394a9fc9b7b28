"""Names that are made, never drawn: the same decision has the same id."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from functools import lru_cache

__all__ = ["child_id", "client_order_id", "order_key", "run_id"]

_UNSAFE = re.compile(r"[^A-Za-z0-9]")
_SEPARATORS = str.maketrans("", "", "-:.")


def order_key(time: datetime, symbol: str) -> str:
    """Name the decision made on a bar about a symbol; the ``order_id`` of result frames.

    A part of a second is told where there is one: bars of activity may begin twice in a second.

    Examples
    --------
    >>> order_key(datetime(2024, 1, 2, 14, 30, tzinfo=UTC), "BTC/USDT")
    '20240102T143000-BTC.USDT'
    """
    label = time.astimezone(UTC).isoformat().removesuffix("+00:00").translate(_SEPARATORS)
    return f"{label}-{_safe(symbol, '.')}"


def client_order_id(run: str, time: datetime, symbol: str) -> str:
    """Name an order from run, bar and symbol; at most 48 characters, safe at every venue.

    Examples
    --------
    >>> client_order_id("r1", datetime(2024, 1, 2, tzinfo=UTC), "AAPL")
    'r1-20240102T000000-AAPL'
    """
    plain = f"{run}-{order_key(time, symbol)}"
    if len(plain) <= 48 and "." not in plain:
        return plain
    digest = hashlib.sha256(f"{run}|{time.isoformat()}|{symbol}".encode()).hexdigest()
    return f"{_safe(run, '')[:12]}-{digest[:32]}"


@lru_cache(1024)
def _safe(text: str, instead: str) -> str:
    return _UNSAFE.sub(instead, text)


def child_id(parent: str, number: int, attempt: int) -> str:
    """Name a part of a larger order; at most 48 characters, safe at every venue.

    Parameters
    ----------
    parent : str
        The id of the larger order.
    number, attempt : int
        Which slice of it, and which try at that slice; from 0.

    Examples
    --------
    >>> child_id("twap-7", 3, 0)
    'twap-7-3-0'
    """
    plain = f"{parent}-{number}-{attempt}"
    if len(plain) <= 48 and not _UNSAFE.search(parent.replace("-", "")):
        return plain
    digest = hashlib.sha256(f"{parent}|{number}|{attempt}".encode()).hexdigest()
    return f"{_UNSAFE.sub('', parent)[:12]}-{digest[:32]}"


def run_id(kind: str, content: str, started: datetime) -> str:
    """Name a run by kind, start and a digest of what it is made of.

    Examples
    --------
    >>> run_id("backtest", "SmaCross(10, 50)", datetime(2024, 1, 2, tzinfo=UTC))
    'backtest-20240102T000000-3b7487'
    """
    digest = hashlib.sha256(f"{content}|{started.isoformat()}".encode()).hexdigest()
    return f"{kind}-{started.astimezone(UTC):%Y%m%dT%H%M%S}-{digest[:6]}"
