"""The rules called directly give what numba's own call gives, to the bit."""

from __future__ import annotations

import math

import numpy as np
import pytest

from workbench.kernels import called, rules
from workbench.kernels.codes import Quote, Want
from workbench.venues.sim.terms import plain_terms

TERMS = plain_terms()
ODD = [0.0, -0.0, 1.0, 1e-320, 1e308, math.inf, -math.inf, math.nan]


@pytest.mark.parametrize("target", [0.0, 0.5, -1.0, math.nan])
@pytest.mark.parametrize("price", ODD)
def test_a_rule_called_directly_is_the_compiled_rule(target, price):
    want, quote = Want(target, 1.0, 3.0), Quote(price, 500.0, math.inf)
    for name, given in {
        "decided": (target, 3.0, price, 1e5, 0.0, TERMS),
        "sized": (want, quote, 1e5, 0.0, TERMS),
        "affordable": (want, 10.0, quote, 1e5, 7.0, 0.0, TERMS),
        "is_too_small": (want, 10.0, price, TERMS),
        "is_tradable": (price, price, TERMS.costs),
        "fill_price": (quote, -1.0, 5.0, TERMS.costs),
        "fee_of": (5.0, price, False, 0.0, TERMS.costs),
    }.items():
        for _ in range(2):
            answer = getattr(called, name)(*given)
            assert type(answer) is type(getattr(rules, name)(*given))
            np.testing.assert_array_equal(answer, getattr(rules, name)(*given))


def test_an_integer_is_the_float_it_is_whoever_comes_first():
    first, then = called.direct(rules.cash_after), called.direct(rules.cash_after)
    assert first(100, 1, 2, 10, 1) == 79.0
    assert first(100.5, 1.0, 2.0, 10.0, 1.0) == then(100.5, 1.0, 2, 10.0, 1) == 79.5


def test_too_few_arguments_are_refused():
    called.cash_after(1.0, 1.0, 1.0, 1.0, 0.0)
    with pytest.raises(TypeError):
        called.cash_after(1.0)
