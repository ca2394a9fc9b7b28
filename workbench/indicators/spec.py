"""What an indicator is, as data: name, inputs, parameters, outputs and the array function."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real
from typing import Any

from workbench.errors import UsageError, nearest

__all__ = ["Kernel", "Parameter", "Spec"]

# Arrays of one symbol without gaps, then the parameters; one array per output comes back.
Kernel = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A number that shapes an indicator.

    Parameters
    ----------
    name : str
    kind : type
        ``int`` or ``float``.
    default : int or float
    low, high : float, optional
        The allowed range, where it is known; TA-Lib does not publish its own.
    doc : str
    """

    name: str
    kind: type[int] | type[float]
    default: float
    low: float | None = None
    high: float | None = None
    doc: str = ""

    def check(self, value: Any, owner: str) -> float:
        """Return `value` as ``int`` or ``float``.

        Raises
        ------
        UsageError
            Not such a number, not finite, or out of range.
        """
        number: Any = value if type(value) is self.kind else self._coerce(value, owner)
        if self.kind is float and not math.isfinite(number):
            raise self._refuse(owner, "must be finite", value)
        if self.low is not None and number < self.low:
            raise self._refuse(owner, f"must be at least {self.low}", value)
        if self.high is not None and number > self.high:
            raise self._refuse(owner, f"must be at most {self.high}", value)
        return number  # type: ignore[no-any-return]

    def _coerce(self, value: Any, owner: str) -> float:
        if not _is_number(value):
            raise self._refuse(owner, "must be a number", value)
        if self.kind is float:
            return float(value)
        if float(value).is_integer():
            return int(value)
        raise self._refuse(owner, "must be a whole number", value)

    def _refuse(self, owner: str, rule: str, value: Any) -> UsageError:
        return UsageError(
            f"{owner}: {self.name} {rule}, not {value!r}",
            function=owner,
            parameter=self.name,
            value=value,
        )


@dataclass(frozen=True, slots=True)
class Spec:
    """One indicator.

    Parameters
    ----------
    name : str
        As in ``wb.ta.<name>``.
    title, group : str
        For people.
    inputs : tuple of str
        The columns it takes from bars, in the order of the array function's arguments.
    parameters : tuple of Parameter
    outputs : tuple of str
    kernel : callable
        ``kernel(*arrays, *parameters)`` on float64 arrays of one symbol without NaN, to one
        float64 array of the same length or a tuple of them, one per output.
    notes : str
        Source of the formula and what is peculiar, for the docstring.
    positions : bool
        Whether the outputs are row numbers.
    """

    name: str
    title: str
    group: str
    inputs: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    outputs: tuple[str, ...]
    kernel: Kernel
    notes: str = ""
    positions: bool = False

    def bind(self, values: tuple[Any, ...], named: dict[str, Any]) -> tuple[float, ...]:
        """Return the checked parameters in their order, defaults filled in.

        Raises
        ------
        UsageError
            Too many, unknown (the nearest is offered), twice, or not allowed.
        """
        count = len(values)
        if count > len(self.parameters):
            raise UsageError(
                f"{self.name} takes {self._listed()}, not {count} parameters", function=self.name
            )
        if named:
            self._check_names(count, named)
        return tuple(
            p.check(values[i] if i < count else named.get(p.name, p.default), self.name)
            for i, p in enumerate(self.parameters)
        )

    def _check_names(self, count: int, named: dict[str, Any]) -> None:
        known = [p.name for p in self.parameters]
        for name in named:
            if name not in known:
                raise UsageError(
                    f"{self.name} has no parameter {name!r}{nearest(name, known) or '.'} "
                    f"It takes {self._listed()}.",
                    function=self.name,
                    parameter=name,
                    known=known,
                )
            if known.index(name) < count:
                raise UsageError(
                    f"{self.name}: {name} is given twice", function=self.name, parameter=name
                )

    def _listed(self) -> str:
        return ", ".join(f"{p.name}={p.default}" for p in self.parameters) or "no parameters"


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
