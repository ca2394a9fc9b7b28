"""Circuit breakers: what halts trading by itself, on loss, rejects or a venue that fails."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from workbench.config import RiskLimits
from workbench.core.money import MONEY, ZERO, decimal
from workbench.risk.halt import HaltLevel
from workbench.risk.verdict import in_words

__all__ = ["Breakers", "Trip"]

_REJECTS_WITHIN = timedelta(seconds=60)
_UNKNOWN_WITHIN = timedelta(seconds=30)
_LEAST_SENT = 20


@dataclass(frozen=True, slots=True)
class Trip:
    """A breaker that opened: how far to halt, and why."""

    name: str
    level: HaltLevel
    reason: str


@dataclass
class Breakers:
    """Counts what goes wrong, and says when it is enough.

    One that has tripped starts anew, so that an admin who lets trading go on is not
    overruled by what is past; that of the loss trips again once half its limit more is lost.

    Examples
    --------
    >>> from datetime import UTC
    >>> now, breakers = datetime(2024, 1, 2, tzinfo=UTC), Breakers()
    >>> for _ in range(5):
    ...     breakers.unknown(now)
    >>> breakers.check(RiskLimits(), now).reason
    'the fate of 5 orders became unknown within 30 s'
    """

    _sent: deque[datetime] = field(default_factory=deque)
    _rejected: deque[datetime] = field(default_factory=deque)
    _unknown: deque[datetime] = field(default_factory=deque)
    _lost: Decimal = ZERO

    def sent(self, now: datetime) -> None:
        """Count an order on its way."""
        self._sent.append(now)

    def rejected(self, now: datetime) -> None:
        """Count an order that the venue refused or could not be given."""
        self._rejected.append(now)

    def unknown(self, now: datetime) -> None:
        """Count an order whose fate nobody knows."""
        self._unknown.append(now)

    def new_day(self) -> None:
        """Forget the loss of the day before."""
        self._lost = ZERO

    def check(
        self,
        limits: RiskLimits,
        now: datetime,
        *,
        equity: Decimal = ZERO,
        day_start: Decimal = ZERO,
    ) -> Trip | None:
        """Return the first breaker that opens, None where all is well."""
        return (
            self._loss(limits.halt_at_loss, equity, day_start)
            or self._rejects(limits.halt_at_reject_share, now)
            or self._failures(limits.halt_at_unknown, now)
        )

    def _loss(self, limit: float | None, equity: Decimal, day_start: Decimal) -> Trip | None:
        if limit is None or day_start <= 0:
            return None
        most = decimal(limit, "halt_at_loss")
        lost = MONEY.divide(MONEY.subtract(day_start, equity), day_start)
        if lost < most or (self._lost and lost < self._lost + most / 2):
            return None
        self._lost = lost
        reason = f"the day's loss of {in_words(lost * 100)} % reached {in_words(most * 100)} %"
        return Trip("loss", HaltLevel.CANCEL_ALL, reason)

    def _rejects(self, limit: float | None, now: datetime) -> Trip | None:
        for entries in (self._sent, self._rejected):
            _forget(entries, now - _REJECTS_WITHIN)
        sent, rejected = len(self._sent), len(self._rejected)
        if limit is None or sent < _LEAST_SENT or rejected < limit * sent:
            return None
        self._sent.clear()
        self._rejected.clear()
        reason = f"{rejected} of the last minute's {sent} orders were rejected"
        return Trip("rejects", HaltLevel.NO_NEW_ORDERS, reason)

    def _failures(self, limit: float | None, now: datetime) -> Trip | None:
        _forget(self._unknown, now - _UNKNOWN_WITHIN)
        count = len(self._unknown)
        if limit is None or count < limit:
            return None
        self._unknown.clear()
        reason = f"the fate of {count} orders became unknown within 30 s"
        return Trip("venue", HaltLevel.NO_NEW_ORDERS, reason)


def _forget(entries: deque[datetime], until: datetime) -> None:
    while entries and entries[0] < until:
        entries.popleft()
