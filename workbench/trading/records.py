"""What the journal holds, and how it is written: plain JSON, money as text.

A record is applied to a :class:`~workbench.trading.ledger.Ledger` by the same code when
it happens and when it is read again, which is why the two cannot differ.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from workbench.core.order import Intent, Order
from workbench.core.parent import Parent, ParentEvent, ParentState
from workbench.core.posting import Posting, PostingKind
from workbench.store.codec import decode, dump, text
from workbench.trading.states import OrderEvent, Step

__all__ = ["READERS", "Kind", "Record", "Verdicted", "chain_text"]


class Kind(StrEnum):
    """The kinds of journal entry."""

    OPENED = "opened"  # a book begins, with its cash
    INTENT = "intent"  # what was wanted, and every verdict of the gate
    ORDER = "order"  # an order of ours, of a venue's (a protective leg), or of a stranger's
    EVENT = "event"  # an order event that is no fill
    FILL = "fill"  # an execution
    POSTING = "posting"  # what a venue booked beside fills: interest, a dividend, a split
    CURSOR = "cursor"  # how far a stream of a venue was read, with what was found in it
    SNAPSHOT = "snapshot"  # the digest of the state after the entry before this one
    HALT = "halt"  # a symbol that the order path has stopped, or let go again
    PARENT = "parent"  # an order to be executed in parts, over time
    PARENT_EVENT = "parent_event"  # that it is paused, goes on, or is over
    NOTE = "note"  # something to know that changes nothing: a halt, a difference


@dataclass(frozen=True, slots=True)
class Verdicted:
    """An intent and what the risk gate made of it.

    Parameters
    ----------
    intent : Intent
        As it was wanted.
    outcome : {"pass", "trim", "refuse"}
    verdicts : tuple of dict
        One per rule of the gate, in order, with its numbers.
    """

    intent: Intent
    outcome: str
    verdicts: tuple[dict[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Record:
    """One entry before it has a number: what happened, and to which order.

    Parameters
    ----------
    kind : Kind
    value : Verdicted, Order, OrderEvent, Parent, ParentEvent or dict
        By kind; the dicts hold plain JSON values.
    order_id : str, optional
    """

    kind: Kind
    value: Any
    order_id: str | None = None

    def body(self) -> str:
        """Return the value as the journal holds it."""
        if self.kind is Kind.INTENT and self.value.verdicts:
            judged = self.value
            chain = chain_text(judged.verdicts)
            intent, outcome = text(judged.intent), dump(judged.outcome)
            return f'{{"intent":{intent},"outcome":{outcome},"verdicts":{chain}}}'
        return text(self.value)

    @classmethod
    def read(cls, kind: str, body: str, order_id: str | None) -> Record:
        """Return the record whose body this is.

        Examples
        --------
        >>> Record.read("note", Record(Kind.NOTE, {"text": "halt"}).body(), None).value
        {'text': 'halt'}
        """
        plain = json.loads(body)
        word = _VALUES.get(Kind(kind))
        return cls(Kind(kind), plain if word is None else decode(word, plain, READERS), order_id)


def chain_text(verdicts: tuple[dict[str, str], ...]) -> str:
    """Return verdicts as canonical JSON; what passed unmeasured, most of them, is written once.

    Examples
    --------
    >>> chain_text(({"rule": "halt", "outcome": "pass"},))
    '[{"outcome":"pass","rule":"halt"}]'
    """
    global _last  # noqa: PLW0603 - written twice in a row, and most chains of a run are the same
    found = _last  # read once: another thread may write it
    if verdicts is not found[0]:
        found = _last = (verdicts, f"[{','.join([_verdict_text(one) for one in verdicts])}]")
    return found[1]


def _verdict_text(one: dict[str, str]) -> str:
    is_plain = len(one) == 2 and one.get("outcome") == "pass"
    rule = one.get("rule") if is_plain else None
    found = _PASSED.get(rule) if rule is not None else None
    if found is None:
        found = dump(one)
        if rule is not None:
            _PASSED[rule] = found
    return found


_last: tuple[tuple[dict[str, str], ...], str] = ((), "[]")
_PASSED: dict[str, str] = {}
_VALUES: dict[Kind, type] = {
    Kind.INTENT: Verdicted,
    Kind.ORDER: Order,
    Kind.EVENT: OrderEvent,
    Kind.FILL: OrderEvent,
    Kind.POSTING: Posting,
    Kind.PARENT: Parent,
    Kind.PARENT_EVENT: ParentEvent,
}
READERS: dict[str, Callable[[Any], Any]] = {
    "step": Step,
    "verdicts": tuple,
    "kind": PostingKind,
    "amount": Decimal,
    "ratio": Decimal,
    "per": Decimal,
    "to": ParentState,
    **dict.fromkeys(("start", "end"), datetime.fromisoformat),
    **dict.fromkeys(("lot", "tick", "min_notional", "max_participation", "arrival"), Decimal),
}
