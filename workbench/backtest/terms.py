"""The choices of a run, read back from the words a result keeps of them.

A result, saved or not, tells its costs, sizing and stops as the text that would make them again.
What is read is a call of a known class with plain values, nothing else: no code is run.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from workbench.backtest.entries import Limit
from workbench.backtest.sizing import Sizing
from workbench.backtest.stops import Stops
from workbench.costs import fees, financing, slippage
from workbench.costs.costs import Costs
from workbench.errors import UsageError

__all__ = ["Choices", "read"]

_PLAIN = {"inf": math.inf, "nan": math.nan}


class Choices(NamedTuple):
    """How a run was traded."""

    costs: Costs
    sizing: Sizing
    stops: Stops
    fill: str | Limit


def read(choices: Mapping[str, Any]) -> Choices:
    """Return what ``result.choices`` tells, as objects.

    Raises
    ------
    UsageError
        One of them is missing or of a kind that is not known here.

    Examples
    --------
    >>> import workbench as wb
    >>> told = {"costs": "Costs(fee=Bps(bps=10))", "sizing": "Sizing()", "stops": "Stops(loss=0.1)"}
    >>> read(told).costs == wb.Costs(fee=wb.fees.Bps(10))
    True
    """
    kinds = {"costs": Costs, "sizing": Sizing, "stops": Stops}
    found: dict[str, Any] = {}
    for name, kind in kinds.items():
        text = str(choices.get(name))
        try:
            value = _made(ast.parse(text, mode="eval").body, name)
        except (SyntaxError, TypeError, ValueError) as error:
            raise UsageError(f"the {name} of the run cannot be read: {text}", what=name) from error
        if not isinstance(value, kind):
            raise UsageError(f"the {name} of the run cannot be read: {text}", what=name)
        found[name] = value
    fill = str(choices.get("fill", "next_open"))
    return Choices(
        **found, fill=_made(ast.parse(fill, mode="eval").body, "fill") if "(" in fill else fill
    )


def _made(node: ast.expr, place: str) -> Any:
    """Return the value of a literal, or the object a call would make; `place` names its role."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        given = [_made(part, place) for part in node.args]
        named = {part.arg: _made(part.value, str(part.arg)) for part in node.keywords if part.arg}
        return _class(node.func.id, place)(*given, **named)
    if isinstance(node, ast.Tuple | ast.List):
        return tuple(_made(part, place) for part in node.elts)
    if isinstance(node, ast.Name) and node.id in _PLAIN:
        return _PLAIN[node.id]
    return ast.literal_eval(node)


def _class(name: str, place: str) -> Any:
    """Return a class by its name; that of a fee and of a slippage may be the same."""
    known: dict[str, Any] = {"Costs": Costs, "Sizing": Sizing, "Stops": Stops, "Limit": Limit}
    module = {"fee": fees, "slippage": slippage, "financing": financing}.get(place)
    found = known.get(name) if module is None else getattr(module, name, None)
    if not isinstance(found, type):
        raise ValueError(name)
    return found
