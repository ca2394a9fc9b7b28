"""``a * b + c`` rounded once, as machines with such an instruction can compute it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import types
from numba.extending import intrinsic

__all__ = ["fused"]


def _fused(_: Any, _left: Any, _right: Any, _plus: Any) -> Any:
    """Return ``left * right + plus`` with one rounding (IEEE 754 fusedMultiplyAdd).

    The compiler makes it of two operations only where it is told that it may, and which it took
    cannot be seen; this is always the one. Where the machine lacks the instruction the C library
    computes it, to the same bits.
    """
    of = types.float64

    def code(_: Any, builder: Any, _signature: Any, given: Any) -> Any:
        return builder.fma(*given)

    return of(of, of, of), code


fused: Callable[[float, float, float], float] = intrinsic(_fused)  # type: ignore[assignment]
"""``fused(left, right, plus)`` for compiled functions; Python cannot call it."""
