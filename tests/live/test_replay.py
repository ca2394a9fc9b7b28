from __future__ import annotations

import pytest
from sqlalchemy import select

import workbench as wb
from workbench.config import RiskLimits
from workbench.errors import InvariantError, UsageError
from workbench.store import tables
from workbench.store.migrate import open_database
from workbench.trading.journal import Journal
from workbench.venues.sim.statement import Statement

STRATEGY = wb.strategies.SmaCross(fast=5, slow=20)


@pytest.fixture(scope="module")
def bars():
    return wb.bars("MSFT", start="2012")


def test_the_journal_is_kept_where_it_is_asked_for(bars, tmp_path):
    path = tmp_path / "replays.db"
    results = [wb.replay(STRATEGY, bars, database=path) for _ in range(2)]
    database = open_database(f"sqlite:///{path}")
    with database.read() as connection:
        books = connection.execute(select(tables.cash.c.book)).scalars().all()
    assert len(books) == 2  # each replay is a book of its own
    for book, result in zip(books, results, strict=True):
        journal = Journal(database, book)
        journal.verify()
        ledger = journal.load()
        assert len(ledger.fills) == len(result.fills) > 0
        assert all(judged.outcome == "pass" for judged in ledger.intents.values())
        assert len(next(iter(ledger.intents.values())).verdicts) == 28  # every rule spoke
        journal.close()
    database.close()


def test_a_database_that_is_being_written_is_refused(bars, tmp_path):
    database = open_database(f"sqlite:///{tmp_path / 'busy.db'}")
    journal = Journal(database, "desk")
    with pytest.raises(UsageError, match="already has a writer"):
        wb.replay(STRATEGY, bars, database=tmp_path / "busy.db")
    journal.close()
    database.close()


def test_books_that_are_not_the_statement_stop_it(bars, monkeypatch):
    apply = Statement.apply

    def generous(self, fill):
        apply(self, fill)
        self.cash += fill.quantity / 10**12

    monkeypatch.setattr(Statement, "apply", generous)
    with pytest.raises(InvariantError, match="USD"):
        wb.replay(STRATEGY, bars)


def test_the_result_is_of_its_kind(bars):
    result = wb.replay(STRATEGY, bars, progress=False)
    assert result.kind == "replay"
    assert result.manifest.kind == "replay"
    tested = wb.backtest(STRATEGY, bars, record=False)
    assert result.stats.drop(["start", "end"]).equals(tested.stats.drop(["start", "end"]))
    assert result.findings == tested.findings


def test_generous_limits_change_nothing(bars):
    limits = RiskLimits(max_order_notional=1e9, max_position_notional=1e9, max_gross=10.0,
                        max_daily_loss=0.99, symbols=("MSFT",))  # fmt: skip
    free, held = wb.replay(STRATEGY, bars), wb.replay(STRATEGY, bars, limits=limits)
    assert free.fills.equals(held.fills)


def test_a_symbol_that_may_not_be_traded(bars):
    result = wb.replay(STRATEGY, bars, limits=RiskLimits(symbols=("IBM",)))
    assert result.fills.empty
    assert result.equity.iloc[-1] == 100_000
