"""Which source is asked, and which comes next where one cannot help."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from workbench.config import Settings
from workbench.core.ports import BarSource
from workbench.data import sources
from workbench.errors import (
    DataError,
    UnavailableError,
    UsageError,
    WorkbenchError,
)
from workbench.venues.paging import is_crypto

__all__ = ["PassedOver", "candidates", "first_that_can"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A source that was asked first and could not help.

    Parameters
    ----------
    symbol, source : str
    why : str
        What it said.
    """

    symbol: str
    source: str
    why: str


def candidates(
    settings: Settings, source: str | Sequence[str] | None, symbol: str
) -> tuple[str, ...]:
    """Return the sources to ask for a symbol, in order.

    Parameters
    ----------
    settings : Settings
        ``sources`` is the order by asset class, ``source`` what holds without one.
    source : str or sequence of str, optional
        As the call names it; the settings' when left out.
    symbol : str
        A pair as ``BTC/USD`` is crypto, everything else a stock.

    Examples
    --------
    >>> from workbench.config import load_settings
    >>> settings = load_settings(sources={"stock": ("polygon", "alpaca")}, source="sample")
    >>> candidates(settings, None, "AAPL"), candidates(settings, None, "BTC/USD")
    (('polygon', 'alpaca'), ('sample',))
    """
    if isinstance(source, str):
        return (source,)
    if source is not None:
        named = tuple(source)
        if not named or not all(isinstance(name, str) for name in named):
            raise UsageError(f"source= is a name or a list of names, not {source!r}")
        return named
    order = settings.sources.get("crypto" if is_crypto(symbol) else "stock", ())
    return order or (settings.source,)


def first_that_can(
    settings: Settings, names: Sequence[str], symbol: str, attempt: Callable[[BarSource], T]
) -> tuple[T, str, tuple[PassedOver, ...]]:
    """Return what the first source that can brings, its name, and who was passed over.

    Raises
    ------
    WorkbenchError
        With one source: what it says. With several: what each said; `UnavailableError` where
        one may help later, else `DataError` where one had bad data, else `UsageError`.
    """
    errors: list[tuple[str, WorkbenchError]] = []
    for name in names:
        try:
            source = sources.find(name, settings)
            found = attempt(source)
        except (UsageError, DataError, UnavailableError) as error:
            if len(names) == 1:
                raise
            errors.append((name, error))
        else:
            passed = tuple(PassedOver(symbol, name, error.message) for name, error in errors)
            return found, source.name, passed
    raise _together(symbol, errors)


def _together(symbol: str, errors: list[tuple[str, WorkbenchError]]) -> WorkbenchError:
    said = "; ".join(f"{name}: {error.message}" for name, error in errors)
    text = f"no source could give {symbol}: {said}"
    names = tuple(name for name, _ in errors)
    late = [error for _, error in errors if isinstance(error, UnavailableError)]
    if late:
        delays = [error.retry_after for error in late if error.retry_after is not None]
        delay = min(delays) if delays else None
        return UnavailableError(text, retry_after=delay, symbol=symbol, sources=names)
    is_bad = any(isinstance(error, DataError) for _, error in errors)
    return (DataError if is_bad else UsageError)(text, symbol=symbol, sources=names)
