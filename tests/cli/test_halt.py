"""The kill switch from the command line, with no server anywhere."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from workbench.config import load_settings
from workbench.risk.halt import KillSwitch
from workbench.server.users import Users
from workbench.store.migrate import open_database


@pytest.fixture
def switch(tmp_path):
    database = open_database(load_settings(tmp_path))
    yield KillSwitch(database, "desk")
    database.close()


def test_a_halt_lies_in_the_database(workbench, switch):
    assert "nothing is halted" in workbench("halt")
    said = workbench("halt", "cancel-all", "--scope", "symbol:IBM", "--reason", "odd [quotes]")
    assert "cancel_all" in said
    assert "odd [quotes]" in said
    switch.reload()
    (halt,) = switch.halts
    assert (halt.scope, halt.level.value, halt.reason) == (
        "symbol:IBM",
        "cancel_all",
        "odd [quotes]",
    )
    assert halt.actor
    workbench("flatten", "--yes", "--user", "tom")
    assert (switch.reload().value, switch.halt.actor, switch.halt.scope) == (
        "flatten",
        "tom",
        "all",
    )


def test_status_tells_of_the_halts_of_every_account_or_of_the_one_that_is_asked_for(workbench):
    workbench("halt", "flatten", "--scope", "account:other", "--reason", "odd fills")
    workbench("halt", "cancel-all", "--scope", "strategy:SmaCross", "--reason", "a leak")
    said = workbench("status")
    assert "account:other" in said
    assert "strategy:SmaCross" in said
    said = workbench("status", "--account", "desk")
    assert "account:other" not in said
    assert "strategy:SmaCross" in said  # of every account's
    assert "account:other" in workbench("halt")


def test_to_lower_it_takes_an_admin_and_a_reason(workbench, switch, tmp_path):
    workbench("halt", "flatten", "--reason", "fire")
    assert "reason" in workbench("halt", "run", code=2)
    database = open_database(load_settings(tmp_path))
    Users(database).add_user("tom", "a long enough phrase", roles="trader")
    database.close()
    assert "--user" in workbench("halt", "run", "--reason", "fine", code=2)
    assert switch.reload().value == "flatten"


def test_the_owner_of_the_files_lowers_where_nobody_can_log_in(workbench, switch):
    workbench("halt", "flatten")
    workbench("halt", "run", "--reason", "it was a drill")
    assert switch.reload().value == "run"


@pytest.mark.parametrize("words", [("fire",), ("flatten", "--scope", "symbols:IBM")])
def test_what_cannot_be_understood_changes_nothing(workbench, switch, words):
    assert "did you mean" in workbench("halt", *words, code=2) or words == ("fire",)
    assert switch.reload().value == "run"


def test_why_an_order_was_refused(workbench, tmp_path):
    code = (
        "import workbench as wb; wb.replay(wb.strategies.SmaCross(), wb.bars('IBM', start='2012'),"
        "limits=wb.RiskLimits(symbols=('AAPL',)), database=wb.load_settings().database)"
    )
    settings = load_settings(tmp_path)
    subprocess.run([sys.executable, "-c", code], check=True, timeout=300,
                   env={**os.environ, "WORKBENCH_HOME": str(tmp_path)})  # fmt: skip
    database = open_database(settings)
    with database.read() as connection:
        name = connection.exec_driver_sql("select intent_id from intents").scalar()
    database.close()
    said = workbench("why", name)
    assert "IBM is not among the symbols that may be traded" in said
    assert "knows no decision" in workbench("why", "nothing", code=2)
