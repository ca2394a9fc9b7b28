"""Reads a deployment's choices of sizing, costs and stops back from how they print."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from workbench.backtest.sizing import Sizing
from workbench.backtest.stops import Stops
from workbench.costs import fees, slippage
from workbench.costs.costs import Costs
from workbench.costs.financing import Financing
from workbench.errors import UsageError

__all__ = ["choice"]

_TOP: dict[str, Any] = {"Sizing": Sizing, "Costs": Costs, "Stops": Stops}
# by the word they are given under, for two of them are called Bps
_WITHIN: dict[str, Mapping[str, Any]] = {
    "fee": vars(fees),
    "slippage": vars(slippage),
    "financing": {"Financing": Financing},
}


def choice(text: str) -> Any:
    """Return the object that prints so; nothing but sizing, costs and stops is made.

    Raises
    ------
    UsageError
        It is none of these, or its values cannot be.

    Examples
    --------
    >>> choice("Stops(loss=0.1, profit=None, trail=None)")
    Stops(loss=0.1, profit=None, trail=None)
    >>> choice("Costs(fee=Bps(bps=10), slippage=Bps(bps=2))").fill_price(100.0, 1)
    100.02
    """
    try:
        return _made(ast.parse(text, mode="eval").body, _TOP)
    except (SyntaxError, ValueError, TypeError, RecursionError) as error:
        raise UsageError(f"no sizing, costs or stops: {text[:80]!r} ({error})") from None


def _made(node: ast.expr, known: Mapping[str, Any]) -> Any:
    if not isinstance(node, ast.Call):
        return ast.literal_eval(node)
    word = node.func.id if isinstance(node.func, ast.Name) else ""
    make = known.get(word)
    if not isinstance(make, type) or make.__module__.partition(".")[0] != "workbench":
        raise ValueError(f"{word or 'a call'} is not known here")
    facts = {
        one.arg: _made(one.value, _WITHIN.get(one.arg, {})) for one in node.keywords if one.arg
    }
    return make(*(_made(one, {}) for one in node.args), **facts)
