from __future__ import annotations

import enum
from fractions import Fraction
from typing import ClassVar, Literal

import numpy as np
import pytest

import workbench as wb
from workbench.errors import UsageError
from workbench.strategy.parameters import Param, specs


class Side(enum.Enum):
    LONG = "long"
    SHORT = "short"


class Holder(wb.Strategy):
    """Every kind of parameter."""

    NOT_ONE: ClassVar[int] = 7
    _private: int = 8

    count: int = wb.param(10, low=2, high=100, step=2, doc="How many.")
    size: float = wb.param(0.5, low=0, high=1)
    active: bool = wb.param(True)
    text: str = wb.param("a")
    kind: Literal["x", "y"] = wb.param("x")
    pick: int = wb.param(1, choices=(1, 2, 4))
    limit: float | None = wb.param(None, low=0)
    side: Side = wb.param(Side.LONG)
    names: tuple[str, ...] = ("A",)
    plain: int = 3
    bare = wb.param(2.5)

    def targets(self, bars):
        return bars["close"] * 0 + self.size


def test_specs_tell_all_in_the_order_of_declaration():
    found = specs(Holder)
    assert " ".join(found) == "count size active text kind pick limit side names plain bare"
    assert found["count"] == Param("count", int, 10, 2, 100, 2, None, "How many.")
    assert found["kind"].choices == ("x", "y")
    assert found["limit"].optional
    assert found["bare"].type is float
    assert found["names"].type is tuple
    assert specs(Holder()) == found
    assert Holder.NOT_ONE == 7
    assert Holder.count == 10


def test_what_specs_gives_is_a_copy():
    specs(Holder).clear()
    assert specs(Holder)


@pytest.mark.parametrize("wrong", [int, 3, "SmaCross", None])
def test_specs_of_something_else(wrong):
    with pytest.raises(UsageError, match="not a strategy"):
        specs(wrong)


@pytest.mark.parametrize(
    ("name", "given", "kept"),
    [
        ("count", np.int64(4), 4),
        ("count", np.uint8(4), 4),
        ("count", 4.0, 4),
        ("count", np.float64(4), 4),
        ("size", 1, 1.0),
        ("size", np.float32(0.25), 0.25),
        ("size", Fraction(1, 4), 0.25),
        ("active", np.bool_(False), False),
        ("text", np.str_("b"), "b"),
        ("kind", "y", "y"),
        ("pick", np.int32(4), 4),
        ("limit", None, None),
        ("limit", 2, 2.0),
        ("side", "short", Side.SHORT),
        ("side", Side.SHORT, Side.SHORT),
        ("names", ["B", "C"], ("B", "C")),
    ],
)
def test_values_are_made_the_declared_type(name, given, kept):
    value = getattr(Holder(**{name: given}), name)
    assert value == kept
    assert type(value) is type(kept)


@pytest.mark.parametrize(
    ("name", "given", "why"),
    [
        ("count", True, "whole number"),
        ("count", np.bool_(True), "whole number"),
        ("count", 4.5, "whole number"),
        ("count", "4", "whole number"),
        ("count", None, "whole number"),
        ("count", float("nan"), "whole number"),
        ("count", 1, "at least 2"),
        ("count", 101, "at most 100"),
        ("size", float("nan"), "finite"),
        ("size", float("inf"), "finite"),
        ("size", -0.1, "at least 0"),
        ("size", "0.5", "a number"),
        ("size", False, "a number"),
        ("active", 1, "True or False"),
        ("text", 1, "text"),
        ("kind", "z", "one of 'x', 'y'"),
        ("kind", "xx", "did you mean 'x'"),
        ("pick", 3, "one of 1, 2, 4"),
        ("limit", -1, "at least 0"),
        ("side", "up", "Side"),
        ("names", "AB", "tuple"),
        ("names", [["A"]], "hashable"),
    ],
)
def test_what_is_not_allowed_is_refused(name, given, why):
    with pytest.raises(UsageError, match=why) as caught:
        Holder(**{name: given})
    assert caught.value.parameter == name
    assert caught.value.strategy == "Holder"
    assert caught.value.value is given


def test_big_integers_stay_exact():
    class Big(wb.Strategy):
        n: int = wb.param(2**60 + 1)

        def targets(self, bars): ...

    assert Big().n == 2**60 + 1
    assert Big(n=2**62 + 1).n == 2**62 + 1


def body(**members):
    return type("Wrong", (wb.Strategy,), members)


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ({"n": wb.param(1, low=2)}, "at least 2"),
        ({"n": wb.param(1, low=3, high=2)}, "low 3 above high 2"),
        ({"n": wb.param(1, step=0)}, "step above 0"),
        ({"n": wb.param("a", low=2)}, "low and high say nothing"),
        ({"n": wb.param("a", choices=["b"])}, "one of 'b'"),
        ({"n": wb.param(None)}, "cannot tell the type"),
        ({"__annotations__": {"n": "int"}}, "has no default"),
        ({"__annotations__": {"n": "Nowhere"}, "n": wb.param(1)}, "cannot read the annotation"),
        ({"__annotations__": {"n": int | str}, "n": wb.param(1)}, "cannot tell the type"),
        ({"params": wb.param(1)}, "cannot be a parameter"),
        ({"warmup": wb.param(1)}, "cannot be a parameter"),
        ({"_n": wb.param(1)}, "cannot be private"),
        ({"__init__": lambda self: None}, "defines __init__"),
    ],
)
@pytest.mark.skipif("sys.version_info >= (3, 14)", reason="annotations are not set this way there")
def test_a_wrong_declaration_is_refused_where_it_is_made(members, why):
    with pytest.raises(UsageError, match=why):
        body(**members)


def test_a_subclass_inherits_and_changes():
    class Child(Holder):
        count = 20
        extra: int = wb.param(1)

        def targets(self, bars):
            return bars["close"]

    class Grandchild(Child):
        count: int = wb.param(500, low=400)

    assert list(specs(Child)) == [*specs(Holder), "extra"]
    assert Child().count == 20
    assert specs(Child)["count"].high == 100
    with pytest.raises(UsageError, match="at most 100"):
        Child(count=101)
    assert Grandchild().count == 500
    assert Grandchild(extra=5).params["extra"] == 5
    assert Holder().count == 10


def test_a_new_default_is_checked():
    with pytest.raises(UsageError, match="at least 2"):

        class Child(Holder):
            count = 1
