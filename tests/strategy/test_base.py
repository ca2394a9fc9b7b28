from __future__ import annotations

import copy
import inspect
import pickle
import subprocess
import sys
import textwrap

import pytest

import workbench as wb
from workbench.core.bar import Bar
from workbench.errors import UsageError


class Trend(wb.Strategy):
    """For the tests."""

    window: int = wb.param(20, low=2, high=400)
    scale: float = wb.param(1.0, low=0)

    def targets(self, bars):
        return (bars["close"] > bars["close"].rolling(self.window).mean()) * self.scale


class Other(wb.Strategy):
    window: int = wb.param(20)
    scale: float = wb.param(1.0)

    def targets(self, bars):
        return bars["close"] * 0


class Opener(wb.EventStrategy):
    size: float = wb.param(0.5, low=0, high=1)

    def on_bar(self, bar: Bar):
        return wb.Signal(bar.symbol, "buy", self.size) if bar.close > bar.open else None


def test_it_prints_as_it_is_made():
    assert repr(Trend(window=5)) == "Trend(window=5, scale=1.0)"
    assert Trend().name == "Trend"
    assert Trend(scale=2).params == {"window": 20, "scale": 2.0}
    assert Trend().warmup == 0


def test_equal_means_same_class_and_parameters():
    assert Trend(window=5) == Trend(window=5.0)
    assert Trend(window=5) != Trend(window=6)
    assert Trend() != Other()
    assert Trend() != "Trend(window=20, scale=1.0)"
    assert len({Trend(), Trend(window=20), Trend(window=21), Other()}) == 3


def test_it_is_frozen():
    strategy = Trend()
    with pytest.raises(UsageError, match=r"frozen; use \.replace\(window=30\)"):
        strategy.window = 30
    with pytest.raises(UsageError, match="frozen"):
        strategy.anything = 1
    with pytest.raises(UsageError, match="frozen"):
        del strategy.window
    strategy.params["window"] = 99
    assert strategy.window == 20


def test_replace_makes_a_checked_copy():
    strategy = Trend(window=5)
    assert strategy.replace(scale=2) == Trend(window=5, scale=2)
    assert strategy == Trend(window=5)
    with pytest.raises(UsageError, match="at least 2"):
        strategy.replace(window=1)
    with pytest.raises(UsageError, match="did you mean 'window'"):
        strategy.replace(windw=1)


def test_an_unknown_parameter_offers_the_nearest():
    with pytest.raises(UsageError, match="Trend has no parameter 'windwo', did you mean") as caught:
        Trend(windwo=3)
    assert caught.value.known == ["window", "scale"]


def test_parameters_are_keywords():
    with pytest.raises(UsageError, match=r"keywords: Trend\(window=5, scale=2\)"):
        Trend(5, 2)


@pytest.mark.parametrize("base", [wb.Strategy, wb.EventStrategy])
def test_without_an_answer_there_is_no_object(base):
    class Half(base):
        n: int = wb.param(1)

    with pytest.raises(UsageError, match=r"Half (has no targets|answers no event): define"):
        Half()
    with pytest.raises(UsageError, match="define"):
        base()


@pytest.mark.parametrize("strategy", [Trend(window=7), Opener(size=0.25)])
def test_it_pickles_and_copies(strategy):
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(strategy, protocol)) == strategy
    assert copy.deepcopy(strategy) == strategy
    assert copy.copy(strategy).params == strategy.params


def test_a_class_of_main_pickles_within_its_process(tmp_path):
    """As in a notebook: the class lives in ``__main__``."""
    script = tmp_path / "main.py"
    script.write_text(
        textwrap.dedent(
            """
            import pickle
            import multiprocessing
            import workbench as wb

            class Mine(wb.Strategy):
                n: int = wb.param(3)
                def targets(self, bars):
                    return bars["close"]

            def work(strategy):
                return strategy.replace(n=strategy.n + 1)

            if __name__ == "__main__":
                print(pickle.loads(pickle.dumps(Mine(n=4))))
                with multiprocessing.get_context("spawn").Pool(1) as pool:
                    print(pool.map(work, [Mine(n=5)]))
            """
        )
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["Mine(n=4)", "[Mine(n=6)]"]


def test_jupyter_sees_the_parameters():
    signature = inspect.signature(Trend)
    assert str(signature) == "(*, window: int = 20, scale: float = 1.0)"


def test_an_event_strategy_answers_events(make_bars):
    row = make_bars(3).iloc[-1]
    time = make_bars(3).index[-1].to_pydatetime()
    up = Bar("A", time, row["open"], row["high"], row["low"], row["open"] + 1, row["volume"])
    assert Opener(size=0.3).on_bar(up) == wb.Signal("A", "buy", 0.3)
    assert Opener().on_quote(object()) is None
    assert Opener().on_trade(object()) is None


def test_a_mixin_brings_parameters():
    class Sized:
        pass

    class Half(wb.Strategy):
        weight: float = wb.param(0.5)

    class Whole(Sized, Half):
        def targets(self, bars):
            return bars["close"] * 0 + self.weight

    assert Whole(weight=0.2).params == {"weight": 0.2}


def test_an_editor_knows_the_constructor(tmp_path):
    """Mypy, as any editor, takes the annotated attributes for keyword arguments."""
    source = tmp_path / "mine.py"
    source.write_text(
        textwrap.dedent(
            """
            from workbench.strategy.base import Strategy
            from workbench.strategy.parameters import param

            class Mine(Strategy):
                n: int = param(3, low=1)

            Mine()
            Mine(n=4)
            Mine(n="x")
            Mine(m=4)
            """
        )
    )
    api = pytest.importorskip("mypy.api")
    text, _, _ = api.run(["--follow-imports=silent", "--no-error-summary", str(source)])
    found = [line.split(":")[1] for line in text.splitlines() if ": error:" in line]
    assert found == ["10", "11"], text
