"""Repairs of bars: asked for by name, and written down."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from workbench.data.schema import fingerprint
from workbench.errors import UsageError, nearest

__all__ = ["CONTRACT", "REPAIRS", "repaired"]

CONTRACT = ("disorder", "duplicates", "violations")
"""What bars may not have by their contract."""

Places = pd.DataFrame


def _moved(bars: pd.DataFrame, places: Places) -> pd.DataFrame:
    hours = places.set_index("time")["value"]
    by = hours[~hours.index.duplicated()].reindex(bars.index).fillna(0.0).to_numpy()
    moved = pd.DatetimeIndex(bars.index) + pd.to_timedelta(np.round(by * 3600), unit="s")
    return bars.set_axis(moved.as_unit("ns").rename(bars.index.name), axis=0)


def _dropped(bars: pd.DataFrame, places: Places) -> pd.DataFrame:
    return bars[~bars.index.isin(places["time"])]


REPAIRS: dict[str, tuple[str, Callable[[pd.DataFrame, Places], pd.DataFrame]]] = {
    "zone": ("moved to the hours of their sessions", _moved),
    "disorder": ("put in order", lambda bars, _: bars.sort_index(kind="stable")),
    "duplicates": (
        "dropped whose time was there already",
        lambda bars, _: bars[~bars.index.duplicated()],
    ),
    "violations": ("dropped that break a rule", _dropped),
    "spikes": ("dropped whose price leaps and comes back", _dropped),
    "unexpected": ("dropped that the calendar does not have", _dropped),
}
"""What can be repaired, in the order in which it is: a sentence, and the way."""


def repaired(bars: pd.DataFrame, details: pd.DataFrame, checks: Sequence[str]) -> pd.DataFrame:
    """Return bars of one symbol without the faults of some checks.

    Parameters
    ----------
    bars : DataFrame
        Not changed.
    details : DataFrame
        The places: ``check time value``.
    checks : sequence of str
        Of `REPAIRS`.

    Returns
    -------
    DataFrame
        ``attrs["repairs"]`` says what was done. Nothing is invented: a bar that cannot be
        believed is left out, and so is missing.

    Raises
    ------
    UsageError
        A check that cannot be repaired.
    """
    for check in checks:
        if check not in REPAIRS:
            hint = nearest(check, REPAIRS) or f"; there are {', '.join(REPAIRS)}"
            raise UsageError(
                f"{check!r} cannot be repaired{hint}. Bars that are missing are fetched; a split "
                "is recorded with wb.record_actions",
                check=check,
            )
    done, told = bars.copy(), []
    for check, (sentence, repair) in REPAIRS.items():
        places = details[details["check"] == check]
        if check in checks and len(places):
            done = repair(done, places)
            first, n = places["time"].min(), len(places)
            when = f"{first:%Y-%m-%d}" if first == first.normalize() else f"{first:%Y-%m-%d %H:%M}"
            bars_text = "1 bar" if n == 1 else f"{n} bars"
            told.append(f"{bars_text} {sentence}, the first at {when}")
    done.attrs = dict(bars.attrs)
    if told:
        done.attrs["repairs"] = (*bars.attrs.get("repairs", ()), *told)
        done.attrs["fingerprint"] = fingerprint(done)
    return done
