"""``workbench why``: what became of an order, or why there is none."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from workbench.cli.show import out

__all__ = ["why"]


def why(
    name: Annotated[str, typer.Argument(metavar="ID", help="Of an order, an intent, a decision.")],
    database: Annotated[
        str, typer.Option(help="An address, where it is not the workspace's own.")
    ] = "",
) -> None:
    """Say what became of an order or a decision: every rule, with its numbers."""
    from workbench.live.why import why as answer

    out.print(escape(str(answer(name, database=database or None))))
