"""The scalar rules as Python calls them, one by one: the simulated venue, and who decides.

Numba looks at the types of what it is given at each call, which for named tuples takes a hundred
times longer than a rule does. Here that is done at the first call; from then on the compiled
code is called itself. What is an integer there is taken for the float it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from workbench.kernels import entries, rules

__all__ = [
    "affordable",
    "allowance",
    "average_after",
    "cash_after",
    "decided",
    "direct",
    "entry_hit",
    "fee_of",
    "fill_price",
    "fillable",
    "is_drifted",
    "is_stopped_first",
    "is_too_small",
    "is_tradable",
    "limit_level",
    "limit_price",
    "penalty",
    "sized",
    "stop_hit",
]

F = TypeVar("F", bound=Callable[..., Any])


def direct(rule: F) -> F:
    """Return a rule that numba asks for its types once; all its numbers are floats.

    Examples
    --------
    >>> direct(rules.cash_after)(100.0, 1.0, 2.0, 10.0, 1.0)
    79.0
    """
    dispatcher: Any = rule
    found: list[Callable[..., Any]] = []

    def call(*given: Any) -> Any:
        if found:
            return found[0](*given)
        answer = dispatcher(*given)
        for compiled in dispatcher.overloads.values():
            # one for integers, if a caller ever gave some, would cut floats off
            if "int" not in str(compiled.signature.args):
                found.append(compiled.entry_point)
                break
        return answer

    return cast(F, call)


affordable = direct(rules.affordable)
allowance = direct(rules.allowance)
average_after = direct(rules.average_after)
cash_after = direct(rules.cash_after)
decided = direct(rules.decided)
entry_hit = direct(entries.entry_hit)
fee_of = direct(rules.fee_of)
fill_price = direct(rules.fill_price)
fillable = direct(rules.fillable)
is_drifted = direct(rules.is_drifted)
is_stopped_first = direct(entries.is_stopped_first)
is_too_small = direct(rules.is_too_small)
is_tradable = direct(rules.is_tradable)
limit_level = direct(entries.limit_level)
limit_price = direct(entries.limit_price)
penalty = direct(rules.penalty)
sized = direct(rules.sized)
stop_hit = direct(rules.stop_hit)
