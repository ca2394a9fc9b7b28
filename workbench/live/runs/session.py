"""A trading session put together by names: venue, feeds, histories, strategies."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import pandas as pd

from workbench.config import Settings
from workbench.core.clock import EventClock
from workbench.core.order import Intent
from workbench.core.ports import Bus, Event
from workbench.core.timeframe import Timeframe
from workbench.data import loader
from workbench.data.calendar import ALWAYS
from workbench.data.synthetic import SyntheticSource
from workbench.errors import RefusedError, UsageError
from workbench.live.accounts.brokers import is_live, opener
from workbench.live.decisions.deployment import Deployment
from workbench.live.market import feeds
from workbench.live.market.recorder import Recorder
from workbench.live.market.replay_feed import ReplayFeed
from workbench.live.runs.engine import Engine
from workbench.live.runs.history import history_of
from workbench.live.runs.line import History, Line
from workbench.live.runs.stages import Stages
from workbench.risk.context import Mode
from workbench.venues.paging import is_crypto

__all__ = ["begin", "history_through_catalog", "replay_recorded"]


async def begin(
    settings: Settings,
    deployments: Sequence[Deployment],
    *,
    venue: str = "sim",
    source: str = "sim",
    account: str = "desk",
    cash: float = 1_000_000.0,
    bus: Bus | None = None,
) -> Engine:
    """Return an engine that trades; `Engine.stop` ends it.

    Strategies of the same symbols and timeframe share a feed. What the feeds tell is recorded
    under ``data/live``, and each run is saved under ``data/runs`` when the engine stops.

    Parameters
    ----------
    venue : str
        One of `workbench.live.accounts.brokers.names`.
    source : str
        Of bars, one of `workbench.live.market.feeds.names`; their past comes through the catalog.
    account : str
        The name of the book.
    cash : float
        Of a new account at the simulated venue.

    Raises
    ------
    UsageError
        Something of it is unknown, a strategy mixes pairs that trade around the clock with
        shares, or another process trades on this workspace.
    RefusedError
        The venue is live, and the workspace's ``mode`` or a strategy's stage is not.
    """
    if not deployments:
        raise UsageError("there is no strategy to trade")
    if is_live(venue) and settings.mode != "live":
        raise RefusedError(
            f'real money moves at {venue}, and this workspace is for paper; mode = "live" in '
            "workbench.toml lets it",
            venue=venue,
        )
    symbols = tuple(dict.fromkeys(s for one in deployments for s in one.symbols))
    way = opener(venue, settings, symbols, account=account, cash=cash)
    mode: Mode = "live" if is_live(venue) else "paper"
    engine = Engine(settings, way, account=account, bus=bus, venue=venue, mode=mode)
    await asyncio.to_thread(engine.open)
    try:
        if is_live(venue):
            stages = Stages(engine.account.database, engine.clock)
            for one in deployments:
                stages.require_live(one.strategy.name, one.code)
        await engine.start()
        lines: dict[tuple[object, ...], Line] = {}
        for one in deployments:
            key = (one.symbols, str(one.frame))
            if key not in lines:
                lines[key] = _line(one, source, settings)
            await engine.run(one, lines[key])
        started = f"{engine.clock.now():%Y%m%d}"
        engine.record(Recorder(settings.folder("live") / account / f"events-{started}.jsonl"))
        for line in lines.values():
            engine.listen(line)
    except BaseException:
        await engine.stop()
        raise
    return engine


def history_through_catalog(symbols: tuple[str, ...], timeframe: Timeframe, source: str) -> History:
    """Return a line's past as ``wb.bars`` has it: what is stored is not fetched again.

    The invented market ``sim`` keeps none: its past is made anew.
    """
    if source == "sim":
        return history_of(SyntheticSource(), symbols, timeframe)
    wanted: str | list[str] = symbols[0] if len(symbols) == 1 else list(symbols)

    def history(start: datetime, end: datetime) -> pd.DataFrame:
        return loader.bars(wanted, str(timeframe), start, end, source=source)

    return history


async def replay_recorded(
    settings: Settings,
    deployments: Sequence[Deployment],
    events: Iterable[Event],
    *,
    before: pd.DataFrame | None = None,
    started: datetime | None = None,
    cash: float = 1_000_000.0,
    has_quotes: bool = True,
) -> list[Intent]:
    """Tell recorded events to the same engine by the events' clock; return its intents.

    Parameters
    ----------
    settings : Settings
        Of a workspace of its own, such as an empty folder's.
    deployments : sequence of Deployment
        All of the same symbols and timeframe.
    before : DataFrame, optional
        The bars that the run was warmed up on.
    started : datetime, optional
        When the run began: order ids are then those of the recorded run.
    has_quotes : bool
        Whether the venue filled at quotes.

    Returns
    -------
    list of Intent
        In the order in which they were decided.
    """
    told = list(events)
    first = deployments[0]
    clock = EventClock(started or _EARLY)
    engine = Engine(
        settings, opener("sim", settings, first.symbols, cash=cash), clock=clock, venue="sim"
    )

    def history(start: datetime, end: datetime) -> pd.DataFrame:
        del start
        frame = before if before is not None else pd.DataFrame()
        return frame[frame.index < pd.Timestamp(end)]

    past = None if before is None else history
    line = Line(
        ReplayFeed(told), first.symbols, first.frame, _calendar(first.symbols),
        history=past, has_quotes=has_quotes,
    )  # fmt: skip
    async with engine:
        if before is not None:
            line.window.load(before)
        for one in deployments:
            await engine.run(one, line)
        engine.listen(line)
        await engine.finished()
        return [judged.intent for judged in engine.account.ledger.intents.values()]


_EARLY = pd.Timestamp("2000-01-01", tz="UTC").to_pydatetime()


def _line(one: Deployment, source: str, settings: Settings) -> Line:
    has_quotes = source == "sim"
    kinds = ("bars", "quotes") if has_quotes else ("bars",)
    feed = feeds.feed(one.symbols, kinds, one.frame, source=source, settings=settings)
    return Line(
        feed,
        one.symbols,
        one.frame,
        _calendar(one.symbols),
        history=history_through_catalog(one.symbols, one.frame, source),
        grace=timedelta(seconds=settings.feeds.grace_seconds + 1.0),
        has_quotes=has_quotes,
    )


def _calendar(symbols: tuple[str, ...]) -> str:
    pairs = [symbol for symbol in symbols if is_crypto(symbol)]
    if pairs and len(pairs) < len(symbols):
        shares = [symbol for symbol in symbols if symbol not in pairs]
        raise UsageError(
            f"one strategy's bars have one calendar: {', '.join(pairs)} trade around the clock, "
            f"{', '.join(shares)} in sessions; deploy the strategy once for each kind",
            field="symbols",
        )
    return ALWAYS if pairs else "XNYS"
