"""Which faults a seed has, and how often: each draws its own mix, some of it none at all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from random import Random

from workbench.core.capabilities import Capabilities, IdScope

__all__ = ["CALM", "LAG_MS", "LIFETIME_MS", "Mix"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """Faults as probabilities per event, and what kind of venue it is.

    Parameters
    ----------
    lose_request, lose_response : float
        A call does not arrive; it arrives and nobody hears of it.
    slow : float
        A call takes up to the lifetime of a request instead of milliseconds.
    no_route : float
        A call fails before it leaves, and says so.
    reject : float
        The venue refuses an order, for good.
    fail_query : float
        A question is not answered.
    lag_ms : int
        Up to how far answers to questions lie behind.
    lose_frame, repeat_frame, delay_frame : float
        A message of the stream is lost, told twice, told late.
    outage : float
        The line is dead for a while.
    outage_ms : int
        For how long at most.
    fill, expire, bust, correct, overfill, external : float
        What the venue does to an open order at a tick.
    crash : float
        The process dies at a point of the journal.
    ids : IdScope
        Among which orders the venue refuses an id it has seen.
    has_fill_ids : bool
        Where not, the venue tells totals only.
    tells_fills_late : bool
        Such a venue lists executions after all, later.
    tells_final_filled : bool
        Whether a message of an end tells what was filled.
    skew_ms : int
        What the venue's clock is ahead.
    """

    lose_request: float = 0.0
    lose_response: float = 0.0
    slow: float = 0.0
    no_route: float = 0.0
    reject: float = 0.0
    fail_query: float = 0.0
    lag_ms: int = 0
    lose_frame: float = 0.0
    repeat_frame: float = 0.0
    delay_frame: float = 0.0
    outage: float = 0.0
    outage_ms: int = 8_000
    fill: float = 0.5
    expire: float = 0.0
    bust: float = 0.0
    correct: float = 0.0
    overfill: float = 0.0
    external: float = 0.0
    crash: float = 0.0
    ids: IdScope = IdScope.EVER
    has_fill_ids: bool = True
    tells_fills_late: bool = False
    tells_final_filled: bool = True
    skew_ms: int = 0

    @classmethod
    def draw(cls, random: Random) -> Mix:
        """Draw the mix of a seed."""

        def some(most: float) -> float:
            return 0.0 if random.random() < 0.35 else most * random.random()

        has_fill_ids = random.random() < 0.8
        lists_fills = has_fill_ids or random.random() < 0.5
        return cls(
            lose_request=some(0.3),
            lose_response=some(0.3),
            slow=some(0.3),
            no_route=some(0.1),
            reject=some(0.2),
            fail_query=some(0.5),
            lag_ms=random.choice((0, 0, 300, 1_000, LAG_MS)),
            lose_frame=some(0.4),
            repeat_frame=some(0.4),
            delay_frame=some(0.5),
            outage=some(0.005),
            outage_ms=random.choice((8_000, 25_000)),
            fill=0.3 + 0.6 * random.random(),
            expire=some(0.05),
            bust=some(0.03) if has_fill_ids else 0.0,
            correct=some(0.03) if has_fill_ids else 0.0,
            overfill=some(0.02),
            # a stranger's order that came and went shows in executions only
            external=some(0.03) if lists_fills else 0.0,
            crash=some(0.006),
            ids=random.choice(list(IdScope)),
            has_fill_ids=has_fill_ids,
            tells_fills_late=lists_fills,
            tells_final_filled=random.random() < 0.7,
            skew_ms=random.choice((0, 0, 500, -500)),
        )

    def healed(self) -> Mix:
        """Return the same venue on its best behaviour."""
        return Mix(
            fill=self.fill,
            ids=self.ids,
            has_fill_ids=self.has_fill_ids,
            tells_fills_late=self.tells_fills_late,
            tells_final_filled=self.tells_final_filled,
            skew_ms=self.skew_ms,
        )

    def capabilities(self) -> Capabilities:
        """Return what the venue says of itself."""
        return Capabilities(
            ids=self.ids,
            finds_ended=True,
            has_fill_ids=self.has_fill_ids,
            replaces=True,
            shorts=True,
            request_lifetime=timedelta(milliseconds=LIFETIME_MS),
            lookup_lag=timedelta(milliseconds=LAG_MS),
            fill_lag=timedelta(milliseconds=LAG_MS),
            tells_final_filled=self.tells_final_filled,
        )


LIFETIME_MS = 5_000
"""After which the venue no longer takes a request."""
LAG_MS = 1_500
"""The furthest that an answer may lie behind."""
CALM = Mix()
"""A venue that does nothing wrong."""
