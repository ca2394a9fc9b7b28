"""``workbench divergence``: why a live run earned something else than its backtest."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from workbench.cli.show import facts, frame, out

__all__ = ["divergence"]


def divergence(
    run: Annotated[str, typer.Argument(metavar="RUN", help="As `workbench runs list` has it.")],
    by: Annotated[
        str, typer.Option(help="What to add up by: symbol, day, round or order.")
    ] = "symbol",
    limit: Annotated[
        float | None, typer.Option(help="What may differ, in money; by the settings otherwise.")
    ] = None,
) -> None:
    """Put each cent between a live run and its backtest down to a cause.

    Ends with 1 where more differs than is tolerated.
    """
    from workbench.live.divergence.divergence import cents, reconcile  # pandas, where it is needed

    found = reconcile(run)
    rows = [("backtest", found.planned), *found.parts.items(), ("live", found.earned)]
    out.print(facts([(name, f"{cents(value):>16,}") for name, value in rows], found.run_id))
    table = found.by(by)
    shown = table.loc[:, [any(cents(value) for value in table[name]) for name in table]]
    if len(shown.columns):
        out.print(frame(shown.map(lambda value: f"{cents(value):,}").reset_index()))
    for text in found.findings:
        out.print(f"· {escape(text)}")
    if not found.ok(limit):
        raise typer.Exit(1)
