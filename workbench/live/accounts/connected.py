"""A venue that was connected to, and the way there."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from decimal import Decimal
from typing import NamedTuple

from workbench.core.ports import Broker

__all__ = ["Connected", "Opener"]


class Connected(NamedTuple):
    """A venue that was connected to.

    Parameters
    ----------
    opening : Decimal or None
        The cash a new book begins with; None asks the venue.
    prices : dict of str to Decimal
        Of what is held, until a feed tells better.
    """

    broker: Broker
    opening: Decimal | None = None
    prices: dict[str, Decimal] | None = None


Opener = Callable[[ExitStack], Connected]
"""Connects to a venue once the account is ours; the stack gives it back."""
