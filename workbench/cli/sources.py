"""``workbench source``: sources of your own."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from workbench.cli.show import out
from workbench.config import load_settings
from workbench.errors import UsageError

__all__ = ["app"]

app = typer.Typer(help="Bar sources of your own.", no_args_is_help=True)

_TEMPLATE = '''"""Bars from NAME."""

import pandas as pd

import workbench as wb
from workbench.errors import UsageError

COLUMNS = ["open", "high", "low", "close", "volume"]


@wb.source("NAME")
class Source:
    """Say here where the bars come from, and what their prices contain."""

    is_stored = True  # fetched bars are kept in the workspace; False: asked for each time

    def history(self, symbol, timeframe, start, end):
        """Return raw bars with start <= time < end, oldest first; None is open."""
        if symbol != "EXAMPLE" or str(timeframe) != "1d":
            raise UsageError(f"source NAME has daily bars of EXAMPLE, not {timeframe} of {symbol}")
        # replace these lines: ask your vendor, read your database
        days = pd.bdate_range("2024-01-01", "2024-01-31", tz="UTC", name="time")
        bars = pd.DataFrame(100.0, index=pd.DatetimeIndex(days, freq=None), columns=COLUMNS)
        if start is not None:
            bars = bars[bars.index >= start]
        if end is not None:
            bars = bars[bars.index < end]
        # raw prices; beside them columns "split" and "dividend" where they are known
        bars.attrs = {"calendar": "24/5", "adjustment": "none", "dropped": ()}
        return bars


if __name__ == "__main__":
    from workbench.testing import check_source

    print(check_source(Source(), "EXAMPLE", unknown="NONSENSE"))
'''


@app.callback()
def _group() -> None:
    """Bar sources of your own."""


@app.command()
def new(name: Annotated[str, typer.Argument(help="How wb.bars will call it.")]) -> None:
    """Write the template of a source into the workspace's sources/ folder."""
    if not name.isidentifier():
        raise UsageError(f"a source's name is a word as 'my_data', not {name!r}", source=name)
    path = load_settings().workspace / "sources" / f"{name}.py"
    if path.exists():
        raise UsageError(f"{path} is there already; it was left as it is", path=str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_TEMPLATE.replace("NAME", name), encoding="utf-8")
    out.print(f"{escape(str(path))} written. Run it to check it: python {escape(str(path))}")
    out.print(escape(f'Then: wb.bars("EXAMPLE", source="{name}")'), style="dim")
