"""The package is callable and costs nothing until it is called."""

import subprocess
import sys


def test_naming_the_package_loads_no_compiler():
    code = (
        "import sys, workbench as wb; wb.backtest; import workbench.backtest;"
        "sys.exit(any(name in sys.modules for name in ('numba', 'pandas', 'vectorbt')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_backtest_imports_neither_vectorbt_nor_talib_nor_a_plot():
    code = """
import sys
import workbench as wb
import numpy as np, pandas as pd
class Hold(wb.Strategy):
    def targets(self, bars):
        return pd.Series(1.0, index=bars.index)
days = pd.date_range("2024-01-01", periods=9, tz="UTC", name="time")
bars = pd.DataFrame({n: 1.0 for n in ("open", "high", "low", "close", "volume")}, index=days)
wb.backtest(Hold(), bars, record=False).stats
bad = [m for m in ("vectorbt", "talib", "panel", "bokeh", "sqlalchemy") if m in sys.modules]
sys.exit(", ".join(bad) or 0)
"""
    run = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


def test_a_module_asked_for_a_hidden_name_imports_nothing():
    code = (
        "import sys, workbench.backtest.stats as stats;"
        "hasattr(stats, '__wrapped__');"
        "sys.exit('workbench.backtest.measures' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
