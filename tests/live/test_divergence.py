"""Known faults of known amounts, put into sessions of the engine: each is found to the cent."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

import workbench as wb
from workbench.bus.memory import MemoryBus
from workbench.config import RiskLimits, load_settings
from workbench.core.clock import EventClock
from workbench.core.timeframe import Timeframe
from workbench.errors import RefusedError, UsageError
from workbench.live.accounts.oversight import Oversight
from workbench.live.accounts.paper import paper
from workbench.live.decisions.deployment import Deployment
from workbench.live.divergence.divergence import PARTS, cents
from workbench.live.divergence.left import save_live
from workbench.live.market.backfill import bars_of
from workbench.live.market.replay_feed import ReplayFeed
from workbench.live.runs.engine import Engine
from workbench.live.runs.line import Line
from workbench.risk.gate import Gate
from workbench.runs import registry

ACME = "ACME/USD"
NOON = datetime(2024, 1, 2, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
CASH = 100_000.0
FREE = RiskLimits(max_order_quantity=None, max_order_notional=None, max_position_notional=None,
                  max_gross=None, max_daily_loss=None)  # fmt: skip


class Turned(wb.strategies.SmaCross):
    """Decides as soon as it has an opinion; live, it may have had another at one bar."""

    warmup = property(lambda self: 0)
    turned_at = None

    def targets(self, bars):
        found = super().targets(bars)
        if self.turned_at is not None and self.turned_at in found.index:
            found[self.turned_at] = 1.0 - found[self.turned_at]
        return found


class Halves(Turned):
    """Of two symbols half each."""

    def targets(self, bars):
        return super().targets(bars) / 2


STRATEGY = Turned(fast=3, slow=8)


class Wrong:
    """A simulated venue that does wrong to single orders, by their number."""

    def __init__(self, opener, *, dearer=(), charged=(), refused=(), missed=(), late=()):
        self.opener, self.numbers = opener, {}
        self.dearer, self.charged, self.refused = set(dearer), set(charged), set(refused)
        self.missed, self.late = set(missed), set(late)

    def __call__(self, stack):
        connected = self.opener(stack)
        venue = connected.broker.venue
        self.venue = venue
        self._submit, venue.submit = venue.submit, self.submit
        self._on_bar, venue.on_bar = venue.on_bar, self.on_bar
        self._execute, venue.state.execute = venue.state.execute, self.execute
        return connected

    def submit(self, order):
        number = self.numbers.setdefault(order.order_id, len(self.numbers))
        if number in self.refused:
            raise RefusedError("not today")
        return self._submit(order)

    def on_bar(self, bars):
        state = self.venue.state
        aside = {}
        for name in list(state.open):
            number = self.numbers[name]
            if number in self.missed:
                self.venue.cancel(name)
            elif number in self.late:
                self.late.remove(number)
                aside[name] = state.open.pop(name)
        self._on_bar(bars)
        state.open.update(aside)

    def execute(self, slot, deal):
        state, number = self.venue.state, self.numbers.get(slot.order.order_id)
        terms = state.terms
        if number in self.dearer:
            deal = deal._replace(price=deal.price + slot.side * 0.37)
        if number in self.charged:
            state.terms = terms._replace(costs=terms.costs._replace(minimum=1.25))
        self._execute(slot, deal)
        state.terms = terms


@pytest.fixture(scope="module")
def minutes():
    return wb.bars(ACME, "1m", start=NOON, end=NOON + 120 * MINUTE, source="synthetic")


@pytest.fixture
def workspace(tmp_path):
    return load_settings(tmp_path).model_copy(update={"risk": FREE})


async def lived(settings, bars, strategy=STRATEGY, symbols=(ACME,), *, wrong=None, saves=False,
                **facts):  # fmt: skip
    """Trade bars to their end; return what `wb.reconcile` says and what the engine had."""
    restated, past = facts.pop("restated", None), facts.pop("past", None)
    opener = paper(settings, symbols, cash=CASH, costs=facts.get("costs"))
    opener = Wrong(opener, **wrong) if wrong else opener
    engine = Engine(settings, opener, clock=EventClock(datetime(2000, 1, 1, tzinfo=UTC)))
    frames = [bars] if len(symbols) == 1 else [bars.xs(s, axis=1, level="symbol") for s in symbols]
    told = [
        list(bars_of(f, s, Timeframe.parse("1m"), "24/7"))
        for f, s in zip(frames, symbols, strict=True)
    ]
    events = [bar for row in zip(*told, strict=True) for bar in row]
    deployment = Deployment(strategy=strategy, symbols=symbols, timeframe="1m", **facts)
    async with engine:
        line = Line(ReplayFeed(events), symbols, "1m", "24/7")
        if past is not None:
            line.window.load(past)
        run = await engine.run(deployment, line)
        engine.listen(line)
        await engine.finished()
        assert engine.account.failure == ""
        strategy.__class__.turned_at = None
        found = wb.reconcile(run, restated, settings=settings)
        if saves:
            save_live(run)
        return found, run.equity - CASH


def alone(found, name):
    """Assert that one part is all of the difference, to the last digit; return its table."""
    assert found.total != 0
    others = [part for part in PARTS if part != name]
    assert {part: found.parts[part] for part in others} == dict.fromkeys(others, Decimal(0))
    assert found.parts[name] == found.total == found.earned - found.planned
    return found.table.set_index("time")


def row(found, number):
    return found.table.iloc[number]


CHOICES = [
    {},
    {"sizing": wb.Sizing()},
    {"sizing": wb.Sizing(lot=1, at="decision", rebalance="always")},
    {"sizing": wb.Sizing(at="decision", drift=0.1, rebalance="always")},
    {"costs": wb.Costs(fee=wb.fees.Bps(10), slippage_bps=3)},
    {"costs": wb.Costs(fee=wb.fees.PerShare(0.005, minimum=1.0), max_participation=0.1)},
    {"costs": wb.Costs(fee=wb.fees.Bps(10), slippage_bps=3), "sizing": wb.Sizing()},
    {"stops": wb.Stops(loss=0.001, profit=0.002)},
    {"stops": wb.Stops(trail=0.0015), "costs": wb.Costs(fee=wb.fees.Bps(2))},
]


@pytest.mark.parametrize("choices", CHOICES, ids=repr)
async def test_a_run_without_a_fault_is_its_backtest_to_the_last_digit(workspace, minutes, choices):
    found, earned = await lived(workspace, minutes, **choices)
    assert len(found.table) >= 10
    assert found.total == 0
    assert not any(found.parts)
    assert not found.table[[*PARTS, "total"]].to_numpy().any()
    assert float(found.earned) == pytest.approx(earned, abs=1e-6)
    assert found.ok(0)


async def test_several_symbols_without_a_fault(workspace):
    symbols = (ACME, "BOLT/USD")
    bars = wb.bars(list(symbols), "1m", start=NOON, end=NOON + 100 * MINUTE, source="synthetic")
    found, earned = await lived(workspace, bars, Halves(fast=3, slow=8), symbols,
                                costs=wb.Costs(fee=wb.fees.Bps(10)))  # fmt: skip
    assert set(found.table["symbol"]) == set(symbols)
    assert not any(found.parts)
    assert float(found.earned) == pytest.approx(earned, abs=1e-6)


async def test_strategies_that_share_a_symbol_without_a_fault(workspace, minutes):
    both = wb.Sleeves(strategies={"a": STRATEGY, "b": Turned(fast=2, slow=20)},
                      shares={"a": 0.75, "b": 0.25})  # fmt: skip
    found, earned = await lived(workspace, minutes, both)
    assert set(found.table["symbol"]) == {f"a/{ACME}", f"b/{ACME}"}
    assert not any(found.parts)
    assert float(found.earned) == pytest.approx(earned, abs=1e-6)


def the_backtest(bars):
    return wb.backtest(STRATEGY, bars, cash=CASH, sizing=wb.Sizing(at="decision"), record=False)


@pytest.mark.parametrize("number", [3, 17])
async def test_a_dearer_fill(workspace, minutes, number):
    found, earned = await lived(workspace, minutes, wrong={"dearer": [number]})
    alone(found, "price")
    fill = the_backtest(minutes).fills.iloc[number]
    assert cents(row(found, number)["price"]) == cents(Decimal(-0.37 * fill["quantity"]))
    assert float(found.total) == pytest.approx(
        earned - (the_backtest(minutes).stats["end_equity"] - CASH), abs=1e-6
    )


async def test_a_fee(workspace, minutes):
    found, _ = await lived(workspace, minutes, wrong={"charged": [4]})
    alone(found, "fee")
    assert row(found, 4)["fee"] == Decimal("-1.25")
    last, _ = await lived(load_settings(workspace.workspace / "b").model_copy(
        update={"risk": FREE}), minutes, wrong={"charged": [17]})  # fmt: skip
    assert last.parts["fee"] == last.total == Decimal("-1.25")


@pytest.mark.parametrize(("fault", "part"), [("refused", "reject"), ("missed", "missed")])
@pytest.mark.parametrize("number", [2, 3])
async def test_an_order_that_was_not_filled(workspace, minutes, fault, part, number):
    found, earned = await lived(workspace, minutes, wrong={fault: [number]})
    alone(found, part)
    tested = the_backtest(minutes)
    fill, last = tested.fills.iloc[number], minutes["close"].iloc[-1]
    side = 1 if fill["side"] == "buy" else -1
    gone = -side * fill["quantity"] * (last - fill["price"])
    assert float(row(found, number)[part]) == pytest.approx(gone, abs=1e-6)
    assert float(found.total) == pytest.approx(
        earned - (tested.stats["end_equity"] - CASH), abs=1e-6
    )


async def test_a_late_fill(workspace, minutes):
    found, _ = await lived(workspace, minutes, wrong={"late": [2]})
    alone(found, "timing")
    fill = the_backtest(minutes).fills.iloc[2]
    at = minutes.index.get_loc(fill["time"])
    moved = minutes["open"].iloc[at + 1] - minutes["open"].iloc[at]
    assert moved != 0
    assert float(row(found, 2)["timing"]) == pytest.approx(-fill["quantity"] * moved, abs=1e-6)


async def test_a_restated_bar(workspace, minutes):
    restated = minutes.copy()
    at = minutes.index.get_loc(the_backtest(minutes).fills["time"].iloc[4])
    restated.iloc[at, restated.columns.get_loc("open")] += 0.02
    restated["high"] = restated[["open", "high"]].max(axis=1)
    found, earned = await lived(workspace, minutes, restated=restated)
    alone(found, "data")
    now = the_backtest(restated).stats["end_equity"] - CASH
    assert float(found.total) == pytest.approx(earned - now, abs=1e-6)


async def test_a_changed_signal(workspace, minutes):
    Turned.turned_at = minutes.index[90]
    try:
        found, earned = await lived(workspace, minutes)
    finally:
        Turned.turned_at = None
    alone(found, "signal")
    assert float(found.total) == pytest.approx(
        earned - (the_backtest(minutes).stats["end_equity"] - CASH), abs=1e-6
    )
    # nothing before the bar is touched
    assert not found.table.loc[found.table["time"] < minutes.index[90], "total"].any()


@pytest.fixture
def trims(monkeypatch):
    """Let the gate trim what is too large, where it would refuse it."""

    def gate(self, capabilities=None):
        self._capabilities = capabilities
        return Gate.of(self.book.limits, on_breach="trim", capabilities=capabilities)

    monkeypatch.setattr(Oversight, "gate", gate)


@pytest.mark.usefixtures("trims")
async def test_smaller_sizes(workspace, minutes):
    small = replace_limits(workspace, max_order_notional=60_000.0)
    found, earned = await lived(small, minutes)
    alone(found, "size")
    tested = the_backtest(minutes)
    assert float(found.total) == pytest.approx(
        earned - (tested.stats["end_equity"] - CASH), abs=1e-6
    )


async def test_what_the_gate_refuses(workspace, minutes):
    found, earned = await lived(replace_limits(workspace, symbols=("OTHER/USD",)), minutes)
    assert earned == 0.0
    alone(found, "reject")
    assert found.total == -found.planned


def replace_limits(settings, **limits):
    risk = FREE.model_copy(update=limits)
    return settings.model_copy(update={"risk": risk})


@pytest.mark.usefixtures("trims")
async def test_all_of_it_together(workspace, minutes):
    restated = minutes.copy()
    restated.iloc[20:22] *= 1.001
    Turned.turned_at = minutes.index[90]
    wrong = {"dearer": [0], "charged": [1], "refused": [2], "missed": [4], "late": [6]}
    small = replace_limits(workspace, max_order_notional=99_000.0)
    try:
        found, earned = await lived(small, minutes, wrong=wrong, restated=restated)
    finally:
        Turned.turned_at = None
    tested = the_backtest(restated)
    assert float(found.total) == pytest.approx(
        earned - (tested.stats["end_equity"] - CASH), abs=1e-6
    )
    assert sum(found.parts) == found.total
    assert found.parts["unexplained"] == 0
    assert all(found.parts[name] != 0 for name in PARTS if name != "unexplained")
    assert (found.table[list(PARTS)].sum(axis=1) == found.table["total"]).all()
    # the fee is in the row of its order, as if it were alone
    assert Decimal("-1.25") in set(found.table["fee"])
    for what in ("symbol", "day", "round", "order"):
        assert sum(found.by(what)["total"]) == found.total
    assert len(found.by("round")) > 3
    assert not found.ok()
    assert found.ok(abs(found.total))
    assert not found.ok(abs(found.total) - Decimal("0.01"))


async def test_a_saved_run_is_the_run_at_work(workspace, minutes):
    found, _ = await lived(workspace, minutes, wrong={"dearer": [3], "late": [6]}, saves=True)
    again = wb.reconcile(found.run_id, settings=workspace)
    assert again.parts.equals(found.parts)
    assert again.table.equals(found.table)
    path = workspace.folder("runs") / found.run_id
    assert wb.reconcile(path, settings=workspace).total == found.total


async def test_what_it_shows(workspace, minutes):
    found, _ = await lived(workspace, minutes, wrong={"dearer": [3]})
    assert "price" in str(found)
    assert f"{cents(found.total):+,.2f}" in found._repr_html_()
    assert "are not kept anywhere" in found._repr_html_()
    for theme in ("light", "dark"):
        assert found.plot(theme).renderers
    with pytest.raises(UsageError, match="did you mean 'symbol'"):
        found.by("symbl")


async def test_an_alert_above_the_limit(workspace, minutes):
    found, _ = await lived(workspace, minutes, wrong={"dearer": [3]})
    bus = MemoryBus()
    told = []
    bus.subscribe(["system"], lambda topic, message: told.append(message))
    assert replace(found, limit=abs(found.total) - Decimal("0.01")).tell(bus)
    assert not replace(found, limit=abs(found.total)).tell(bus)
    (message,) = told
    assert message["kind"] == "divergence"
    assert "most of it is price" in message["text"]
    assert message["run_id"] == found.run_id


def test_what_is_no_live_run(workspace, minutes):
    result = wb.backtest(STRATEGY, minutes, record=False)
    path = result.save(workspace.folder("runs"))
    with pytest.raises(UsageError, match="nothing live to compare"):
        wb.reconcile(path, settings=workspace)
    with pytest.raises(UsageError):
        wb.reconcile("none", settings=workspace)


@pytest.fixture(scope="module")
def left(tmp_path_factory, minutes):
    """A run that was saved, to be spoilt."""
    import asyncio

    settings = load_settings(tmp_path_factory.mktemp("left")).model_copy(update={"risk": FREE})
    found, _ = asyncio.run(lived(settings, minutes, saves=True))
    return settings, *registry.load(found.run_id, settings.folder("runs"))


amounts = st.decimals("-5", "5", places=2)


@given(data=st.data())
@hypothesis_settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_parts_add_up_whatever_was_left(left, data):
    settings, manifest, frames = left
    fills, decisions = frames["fills"].copy(), frames["decisions"].copy()
    some = st.lists(st.integers(0, len(fills) - 1), unique=True, max_size=4)
    for name, spread in (("price", amounts), ("fee", amounts)):
        for place in data.draw(some, name):
            value = Decimal(fills[name].iloc[place]) + data.draw(spread)
            fills.loc[place, name] = str(value)
    for place in data.draw(some, "part"):
        share = data.draw(st.sampled_from(["0.25", "0.5", "0.999"]))
        fills.loc[place, "quantity"] = str(Decimal(fills["quantity"].iloc[place]) * Decimal(share))
    fills = fills.drop(index=data.draw(some, "gone"))
    for place in data.draw(st.lists(st.integers(0, len(decisions) - 1), max_size=4), "turned"):
        decisions.iloc[place, 0] = data.draw(st.sampled_from([0.0, 0.5, 1.0, np.nan]))
    registry.save(replace(manifest, run_id="spoilt"), {**frames, "fills": fills,
                  "decisions": decisions}, settings.folder("runs"))  # fmt: skip
    found = wb.reconcile("spoilt", settings=settings)
    signed = pd.Series(np.where(fills["side"] == "buy", 1, -1), fills.index)
    last = Decimal(repr(float(frames["bars"]["close"].iloc[-1])))
    inside = pd.to_datetime(fills["time"]) <= frames["bars"].index[-1]
    earned = sum(
        (int(sign) * Decimal(q) * (last - Decimal(p)) - Decimal(f)
         for sign, q, p, f in zip(signed[inside], fills["quantity"][inside],
                                  fills["price"][inside], fills["fee"][inside], strict=True)),
        Decimal(0),
    )  # fmt: skip
    assert cents(found.earned) == cents(earned)
    assert sum(found.parts, Decimal(0)) == found.total == found.earned - found.planned
    assert (found.table[list(PARTS)].sum(axis=1) == found.table["total"]).all()


async def test_a_restart_in_between_is_one_run(workspace, minutes):
    """What was left before the restart is kept: the run is compared from its first decision on."""
    whole, _ = await lived(workspace, minutes, wrong={"charged": [1]})
    other = load_settings(workspace.workspace / "other").model_copy(update={"risk": FREE})
    await lived(other, minutes.iloc[:60], wrong={"charged": [1]}, saves=True)
    (path,) = other.folder("runs").iterdir()
    before = registry.load(path.name, path.parent)[1]["decisions"]
    again, _ = await lived(other, minutes.iloc[60:], saves=True, past=minutes.iloc[:60])
    decisions = registry.load(path.name, path.parent)[1]["decisions"]
    assert len(before) == 60
    assert list(decisions.index) == list(minutes.index)
    assert again.run_id == path.name
    assert again.parts["fee"] == whole.parts["fee"]
    assert again.total == whole.total
