import pkgutil
import subprocess
import sys

import pytest

import workbench as wb
import workbench.indicators
from workbench.errors import UsageError


def test_an_unknown_indicator_offers_the_nearest():
    with pytest.raises(UsageError, match="did you mean 'bbands'") as caught:
        wb.ta.bband  # noqa: B018
    assert caught.value.function == "bband"


def test_hasattr_answers():
    assert not hasattr(wb.ta, "no_such_thing")
    assert not hasattr(wb.ta, "__wrapped__")
    assert hasattr(wb.ta, "rsi")


def test_the_same_function_every_time():
    assert wb.ta.rsi is wb.ta.rsi


def test_no_module_takes_the_place_of_an_indicator():
    modules = {m.name for m in pkgutil.iter_modules(workbench.indicators.__path__)}
    assert not modules & set(dir(wb.ta))


@pytest.mark.parametrize("jedi", [True, False])
def test_jupyter_completes_names_and_parameters(jedi):
    code = f"""
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.run_cell("import workbench as wb")
shell.Completer.use_jedi = {jedi}
for text in ("wb.ta.bb", "wb.ta.sma(bars, timep", "wb.strategies.Sma"):
    with provisionalcompleter():
        print([c.text for c in shell.Completer.completions(text, len(text))])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for wanted in ("bbands", "timeperiod=", "SmaCross"):
        assert wanted in done.stdout


@pytest.mark.parametrize("how", ["missing", "broken"])
def test_without_talib_the_error_says_what_to_install(tmp_path, how):
    """In a fresh interpreter where talib cannot be imported."""
    if how == "broken":
        (tmp_path / "talib").mkdir()
        text = "raise ImportError('libta-lib.so: cannot open shared object file')"
        (tmp_path / "talib" / "__init__.py").write_text(text)
    block = (
        "sys.modules['talib'] = None" if how == "missing" else f"sys.path[:0] = [{str(tmp_path)!r}]"
    )
    code = f"""
import sys
{block}
import workbench as wb
for name in ("sma", "nonsense"):
    try:
        getattr(wb.ta, name)
    except wb.errors.UsageError as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.count("pip install 'ta-lib") == 2
    assert ("cannot open shared object" in done.stdout) is (how == "broken")
