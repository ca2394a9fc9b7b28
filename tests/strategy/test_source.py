import re
import subprocess
import sys

import pytest

import workbench as wb
from workbench.strategy.source import code_hash

BODY = """
import workbench as wb
class Mine(wb.Strategy):
    n: int = wb.param({default})
    def targets(self, bars):
        return bars["close"] * {factor}
"""


def typed(text: str) -> type:
    """A class as an interpreter makes it: there is no file to read the source from."""
    scope = {"__name__": "nowhere"}
    exec(text, scope)
    return scope["Mine"]


def test_it_is_a_digest_of_the_class_not_of_the_object():
    found = code_hash(wb.strategies.SmaCross())
    assert re.fullmatch("[0-9a-f]{64}", found)
    assert code_hash(wb.strategies.SmaCross(fast=3)) == found
    assert code_hash(wb.strategies.Pairs()) != found


def test_without_a_source_it_tells_code_apart():
    one = code_hash(typed(BODY.format(default=1, factor=2)))
    assert code_hash(typed(BODY.format(default=1, factor=2))) == one
    assert code_hash(typed(BODY.format(default=1, factor=3))) != one
    assert code_hash(typed(BODY.format(default=2, factor=2))) != one


def test_a_constant_counts():
    def make(value):
        class Mine(wb.Strategy):
            LEVEL = value

            def targets(self, bars):
                return bars["close"] * self.LEVEL

        return Mine

    assert code_hash(make(1)) == code_hash(make(1))
    assert code_hash(make(1)) != code_hash(make(2))


def test_a_base_counts():
    class Base(wb.Strategy):
        def targets(self, bars):
            return bars["close"]

    class Child(Base):
        pass

    first = code_hash(Child)

    class Base(wb.Strategy):
        def targets(self, bars):
            return bars["open"]

    class Child(Base):
        pass

    assert code_hash(Child) != first


@pytest.mark.parametrize("seed", ["1", "2"])
def test_it_is_the_same_in_every_process(seed):
    code = f"""
{BODY.format(default=1, factor=2)}
from workbench.strategy.source import code_hash
print(code_hash(Mine), code_hash(wb.strategies.SmaCross))
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONHASHSEED": seed},
    )
    _, library = done.stdout.split()
    assert library == code_hash(wb.strategies.SmaCross)
