"""What the streams of all vendors have in common: what is wanted, and one connection of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from workbench.core.ports import Event
from workbench.errors import UsageError, nearest
from workbench.venues.paging import is_crypto

__all__ = ["KINDS", "Connection", "Part", "VendorStream", "Wanted"]

KINDS = ("trades", "quotes", "bars", "news", "books")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody wants to be told.

    Parameters
    ----------
    symbols : tuple of str
    kinds : frozenset of str
        Some of `KINDS`; bars are of one minute.
    pulse : tuple of str
        Those of the symbols whose trades are listened to beside the bars, for a sign of life.

    Examples
    --------
    >>> Wanted(("AAPL",), frozenset({"trads"}))
    Traceback (most recent call last):
    workbench.errors.UsageError: no feed tells 'trads', did you mean 'trades'?
    """

    symbols: tuple[str, ...]
    kinds: frozenset[str]
    pulse: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.symbols:
            raise UsageError("a feed needs at least one symbol")
        for kind in self.kinds - set(KINDS):
            raise UsageError(f"no feed tells {kind!r}{nearest(kind, KINDS)}", kind=kind)

    def only(self, *kinds: str, symbols: Iterable[str] | None = None) -> Wanted | None:
        """Return the part of it with these kinds and symbols, None where nothing is left."""
        chosen = self.symbols if symbols is None else tuple(symbols)
        left = self.kinds & set(kinds)
        pulse = tuple(symbol for symbol in self.pulse if symbol in chosen)
        return replace(self, symbols=chosen, kinds=left, pulse=pulse) if left and chosen else None

    def of(self, kind: str) -> tuple[str, ...]:
        """Return the symbols of which a kind is to be told."""
        return self.symbols if kind in self.kinds else ()


class Connection(ABC):
    """One connection to a vendor, used once.

    ``malformed`` counts the frames that could not be read and were passed over. ``alive``
    has the symbols of which something was told that is no event yet, as of a growing bar.
    ``has_pulse`` is whether the trades for a sign of life are told, if they were wanted: a plan
    may have no room for them.
    """

    malformed = 0

    def __init__(self, pulse: Sequence[str] = ()) -> None:
        self.alive: set[str] = set()
        self.has_pulse = bool(pulse)

    @abstractmethod
    async def open(self) -> None:
        """Connect, say who we are, and subscribe.

        Raises
        ------
        UsageError
            The key or what is asked for is refused.
        UnavailableError
            Safe to try again.
        """

    @abstractmethod
    async def receive(self) -> Sequence[Event]:
        """Wait for the next frame and return what it tells; nothing, where it tells no event.

        Raises
        ------
        UsageError, UnavailableError
            The connection has ended.
        """

    @abstractmethod
    async def close(self) -> None:
        """End it; does no harm where it has ended."""

    async def give_up(self) -> None:
        """End it because nothing is told on it."""
        await self.close()


@dataclass(frozen=True, slots=True)
class Part:
    """What one connection of several has to bring, and how it is made."""

    wanted: Wanted
    connect: Callable[[], Connection]


class VendorStream(ABC):
    """A vendor's stream.

    Parameters
    ----------
    name : str
        As the source of its history is called.
    kinds : frozenset of str
        What it tells by itself.
    backoff : float
        Seconds before the second try to connect, at most.
    grows : bool
        Whether it tells of bars while they grow.
    """

    name: str
    kinds: frozenset[str]
    backoff: float = 0.5
    grows: bool = False

    def calendar(self, symbol: str) -> str:
        """Return the calendar a symbol trades by."""
        return "24/7" if is_crypto(symbol) else "XNYS"

    def lacks(self, symbol: str) -> frozenset[str]:
        """Return the kinds that are not told of a symbol, though they are of others."""
        del symbol
        return frozenset()

    @abstractmethod
    def parts(self, wanted: Wanted) -> list[Part]:
        """Return the connections that bring what is wanted."""
