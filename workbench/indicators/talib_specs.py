"""TA-Lib's functions as specs, read from TA-Lib's own metadata."""

from __future__ import annotations

import inspect
from functools import lru_cache
from types import ModuleType
from typing import Any

import numpy as np

from workbench.errors import UsageError
from workbench.indicators.spec import Kernel, Parameter, Spec

__all__ = ["names", "raw", "spec"]

_INSTALL = "pip install 'ta-lib>=0.8' (its wheels carry the C library; else see ta-lib.org/install)"
_POSITIONS = frozenset({"maxindex", "minindex", "minmaxindex"})
_PECULIAR = {
    "fractal": "A swing stands on the bar that confirms it, `rightbars` after the swing itself.",
    "kc": "The middle is the EMA of the typical price; `keltner` is the version around the close.",
    "stddev": "The deviation of the population (ddof 0).",
    "vwap": "Accumulates from the first row on; see `vwap_session` and `vwap_rolling`.",
    "var": "The variance of the population (ddof 0).",
}
_UNSTABLE = "Function has an unstable period"
_PATH = "Output is path-dependent"
_INFINITE = "Output can be NaN or infinite"


@lru_cache(maxsize=1)
def _talib() -> tuple[ModuleType, ModuleType]:
    try:
        import talib

        # Its public face, talib.abstract, makes all 161 functions ready to tell of one.
        from talib import _ta_lib as library
    except ImportError as error:
        raise UsageError(
            f"the indicators need TA-Lib, which does not load ({error}): {_INSTALL}",
            package="ta-lib",
        ) from error
    return talib, library


@lru_cache(maxsize=1)
def names() -> tuple[str, ...]:
    """Return the names of TA-Lib's functions in lower case, sorted.

    Raises
    ------
    UsageError
        TA-Lib is missing or broken; it says what to install.

    Examples
    --------
    >>> "sma" in names()
    True
    """
    return tuple(sorted(name.lower() for name in _talib()[0].get_functions()))


def raw(name: str) -> Kernel:
    """Return TA-Lib's own function on arrays, ``raw("ema")(array, 20)``, for use in others."""
    found: Kernel = inspect.unwrap(getattr(_talib()[0], name.upper()))
    return found


def spec(name: str) -> Spec:
    """Return one of TA-Lib's functions as a spec.

    Parameters
    ----------
    name : str
        One of `names`.

    Examples
    --------
    >>> found = spec("atr")
    >>> found.inputs, [p.name for p in found.parameters], found.outputs
    (('high', 'low', 'close'), ['timeperiod'], ('atr',))
    """
    upper = name.upper()
    info = _described(upper).info
    outputs = tuple(info["output_names"])
    inputs: list[str] = []
    for value in info["input_names"].values():
        inputs += [value] if isinstance(value, str) else value
    parameters = tuple(
        Parameter(key, type(default), default, doc=_meaning(upper, i, key))
        for i, (key, default) in enumerate(info["parameters"].items())
    )
    return Spec(
        name=name,
        title=info["display_name"],
        group=info["group"],
        inputs=tuple(inputs),
        parameters=parameters,
        outputs=(name,) if len(outputs) == 1 else outputs,
        kernel=_kernel(upper, parameters, raw(name)),
        notes=_notes(upper, info["group"], info["function_flags"] or []),
        positions=name in _POSITIONS,
    )


def _described(upper: str, **parameters: float) -> Any:
    library = _talib()[1]
    return library.Function(upper, getattr(library, upper), **parameters)


def _kernel(upper: str, parameters: tuple[Parameter, ...], function: Kernel) -> Kernel:
    @lru_cache(maxsize=64)
    def lookback(values: tuple[float, ...]) -> int:
        named = {p.name: v for p, v in zip(parameters, values, strict=True)}
        return int(_described(upper, **named).lookback)

    def kernel(*arguments: Any) -> Any:
        try:
            found = function(*arguments)
        except Exception as error:
            raise _refusal(upper, parameters, arguments, function, error) from error
        several = isinstance(found, tuple)
        results = found if several else (found,)
        if any(r.dtype != np.float64 for r in results):
            values = arguments[len(arguments) - len(parameters) :]
            results = tuple(_known(r, lookback(values)) for r in results)
        return results if several else results[0]

    return kernel


def _known(values: np.ndarray, lookback: int) -> np.ndarray:
    """Return TA-Lib's integers as floats: its 0 before enough is known is no answer."""
    if values.dtype == np.float64:
        return values
    result = values.astype(np.float64)
    result[:lookback] = np.nan
    return result


def _refusal(
    upper: str,
    parameters: tuple[Parameter, ...],
    arguments: tuple[Any, ...],
    function: Kernel,
    error: Exception,
) -> UsageError:
    """Name the parameter that TA-Lib refuses: it says only that one is bad."""
    first = len(arguments) - len(parameters)
    values = arguments[first:]
    bad = [p.name for p, v in zip(parameters, values, strict=True) if _is_bad(p, v)]
    for i, p in enumerate(parameters):
        if bad:
            break
        trial = [np.ones(4)] * first + [q.default for q in parameters]
        trial[first + i] = values[i]
        if _fails(function, trial):
            bad.append(p.name)
    given = ", ".join(f"{p.name}={v!r}" for p, v in zip(parameters, values, strict=True))
    what = f"{bad[0]} is out of range" if bad else "the parameters do not go together"
    return UsageError(
        f"{upper.lower()}: {what}: TA-Lib refuses {given}",
        function=upper.lower(),
        parameter=bad[0] if bad else None,
        reason=str(error),
    )


def _is_bad(parameter: Parameter, value: float) -> bool:
    return parameter.kind is int and not -(2**31) < value < 2**31


def _fails(function: Kernel, arguments: list[Any]) -> bool:
    try:
        function(*arguments)
    except Exception:  # noqa: BLE001 - TA-Lib raises the bare class
        return True
    return False


def _meaning(upper: str, position: int, name: str) -> str:
    talib = _talib()[0]
    if name.endswith("matype"):
        kinds = {k: getattr(talib.MA_Type, k) for k in dir(talib.MA_Type) if k.isupper()}
        listed = sorted((v, k) for k, v in kinds.items() if isinstance(v, int))
        return "Kind of average: " + ", ".join(f"{number} {kind}" for number, kind in listed)
    # The text is metadata that TA-Lib's face keeps to itself; without it the name must do.
    about = getattr(talib.func, "_ta_getOptInputParameterInfo", None)
    return str(about(upper.encode(), position)["help"]) if about else ""


def _notes(upper: str, group: str, flags: list[str]) -> str:
    parts = [f"TA-Lib's ``{upper}``."]
    if group == "Pattern Recognition":
        parts.append(
            "100 (or more) is a bullish pattern, -100 (or less) a bearish one, 0 none. TA-Lib's 0 "
            "in the rows before a pattern could be known is NaN here."
        )
    if upper.lower() in _POSITIONS:
        parts.append("The values are row numbers of the input, counted from 0.")
    if upper.lower() in _PECULIAR:
        parts.append(_PECULIAR[upper.lower()])
    if _UNSTABLE in flags or _PATH in flags:
        parts.append(
            "A recursion: values depend, ever less, on the first row given, so the same row "
            "differs a little between a long history and a short one."
        )
    if _INFINITE in flags:
        parts.append("A value may be infinite, or NaN, where the formula divides by zero.")
    return "\n\n".join(parts)
