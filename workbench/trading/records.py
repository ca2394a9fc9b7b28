"""What the journal holds, and how it is written: plain JSON, money as text.

A record is applied to a :class:`~workbench.trading.ledger.Ledger` by the same code when
it happens and when it is read again, which is why the two cannot differ.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum, StrEnum
from functools import partial
from typing import Any, TypeVar

from workbench.core.fill import Fill
from workbench.core.order import Intent, Order, OrderState, OrderType, Protection, TimeInForce
from workbench.core.signal import Side
from workbench.trading.states import OrderEvent, Step

__all__ = ["Kind", "Record", "Verdicted", "decode", "dump", "encode"]

T = TypeVar("T")


class Kind(StrEnum):
    """The kinds of journal entry."""

    OPENED = "opened"  # a book begins, with its cash
    INTENT = "intent"  # what was wanted, and every verdict of the gate
    ORDER = "order"  # an order of ours, of a venue's (a protective leg), or of a stranger's
    EVENT = "event"  # an order event that is no fill
    FILL = "fill"  # an execution
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
    value : Verdicted, Order, OrderEvent or dict
        By kind; the dicts hold plain JSON values.
    order_id : str, optional
    """

    kind: Kind
    value: Any
    order_id: str | None = None

    def body(self) -> str:
        """Return the value as the journal holds it."""
        return dump(encode(self.value))

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
        return cls(Kind(kind), plain if word is None else decode(word, plain), order_id)


def dump(body: Mapping[str, Any]) -> str:
    """Write JSON in its one canonical form, so that the same body has the same hash."""
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def encode(value: Any) -> Any:
    """Turn a word of the domain into plain JSON values; None fields are left out.

    Examples
    --------
    >>> encode(Protection(loss=Decimal("0.05")))
    {'loss': '0.05'}
    """
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, Enum):
        return value.value
    if type(value) in _NAMES:
        plain = {}
        for name in _NAMES[type(value)]:
            inner = getattr(value, name)
            if inner is not None:
                plain[name] = encode(inner)
        return plain
    return value


def decode(kind: type[T], body: Mapping[str, Any]) -> T:
    """Read what :func:`encode` wrote.

    Examples
    --------
    >>> decode(Protection, {"loss": "0.05"})
    Protection(loss=Decimal('0.05'), profit=None, trail=None)
    """
    return kind(**{name: _READERS.get(name, _same)(value) for name, value in body.items()})


def _same(value: Any) -> Any:
    return value


_NAMES: dict[type, tuple[str, ...]] = {
    word: tuple(field.name for field in fields(word))
    for word in (Fill, Intent, Order, OrderEvent, Protection, Verdicted)
}
_VALUES: dict[Kind, type] = {
    Kind.INTENT: Verdicted,
    Kind.ORDER: Order,
    Kind.EVENT: OrderEvent,
    Kind.FILL: OrderEvent,
}
_MONEY = (
    "quantity", "target", "limit_price", "stop_price", "filled", "average_price",
    "reference_price", "price", "fee", "slippage", "loss", "profit", "trail",
)  # fmt: skip
_READERS: dict[str, Callable[[Any], Any]] = {
    "side": Side,
    "type": OrderType,
    "tif": TimeInForce,
    "state": OrderState,
    "step": Step,
    "decided_at": datetime.fromisoformat,
    "time": datetime.fromisoformat,
    "protection": partial(decode, Protection),
    "intent": partial(decode, Intent),
    "fill": partial(decode, Fill),
    "verdicts": tuple,
    **dict.fromkeys(_MONEY, Decimal),
}
