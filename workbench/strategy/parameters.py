"""The parameters of a strategy: declared once, checked always, listed for sliders and sweeps."""

from __future__ import annotations

import inspect
import math
import sys
import types
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from numbers import Integral, Real
from typing import Any, ClassVar, Literal, Union, get_args, get_origin

from workbench.errors import UsageError, nearest

__all__ = ["Param", "collect", "param", "specs"]

_BASE = "workbench.strategy.base"
_PLAIN: dict[str, type] = {"int": int, "float": float, "bool": bool, "str": str}


@dataclass(frozen=True, slots=True)
class Param:
    """One parameter of a strategy class.

    Parameters
    ----------
    name : str
    type : type
        What a value is coerced to: ``int``, ``float``, ``bool``, ``str``, an ``Enum`` or any
        other class whose instances can be hashed.
    default
        The value where none is given.
    low, high : float, optional
        A value outside of [low, high] is refused.
    step : float, optional
        The stride of sliders and sweeps; values between the strides are allowed.
    choices : tuple, optional
        The only values allowed.
    doc : str
    optional : bool
        Whether ``None`` is a value too.
    """

    name: str
    type: type
    default: Any
    low: float | None = None
    high: float | None = None
    step: float | None = None
    choices: tuple[Any, ...] | None = None
    doc: str = ""
    optional: bool = False

    def check(self, value: Any, owner: str) -> Any:
        """Return `value` as this parameter's type.

        Integers of NumPy and whole floats become ``int``; a bool is never a number.

        Raises
        ------
        UsageError
            The value is of another type, not finite, out of range or not among the choices.

        Examples
        --------
        >>> Param("fast", int, 10, low=2).check(5.0, "SmaCross")
        5
        >>> Param("fast", int, 10, low=2).check(1, "SmaCross")
        Traceback (most recent call last):
        workbench.errors.UsageError: SmaCross: fast must be at least 2, not 1
        """
        if value is None and self.optional:
            return None
        found = _coerce(self.type, value)
        if found is _BAD:
            raise self._refuse(owner, f"must be {_noun(self.type)}", value)
        if isinstance(found, float) and not math.isfinite(found):
            raise self._refuse(owner, "must be finite", value)
        if self.low is not None and found < self.low:
            raise self._refuse(owner, f"must be at least {self.low}", value)
        if self.high is not None and found > self.high:
            raise self._refuse(owner, f"must be at most {self.high}", value)
        if self.choices is not None and found not in self.choices:
            near = nearest(found, self.choices) if isinstance(found, str) else ""
            listed = ", ".join(repr(c) for c in self.choices)
            raise self._refuse(owner, f"must be one of {listed}", value, near)
        return found

    def _refuse(self, owner: str, rule: str, value: Any, hint: str = "") -> UsageError:
        return UsageError(
            f"{owner}: {self.name} {rule}, not {value!r}{hint}",
            strategy=owner,
            parameter=self.name,
            value=value,
        )


class _Bad:
    """Marks a value that cannot be coerced; ``None`` may be a value."""


_BAD = _Bad()


def _coerce(kind: type, value: Any) -> Any:
    if kind in (bool, int, float):
        return _number(kind, value)
    if kind is tuple and isinstance(value, list):
        value = tuple(value)
    if issubclass(kind, Enum) and not isinstance(value, kind):
        return next((m for m in kind if value in (m.value, m.name)), _BAD)
    if not isinstance(value, kind) or not _is_hashable(value):
        return _BAD
    return str(value) if kind is str else value


def _number(kind: type, value: Any) -> Any:
    # By name, so that NumPy need not be imported to know its booleans.
    is_bool = type(value).__name__ in ("bool", "bool_")
    if kind is bool or is_bool:
        return bool(value) if kind is bool and is_bool else _BAD
    if not _is_real(value):
        return _BAD
    if kind is float:
        return float(value)
    return int(value) if isinstance(value, Integral) or float(value).is_integer() else _BAD


def _is_real(value: Any) -> bool:
    return isinstance(value, Real)


def _is_hashable(value: Any) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True


def _noun(kind: type) -> str:
    words = {int: "a whole number", float: "a number", bool: "True or False", str: "text"}
    return words.get(kind, f"a hashable {kind.__name__}")


@dataclass(frozen=True, slots=True)
class _Declared:
    """What `param` leaves in the class body until the class is made."""

    default: Any
    low: float | None
    high: float | None
    step: float | None
    choices: tuple[Any, ...] | None
    doc: str


def param(
    default: Any,
    low: float | None = None,
    high: float | None = None,
    step: float | None = None,
    *,
    choices: Any = None,
    doc: str = "",
) -> Any:
    """Declare a parameter in the body of a strategy class.

    Parameters
    ----------
    default
        The value where none is given; it must itself be allowed.
    low, high : float, optional
        Values outside of [low, high] are refused.
    step : float, optional
        The stride of sliders and sweeps.
    choices : iterable, optional
        The only values allowed.
    doc : str
        One line for whoever moves the slider.

    Returns
    -------
    Any
        A declaration; in the finished class the attribute is the default, in an object the value.

    Examples
    --------
    >>> from workbench.strategy.base import Strategy
    >>> class Hold(Strategy):
    ...     weight: float = param(1.0, low=0, high=1, doc="Fraction of equity held.")
    ...     def targets(self, bars):
    ...         return bars["close"] * 0 + self.weight
    >>> Hold(weight=0.5)
    Hold(weight=0.5)
    >>> specs(Hold)["weight"].high
    1
    """
    return _Declared(default, low, high, step, None if choices is None else tuple(choices), doc)


