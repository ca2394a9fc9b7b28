"""The kill switch by scope, by file, and what is kept of its changes."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from workbench.errors import UnavailableError, UsageError
from workbench.risk.halt import HaltLevel, KillSwitch, asked_by_file, parse_scope
from workbench.store.migrate import open_database
from workbench.store.risk import changes_of


@dataclass
class Thing:
    strategy: str = "Cross"
    symbol: str = "AAPL"


@pytest.fixture
def database(tmp_path):
    made = open_database(f"sqlite:///{tmp_path / 'halt.db'}")
    yield made
    made.close()


@pytest.mark.parametrize(
    ("scope", "same", "other"),
    [
        ("all", Thing(), None),
        ("account:desk", Thing(), None),
        ("strategy:Cross", Thing(symbol="IBM"), Thing("Other")),
        ("symbol:AAPL", Thing("Other"), Thing(symbol="IBM")),
    ],
)
def test_a_scope_holds_for_what_it_names(database, scope, same, other):
    switch = KillSwitch(database, "desk")
    switch.set("cancel_all", actor="ada", scope=scope)
    assert switch.level_for(same) is HaltLevel.CANCEL_ALL
    if other is not None:
        assert switch.level_for(other) is HaltLevel.RUN
        assert switch.level is HaltLevel.RUN  # the account as a whole goes on
    assert KillSwitch(database, "desk").level_for(same) is HaltLevel.CANCEL_ALL


def test_the_highest_of_all_that_apply_holds(database):
    switch = KillSwitch(database, "desk")
    switch.set("reduce_only", actor="ada")
    switch.set("flatten", actor="ada", scope="symbol:AAPL")
    switch.set("no_new_orders", actor="ada", scope="strategy:Cross")
    assert switch.halt_for(Thing()).scope == "symbol:AAPL"
    assert switch.level_for(Thing(symbol="IBM")) is HaltLevel.NO_NEW_ORDERS
    assert switch.level_for(Thing("Other", "IBM")) is HaltLevel.REDUCE_ONLY
    assert [one.level.value for one in switch.halts] == ["flatten", "no_new_orders", "reduce_only"]


def test_another_account_is_not_concerned(database):
    KillSwitch(database, "other").set("flatten", actor="ada")
    switch = KillSwitch(database, "desk")
    assert (switch.level, switch.halts) == (HaltLevel.RUN, ())
    switch.set("reduce_only", actor="ada", scope="all")
    assert KillSwitch(database, "other").level is HaltLevel.FLATTEN
    assert KillSwitch(database, "third").level is HaltLevel.REDUCE_ONLY


def test_to_resume_without_a_scope_is_to_resume_the_account(database):
    switch = KillSwitch(database, "desk")
    switch.set("cancel_all", actor="ada", scope="all")
    switch.set("flatten", actor="ada")
    switch.set("cancel_all", actor="ada", scope="symbol:IBM")
    switch.set("run", actor="ada", reason="all clear")
    assert switch.level is HaltLevel.RUN
    assert [one.scope for one in switch.halts] == ["symbol:IBM"]  # asked for by its name


def test_what_runs_by_itself_only_raises(database):
    switch = KillSwitch(database, "desk")
    assert switch.raise_to(HaltLevel.CANCEL_ALL, actor="breaker", reason="loss")
    assert not switch.raise_to(HaltLevel.REDUCE_ONLY, actor="breaker", reason="less")
    assert switch.halt.reason == "loss"


def test_every_change_is_kept(database):
    switch = KillSwitch(database, "desk")
    switch.set("flatten", actor="ada", reason="fire")
    switch.set("run", actor="ben", reason="it was a candle")
    with database.read() as connection:
        last, first = changes_of(connection, ("halt:account:desk",))
    assert (first.before, first.after, first.actor, first.version) == ("run", "flatten", "ada", 1)
    assert (last.before, last.after, last.reason) == ("flatten", "run", "it was a candle")


@pytest.mark.parametrize(
    ("text", "level", "reason"),
    [
        ("", "cancel_all", "the file HALT is there"),
        ("flatten", "flatten", "the file HALT is there"),
        ("reduce-only\nodd quotes\n", "reduce_only", "odd quotes"),
        ("the house burns", "cancel_all", "the house burns"),
        ("run all is well", "run", "all is well"),
    ],
)
def test_a_file_halts_by_what_it_says(database, tmp_path, text, level, reason):
    path = tmp_path / "HALT"
    switch = KillSwitch(database, "desk", file=path)
    path.write_text(text)
    assert switch.reload().value == level
    assert asked_by_file(path).reason == reason
    path.unlink()
    assert switch.reload().value == level  # nothing is lowered by a file that goes


def test_a_file_says_run_in_vain(database, tmp_path):
    path = tmp_path / "HALT"
    path.write_text("run, run!")
    switch = KillSwitch(database, "desk", file=path)
    switch.set("flatten", actor="ada", scope="all")
    path.write_text("run")
    assert switch.reload() is HaltLevel.FLATTEN


def test_while_the_file_is_there_nothing_goes_below_it(database, tmp_path):
    path = tmp_path / "HALT"
    path.write_text("cancel_all")
    switch = KillSwitch(database, "desk", file=path)
    with pytest.raises(UsageError, match="remove it first"):
        switch.set("run", actor="ada", reason="fine")
    path.unlink()
    switch.set("run", actor="ada", reason="fine")
    assert switch.reload() is HaltLevel.RUN


def test_a_file_halts_even_where_nothing_can_be_stored(database, tmp_path):
    path = tmp_path / "HALT"
    switch = KillSwitch(database, "desk", file=path)
    with database.write() as connection:
        connection.exec_driver_sql(
            "create trigger full before insert on halts begin select raise(abort, 'full'); end"
        )
    path.write_text("flatten")
    assert switch.reload() is HaltLevel.FLATTEN
    path.unlink()
    assert switch.reload() is HaltLevel.FLATTEN  # it was asked for: only a person lowers it
    with database.write() as connection:
        connection.exec_driver_sql("drop trigger full")
    switch.reload()
    assert KillSwitch(database, "desk").level is HaltLevel.FLATTEN


@pytest.mark.parametrize("text", ["every", "symbol:", "account", "symbol:" + "x" * 200, ""])
def test_a_scope_that_is_none_is_told(text):
    with pytest.raises(UsageError, match="no halt scope"):
        parse_scope(text)


def test_a_database_that_is_gone_does_not_answer_run(tmp_path):
    database = open_database(f"sqlite:///{tmp_path / 'gone.db'}")
    switch = KillSwitch(database, "desk")
    with database.write() as connection:
        connection.exec_driver_sql("drop table halts")
    with pytest.raises(UnavailableError):
        switch.reload()
    database.close()


def test_what_runs_by_itself_never_lowers_what_another_process_raised(database):
    engine = KillSwitch(database, "desk")
    KillSwitch(database, "desk").set("flatten", actor="ada", scope="symbol:AAPL")
    raised = engine.raise_to(
        HaltLevel.NO_NEW_ORDERS, actor="reconciliation", reason="differs", scope="symbol:AAPL"
    )
    assert not raised
    assert engine.level_for(Thing()) is HaltLevel.FLATTEN
    assert KillSwitch(database, "desk").level_for(Thing()) is HaltLevel.FLATTEN


def test_a_raise_on_old_knowledge_is_no_lowering(database, monkeypatch):
    trader = KillSwitch(database, "desk")
    write, others = database.write, [KillSwitch(database, "desk")]

    def late():
        if others:  # after the trader's look, before the trader's write
            others.pop().set("cancel_all", actor="ada")
        return write()

    monkeypatch.setattr(database, "write", late)
    with pytest.raises(UsageError, match="ada raised the halt to cancel_all meanwhile"):
        trader.set("reduce_only", actor="bob", reason="odd prices")
    assert KillSwitch(database, "desk").level is HaltLevel.CANCEL_ALL


def test_a_symbol_is_halted_however_it_is_written(database):
    switch = KillSwitch(database, "desk")
    switch.set("flatten", actor="ada", scope="symbol:aapl")
    assert switch.level_for(Thing()) is HaltLevel.FLATTEN
