"""Symbols and timeframes as names that every file system can hold."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

from workbench.core.timeframe import Timeframe
from workbench.errors import UsageError

__all__ = ["decode", "encode", "folder_of", "names_in", "timeframe_in"]

_PLAIN = re.compile(r"[A-Z0-9_-]")


def encode(symbol: str) -> str:
    """Return a symbol as a name that every file system can hold; `decode` turns it back.

    Everything but capital letters, digits, ``_`` and ``-`` is written as ``%XX``, so that
    ``btc`` and ``BTC`` do not meet where case does not count.

    Raises
    ------
    UsageError
        The symbol is empty or too long.

    Examples
    --------
    >>> encode("BTC/USDT"), encode("../x"), decode("BRK%2EB")
    ('BTC%2FUSDT', '%2E%2E%2F%78', 'BRK.B')
    """
    name = "".join(
        char if _PLAIN.fullmatch(char) else "".join(f"%{byte:02X}" for byte in char.encode())
        for char in symbol
    )
    if not name or len(name) > 200:
        raise UsageError(f"not a symbol that can be stored: {symbol[:50]!r}", symbol=symbol)
    return name


def decode(name: str) -> str:
    """Return the symbol that `encode` wrote."""
    return unquote(name)


def folder_of(source: str, timeframe: Timeframe, symbol: str) -> str:
    """Return the folder of a source, timeframe and symbol, as hive partitions.

    Examples
    --------
    >>> folder_of("sample", Timeframe(1, "M"), "AAPL")
    'source=sample/timeframe=1mo/symbol=AAPL'
    """
    unit = "mo" if timeframe.unit == "M" else timeframe.unit  # "1M" and "1m" may be one file name
    return (
        f"source={quote(source, safe='')}/timeframe={timeframe.count}{unit}/symbol={encode(symbol)}"
    )


def timeframe_in(name: str) -> Timeframe:
    """Return the timeframe that `folder_of` wrote."""
    return Timeframe.parse(f"{name[:-2]}M" if name.endswith("mo") else name)


def names_in(folder: str) -> tuple[str, Timeframe, str]:
    """Return source, timeframe and symbol of a folder that `folder_of` named.

    Raises
    ------
    UsageError
        It is another folder.

    Examples
    --------
    >>> names_in("source=sample/timeframe=1mo/symbol=BTC%2FUSD")
    ('sample', Timeframe(count=1, unit='M'), 'BTC/USD')
    """
    parts = [part.partition("=") for part in folder.split("/")[-3:]]
    if [part[0] for part in parts] != ["source", "timeframe", "symbol"]:
        raise UsageError(f"no folder of bars: {folder!r}", folder=folder)
    return unquote(parts[0][2]), timeframe_in(parts[1][2]), decode(parts[2][2])
