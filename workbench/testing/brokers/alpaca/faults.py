"""What goes wrong between a client and the venue, drawn by a seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from random import Random
from typing import Any

from workbench.errors import UsageError, nearest
from workbench.testing.wire import Reply

__all__ = ["GATEWAY", "AlpacaFaults", "Trouble"]

_FOREVER = 86_400.0
GATEWAY = {
    "gateway_timeout": Reply("upstream request timeout", 504),
    "server_error": Reply("<html>502 Bad Gateway</html>", 502),
    "garble": Reply('{"id": "6ecf', 200),
    "empty": Reply("{}", 200),
    "html": Reply("<html>login</html>", 200),
    "reset": Reply("", is_reset=True),
    "drop": Reply("", is_dropped=True),
    "mute": Reply("", silence=_FOREVER, is_dropped=True),
}
"""Answers between a client and a venue that prove nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlpacaFaults:
    """What goes wrong, as probabilities where nothing else is said.

    Parameters
    ----------
    seed : int
    gateway_timeout, server_error, garble, empty, html, reset, drop, mute : float
        An order call is carried out, and its answer is 504, 502, half a body, an empty
        table, a page, a reset connection, a closed one, or silence.
    lost : float
        Of these troubles, how many lose the request before it is carried out.
    reject, limit : float
        An order is refused; a request is turned away with 429.
    fail_query : float
        A question is answered with 503.
    lag, fills_lag : float
        Seconds by which orders and executions are shown late.
    latency : float
        Seconds before an answer, at most.
    duplicate, lose, late : float
        A frame of the stream is told twice, never, or only after the next one.
    partial : float
        A quote fills a part of what it could.
    queue, slow_cancel : int
        Quotes before an order is live, and before a cancel takes effect.
    """

    seed: int = 0
    gateway_timeout: float = 0.0
    server_error: float = 0.0
    garble: float = 0.0
    empty: float = 0.0
    html: float = 0.0
    reset: float = 0.0
    drop: float = 0.0
    mute: float = 0.0
    lost: float = 0.0
    reject: float = 0.0
    limit: float = 0.0
    fail_query: float = 0.0
    lag: float = 0.0
    fills_lag: float = 0.0
    latency: float = 0.0
    duplicate: float = 0.0
    lose: float = 0.0
    late: float = 0.0
    partial: float = 0.0
    queue: int = 0
    slow_cancel: int = 0

    def changed(self, told: Mapping[str, Any]) -> AlpacaFaults:
        """Return them with some changed.

        Raises
        ------
        UsageError
            A name that is none.
        """
        names = [one.name for one in fields(self)]
        for name in told:
            if name not in names:
                raise UsageError(f"no fault {name!r}{nearest(name, names)}", field=name)
        return replace(self, **told)


@dataclass(frozen=True, slots=True)
class Trouble:
    """What becomes of one order call.

    Parameters
    ----------
    answer : Reply or None
        What is answered instead of the truth.
    is_lost : bool
        Whether the call is not carried out.
    """

    answer: Reply | None = None
    is_lost: bool = False

    @classmethod
    def draw(cls, faults: AlpacaFaults, random: Random) -> Trouble:
        """Draw one."""
        if happens(random, faults.limit):
            told = {"code": 42910000, "message": "rate limit exceeded"}
            return cls(Reply(told, 429, {"Retry-After": "0.05"}), is_lost=True)
        for name, reply in GATEWAY.items():
            if happens(random, getattr(faults, name)):
                return cls(reply, happens(random, faults.lost))
        if happens(random, faults.reject):
            told = {"code": 40310000, "message": "insufficient buying power"}
            return cls(Reply(told, 403), is_lost=True)
        return cls()


def happens(random: Random, probability: float) -> bool:
    """Draw whether something happens; certain ones and impossible ones draw nothing."""
    return probability >= 1.0 or (probability > 0.0 and random.random() < probability)
