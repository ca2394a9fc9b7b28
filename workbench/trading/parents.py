"""Parents in the ledger: what became of them, and what their parts may still come to.

The sum of a parent's parts never exceeds it: an open part counts whole, one of unknown
fate too, and one that has ended counts for what was filled of it. The order path holds
every part to that before there is an order of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from workbench.core.money import MONEY, ZERO
from workbench.core.order import Intent, Order
from workbench.core.parent import Parent, ParentEvent, ParentState
from workbench.errors import InvariantError, RefusedError
from workbench.risk.gate import Judgement
from workbench.risk.verdict import Verdict, exact, in_words, short
from workbench.store.codec import decode, encode

if TYPE_CHECKING:
    from workbench.trading.ledger import Ledger

__all__ = [
    "Execution",
    "check_belongs",
    "committed",
    "held_to_parent",
    "order_of",
    "read_executions",
    "write_executions",
]

P = ParentState
_TRANSITIONS: dict[ParentState, frozenset[ParentState]] = {
    P.RUNNING: frozenset({P.PAUSED, P.CANCELING, P.DONE, P.ENDED}),
    P.PAUSED: frozenset({P.RUNNING, P.CANCELING, P.DONE, P.ENDED}),
    P.CANCELING: frozenset({P.CANCELED, P.DONE}),
    P.DONE: frozenset(),
    P.CANCELED: frozenset(),
    P.ENDED: frozenset(),
}


@dataclass
class Execution:
    """A parent, where it is, and its parts.

    Parameters
    ----------
    parent : Parent
    state : ParentState
    since : datetime, optional
        When it came to be in that state.
    reason : str
        Why.
    children : dict of str to None
        The ids of the intents of its parts, refused ones included, oldest first.
    """

    parent: Parent
    state: ParentState = ParentState.RUNNING
    since: datetime | None = None
    reason: str = ""
    children: dict[str, None] = field(default_factory=dict)

    def apply(self, event: ParentEvent) -> None:
        """Take in what happened to the parent itself.

        Raises
        ------
        InvariantError
            It cannot go there from where it is.
        """
        if event.to not in _TRANSITIONS[self.state]:
            raise InvariantError(
                f"parent {self.parent.algo_id} cannot go from {self.state} to {event.to}",
                algo_id=self.parent.algo_id,
            )
        kept = self.reason if event.to is P.CANCELED else ""  # who asked, and why
        self.state, self.since, self.reason = event.to, event.time, event.reason or kept

    def can_go(self, to: ParentState) -> bool:
        """Whether it may go to a state from where it is."""
        return to in _TRANSITIONS[self.state]


def order_of(ledger: Ledger, name: str) -> Order | None:
    """Return the order of a part, None where the gate refused it.

    A refused one is not asked for: what is not in memory would be looked for on the disk.
    """
    return None if ledger.intents[name].outcome == "refuse" else ledger.orders.get(name)


def committed(ledger: Ledger, execution: Execution) -> Decimal:
    """Return the units that the parts of a parent were, or may still be, filled for."""
    total = ZERO
    for name in execution.children:
        order = order_of(ledger, name)
        if order is None:
            continue  # refused by the gate
        size = order.quantity if order.state.is_open and order.quantity is not None else ZERO
        total = MONEY.add(total, max(size, order.filled))
    return total


def held_to_parent(ledger: Ledger, judgement: Judgement) -> Judgement:
    """Refuse a part that would take its parent too far, or whose parent takes no more.

    Judged last, after every trim; an intent that is no part is left as it is.
    """
    intent = judgement.intent
    if intent.slice is None:
        return judgement
    execution = ledger.executions.get(intent.slice.algo_id)
    verdict = _verdict(ledger, execution, intent)
    outcome = judgement.outcome if verdict.outcome == "pass" else "refuse"
    return Judgement(intent, outcome, (*judgement.verdicts, verdict))


def check_belongs(ledger: Ledger, order_id: str, intent: Intent) -> None:
    """Hold that what takes the place of a part is a part of the same parent.

    Raises
    ------
    RefusedError
        It is not: its parent would not count it, and buy or sell the same again.
    """
    for name, execution in ledger.executions.items():
        if order_id not in execution.children or execution.state.is_over:
            continue
        if intent.slice is None or intent.slice.algo_id != name:
            raise RefusedError(
                f"order {order_id} is a part of {name}, which would not count {intent.intent_id}: "
                "cancel or change the whole",
                order_id=order_id,
            )


def _verdict(ledger: Ledger, execution: Execution | None, intent: Intent) -> Verdict:
    why = _unfit(execution, intent)
    if execution is None or intent.quantity is None or why:
        return Verdict("parent", "refuse", why or "a part has a quantity")
    whole = execution.parent.quantity
    after = MONEY.add(committed(ledger, execution), intent.quantity)
    if after > whole:
        reason = f"its parts would come to {in_words(after)} of {in_words(whole)}"
        return Verdict("parent", "refuse", reason, "units", short(after), exact(whole))
    return Verdict("parent", "pass", "", "units", short(after), exact(whole))


def _unfit(execution: Execution | None, intent: Intent) -> str:
    if execution is None:
        return "there is no such parent"
    parent = execution.parent
    if execution.state is not ParentState.RUNNING:
        return f"its parent is {execution.state}"
    if intent.symbol != parent.symbol or intent.side is not parent.side:
        return f"its parent is a {parent.side} of {parent.symbol}"
    limit = parent.limit_price
    if limit is not None:
        told = intent.limit_price
        if told is None or (told - limit) * parent.side.sign > 0:
            return f"its parent's limit is {limit}"
    return ""


def write_executions(executions: Mapping[str, Execution]) -> list[Any]:
    """Return parents and where they are as plain JSON values."""
    return [
        {
            "parent": encode(one.parent),
            "state": one.state.value,
            "since": None if one.since is None else encode(one.since),
            "reason": one.reason,
            "children": list(one.children),
        }
        for one in executions.values()
    ]


def read_executions(plain: list[Any], readers: Mapping[str, Any]) -> dict[str, Execution]:
    """Return what :func:`write_executions` wrote; `readers` are those of the journal."""
    found = {}
    for one in plain:
        parent = decode(Parent, one["parent"], readers)
        since = one["since"] and datetime.fromisoformat(one["since"])
        state, children = ParentState(one["state"]), dict.fromkeys(one["children"])
        found[parent.algo_id] = Execution(parent, state, since, one["reason"], children)
    return found
