"""What became of a decision: refused, trimmed, filled, or never an order at all."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest

import workbench as wb
from workbench.config import RiskLimits
from workbench.core.clock import EventClock
from workbench.errors import UsageError
from workbench.live.runs.untaken import Untaken, keep_untaken
from workbench.risk.gate import Gate
from workbench.store.migrate import open_database
from workbench.trading.core import OrderCore
from workbench.trading.journal import Journal
from workbench.trading.manager import ReplayManager
from workbench.venues.sim.terms import plain_terms
from workbench.venues.sim.venue import SimVenue

NOW = datetime(2024, 1, 2, tzinfo=UTC)


@pytest.fixture(scope="module")
def replayed(tmp_path_factory):
    """A replay whose gate refuses some orders, and where its journal is."""
    path = tmp_path_factory.mktemp("why") / "replay.db"
    bars = wb.bars("MSFT", start="2012")
    limits = RiskLimits(max_order_notional=None, max_gross=0.5, max_position_notional=None)
    strategy = wb.strategies.SmaCross(fast=5, slow=20)
    return wb.replay(strategy, bars, limits=limits, database=path), f"sqlite:///{path}"


def test_a_refusal_names_the_rule_and_its_numbers(replayed):
    result, url = replayed
    assert result.fills.empty
    database = open_database(url)
    with database.read() as connection:
        names = connection.exec_driver_sql("select intent_id from intents").scalars().all()
    told = wb.why(names[0], database=database)
    database.close()
    assert told.answer.startswith("The risk gate refused it: gross exposure of")
    assert "above the limit of 0.5" in told.answer
    assert len(told.verdicts) == 28
    assert told.asked["symbol"] == "MSFT"
    text, html = str(told), told._repr_html_()
    assert "refuse gross_exposure" in text
    assert "further rules" in text
    assert html.count("<tr>") == 29
    assert wb.why(names[0], database=url).to_dict()["verdicts"] == list(map(dict, told.verdicts))


def test_what_became_of_an_order(tmp_path):
    url = f"sqlite:///{tmp_path / 'r.db'}"
    bars = wb.bars("MSFT", start="2012")
    result = wb.replay(wb.strategies.SmaCross(fast=5, slow=20), bars, database=url)
    first = result.orders.iloc[0]
    database = open_database(url)
    with database.read() as connection:
        run = connection.exec_driver_sql("select distinct run_id from orders").scalar()
    database.close()
    told = wb.why(run, first["time"].to_pydatetime(), "MSFT", database=url)
    assert told.answer.startswith("It passed the risk gate. Last, ")
    assert any("were filled at" in text for _, text in told.events)


def test_an_id_that_nobody_knows_offers_the_nearest(replayed):
    _, url = replayed
    with pytest.raises(UsageError, match="knows no decision"):
        wb.why("nothing", database=url)
    with pytest.raises(UsageError, match="takes an id"):
        wb.why(5, database=url)


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"target": 0.5, "before": 0.5}, "the target is what it was: 50 %"),
        ({"target": math.nan}, "no opinion"),
        ({"target": 0.5, "before": 0.4}, "less than the least order"),
        ({"target": 0.5, "skipped": "the market is closed"}, "the market is closed"),
    ],
)
def test_a_decision_that_made_no_order_is_told_too(tmp_path, facts, words):
    database = open_database(f"sqlite:///{tmp_path / 'u.db'}")
    journal = Journal(database, "desk", EventClock(NOW))
    venue = SimVenue(["IBM"], 1_000.0, plain_terms())
    manager = ReplayManager(OrderCore(Gate.of(None)), journal, venue, EventClock(NOW))
    one = Untaken(run_id="run", strategy="Cross", symbol="IBM", time=NOW, **facts)
    keep_untaken(manager, one)
    manager.flush()
    told = wb.why("run", NOW, "IBM", database=database)
    assert told.answer.startswith("No order was made: ")
    assert words in told.answer
    assert told.asked["symbol"] == "IBM"
    assert (told.name, told.verdicts) == (one.name, ())
    assert journal.verify()
    journal.close()
    database.close()


def test_what_is_told_cannot_be_a_tag():
    from workbench.live.why import Why

    told = Why("<b>", "<script>", {"reason": "<i>"}, ({"rule": "<u>", "outcome": "pass"},))
    assert "<script>" not in told._repr_html_()
    assert "<u>" not in told._repr_html_()
    assert "<i>" not in told._repr_html_()
