"""How orders are to be worked: an algorithm, for how long, and how much of the market at most."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from workbench.core.money import decimal, floor_to
from workbench.core.order import Intent, OrderType
from workbench.core.parent import Parent
from workbench.errors import DataError, UsageError, nearest
from workbench.trading.execution.algorithm import Algorithm
from workbench.trading.execution.curves import Impact
from workbench.trading.execution.decide import ALGORITHMS
from workbench.trading.execution.schedules import Shortfall

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Plan"]

_FINEST = -8  # the decimal place of the least step of a part that is no whole number
_OWN = ("minutes", "max_participation")
_IMPACT = tuple(field.name for field in fields(Impact))


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How each order of a strategy, or one of a person, is to be worked.

    Parameters
    ----------
    algorithm : Algorithm
        ``wb.execution.Twap(slices=10)``, for instance. A `Vwap` without a curve takes that of
        the days before, when an order begins.
    minutes : Decimal, optional
        From the order's beginning to its end; of a strategy's orders a bar by default.
    max_participation : Decimal, optional
        See `Parent`.

    Raises
    ------
    UsageError
        A number that makes no sense, or an algorithm that splits over venues.

    Examples
    --------
    >>> plan = Plan.parse("twap:minutes=10,slices=5")
    >>> plan.algorithm, plan.minutes
    (Twap(passive=False, jitter=Decimal('0'), slices=5), Decimal('10'))
    >>> Plan.parse(str(plan)) == plan
    True
    """

    algorithm: Algorithm
    minutes: Decimal | None = None
    max_participation: Decimal | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.algorithm, Algorithm) or self.algorithm.works_elsewhere:
            raise UsageError(
                f"an execution algorithm is wanted, such as wb.execution.Twap(), "
                f"not {self.algorithm!r}"
            )
        for name in _OWN:
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, decimal(value, name))
        if self.minutes is not None and not 0 < self.minutes <= 10_000:
            raise UsageError(f"minutes are above 0 and at most 10,000, not {self.minutes}")
        share = self.max_participation
        if share is not None and not 0 < share <= 1:
            raise UsageError(f"max_participation is above 0 and at most 1, not {share}")

    @classmethod
    def of(cls, given: Algorithm | Plan | str | None) -> Plan | None:
        """Return a plan, or what stands for one, as a plan; None stays None.

        Examples
        --------
        >>> from workbench.trading.execution.schedules import Twap
        >>> Plan.of(Twap(slices=2)) == Plan.of("twap:slices=2")
        True
        """
        if given is None or isinstance(given, Plan):
            return given
        return cls.parse(given) if isinstance(given, str) else cls(algorithm=given)

    @classmethod
    def parse(cls, text: str) -> Plan:
        """Read a plan that is written ``algorithm:setting=value,setting=value``.

        Values of a list are divided by ``/``. A shortfall may tell its `Impact` in the place
        of a curve.

        Raises
        ------
        UsageError
            There is no such algorithm or setting, or a value cannot be read.

        Examples
        --------
        >>> Plan.parse("shortfall:curve=0.6/0.9/1").algorithm.curve[0]
        Decimal('0.6')
        """
        name, _, rest = text.strip().partition(":")
        kinds = {kind.name: kind for kind in ALGORITHMS if not kind.works_elsewhere}
        kind = kinds.get(name.strip().lower())
        if kind is None:
            raise UsageError(
                f"no execution algorithm {name[:40]!r}{nearest(name, kinds)}; there are "
                f"{', '.join(kinds)}",
                field="execution",
            )
        told = dict(_pair(part, text) for part in rest.split(",") if part.strip())
        own = {key: _number(told.pop(key), key) for key in _OWN if key in told}
        if kind is Shortfall and not told.keys().isdisjoint(_IMPACT):
            return cls(algorithm=_by_impact(told), **own)
        types = {field.name: str(field.type) for field in fields(kind)}
        for key in told:
            if key not in types:
                known = [*types, *_OWN]
                raise UsageError(
                    f"{kind.name} has no setting {key!r}{nearest(key, known)}; there are "
                    f"{', '.join(known)}",
                    field="execution",
                )
        try:
            made = kind(**{key: _read(types[key], value, key) for key, value in told.items()})
        except TypeError as error:  # a setting that has to be given
            raise UsageError(f"{kind.name}: {error}", field="execution") from None
        return cls(algorithm=made, **own)

    def __str__(self) -> str:
        """Return it as `parse` reads it."""
        told: dict[str, Any] = {
            name: value for name, value in self.algorithm.settings.items() if value not in ([], ())
        }
        for name in _OWN:
            value = getattr(self, name)
            if value is not None:
                told[name] = format(value, "f")
        return f"{self.algorithm.name}:" + ",".join(
            f"{name}={_written(value)}" for name, value in sorted(told.items())
        )

    def length(self, usual: timedelta) -> timedelta:
        """Return how long an order is worked; `usual` where the plan does not say."""
        return usual if self.minutes is None else timedelta(minutes=float(self.minutes))

    def parent(
        self, intent: Intent, start: datetime, end: datetime, days: pd.DataFrame | None = None,
        *, lot: Decimal = Decimal(0),
    ) -> Parent:  # fmt: skip
        """Return what is to be executed in the place of an intent's one order.

        Parameters
        ----------
        intent : Intent
            Of a quantity, to the market or with a limit.
        start, end : datetime
            Its window.
        days : DataFrame, optional
            Bars of the symbol over some days before, for an algorithm that is `made` of them;
            where they do not tell enough, the parts are even, and the reason says so.
        lot : Decimal
            Step of its parts; by default what the quantity allows.

        Raises
        ------
        UsageError
            The intent has no quantity, or is of another type.
        """
        if intent.quantity is None or intent.type not in (OrderType.MARKET, OrderType.LIMIT):
            raise UsageError(
                "an order that is worked in parts has a quantity and is a market or a limit order, "
                f"not a {intent.type} order"
            )
        algorithm, why = self._made(days, start, end)
        return Parent(
            algo_id=intent.intent_id,
            run_id=intent.run_id,
            strategy=intent.strategy,
            symbol=intent.symbol,
            side=intent.side,
            quantity=intent.quantity,
            algorithm=algorithm.name,
            settings=algorithm.settings,
            start=start,
            end=end,
            limit_price=intent.limit_price,
            max_participation=self.max_participation,
            lot=lot if lot and floor_to(intent.quantity, lot) == intent.quantity else _step(intent),
            arrival=intent.reference_price,
            tif=intent.tif,
            reduce_only=intent.reduce_only,
            extended_hours=intent.extended_hours,
            reason="; ".join(filter(None, (intent.reason, why))),
        )

    def _made(
        self, days: pd.DataFrame | None, start: datetime, end: datetime
    ) -> tuple[Algorithm, str]:
        if self.algorithm.is_made:
            return self.algorithm, ""
        why = "there are no bars of the days before"
        if days is not None and len(days):
            try:
                return self.algorithm.made(days, start, end), ""
            except (DataError, UsageError) as error:
                why = error.message
        return self.algorithm, f"in even parts: {why}"


