"""What is done on the Desk page itself: halt a part, change a limit, start a strategy."""

from __future__ import annotations

import pytest

from workbench.live.runs.stages import Stage
from workbench.risk.halt import HaltLevel
from workbench.server.halting import HaltSwitch
from workbench.server.identity import Identity, parse_roles
from workbench.server.limit_editor import LimitEditor
from workbench.server.pages import Context
from workbench.server.strategy_starter import StrategyStarter, stage_words


@pytest.fixture
def reader(served):
    services = served.running.config.app.state.services
    return lambda name, roles: Context(services, Identity(name, parse_roles(roles)), "dark")


def press(button):
    button.clicks += 1


def test_a_symbol_is_halted_by_a_trader_and_let_go_by_an_admin_with_a_reason(reader):
    tom = HaltSwitch(reader("tom", "trader"))
    press(tom.button)
    assert tom.dialog.open
    assert "Symbol ACME/USD" in tom.scope.options
    assert "Everything in this workspace" in tom.scope.options
    tom.scope.value = "symbol:ACME/USD"
    assert HaltLevel.RUN.value not in tom.level.options.values()
    tom.level.value = "no_new_orders"
    tom.reason.value_input = "odd prices"
    press(tom.yes)
    assert not tom.dialog.open
    press(tom.button)
    assert "Symbol ACME/USD" in tom._standing.object
    assert "odd prices" in tom._standing.object
    tom.scope.value = "symbol:ACME/USD"
    assert set(tom.level.options.values()) == {"cancel_all", "flatten"}  # up only

    ada = HaltSwitch(reader("ada", "admin"))
    press(ada.button)
    ada.scope.value = "symbol:ACME/USD"
    assert ada.level.value == "run"
    assert ada.yes.label == "Resume trading"
    assert ada.yes.disabled
    ada.reason.value_input = "prices are fine"
    assert not ada.yes.disabled
    press(ada.yes)
    assert not ada.dialog.open
    assert ada._desk.raised == ()


def test_what_another_account_is_halted_for_is_shown_and_can_be_let_go(reader):
    ada = HaltSwitch(reader("ada", "admin,trader"))
    ada._desk.wait(ada._desk.halt(ada._who, "elsewhere", scope="account:other"))
    press(ada.button)
    assert ada.button.label == "Halt trading"  # the desk itself goes on
    assert "Account other" in ada._standing.object
    ada.scope.value = "account:other"
    ada.reason.value_input = "seen"
    press(ada.yes)
    assert ada._desk.raised == ()


def test_a_limit_is_changed_as_the_role_may_with_the_old_value_beside_the_new(reader):
    tom = LimitEditor(reader("tom", "trader"))
    tom.ask("max_gross")
    assert "In force: 2.00×" in tom._step.object
    tom.value.value_input = "three"
    assert "is no number" in tom._step.object
    assert tom.question.yes.disabled
    tom.value.value_input = "3"
    assert "2.00× → 3.00×" in tom._step.object
    assert "Only an admin" in tom._step.object
    tom.question.reason.value_input = "please"
    assert tom.question.yes.disabled
    tom.value.value_input = "1.5"
    assert "tighter than now" in tom._step.object
    assert not tom.question.yes.disabled
    press(tom.question.yes)
    assert not tom.question.dialog.open
    assert tom._desk.limits_now.max_gross == 1.5
    assert "2.00× → 1.50×" in tom.log.object
    assert "please" in tom.log.object

    ada = LimitEditor(reader("ada", "admin"))
    ada.ask("max_gross")
    ada.value.value_input = "2"
    ada.question.reason.value_input = "as before"
    press(ada.question.yes)
    assert ada._desk.limits_now.max_gross == 2.0
    ada.ask("market_hours")
    assert ada.switch.visible
    assert not ada.value.visible


def test_a_viewer_is_offered_none_of_it(reader):
    eve = reader("eve", "viewer")
    assert not LimitEditor(eve).change.visible
    assert not StrategyStarter(eve, lambda: None).button.visible


def test_a_strategy_is_started_with_its_stage_and_gates_told(reader):
    done = []
    tom = StrategyStarter(reader("tom", "trader"), lambda: done.append(1))
    tom.ask()
    tom.strategy.value = "SmaCross"
    assert "draft" in tom._stage.object
    assert "workbench strategy promote SmaCross checked" in tom._stage.object
    fast, slow = tom.params.objects
    fast.value, slow.value = 2, 5
    tom.timeframe.value, tom.share.value = "5s", 10
    tom.name.value = "from the page"
    press(tom.question.yes)
    assert done == [1], tom.question._refusal.object
    (one,) = [one for one in tom._desk.look().at_work if one.name == "from the page"]
    assert (one.state, dict(one.params)) == ("running", {"fast": 2, "slow": 5})
    tom.ask()
    press(tom.question.yes)
    assert "at work already" in tom.question._refusal.object
    assert tom.question.dialog.open
    tom._desk.wait(tom._desk.move("from the page", "end", tom._who, "done"))


def test_how_far_a_strategy_has_come_is_said():
    live = stage_words("SmaCross", "Long while …", Stage.LIVE, (12, 10))
    assert "may trade real money" in live
    assert "promote" not in live
    paper = stage_words("SmaCross", "", Stage.PAPER, (3, 10))
    assert "10 days on paper with this code (3 so far)" in paper
    assert "paused" in stage_words("SmaCross", "", Stage.PAUSED, (0, 10))
