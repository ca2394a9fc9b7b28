import pickle
import subprocess
import sys
import textwrap

import pytest

import workbench as wb
from workbench.errors import UsageError
from workbench.strategy import registry

FILE = """
import workbench as wb

class {name}(wb.Strategy):
    n: int = wb.param({default})
    def targets(self, bars):
        return bars["close"] * 0 + self.n
"""


@pytest.fixture
def own(monkeypatch):
    """A registry that forgets what a test defines."""
    monkeypatch.setattr(registry, "_user", {})


def test_the_library_is_found_by_name():
    assert registry.find("SmaCross") is wb.strategies.SmaCross
    assert set(wb.strategies.__all__) <= set(registry.names())


def test_an_unknown_name_offers_the_nearest():
    with pytest.raises(UsageError, match="did you mean 'Momentum'") as caught:
        registry.find("Momentun")
    assert "Pairs" in caught.value.known


def test_a_class_registers_by_being_defined_and_the_latest_wins(own):
    def define(default):
        class Notebook(wb.Strategy):
            n: int = wb.param(default)

            def targets(self, bars):
                return bars["close"]

        return Notebook

    define(1)
    second = define(2)
    assert registry.find("Notebook") is second
    assert "Notebook" in registry.names()


def test_what_has_no_answer_or_is_private_is_not_listed(own):
    class Unfinished(wb.Strategy):
        pass

    class _Hidden(wb.Strategy):
        def targets(self, bars): ...

    class Listed(wb.EventStrategy):
        def on_trade(self, trade): ...

    assert not {"Unfinished", "_Hidden"} & set(registry.names())
    assert "Listed" in registry.names()


def test_a_users_class_of_a_librarys_name_wins_whichever_is_loaded_first():
    code = """
import workbench as wb
from workbench.strategy import registry
class SmaCross(wb.Strategy):
    def targets(self, bars): ...
print(registry.find("SmaCross") is SmaCross, "Pairs" in registry.names())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True"]


def test_a_strategy_is_loaded_from_a_file(own, tmp_path):
    path = tmp_path / "my.py"
    path.write_text(FILE.format(name="Mine", default=3))
    cls = registry.find(f"{path}:Mine")
    assert cls().n == 3
    assert registry.load(path) is cls  # the only one: its name may be left out
    assert registry.find("Mine") is cls
    path.write_text(FILE.format(name="Mine", default=4))
    assert registry.load(f"{path}:Mine")().n == 4


def test_what_came_from_a_file_pickles_by_its_path(own, tmp_path):
    path = tmp_path / "my.py"
    path.write_text(FILE.format(name="Mine", default=3))
    strategy = registry.load(path)(n=9)
    assert pickle.loads(pickle.dumps(strategy)) == strategy
    (tmp_path / "it.pickle").write_bytes(pickle.dumps(strategy))
    code = f"import pickle; print(pickle.load(open({str(tmp_path / 'it.pickle')!r}, 'rb')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "Mine(n=9)"


@pytest.mark.parametrize(
    ("text", "which", "why"),
    [
        (FILE.format(name="Mine", default=3), ":Mien", "did you mean 'Mine'"),
        (
            FILE.format(name="A", default=3) + FILE.format(name="B", default=3),
            "",
            "It defines: A, B",
        ),
        ("x = 1", "", "It defines: none"),
        ("import workbench as wb\nMine = wb.strategies.SmaCross", ":Mine", "It defines: none"),
        ("\n\nx = 1 / 0", ":Mine", r"does not run, line 3: ZeroDivisionError"),
        ("def (:", ":Mine", "does not run.*SyntaxError"),
        (FILE.format(name="Mine", default="'a', low=1"), ":Mine", "n must be a whole number"),
    ],
)
def test_a_file_that_gives_none_says_why(own, tmp_path, text, which, why):
    path = tmp_path / "my.py"
    path.write_text(textwrap.dedent(text))
    with pytest.raises(UsageError, match=why):
        registry.load(f"{path}{which}")
    path.write_text(FILE.format(name="Mine", default=3))
    assert registry.load(f"{path}:Mine")().n == 3


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(UsageError, match="no such file"):
        registry.find(f"{tmp_path}/none.py:Mine")
