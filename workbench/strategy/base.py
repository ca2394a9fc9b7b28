"""The contract of a strategy: a frozen object that turns bars into targets."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Self, dataclass_transform

from workbench.core.bar import Bar
from workbench.core.message import Message
from workbench.core.signal import Signal
from workbench.errors import UsageError, nearest
from workbench.strategy import registry
from workbench.strategy.evaluate import evaluate
from workbench.strategy.parameters import Param, collect
from workbench.strategy.source import code_hash

if TYPE_CHECKING:
    import pandas as pd

    from workbench.strategy.rules import Rule

__all__ = ["BaseStrategy", "EventStrategy", "Strategy", "code_hash", "evaluate", "unfinished"]


@dataclass_transform(kw_only_default=True, frozen_default=True)
class BaseStrategy:
    """What `Strategy` and `EventStrategy` share: parameters, name, warm-up.

    Not derived from directly.
    """

    _specs: ClassVar[dict[str, Param]] = {}
    # The methods of which a class must define at least one to be of use.
    _answers: ClassVar[tuple[str, ...]] = ()

    min_symbols: ClassVar[int] = 1
    """How many symbols the bars must have at least."""
    max_symbols: ClassVar[int | None] = None
    """How many they may have at most; None is any number."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if BaseStrategy in cls.__bases__:
            return
        if "__init__" in vars(cls):
            raise UsageError(
                f"{cls.__name__} defines __init__; declare parameters in the class body instead: "
                "`fast: int = wb.param(10)`",
                strategy=cls.__name__,
            )
        cls._specs = collect(cls)
        cls.__signature__ = _signature(cls._specs)  # type: ignore[attr-defined]
        if not unfinished(cls):
            registry.add(cls)

    def __init__(self, *positional: Any, **parameters: Any) -> None:
        cls = type(self)
        if problem := unfinished(cls):
            raise UsageError(f"{cls.__name__} {problem}", strategy=cls.__name__)
        if positional:
            example = ", ".join(f"{n}={v!r}" for n, v in zip(cls._specs, positional, strict=False))
            raise UsageError(
                f"the parameters of a strategy are keywords: {cls.__name__}({example})",
                strategy=cls.__name__,
            )
        for name in parameters:
            if name not in cls._specs:
                near = nearest(name, cls._specs) or "."
                listed = ", ".join(cls._specs) or "none"
                raise UsageError(
                    f"{cls.__name__} has no parameter {name!r}{near} It has: {listed}.",
                    strategy=cls.__name__,
                    parameter=name,
                    known=list(cls._specs),
                )
        parameters = cls._taken(parameters)
        for name, spec in cls._specs.items():
            value = parameters.get(name, spec.default)
            self.__dict__[name] = spec.check(value, cls.__name__)

    @classmethod
    def _taken(cls, parameters: dict[str, Any]) -> dict[str, Any]:
        """Bring what was given in line, before each parameter is checked by itself."""
        return parameters

    @property
    def name(self) -> str:
        """The name of the class."""
        return type(self).__name__

    @property
    def params(self) -> dict[str, Any]:
        """The parameters by name, in the order of their declaration."""
        return {name: self.__dict__[name] for name in self._specs}

    @property
    def warmup(self) -> int:
        """How many bars pass before the targets can be relied on; 0 unless overridden.

        From row ``warmup`` on, a target is the same however many bars came before the first
        row, so that a live run on a short history decides as a backtest on a long one.
        """
        return 0

    def replace(self, **parameters: Any) -> Self:
        """Return a copy with some parameters changed.

        Examples
        --------
        >>> from workbench.strategy.library import SmaCross
        >>> SmaCross().replace(fast=5)
        SmaCross(fast=5, slow=50)
        """
        return type(self)(**{**self.params, **parameters})

    def __setattr__(self, name: str, value: Any) -> None:
        raise UsageError(
            f"{self.name} is frozen; use .replace({name}={value!r}) for a changed copy",
            strategy=self.name,
            parameter=name,
        )

    def __delattr__(self, name: str) -> None:
        raise UsageError(f"{self.name} is frozen; {name} stays", strategy=self.name, parameter=name)

    def __repr__(self) -> str:
        return f"{self.name}({', '.join(f'{k}={v!r}' for k, v in self.params.items())})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, BaseStrategy) or type(self) is not type(other):
            return NotImplemented
        return self.params == other.params

    def __hash__(self) -> int:
        return hash((type(self), *self.params.items()))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by class and parameters; a class loaded from a file, by its path and name."""
        cls = type(self)
        module = sys.modules.get(cls.__module__)
        loaded = module is not None and cls.__module__.startswith("workbench_user_")
        if module and loaded and getattr(module, cls.__qualname__, None) is cls:
            return _from_file, (f"{module.__file__}:{cls.__qualname__}", self.params)
        return _from_class, (cls, self.params)


def _from_class(cls: type[BaseStrategy], parameters: dict[str, Any]) -> BaseStrategy:
    return cls(**parameters)


def _from_file(where: str, parameters: dict[str, Any]) -> BaseStrategy:
    return registry.load(where)(**parameters)


def _signature(specs: dict[str, Param]) -> inspect.Signature:
    return inspect.Signature(
        [
            inspect.Parameter(
                s.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=s.default,
                annotation=s.type,
            )
            for s in specs.values()
        ]
    )


class Strategy(BaseStrategy):
    """A strategy on bars: derive, declare parameters, define ``targets``.

    An object is frozen: it prints, compares, hashes and pickles by its parameters, and two
    backtests of it are the same. Parameters are annotated attributes with a default
    (:func:`wb.param <workbench.strategy.parameters.param>`) and are given as keywords.

    Raises
    ------
    UsageError
        An unknown parameter, a value of the wrong type or out of range, or no ``targets``.

    Examples
    --------
    >>> import workbench as wb
    >>> class Trend(wb.Strategy):
    ...     '''Long above the average.'''
    ...     window: int = wb.param(20, low=2, high=400)
    ...
    ...     @property
    ...     def warmup(self):
    ...         return self.window
    ...
    ...     def targets(self, bars):
    ...         average = wb.ta.sma(bars["close"], self.window)
    ...         return (bars["close"] > average).astype(float).where(average.notna())
    >>> Trend(window=50)
    Trend(window=50)
    >>> Trend(windw=50)
    Traceback (most recent call last):
    workbench.errors.UsageError: Trend has no parameter 'windw', did you mean 'window'?...
    """

    _answers = ("targets", "rule")
    # Whether the targets are derived from a rule.
    _derives: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        if {"targets", "rule"} <= vars(cls).keys():
            raise UsageError(
                f"{cls.__name__} defines both targets and rule; one of them must be the source",
                strategy=cls.__name__,
            )
        super().__init_subclass__(**kwargs)
        cls._derives = cls.targets is Strategy.targets and cls.rule is not Strategy.rule

    def rule(self) -> Rule:
        """Return when to be long, short and flat, as a rule over declared indicators.

        Defined in the place of `targets`, which are then derived from it; see ``wb.rules``.
        Such a strategy sweeps without a call per point.

        Examples
        --------
        >>> import workbench as wb
        >>> class Calm(wb.Strategy):
        ...     window: int = wb.param(20, low=2)
        ...     def rule(self):
        ...         return wb.rules.hold(wb.rules.close > wb.rules.sma(self.window))
        >>> Calm().rule()
        hold(close > sma(20))
        """
        raise UsageError(f"{self.name} states no rule", strategy=self.name)

    def targets(self, bars: pd.DataFrame) -> pd.Series | pd.DataFrame:
        """Return the wanted fraction of equity for each row of `bars`.

        Parameters
        ----------
        bars : DataFrame
            The bars contract: ``bars["close"]`` is a Series for one symbol and a frame with
            one column per symbol for many. It must not be changed.

        Returns
        -------
        Series or DataFrame
            Index as `bars`; a Series for one symbol, one column per symbol for many. 1 is all
            of the equity long, -0.5 half of it short, 0 flat. NaN is no opinion: what is held
            is kept. The value of a row may use that row and earlier ones, none later; it is
            acted upon at the next open.
        """
        from workbench.strategy.lines import pandas_targets

        return pandas_targets(self.rule(), bars)


class EventStrategy(BaseStrategy):
    """A strategy on events: derive, declare parameters, answer bars, messages, quotes or trades.

    It runs in ``replay`` and ``live``. Each method returns a `Signal`, several, or None for no
    opinion. Objects are frozen as those of `Strategy`.

    Raises
    ------
    UsageError
        An unknown parameter, a value of the wrong type or out of range, or no method defined.

    Examples
    --------
    >>> import workbench as wb
    >>> class Gap(wb.EventStrategy):
    ...     size: float = wb.param(0.02, low=0)
    ...
    ...     def on_bar(self, bar):
    ...         return wb.Signal(bar.symbol, "buy") if bar.close > bar.open else None
    >>> Gap().params
    {'size': 0.02}

    What it saw outlives a restart of a live run where it has two methods more: ``state()``
    returns it as JSON values, ``restore(state)`` is given them back. Tuples come back as lists.

    >>> class Opening(wb.EventStrategy):
    ...     def on_bar(self, bar):
    ...         first = self.__dict__.setdefault("first", {}).setdefault(bar.symbol, bar.open)
    ...         return wb.Signal(bar.symbol, "buy" if bar.close > first else "flat")
    ...     def state(self):
    ...         return self.__dict__.get("first", {})
    ...     def restore(self, state):
    ...         self.__dict__["first"] = dict(state)
    >>> after = Opening()
    >>> after.restore({"X": 10.0})
    >>> after.state()
    {'X': 10.0}
    """

    _answers = ("on_bar", "on_quote", "on_trade", "on_message")

    def on_bar(self, bar: Bar) -> Signal | Iterable[Signal] | None:
        """Answer a completed bar."""

    def on_quote(self, quote: Any) -> Signal | Iterable[Signal] | None:
        """Answer a new best bid and ask."""

    def on_trade(self, trade: Any) -> Signal | Iterable[Signal] | None:
        """Answer a print."""

    def on_message(self, message: Message) -> Signal | Iterable[Signal] | None:
        """Answer news or a note once it is known; each later edition of it is told too.

        In a replay a message is told with the first bar that is complete when it is known,
        before that bar is.
        """


def unfinished(cls: type[BaseStrategy]) -> str:
    """Return what a class lacks to be used, or ``""``.

    Examples
    --------
    >>> class Empty(Strategy):
    ...     pass
    >>> unfinished(Empty)[:14]
    'has no targets'
    """
    for base in (Strategy, EventStrategy):
        if issubclass(cls, base):
            if any(getattr(cls, name) is not getattr(base, name) for name in base._answers):
                return ""
            if base is Strategy:
                return (
                    "has no targets: define `def targets(self, bars)` to return the wanted "
                    "fraction of equity for each row of bars"
                )
            return f"answers no event: define one of {', '.join(base._answers)}"
    return "is a base: derive from wb.Strategy or wb.EventStrategy"
