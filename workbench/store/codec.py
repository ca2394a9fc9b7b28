"""Words of the domain as plain JSON, money as text, and back without a loss."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from functools import lru_cache, partial
from json.encoder import encode_basestring
from operator import attrgetter
from typing import Any, TypeVar

from workbench.core.fill import Fill
from workbench.core.order import (
    Intent,
    OrderState,
    OrderType,
    Pending,
    Protection,
    Slice,
    TimeInForce,
)
from workbench.core.signal import Side
from workbench.errors import UsageError

__all__ = ["decode", "dump", "encode", "text"]

T = TypeVar("T")


def dump(body: Mapping[str, Any] | str) -> str:
    """Write JSON in its one canonical form, so that the same body has the same hash.

    Raises
    ------
    UsageError
        It holds what would not come back as it was.

    Examples
    --------
    >>> dump({"b": 1.5, "a": [None]})
    '{"a":[null],"b":1.5}'
    """
    try:
        made: str = _JSON.encode(body)
    except (TypeError, ValueError) as error:
        raise UsageError(f"this cannot be kept as JSON: {error}") from None
    return made if made.isascii() else _escaped(made)


def encode(value: Any) -> Any:
    """Turn a word of the domain into plain JSON values; None fields are left out.

    Raises
    ------
    UsageError
        An instant has no time zone.

    Examples
    --------
    >>> encode(Protection(loss=Decimal("0.05")))
    {'loss': '0.05'}
    """
    kind = type(value)
    return (_WRITERS.get(kind) or _writer(kind))(value)


def _writer(kind: type) -> Callable[[Any], Any]:
    """Return how to write a type, found once: this is on a hot path."""
    found: Callable[[Any], Any]
    if issubclass(kind, Enum):
        found = {member: member.value for member in kind}.__getitem__
    elif is_dataclass(kind):
        found = _fields_writer(tuple(field.name for field in fields(kind)))
    else:  # one of a library's own kind, as a Timestamp, is written as what it is
        found = next((write for known, write in _BASES.items() if issubclass(kind, known)), _same)
    _WRITERS[kind] = found
    return found


def _fields_writer(names: tuple[str, ...]) -> Callable[[Any], dict[str, Any]]:
    read = attrgetter(*names, "__class__")

    def write(value: Any) -> dict[str, Any]:
        plain = {}
        for name, inner in zip(names, read(value), strict=False):
            if inner is not None:
                kind = type(inner)
                plain[name] = inner if kind is str else (_WRITERS.get(kind) or _writer(kind))(inner)
        return plain

    return write


def _write_decimal(value: Decimal) -> str:
    return format(value, "f")


def _write_instant(value: datetime) -> str:
    if value.tzinfo is not UTC:
        if value.tzinfo is None:
            raise UsageError(f"{value!r} has no time zone: give an instant in UTC")
        value = value.astimezone(UTC)
    return _ISOFORMAT(value)


def text(value: Any) -> str:
    """Write a word of the domain as canonical JSON: what `dump` makes of `encode`, and sooner.

    Raises
    ------
    UsageError
        As of `encode` and `dump`.

    Examples
    --------
    >>> text(Protection(trail=Decimal("0.1"), loss=Decimal("0.05")))
    '{"loss":"0.05","trail":"0.1"}'
    """
    kind = type(value)
    made = (_TEXTS.get(kind) or _texter(kind))(value)
    return made if made.isascii() else _escaped(made)


def _escaped(made: str) -> str:
    # half a character, as a venue may send it, has no UTF-8: JSON has an escape for it
    return made.encode("utf-8", "backslashreplace").decode()


def _texter(kind: type) -> Callable[[Any], str]:
    found: Callable[[Any], str] = _any_text
    if issubclass(kind, Enum):
        found = {member: dump(member.value) for member in kind}.__getitem__
    elif is_dataclass(kind):
        found = _fields_texter(sorted(field.name for field in fields(kind)))
    _TEXTS[kind] = found
    return found


def _fields_texter(names: list[str]) -> Callable[[Any], str]:
    read = attrgetter(*names, "__class__")
    keys = [f"{dump(name)}:" for name in names]

    def write(value: Any) -> str:
        parts = [
            key + (_TEXTS.get(type(inner)) or _texter(type(inner)))(inner)
            for key, inner in zip(keys, read(value), strict=False)
            if inner is not None
        ]
        return f"{{{','.join(parts)}}}"

    return write


def _any_text(value: Any) -> str:
    return dump(encode(value))


def _decimal_text(value: Decimal) -> str:
    return f'"{value:f}"'


@lru_cache(256)
def _instant_text(value: datetime) -> str:
    return f'"{_write_instant(value)}"'


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
    Protection(loss=Decimal('0.05'), profit=None, trail=None, ...)
    """
    readers = _READERS if further is None else {**_READERS, **further}
    return kind(**{name: readers.get(name, _same)(value) for name, value in body.items()})


def _same(value: Any) -> Any:
    return value


def _further(value: Any) -> Any:
    """Return a library's scalar as the number it is; all else would come back as another type."""
    is_scalar = type(value).__module__ == "numpy" and value.ndim == 0
    if is_scalar and isinstance(plain := value.item(), bool | int | float):
        return plain
    advice = "give plain numbers, texts, lists and dicts"
    if is_scalar:
        advice = "give str(...) of it"
    else:
        told = (how for kinds, how in _ADVICE if isinstance(value, kinds))
        advice = next(told, ".tolist() makes a list" if hasattr(value, "tolist") else advice)
    raise UsageError(
        f"a {type(value).__name__} cannot be kept as JSON and come back as it was: {advice}",
        type=type(value).__name__,
    )


_ISOFORMAT = datetime.isoformat  # a subclass may write more digits than can be read again
_ADVICE: tuple[tuple[Any, str], ...] = (
    (Enum, "give its .value"),
    (date, "give its .isoformat()"),
    (timedelta, "give its .total_seconds()"),
    (Decimal, "give str(...) of it"),
    ((set, frozenset), "give sorted(...) of it"),
)
_JSON = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_further
)
_BASES: dict[type, Callable[[Any], Any]] = {Decimal: _write_decimal, datetime: _write_instant}
_WRITERS = dict(_BASES)
_TEXTS: dict[type, Callable[[Any], str]] = {
    str: encode_basestring,
    bool: {True: "true", False: "false"}.__getitem__,
    Decimal: _decimal_text,
    datetime: _instant_text,
}
_MONEY = (
    "quantity", "target", "limit_price", "stop_price", "filled", "average_price",
    "reference_price", "price", "fee", "slippage", "loss", "profit", "trail",
    "loss_price", "profit_price", "loss_limit", "notional",
)  # fmt: skip
_READERS: dict[str, Callable[[Any], Any]] = {
    "side": Side,
    "type": OrderType,
    "tif": TimeInForce,
    "state": OrderState,
    "pending": Pending,
    "decided_at": datetime.fromisoformat,
    "time": datetime.fromisoformat,
    "protection": partial(decode, Protection),
    "slice": partial(decode, Slice),
    "intent": partial(decode, Intent),
    "fill": partial(decode, Fill),
    **dict.fromkeys(_MONEY, Decimal),
}
