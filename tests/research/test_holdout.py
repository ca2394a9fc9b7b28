import sqlite3

import pandas as pd
import pytest

import workbench as wb
from workbench.backtest.engine import backtest, prepare
from workbench.errors import DataError, UsageError
from workbench.research.holdout import holdout
from workbench.runs.ledger import Ledger

CROSS = wb.strategies.SmaCross(fast=5, slow=20)


def test_the_parts_are_the_whole(one):
    work, seal = holdout(one, 0.25)
    assert len(work) == 450 and seal.bars == 150
    pd.testing.assert_frame_equal(work, one.iloc[:450], check_freq=False)
    assert seal.start == one.index[450] and seal.end == one.index[-1]
    assert len(holdout(one)[0]) == 480


def test_a_start_instead_of_a_fraction(one):
    work, seal = holdout(one, start="2017-01-01")
    assert work.index[-1] < pd.Timestamp("2017-01-01", tz="UTC") <= seal.start


def test_opening_runs_the_sealed_bars_with_a_warm_strategy(one):
    _, seal = holdout(one, 0.25)
    opened = seal.open(CROSS, costs=wb.Costs(fee=wb.fees.Bps(5)))
    targets = CROSS.targets(one).iloc[450:].to_numpy()
    alone = prepare(one.iloc[450:], costs=wb.Costs(fee=wb.fees.Bps(5))).result(CROSS, targets)
    pd.testing.assert_series_equal(opened.result.equity, alone.equity)
    assert not any("opened" in text for text in opened.findings)
    assert "hold-out" in opened._repr_html_()


def test_a_second_opening_says_so(one):
    _, seal = holdout(one)
    assert "sealed" in repr(seal)
    seal.open(CROSS)
    assert "opened 1 time>" in repr(seal)
    _, again = holdout(one)  # a new call does not make it fresh
    second = again.open(wb.strategies.SmaCross(fast=6, slow=20))
    assert "opened once before" in second.findings[0]
    assert "SmaCross(fast=5, slow=20)" in second.findings[0]
    third = seal.open(CROSS)
    assert "2 times before" in third.findings[0]
    assert len(seal.openings()) == 3 and seal.openings()["who"].str.len().min() > 0


def test_what_overlaps_counts_as_opened_and_another_share_does_not(one):
    holdout(one, 0.2)[1].open(CROSS)
    assert "opened once" in holdout(one, 0.3)[1].open(CROSS).findings[0]
    assert holdout(one.iloc[:400], 0.2)[1].openings().empty
    other = one.copy()
    other.attrs["symbol"] = "BBB"
    assert holdout(other)[1].openings().empty


def test_an_opening_is_a_trial(one):
    holdout(one)[1].open(CROSS)
    assert Ledger.open().count() == 1


def test_a_strategy_that_fails_does_not_break_the_seal(one):
    _, seal = holdout(one)
    with pytest.raises(UsageError, match="is a class"):
        seal.open(wb.strategies.SmaCross)
    with pytest.raises(UsageError, match="cash"):
        seal.open(CROSS, cash=-1)
    assert seal.openings().empty


def test_without_a_memory_it_stays_shut(one, workspace):
    _, seal = holdout(one)
    seal.path.parent.mkdir(parents=True, exist_ok=True)
    seal.path.mkdir()
    with pytest.raises(DataError):
        seal.open(CROSS)


def test_openings_cannot_be_taken_back(one):
    _, seal = holdout(one)
    seal.open(CROSS)
    with sqlite3.connect(seal.path) as connection:
        for statement in ("DELETE FROM openings", "UPDATE openings SET who = 'nobody'"):
            with pytest.raises(sqlite3.DatabaseError, match="append-only"):
                connection.execute(statement)


def test_a_damaged_memory_is_told(one):
    _, seal = holdout(one)
    seal.path.parent.mkdir(parents=True, exist_ok=True)
    seal.path.write_bytes(b"no database " * 100)
    with pytest.raises(DataError, match="cannot be read"):
        seal.openings()


def test_several_symbols(two):
    _, seal = holdout(two, 0.5)
    opened = seal.open(wb.strategies.Momentum(lookback=20, skip=0))
    assert opened.result.symbols == ("AAA", "BBB")


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"fraction": 0.0}, "between 0 and 1"),
        ({"fraction": 1.5}, "between 0 and 1"),
        ({"fraction": 0.9999}, "at least two"),
        ({"start": "2030"}, "at least two"),
        ({"start": "soon"}, "is no time"),
        ({"fraction": 0.2, "start": "2016"}, "not both"),
    ],
)
def test_parts_that_are_none(one, choices, words):
    with pytest.raises(UsageError, match=words):
        holdout(one, **choices)


def test_the_work_part_is_bars_like_any(one):
    work, _ = holdout(one)
    assert backtest(CROSS, work, record=False).stats["bars"] == 480
