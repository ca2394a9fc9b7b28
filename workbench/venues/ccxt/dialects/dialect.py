"""What every exchange can be asked, whatever its words; every method is blocking."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar, TypeVar

from workbench.core.capabilities import Capabilities
from workbench.core.order import Order, OrderType
from workbench.core.position import Position
from workbench.errors import DataError, RefusedError, UnavailableError, UsageError
from workbench.venues.ccxt.account import ExchangeAccount
from workbench.venues.ccxt.messages import Execution, Holdings, Told
from workbench.venues.ccxt.pairs import Pair
from workbench.venues.ids import IdForm, Sent
from workbench.venues.outcomes import Ask, Outcome

__all__ = ["Dialect", "Read"]

T = TypeVar("T")
Read = (KeyError, TypeError, ValueError, AttributeError, ArithmeticError, IndexError, UsageError)
"""What reading an answer of another form raises."""


class Dialect(ABC):
    """The calls of one exchange.

    Parameters
    ----------
    account : ExchangeAccount
    """

    exchange: ClassVar[str]
    market: ClassVar[str]  # what ccxt calls the exchange with this kind of markets
    kind: ClassVar[str] = "spot"  # what ccxt calls these, where an exchange has several
    capabilities: ClassVar[Capabilities]
    ids: ClassVar[IdForm]
    currency: ClassVar[str] = "USDT"
    words: ClassVar[Mapping[OrderType, str]] = {}
    is_contract: ClassVar[bool] = False
    has_paper: ClassVar[bool] = False

    def __init__(self, account: ExchangeAccount) -> None:
        self.account = account

    # orders -----------------------------------------------------------------------------

    @abstractmethod
    def request(self, order: Order, client: str, pair: Pair) -> tuple[str, dict[str, Any]]:
        """Return the call that sends an order, and what it is sent with."""

    @abstractmethod
    def acknowledged(self, answer: Any, client: str) -> tuple[str, Told | None]:
        """Return the venue's id of an order that was sent, and the order where it is told."""

    @abstractmethod
    def cancel(self, sent: Sent, pair: Pair, venue_id: str | None) -> None:
        """Ask for an order's end."""

    # questions --------------------------------------------------------------------------

    @abstractmethod
    def find(self, sent: Sent, pair: Pair, venue_id: str | None) -> Told | None:
        """Return an order by its client id, ended ones included; None where there is none."""

    @abstractmethod
    def open_orders(self) -> Sequence[Told]:
        """Return the orders that may still be filled."""

    @abstractmethod
    def executions(self, since: datetime, pairs: Iterable[Pair]) -> Sequence[Execution]:
        """Return executions from an instant on, all pages.

        Where the exchange lists them by market, those of `pairs` are asked for.
        """

    @abstractmethod
    def clients(self, executions: Sequence[Execution]) -> dict[str, str]:
        """Return the client ids of the orders of executions, by the venue's ids."""

    @abstractmethod
    def holdings(self) -> Holdings:
        """Return what the account has."""

    @abstractmethod
    def prices(self, pairs: Iterable[Pair]) -> dict[str, Decimal]:
        """Return last prices by the exchange's names."""

    def now(self) -> int | None:
        """Return the exchange's clock in milliseconds; None where it does not matter."""
        return None

    def prepare(self, pair: Pair) -> None:
        """Set what must be set before the first order of a market."""
        del pair

    def contracts(self) -> Sequence[Position]:
        """Return positions in perpetuals, by the exchange's names."""
        return ()

    # for them ---------------------------------------------------------------------------

    def ask(self, method: str, params: dict[str, Any] | None = None) -> Any:
        """Ask a question; what is refused is no answer."""
        try:
            return self.account.ask(Ask.QUERY, method, params)
        except RefusedError as error:
            if error.facts.get("outcome") == Outcome.ABSENT.value:
                raise
            raise UnavailableError(error.message, **error.facts) from None

    def asked(self, method: str, params: dict[str, Any] | None = None) -> Any:
        """Ask for something that may not be there; None where the exchange says so."""
        try:
            return self.ask(method, params)
        except RefusedError:
            return None

    def read(self, parse: Callable[[], T]) -> T:
        """Read an answer to a question.

        Raises
        ------
        UnavailableError
            It has another form.
        """
        try:
            return parse()
        except (*Read, DataError):
            raise UnavailableError(
                f"{self.exchange} answered what cannot be read", vendor=self.exchange, garbled=True
            ) from None
