"""Bars that end when enough has happened: so many trades, so much volume, so far a move.

What happens at one instant stays together: a bar ends with the last trade of the instant that
fills it, so that bars begin strictly one after the other and each is known before the next one
begins. Nothing is split between two bars; a bar may hold more than was asked for.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from workbench.core.trade import Trade
from workbench.data.calendar import ALWAYS, known_times, utc_index
from workbench.data.hours import labels_of
from workbench.data.schema import check_bars, describe, fingerprint
from workbench.data.trades import are_trades, as_trades
from workbench.errors import UsageError

__all__ = [
    "CLOSE_ENOUGH",
    "KINDS",
    "Flow",
    "activity_bars",
    "described",
    "flow_of_bars",
    "flow_of_trades",
]

KINDS = ("trades", "volume", "dollars", "range", "renko")

CLOSE_ENOUGH = 1e-9  # sums of ten tenths fall short of one
_FIRST_LOOK = 64
_COUNTS = "trades"  # how bars may tell of how many trades they are

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Flow:
    """What happened, instant by instant: trades of one moment as one row, or a short bar.

    Parameters
    ----------
    begins, known : ndarray of int64
        When a row began and when it was known, nanoseconds since 1970 UTC.
    prices : ndarray of float64
        (rows, 4): open, high, low, close.
    counts, volumes, dollars : ndarray of float64
        Trades, units and money; NaN where it is not known.
    pieces : list of list of float
        The volumes each row is made of, to be added up once.
    is_open : bool
        Whether more may come at the instant of the last row.
    """

    begins: Longs
    known: Longs
    prices: Floats
    counts: Floats
    volumes: Floats
    dollars: Floats
    pieces: list[list[float]]
    is_open: bool


def flow_of_trades(trades: pd.DataFrame) -> Flow:
    """Return trades (see `workbench.data.trades.as_trades`) instant by instant."""
    times = pd.DatetimeIndex(trades.index).asi8
    first = np.flatnonzero(np.diff(times, prepend=times[:1] - 1))
    price, size = trades["price"].to_numpy(), trades["size"].to_numpy()
    last = np.append(first[1:], len(times)) - 1
    prices = np.column_stack(
        [
            price[first],
            np.maximum.reduceat(price, first) if len(first) else price,
            np.minimum.reduceat(price, first) if len(first) else price,
            price[last] if len(first) else price,
        ]
    )
    edges = [*first.tolist(), len(times)]
    sizes, spent = size.tolist(), (price * size).tolist()
    pieces = [sizes[low:high] for low, high in itertools.pairwise(edges)]
    return Flow(
        begins=times[first],
        known=times[first],
        prices=prices,
        counts=np.diff(edges).astype(float),
        volumes=np.array([math.fsum(part) for part in pieces]),
        dollars=np.array([math.fsum(spent[a:b]) for a, b in itertools.pairwise(edges)]),
        pieces=pieces,
        is_open=True,
    )


def flow_of_bars(bars: pd.DataFrame, timeframe: str, calendar: str) -> Flow:
    """Return checked bars of one symbol row by row; bars without a close are left out.

    Money is the volume-weighted price times the volume where bars have a ``vwap``, else the close
    times the volume.
    """
    present = bars[bars["close"].notna()]
    index = pd.DatetimeIndex(present.index)
    volume, close = present["volume"].to_numpy(), present["close"].to_numpy()
    price = close
    if "vwap" in present:
        told = present["vwap"].to_numpy("float64")
        price = np.where(np.isnan(told), close, told)
    counts = np.full(len(index), np.nan)
    if _COUNTS in present:
        counts = present[_COUNTS].to_numpy("float64")
    return Flow(
        begins=index.asi8,
        known=known_times(index, timeframe, calendar).as_unit("ns").asi8,
        prices=present[["open", "high", "low", "close"]].ffill(axis=1).bfill(axis=1).to_numpy(),
        counts=counts,
        volumes=volume,
        dollars=price * volume,
        pieces=[[value] for value in volume.tolist()],
        is_open=False,
    )


def activity_bars(
    source: pd.DataFrame | Sequence[Trade], by: str, size: float, *, hours: str, partial: bool
) -> pd.DataFrame:
    """Return bars by what happens; see `workbench.data.resample.resample`.

    Raises
    ------
    UsageError
        `size` is not above 0, there are several symbols, or the bars do not tell what `by`
        asks for.
    """
    if not (isinstance(size, int | float | np.number) and size > 0 and math.isfinite(size)):
        raise UsageError(f"by={by!r} needs size=, a number above 0, not {size!r}", size=size)
    if are_trades(source):
        table = as_trades(source)
        flow, calendar = flow_of_trades(table), str(table.attrs.get("calendar", ALWAYS))
    else:
        table = check_bars(source)  # type: ignore[arg-type]  # which refuses what is no frame
        if table.columns.nlevels == 2:
            raise UsageError(
                f"bars by {by} of several symbols begin at times of their own: make them of each "
                "symbol by itself, and put one beside the other with wb.align",
                by=by,
            )
        info = describe(table)
        flow, calendar = flow_of_bars(table, info.timeframe, info.calendar), info.calendar
    flow, outside = _inside(flow, calendar, hours)
    made = _made(flow, by, size, partial=partial)
    return described(made, table, f"{by} {size:.12g}", calendar, outside)


def described(
    longer: pd.DataFrame, source: pd.DataFrame, timeframe: str, calendar: str, outside: int
) -> pd.DataFrame:
    """Write into the ``attrs`` of bars what they are and what they were made of."""
    longer.attrs = {
        **{key: value for key, value in source.attrs.items() if key != "dropped"},
        "timeframe": timeframe,
        "calendar": calendar,
        "outside_session": outside,
    }
    longer.attrs["fingerprint"] = fingerprint(longer)
    return longer


def _made(flow: Flow, by: str, size: float, *, partial: bool) -> pd.DataFrame:
    rule = _Bricks(flow, size) if by == "renko" else None
    edges = _edges(len(flow.begins), rule.reached if rule else _reached(flow, by, size), rule)
    if flow.is_open and edges and edges[-1] == len(flow.begins):
        edges.pop()  # more may come at that instant
    complete = len(edges)
    if partial and len(flow.begins) and (not edges or edges[-1] < len(flow.begins)):
        edges.append(len(flow.begins))
    bars = _bars(flow, edges)
    if rule is not None:
        rule.tell(bars, complete)
    return bars


def _inside(flow: Flow, calendar: str, hours: str) -> tuple[Flow, int]:
    """Leave out what happened outside the hours of an exchange, and count it."""
    index = utc_index(flow.begins)
    is_daily = bool((index == index.normalize()).all())
    found, _ = labels_of(index, calendar, hours)
    if calendar == ALWAYS or is_daily:
        return flow, 0
    kept = ~np.asarray(found.isna())
    if kept.all():
        return flow, 0
    return Flow(
        flow.begins[kept], flow.known[kept], flow.prices[kept], flow.counts[kept],
        flow.volumes[kept], flow.dollars[kept],
        list(itertools.compress(flow.pieces, kept.tolist())), flow.is_open and bool(kept[-1]),
    ), int((~kept).sum())  # fmt: skip


def _reached(flow: Flow, by: str, size: float) -> Callable[[slice], Bools]:
    """Return what tells from which row of a slice on a bar that begins with it is full."""
    enough = size * (1.0 - CLOSE_ENOUGH)
    if by == "range":
        high, low = flow.prices[:, 1], flow.prices[:, 2]
        return lambda part: (
            np.maximum.accumulate(high[part]) - np.minimum.accumulate(low[part]) >= enough
        )
    amounts = {"trades": flow.counts, "volume": flow.volumes, "dollars": flow.dollars}[by]
    if len(amounts) and np.isnan(amounts).all():
        what = "how many trades they are made of (a column 'trades')" if by == "trades" else by
        raise UsageError(
            f"these bars do not tell {what}: take by='volume', or make the bars of trades", by=by
        )
    known = np.where(np.isnan(amounts), 0.0, amounts)
    return lambda part: np.cumsum(known[part]) >= enough


def _edges(rows: int, reached: Callable[[slice], Bools], rule: _Bricks | None) -> list[int]:
    """Return the row after the last of each bar. Each row is looked at a few times at most."""
    edges: list[int] = []
    at, look = 0, _FIRST_LOOK
    while at < rows:
        full = reached(slice(at, at + look))
        hit = int(np.argmax(full))
        if full[hit]:
            if rule is not None:
                rule.turn(at + hit)
            look = max(_FIRST_LOOK, 2 * hit)
            at += hit + 1
            edges.append(at)
        elif at + look >= rows:
            break
        else:
            look *= 4
    return edges


class _Bricks:
    """Where the next brick ends: one size further, or two back."""

    def __init__(self, flow: Flow, size: float) -> None:
        self.size = size
        self.prices = flow.prices[:, 3]
        self.bricks: list[int] = []
        self.levels: list[int] = []
        # on multiples of the size: where the bars begin matters little then
        self._level = round(float(self.prices[0]) / size) if len(self.prices) else 0
        self._way, self._start = 0, self._level

    def reached(self, part: slice) -> Bools:
        """Tell at which rows a brick is complete."""
        steps = self.prices[part] / self.size
        up = self._level + (2 if self._way < 0 else 1) - CLOSE_ENOUGH
        down = self._level - (2 if self._way > 0 else 1) + CLOSE_ENOUGH
        full: Bools = (steps >= up) | (steps <= down)
        return full

    def turn(self, row: int) -> None:
        """Take the bricks in that end at a row."""
        steps = float(self.prices[row] / self.size)
        way = 1 if steps > self._level else -1
        level = math.floor(way * steps + CLOSE_ENOUGH) * way
        self.bricks.append(level - self._level - (way if way == -self._way else 0))
        self.levels.append(level)
        self._level, self._way = level, way

    def tell(self, bars: pd.DataFrame, complete: int) -> None:
        """Write the bricks of each bar, and the price at which the last of them ends."""
        more = len(bars) - complete
        bars["bricks"] = np.array([*self.bricks[:complete], *[0] * more], dtype=float)
        ends = [self._start, *self.levels[:complete]]
        bars["level"] = np.array([*ends[1:], *ends[-1:] * more], dtype=float) * self.size


def _bars(flow: Flow, edges: list[int]) -> pd.DataFrame:
    first = np.array([0, *edges[:-1]], dtype=np.int64)[: len(edges)]
    last = np.array(edges, dtype=np.int64) - 1
    until = int(last[-1]) + 1 if len(last) else 0
    high, low = flow.prices[:until, 1], flow.prices[:until, 2]
    volumes = [
        _total(list(itertools.chain.from_iterable(flow.pieces[begin : end + 1])))
        for begin, end in zip(first.tolist(), last.tolist(), strict=True)
    ]
    return pd.DataFrame(
        {
            "open": flow.prices[first, 0],
            "high": np.maximum.reduceat(high, first) if len(first) else high,
            "low": np.minimum.reduceat(low, first) if len(first) else low,
            "close": flow.prices[last, 3],
            "volume": np.array(volumes, dtype=float),
            "known": utc_index(flow.known[last]),
        },
        index=utc_index(flow.begins[first]),
    )


def _total(values: list[float]) -> float:
    present = [value for value in values if not math.isnan(value)]
    return math.fsum(present) if present else math.nan
