import functools
from typing import ClassVar

import numpy as np
import pytest

import workbench as wb
from workbench.strategy.readable import is_readable

_kept = {}
_LOW = 30


def _above(bars, window, scale=1.0):
    return bars["close"] > wb.ta.sma(bars["close"], window)


@functools.cache
def _cached(window):
    return window


def _keeping(bars, window):
    _kept[window] = wb.ta.sma(bars["close"], window)
    return bars["close"] > _kept[window]


def _listing(bars, kept=[]):  # noqa: B006 - the trap that is looked for
    kept.append(bars)
    return bars["close"]


class _Base(wb.Strategy):
    window: int = wb.param(5, low=2, high=50)

    _memory: ClassVar[dict] = {}

    def targets(self, bars):
        return self.flags(bars).astype(float)

    def flags(self, bars):
        return bars["close"] > wb.ta.sma(bars["close"], self.window)


def _plain(self, bars):
    average = wb.ta.sma(bars["close"], max(self.window, 3))
    if self.window > 9:
        return (bars["close"] > average).astype(float).where(average.notna(), np.nan)
    return (wb.ta.rsi(bars["close"], self.window) < _LOW).astype(float)


def _function(self, bars):
    return _above(bars, self.window).astype(float)


def _global_cache(self, bars):
    return _keeping(bars, self.window).astype(float)


def _global_name(self, bars):
    return (bars["close"] > _kept[self.window]).astype(float)


def _function_cache(self, bars):
    return (bars["close"] > wb.ta.sma(bars["close"], _cached(self.window))).astype(float)


def _default_cache(self, bars):
    return (_listing(bars) > 3).astype(float)


def _class_cache(self, bars):
    self._memory.setdefault(self.window, bars["close"])
    return self.flags(bars).astype(float)


def _writes(self, bars):
    found = self.flags(bars).astype(float)
    found[wb.ta.sma(bars["close"], self.window).isna()] = np.nan
    return found


def _attribute(self, bars):
    found = self.flags(bars).astype(float)
    found.name = "x"
    return found


def _tries(self, bars):
    try:
        return np.sign(bars["close"])
    except TypeError:
        return self.flags(bars).astype(float)


def _asks_type(self, bars):
    return self.flags(bars).astype(float if type(bars) is dict else int)


def _asks_class(self, bars):
    return self.flags(bars).astype(float if bars.__class__ is dict else int)


def _is_instance(self, bars):
    return self.flags(bars).astype(float if isinstance(bars, dict) else int)


def _imports(self, bars):
    import workbench as mine

    return (bars["close"] > mine.ta.sma(bars["close"], 5)).astype(float)


def _makes(self, bars):
    flags = lambda: self.flags(bars)  # noqa: E731
    return flags().astype(float)


def _unknown(self, bars):
    return nowhere(bars)  # noqa: F821


def _class(targets):
    return type("Made", (_Base,), {"targets": targets, "__module__": __name__})


@pytest.mark.parametrize("targets", [_plain, _function, _Base.targets])
def test_plain_code_is_readable(targets):
    assert is_readable(_class(targets))


@pytest.mark.parametrize(
    "targets",
    [
        _global_cache, _global_name, _function_cache, _default_cache, _class_cache, _writes,
        _attribute, _tries, _asks_type, _asks_class, _is_instance, _imports, _makes, _unknown,
        functools.partialmethod(_plain),
    ],
)  # fmt: skip
def test_what_could_keep_or_tell_a_stand_in_is_not(targets):
    assert not is_readable(_class(targets))


def test_neither_is_a_class_that_answers_for_its_attributes():
    assert not is_readable(
        type("Made", (_Base,), {"__getattr__": lambda self, n: 3, "__module__": __name__})
    )


def test_cells_are_looked_at_as_names_are():
    def made(what):
        def targets(self, bars):
            return (bars["close"] > what).astype(float)

        return targets

    assert is_readable(_class(made(3)))
    assert not is_readable(_class(made([3])))
