"""The one door from float to Decimal."""

from __future__ import annotations

import math
from decimal import ROUND_DOWN, Context, Decimal, DivisionByZero, InvalidOperation, Overflow

from workbench.errors import UsageError

__all__ = ["MONEY", "ZERO", "decimal", "floor_to"]

MONEY = Context(prec=50, traps=[InvalidOperation, DivisionByZero, Overflow])
ZERO = Decimal(0)
_MAX_DIGITS = 40


def decimal(value: Decimal | float | int | str, what: str = "value") -> Decimal:
    """Turn a number into an exact Decimal; a float keeps its shortest decimal form.

    Parameters
    ----------
    value : Decimal, float, int or str
        Finite. ``0.1`` becomes ``Decimal("0.1")``, and ``float(decimal(x)) == x``.
    what : str
        Names the number in the error.

    Raises
    ------
    UsageError
        NaN, infinity, a bool, or a text that is no number.

    Examples
    --------
    >>> decimal(0.1)
    Decimal('0.1')
    """
    if type(value) is float and math.isfinite(value):  # most of them; this is on a hot path
        return Decimal(float.__repr__(value))
    if isinstance(value, bool):
        raise UsageError(f"{what} must be a number, not {value!r}", what=what, value=value)
    if isinstance(value, str) and len(value) > _MAX_DIGITS:
        raise UsageError(f"{what} has more than {_MAX_DIGITS} characters", what=what)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise UsageError(f"{what} must be finite, not {value!r}", what=what, value=value)
        value = float.__repr__(value)
    try:
        number = Decimal(value)
    except (InvalidOperation, TypeError, ValueError):
        raise UsageError(f"{what} is not a number: {value!r}", what=what, value=value) from None
    if not number.is_finite():
        raise UsageError(f"{what} must be finite, not {value!r}", what=what, value=str(value))
    return number


def floor_to(quantity: Decimal, step: Decimal) -> Decimal:
    """Round a quantity towards zero to a multiple of ``step``; a step of 0 leaves it.

    Examples
    --------
    >>> floor_to(Decimal("10.7"), Decimal(1))
    Decimal('10')
    """
    if step == 0:
        return quantity
    units = MONEY.divide(quantity, step).to_integral_value(rounding=ROUND_DOWN)
    return MONEY.multiply(units, step)
