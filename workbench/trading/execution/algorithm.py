"""What all algorithms are: frozen settings, and one pure function of a moment."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

from workbench.core.money import decimal
from workbench.core.parent import Parent
from workbench.errors import UsageError, nearest
from workbench.trading.execution.moment import Action, Moment

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Algorithm", "read"]

_READ: dict[str, Callable[[Any], Any]] = {
    "Decimal": Decimal,
    "Decimal | None": Decimal,
    "tuple[Decimal, ...]": lambda told: tuple(map(Decimal, told)),
    "tuple[str, ...]": tuple,
}


@dataclass(frozen=True, kw_only=True)
class Algorithm:
    """Decides what to do next from all that a parent's journal and its market tell.

    It keeps nothing: the same moment gives the same actions, in a backtest, in a replay,
    live, and after a restart.
    """

    name: ClassVar[str]
    works_elsewhere: ClassVar[bool] = False
    known: ClassVar[dict[str, type[Algorithm]]] = {}

    def __init_subclass__(cls, **given: Any) -> None:
        super().__init_subclass__(**given)
        if "name" in cls.__dict__:
            Algorithm.known[cls.name] = cls

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if str(field.type).startswith("Decimal") and value is not None:
                object.__setattr__(self, field.name, decimal(value, field.name))
            elif str(field.type) == "tuple[Decimal, ...]":
                object.__setattr__(self, field.name, tuple(decimal(v, field.name) for v in value))
        self.check()

    def check(self) -> None:
        """Hold that the settings make sense."""

    @property
    def settings(self) -> dict[str, Any]:
        """The settings as plain JSON values, numbers as text."""
        told = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: _plain(value) for name, value in told.items() if value is not None}

    @property
    def rate(self) -> Decimal | None:
        """The share of what the market trades that it aims at, if it does."""
        return None

    @property
    def is_made(self) -> bool:
        """Whether it is ready; what is not is `made` from bars when an order begins."""
        return True

    def made(self, bars: pd.DataFrame, start: datetime, end: datetime) -> Algorithm:
        """Return it ready for a window.

        Parameters
        ----------
        bars : DataFrame
            Of the symbol, over some days before `start`.

        Raises
        ------
        DataError
            The bars do not tell what it needs.
        """
        del bars, start, end
        return self

    def plan(self, parent: Parent) -> Sequence[tuple[datetime, Decimal]]:
        """Return from when on how many units should be done, where that is known beforehand."""
        del parent
        return ()

    def actions(self, moment: Moment) -> Sequence[Action]:
        """Return what to do now, while the parent runs and its time is not over."""
        raise NotImplementedError


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return value


def read(name: str, settings: Mapping[str, Any]) -> Algorithm:
    """Return the algorithm that a parent names.

    Raises
    ------
    UsageError
        There is none of that name, or it has no such setting.

    Examples
    --------
    >>> from workbench.trading.execution.schedules import Twap
    >>> read("twap", Twap(slices=4).settings)
    Twap(passive=False, jitter=Decimal('0'), slices=4)
    """
    if name not in Algorithm.known:
        known = Algorithm.known
        raise UsageError(f"no execution algorithm {name!r}{nearest(name, known)}", name=name)
    kind = Algorithm.known[name]
    types = {field.name: str(field.type) for field in fields(kind)}
    for key in settings:
        if key not in types:
            raise UsageError(f"{name} has no setting {key!r}{nearest(key, types)}", name=name)
    return kind(**{key: _READ.get(types[key], _same)(value) for key, value in settings.items()})


def _same(value: Any) -> Any:
    return value
