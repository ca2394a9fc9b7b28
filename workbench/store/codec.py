"""Words of the domain as plain JSON, money as text, and back without a loss."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from functools import partial
from typing import Any, TypeVar

from workbench.core.fill import Fill
from workbench.core.order import Intent, OrderState, OrderType, Protection, TimeInForce
from workbench.core.signal import Side

__all__ = ["decode", "dump", "encode"]

T = TypeVar("T")


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
    if is_dataclass(value) and not isinstance(value, type):
        kind = type(value)
        if kind not in _NAMES:
            _NAMES[kind] = tuple(field.name for field in fields(value))
        plain = {}
        for name in _NAMES[kind]:
            inner = getattr(value, name)
            if inner is not None:
                plain[name] = encode(inner)
        return plain
    return value


def decode(
    kind: type[T],
    body: Mapping[str, Any],
    further: Mapping[str, Callable[[Any], Any]] | None = None,
) -> T:
    """Read what :func:`encode` wrote.

    Parameters
    ----------
    kind : type
        The dataclass it was.
    further : mapping of str to callable, optional
        How to read fields that only `kind` has.

    Examples
    --------
    >>> decode(Protection, {"loss": "0.05"})
    Protection(loss=Decimal('0.05'), profit=None, trail=None)
    """
    readers = _READERS if further is None else {**_READERS, **further}
    return kind(**{name: readers.get(name, _same)(value) for name, value in body.items()})


def _same(value: Any) -> Any:
    return value


_NAMES: dict[type, tuple[str, ...]] = {}
_MONEY = (
    "quantity", "target", "limit_price", "stop_price", "filled", "average_price",
    "reference_price", "price", "fee", "slippage", "loss", "profit", "trail",
)  # fmt: skip
_READERS: dict[str, Callable[[Any], Any]] = {
    "side": Side,
    "type": OrderType,
    "tif": TimeInForce,
    "state": OrderState,
    "decided_at": datetime.fromisoformat,
    "time": datetime.fromisoformat,
    "protection": partial(decode, Protection),
    "intent": partial(decode, Intent),
    "fill": partial(decode, Fill),
    **dict.fromkeys(_MONEY, Decimal),
}