def specs(strategy: Any) -> dict[str, Param]:
    """Return the parameters of a strategy class or object by name, inherited ones first.

    Raises
    ------
    UsageError
        It is no strategy.

    Examples
    --------
    >>> from workbench.strategy.library import SmaCross
    >>> list(specs(SmaCross))
    ['fast', 'slow']
    """
    found = getattr(strategy, "_specs", None)
    if not isinstance(found, dict):
        raise UsageError(f"not a strategy: {strategy!r}; give a class derived from wb.Strategy")
    return dict(found)


def collect(cls: type) -> dict[str, Param]:
    """Read the parameters out of a new class body; the attributes become the defaults.

    An annotated attribute with a plain default is a parameter too, as in a dataclass.

    Raises
    ------
    UsageError
        A parameter has no default, an annotation of no use, or a default that is not allowed.
    """
    found: dict[str, Param] = {}
    for base in reversed(cls.__mro__[1:]):
        found.update(getattr(base, "__dict__", {}).get("_specs", {}))
    for name in found.keys() & vars(cls).keys():
        if not _declared(vars(cls)[name]):  # a plain value: a new default, the limits stay
            default = found[name].check(vars(cls)[name], cls.__name__)
            found[name] = replace(found[name], default=default)
            setattr(cls, name, default)
    annotations = {k: v for k, v in _annotations(cls).items() if not _is_class_variable(v)}
    named = dict.fromkeys([*annotations, *(k for k, v in vars(cls).items() if _declared(v))])
    for name in named:
        if name.startswith("_") and not _declared(vars(cls).get(name)):
            continue
        if name.startswith("_"):
            raise UsageError(f"{cls.__name__}: a parameter cannot be private: {name}")
        if name in found and not _declared(vars(cls).get(name)):
            continue
        if name not in vars(cls):
            raise UsageError(
                f"{cls.__name__}: parameter {name} has no default; "
                f"write `{name}: int = wb.param(10)`",
                strategy=cls.__name__,
                parameter=name,
            )
        spec = _spec(cls, name, annotations.get(name))
        found[name] = spec
        setattr(cls, name, spec.default)
    return found


def _declared(value: Any) -> bool:
    return isinstance(value, _Declared)


def _spec(cls: type, name: str, annotation: Any) -> Param:
    value = vars(cls)[name]
    said = value if isinstance(value, _Declared) else _Declared(value, None, None, None, None, "")
    if any(name in vars(b) for b in cls.__mro__[1:] if b.__module__ == _BASE):
        raise UsageError(f"{cls.__name__}: {name!r} cannot be a parameter; choose another name")
    kind, optional, literal = _resolve(cls, name, annotation, said.default)
    ordered = kind in (int, float)
    if not ordered and (said.low is not None or said.high is not None):
        raise UsageError(f"{cls.__name__}: {name} is {_noun(kind)}, low and high say nothing of it")
    if said.low is not None and said.high is not None and said.low > said.high:
        raise UsageError(f"{cls.__name__}: {name} has low {said.low} above high {said.high}")
    if said.step is not None and not said.step > 0:
        raise UsageError(f"{cls.__name__}: {name} needs a step above 0, not {said.step!r}")
    choices = said.choices if said.choices is not None else literal
    plain = Param(name, kind, None, said.low, said.high, said.step, None, said.doc, optional)
    if choices is not None:
        plain = replace(plain, choices=tuple(plain.check(c, cls.__name__) for c in choices))
    return replace(plain, default=plain.check(said.default, cls.__name__))


def _annotations(cls: type) -> Mapping[str, Any]:
    if sys.version_info >= (3, 14):
        import annotationlib

        return annotationlib.get_annotations(cls, format=annotationlib.Format.FORWARDREF)
    return inspect.get_annotations(cls)


def _is_class_variable(annotation: Any) -> bool:
    if isinstance(annotation, str):
        return annotation.replace("typing.", "").startswith("ClassVar")
    return annotation is ClassVar or get_origin(annotation) is ClassVar


def _resolve(
    cls: type, name: str, annotation: Any, default: Any
) -> tuple[type, bool, tuple[Any, ...] | None]:
    """Return the type, whether None is allowed, and the choices that a Literal names."""
    if annotation is None:
        annotation = type(default)
    if isinstance(annotation, str):
        annotation = _evaluate(cls, name, annotation)
    optional = False
    if get_origin(annotation) in (Union, types.UnionType):
        arms = [a for a in get_args(annotation) if a is not type(None)]
        optional = len(arms) < len(get_args(annotation))
        annotation = arms[0] if len(arms) == 1 else None
    if get_origin(annotation) is Literal:
        words = get_args(annotation)
        return type(words[0]), optional, words
    kind = get_origin(annotation) or annotation
    if not isinstance(kind, type) or kind is type(None):
        raise UsageError(
            f"{cls.__name__}: cannot tell the type of parameter {name}; "
            "annotate it with int, float, bool, str, a Literal or an Enum",
            strategy=cls.__name__,
            parameter=name,
        )
    return kind, optional, None


def _evaluate(cls: type, name: str, text: str) -> Any:
    if text in _PLAIN:
        return _PLAIN[text]
    scope = dict(vars(sys.modules[cls.__module__])) if cls.__module__ in sys.modules else {}
    try:
        # The text is the author's own annotation, as typing.get_type_hints would read it.
        return eval(text, scope, dict(vars(cls)))  # noqa: S307
    except (NameError, AttributeError, TypeError, SyntaxError) as error:
        raise UsageError(
            f"{cls.__name__}: cannot read the annotation {text!r} of parameter {name}: {error}",
            strategy=cls.__name__,
            parameter=name,
        ) from error