def _step(intent: Intent) -> Decimal:
    """Return the finest step of an intent's parts: whole units, where a share is not divided."""
    quantity = (intent.quantity or Decimal(0)).normalize()
    exponent = quantity.as_tuple().exponent
    if isinstance(exponent, int) and exponent >= 0 and "/" not in intent.symbol:
        return Decimal(1)
    return Decimal(1).scaleb(min(int(exponent), _FINEST))


def _pair(part: str, text: str) -> tuple[str, str]:
    name, sign, value = part.partition("=")
    if not sign or not value.strip():
        raise UsageError(
            f"{part.strip()[:40]!r} of {text[:80]!r} is no setting=value", field="execution"
        )
    return name.strip().lower(), value.strip()


def _by_impact(told: dict[str, str]) -> Shortfall:
    slices = _whole(told.pop("slices", "10"), "slices")
    passive = _yes(told.pop("passive", "false"), "passive")
    wrong = [key for key in told if key not in _IMPACT]
    if wrong:
        raise UsageError(
            f"shortfall has no setting {wrong[0]!r}{nearest(wrong[0], _IMPACT)}", field="execution"
        )
    numbers = {key: float(_number(value, key)) for key, value in told.items()}
    try:
        return Shortfall.of(Impact(**numbers), slices, passive=passive)
    except TypeError as error:
        raise UsageError(f"shortfall: {error}", field="execution") from None


def _number(text: str, name: str) -> Decimal:
    return decimal(text, name)


def _whole(text: str, name: str) -> int:
    number = decimal(text, name)
    if number != number.to_integral_value():
        raise UsageError(f"{name} is a whole number, not {text}", field="execution")
    return int(number)


def _yes(text: str, name: str) -> bool:
    known = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    if text.lower() not in known:
        raise UsageError(f"{name} is true or false, not {text!r}", field="execution")
    return known[text.lower()]


def _plain(text: str, name: str) -> str:
    del name
    return text


def _several(text: str, name: str) -> tuple[Decimal, ...]:
    return tuple(decimal(one, name) for one in text.split("/"))


_READ: Mapping[str, Callable[[str, str], Any]] = {
    "Decimal": _number,
    "Decimal | None": _number,
    "int": _whole,
    "bool": _yes,
    "str": _plain,
    "tuple[Decimal, ...]": _several,
}


def _read(kind: str, text: str, name: str) -> Any:
    return _READ[kind](text, name)


def _written(value: Any) -> str:
    if isinstance(value, list):
        return "/".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
