"""A paper account: the simulated venue, whose memory a restart finds again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack

from workbench.config import Settings
from workbench.core.money import decimal
from workbench.costs.costs import Costs
from workbench.live.accounts.connected import Connected, Opener
from workbench.venues.sim.broker import Faults, SimBroker
from workbench.venues.sim.memory import Memory
from workbench.venues.sim.terms import plain_terms
from workbench.venues.sim.venue import SimVenue

__all__ = ["paper"]

LEVERAGE = 2.0


def paper(
    settings: Settings,
    symbols: Sequence[str] | Callable[[], Sequence[str]],
    *,
    account: str = "desk",
    cash: float = 1_000_000.0,
    costs: Costs | None = None,
    faults: Faults | None = None,
) -> Opener:
    """Return the way to connect to the simulated venue.

    Parameters
    ----------
    symbols : sequence of str, or callable
        What can be traded.
    account : str
        Its memory lies under the name.
    cash : float
        Of a new account; one that is there goes on with its own.
    costs : Costs, optional
        Of the venue; free of charge by default.
    faults : Faults, optional
        What goes wrong on the way; nothing by default.

    Examples
    --------
    >>> import tempfile
    >>> from workbench.config import load_settings
    >>> with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
    ...     connected = paper(load_settings(folder), ["ACME/USD"])(stack)
    ...     connected.broker.name, connected.opening
    ('sim', Decimal('1000000.0'))
    """

    def connect(stack: ExitStack) -> Connected:
        folder = settings.folder("desk")
        memory = Memory(folder / ("venue.jsonl" if account == "desk" else f"{account}.jsonl"))
        stack.callback(memory.close)
        known = symbols() if callable(symbols) else symbols
        opening = memory.open_account(decimal(float(cash), "cash"))
        venue = SimVenue(
            known, cash, plain_terms(costs, leverage=LEVERAGE),
            memory=memory, checks_funds=True, account_id=account,
        )  # fmt: skip
        prices = {
            symbol: decimal(cell.mark, "price")
            for symbol, cell in venue.state.book.cells.items()
            if cell.mark > 0
        }
        return Connected(SimBroker(venue, faults), opening, prices)

    return connect
