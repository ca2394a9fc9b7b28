"""What bars of a universe carry, and what is told where a list is used on its past."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence

import pandas as pd

from workbench.data.schema import fingerprint
from workbench.data.universe import MEMBER, Members, Universe

__all__ = ["CAVEATS", "told_of_members", "with_members"]

CAVEATS = "caveats"
"""The key of ``attrs`` with sentences that every result on these bars must carry."""


def with_members(bars: pd.DataFrame, source: Universe, absent: Mapping[str, str]) -> pd.DataFrame:
    """Return bars of several symbols with the column ``member``.

    Parameters
    ----------
    bars : DataFrame
        As ``wb.bars`` gives them, with their ``attrs``.
    source : Universe
    absent : mapping of str to str
        Members whose bars are not to be had, and why.
    """
    symbols = list(bars["close"].columns)
    attrs = dict(bars.attrs)
    times = pd.DatetimeIndex(bars.index)
    table = source.membership(times, attrs["timeframe"], attrs["calendar"])[symbols]
    table.columns = pd.MultiIndex.from_product([[MEMBER], symbols], names=bars.columns.names)
    bars.attrs = {}
    whole = pd.concat([bars, table], axis=1)
    whole.attrs = attrs | {"universe": source.name, "fingerprint": fingerprint(whole)}
    caveats: list[str] = []
    if not source.is_dated:
        caveats.append(
            f"universe {source.name!r} has no dates: it is one list, used on the bars from "
            f"{times[0]:%Y-%m-%d} on; who left it before is missing (survivorship)"
        )
    if absent:
        few = ", ".join(list(absent)[:5]) + (", …" if len(absent) > 5 else "")
        caveats.append(
            f"{len(absent)} of {len(absent) + len(symbols)} members of universe "
            f"{source.name!r} have no bars and are missing (survivorship): {few}"
        )
    return _told(whole, caveats)


def told_of_members(bars: pd.DataFrame, symbols: Sequence[str]) -> pd.DataFrame:
    """Return bars that carry a warning where `symbols` are members of a later day."""
    if not isinstance(symbols, Members) or symbols.day <= bars.index[0]:
        return bars
    return _told(
        bars,
        [
            f"the symbols are the members of universe {symbols.universe!r} on "
            f"{symbols.day:%Y-%m-%d}, used on the bars from {bars.index[0]:%Y-%m-%d} on: who left "
            f"before is missing (survivorship); wb.bars(wb.universe({symbols.universe!r}), …) "
            "takes each while it was a member"
        ],
    )


def _told(bars: pd.DataFrame, caveats: list[str]) -> pd.DataFrame:
    if caveats:
        bars.attrs[CAVEATS] = (*bars.attrs.get(CAVEATS, ()), *caveats)
        warnings.warn("; ".join(caveats), stacklevel=4)
    return bars
