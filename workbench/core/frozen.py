"""Frozen objects, made quickly."""

from __future__ import annotations

from dataclasses import field, fields, make_dataclass
from typing import Any, TypeVar

__all__ = ["maker"]

T = TypeVar("T")


def maker(kind: type[T]) -> type[T]:
    """Return what makes objects of a frozen dataclass with slots in less than half the time.

    A frozen dataclass sets every field of a new object through ``object.__setattr__``,
    which takes longer than all else that a short-lived object is made for. What is
    returned fills a twin without that guard, of the same slots, and gives it the frozen
    class before anybody sees it: to the outside there is no difference.

    Parameters
    ----------
    kind : type
        A dataclass with ``frozen=True, slots=True`` and no dataclass above it.

    Raises
    ------
    TypeError
        At the first call: the class has no slots of its own.

    Examples
    --------
    >>> from workbench.core.order import Slice
    >>> one = maker(Slice)("twap-7", 3)
    >>> one == Slice("twap-7", 3), type(one) is Slice
    (True, True)
    """
    look = getattr(kind, "__post_init__", None)

    def done(draft: Any) -> None:
        draft.__class__ = kind
        if look is not None:
            look(draft)

    given: list[Any] = [
        (one.name, object, field(default=one.default, default_factory=one.default_factory,
                                 kw_only=one.kw_only))
        for one in fields(kind)  # type: ignore[arg-type]
    ]  # fmt: skip
    names = {"__post_init__": done, "__doc__": kind.__doc__}
    twin: type[T] = make_dataclass(
        kind.__name__, given, namespace=names, slots=True, eq=False, repr=False
    )
    return twin
