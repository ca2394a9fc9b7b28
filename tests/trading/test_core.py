"""What the order path decides, message by message, with no venue behind it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from workbench.core.capabilities import Capabilities
from workbench.core.fill import Fill
from workbench.core.order import Intent, Order, OrderState, OrderType, Pending
from workbench.core.signal import Side
from workbench.errors import (
    InvariantError,
    OutcomeUnknownError,
    RefusedError,
    UnavailableError,
    UsageError,
)
from workbench.risk.context import Context
from workbench.risk.gate import Gate
from workbench.trading.core import OrderCore
from workbench.trading.ledger import Ledger
from workbench.trading.snapshot import read_ledger, write_ledger
from workbench.trading.steps import Cancel, Evidence, LookUp, Pull, Replace, Send

AT = datetime(2024, 1, 2, 14, 30, tzinfo=UTC)
SILENCE, NO = OutcomeUnknownError("no answer"), RefusedError("no")
RICH = Context(Decimal(100_000), Decimal(100_000))


class Desk:
    """A core, a clock, and all it has written."""

    def __init__(self, evidence=None, counts_as=None):
        self.now, self.records, self.alarms = AT, [], []
        self.core = OrderCore(Gate(()), None, evidence, counts_as)

    @property
    def ledger(self):
        return self.core.ledger

    def take(self, step):
        self.records += step.records
        self.alarms += step.alarms
        assert Ledger.fold(self.records) == self.ledger
        assert read_ledger(write_ledger(self.ledger)) == self.ledger
        self.ledger.check()
        return step.effects

    def later(self, seconds):
        self.now += timedelta(seconds=seconds)

    def intent(self, name="o", quantity=10, side="buy"):
        return Intent(
            intent_id=name, run_id="r", strategy="s", symbol="AAPL", side=Side(side),
            decided_at=AT, quantity=Decimal(quantity), type=OrderType.LIMIT,
            limit_price=Decimal(100),
        )  # fmt: skip

    def propose(self, name="o", quantity=10, side="buy"):
        step, judged = self.core.propose(self.intent(name, quantity, side), RICH, self.now)
        return self.take(step), judged

    def send(self, name="o", quantity=10):
        (send,), _ = self.propose(name, quantity)
        self.answer(send, self.theirs(name))

    def theirs(self, name="o", state="working", filled=0, **facts):
        known = self.ledger.orders[name]
        average = Decimal(100) if filled else None
        return replace(known, state=OrderState(state), pending=None, filled=Decimal(filled),
                       average_price=average, venue_order_id="v", **facts)  # fmt: skip

    def answer(self, effect, answer):
        return self.take(self.core.answered(effect, answer, self.now))

    def fail(self, effect, error):
        return self.take(self.core.failed(effect, error, self.now))

    def tell(self, message):
        return self.take(self.core.update(message, self.now))

    def cancel(self, name="o"):
        return self.take(self.core.cancel(name, self.now))

    def poll(self):
        return self.take(self.core.in_flight(self.now))

    def fill(self, execution, quantity, name="o", price=100, **facts):
        known = self.ledger.orders[name]
        return Fill(
            **{
                "execution_id": execution, "order_id": name, "venue": "sim", "symbol": "AAPL",
                "side": known.side, "quantity": Decimal(quantity), "price": Decimal(price),
                "time": self.now, **facts,
            }
        )  # fmt: skip

    def state(self, name="o"):
        return self.ledger.orders[name].state.value

    def held(self):
        return self.ledger.books.position("AAPL").quantity


def kinds(effects):
    return [type(effect).__name__ for effect in effects]


# cancel -----------------------------------------------------------------------------------


def test_a_cancel_asked_before_the_acknowledgement_is_sent_after_it():
    desk = Desk()
    (send,), _ = desk.propose()
    assert desk.cancel() == []
    assert desk.state() == "submitted"
    assert desk.ledger.orders["o"].pending is Pending.CANCEL
    assert desk.answer(send, desk.theirs()) == [Cancel("o")]
    assert desk.state() == "pending_cancel"


def test_a_cancel_of_an_unknown_order_is_sent_and_kept():
    desk = Desk()
    (send,), _ = desk.propose()
    desk.fail(send, SILENCE)
    assert desk.cancel() == [Cancel("o")]
    assert desk.state() == "unknown"
    assert LookUp("o") in desk.fail(Cancel("o"), NO)  # it may overtake the order itself
    desk.later(3)
    assert Cancel("o") in desk.answer(LookUp("o"), desk.theirs())
    assert desk.state() == "pending_cancel"


def test_a_cancel_that_is_refused_is_asked_for_three_times_and_let_go():
    desk = Desk()
    desk.send()
    asked = desk.cancel()
    count = 0
    for _ in range(30):
        if Cancel("o") in asked:
            count += 1
            desk.fail(Cancel("o"), NO)
        desk.later(1)
        asked = desk.poll()
    assert count == 3
    assert desk.state() == "working"
    assert any("will not cancel" in alarm for alarm in desk.alarms)


def test_an_end_waits_for_the_fills_it_tells_of():
    desk = Desk()
    desk.send()
    desk.cancel()
    effects = desk.tell(desk.theirs(state="canceled", filled=4))
    assert effects == [Pull(None)]
    assert desk.state() == "pending_cancel"
    desk.answer(Pull(None, desk.now), [desk.fill("e1", 4)])
    assert (desk.state(), desk.held(), desk.alarms) == ("canceled", 4, [])


def test_an_end_that_does_not_tell_what_was_filled_is_looked_up():
    desk = Desk(Evidence(tells_final_filled=False))
    desk.send()
    assert desk.tell(desk.theirs(state="canceled")) == [LookUp("o")]
    assert desk.state() == "working"
    desk.later(1)
    assert LookUp("o") in desk.poll()
    desk.answer(LookUp("o", desk.now), desk.theirs(state="canceled"))
    assert desk.state() == "canceled"


# replace ----------------------------------------------------------------------------------


def replaced(desk):
    step, _ = desk.core.replace("o", desk.intent("n"), RICH, desk.now)
    (effect,) = desk.take(step)
    assert isinstance(effect, Replace)
    assert desk.state() == "pending_replace"
    return effect


def test_a_replaced_order_ends_with_what_it_was_filled_for():
    desk = Desk()
    desk.send()
    effect = replaced(desk)
    asked = desk.answer(effect, desk.theirs("n", quantity=Decimal(6)))
    assert asked == [LookUp("o")]
    assert desk.state("n") == "working"
    assert desk.ledger.reserved("AAPL") == (16, 0)  # until the old one's fills are known
    desk.answer(LookUp("o"), desk.theirs(state="replaced", filled=4))
    assert desk.state() == "pending_replace"
    desk.answer(Pull(None, desk.now), [desk.fill("e1", 4)])
    assert desk.state() == "replaced"
    assert desk.ledger.reserved("AAPL") == (6, 0)


def test_a_replacement_without_an_answer_keeps_both():
    desk = Desk(Evidence(timedelta(seconds=5)))
    desk.send()
    effect = replaced(desk)
    desk.fail(effect, SILENCE)
    desk.answer(LookUp("o", desk.now), desk.theirs())  # a copy that may lag
    assert (desk.state(), desk.state("n")) == ("pending_replace", "unknown")
    desk.later(6)
    desk.answer(Pull(None, desk.now), [])
    for _ in range(2):
        desk.answer(LookUp("n", desk.now), None)
    assert (desk.state(), desk.state("n")) == ("working", "rejected")


def test_a_cancel_takes_the_replacement_with_it():
    desk = Desk()
    desk.send()
    effect = replaced(desk)
    assert desk.cancel() == [Cancel("o")]
    assert Cancel("n") in desk.answer(effect, desk.theirs("n"))


# unknown ----------------------------------------------------------------------------------


def unknown(evidence):
    desk = Desk(evidence)
    (send,), _ = desk.propose()
    desk.fail(send, SILENCE)
    return desk


EVIDENCE = Evidence(horizon=timedelta(seconds=10), spacing=timedelta(seconds=2))


def test_what_proves_absence():
    desk = unknown(EVIDENCE)
    early = desk.now + timedelta(seconds=9)
    desk.later(20)
    for _ in range(5):
        desk.answer(LookUp("o", early), None)  # asked before the horizon, answered after it
    desk.answer(LookUp("o", desk.now), None)
    desk.answer(LookUp("o", desk.now + timedelta(seconds=1)), None)  # too near to the first
    desk.answer(LookUp("o", desk.now + timedelta(seconds=2)), None)
    assert desk.state() == "unknown"  # nobody has asked for executions
    desk.answer(Pull(None, desk.now), [])
    desk.answer(LookUp("o", desk.now + timedelta(seconds=4)), None)
    assert desk.state() == "rejected"


def test_failed_questions_prove_nothing():
    desk = unknown(EVIDENCE)
    desk.later(60)
    for _ in range(10):
        desk.fail(LookUp("o", desk.now), UnavailableError("not now"))
        desk.fail(Pull(None, desk.now), UnavailableError("not now"))
        desk.later(10)
    assert desk.state() == "unknown"


def test_where_ended_orders_are_not_found_absence_is_never_proven():
    desk = unknown(replace(EVIDENCE, finds_ended=False))
    for _ in range(10):
        desk.later(30)
        desk.answer(Pull(None, desk.now), [])
        desk.answer(LookUp("o", desk.now), None)
    assert desk.state() == "unknown"
    with pytest.raises(UsageError, match="name and a reason"):
        desk.core.declare_absent("o", "", "", desk.now)
    desk.take(desk.core.declare_absent("o", "ada", "asked their desk", desk.now))
    assert desk.state() == "rejected"
    assert "ada" in desk.ledger.orders["o"].reason


def test_quarantine_keeps_the_reservation_and_lets_the_symbol_only_be_reduced():
    desk = Desk(EVIDENCE)
    desk.send("held")
    desk.tell(desk.fill("e", 10, "held"))
    (send,), _ = desk.propose()
    desk.fail(send, SILENCE)
    desk.later(16 * 60)
    desk.poll()
    desk.poll()
    assert sum("quarantine" in alarm for alarm in desk.alarms) == 1
    assert desk.ledger.reserved("AAPL") == (10, 0)
    _, judged = desk.propose("more")
    assert judged.outcome == "refuse"
    desk.answer(LookUp("o", desk.now), desk.theirs())
    _, judged = desk.propose("again")
    assert judged.outcome == "pass"


def test_look_ups_are_spaced_further_and_further():
    desk, asked = unknown(EVIDENCE), []
    for second in range(120):
        if LookUp("o") in desk.poll():
            asked.append(second)
        desk.later(1)
    assert asked == [0, 1, 2, 4, 9, 19, 49, 79, 109]


def test_an_order_that_is_acknowledged_is_not_lost_by_a_late_time_out():
    desk = Desk()
    (send,), _ = desk.propose()
    desk.tell(desk.theirs(state="accepted"))
    desk.fail(send, SILENCE)
    desk.fail(send, NO)
    assert (desk.state(), desk.alarms) == ("accepted", [])


# what contradicts our books -----------------------------------------------------------------


def test_an_order_we_hold_for_rejected_stops_its_symbol_and_is_canceled():
    desk = Desk()
    (send,), _ = desk.propose()
    desk.fail(send, NO)
    assert desk.tell(desk.theirs(state="working")) == [Cancel("o")]
    desk.tell(desk.fill("e", 3))
    assert (desk.state(), desk.held()) == ("rejected", 3)
    _, judged = desk.propose("next")
    assert judged.outcome == "refuse"
    with pytest.raises(UsageError, match="did you mean 'AAPL'"):
        desk.core.release("AAPLE", "ada", "looked at")
    desk.take(desk.core.release("AAPL", "ada", "looked at"))
    _, judged = desk.propose("after")
    assert judged.outcome == "pass"


def test_what_is_filled_too_much_moves_the_position_and_stops_the_symbol():
    desk = Desk()
    desk.send()
    desk.tell(desk.fill("e", 12))
    assert (desk.state(), desk.held()) == ("filled", 12)
    assert desk.ledger.reserved("AAPL") == (0, 0)
    assert list(desk.ledger.halted) == ["AAPL"]
    assert desk.propose("next")[1].outcome == "refuse"


def test_a_copy_that_lags_takes_nothing_back():
    desk = Desk()
    desk.send()
    desk.tell(desk.fill("e", 4))
    before = desk.ledger.orders["o"]
    old = desk.theirs(state="accepted", limit_price=Decimal(90))
    desk.answer(LookUp("o", desk.now), old)
    desk.tell(old)
    assert replace(desk.ledger.orders["o"], venue_order_id=None) == replace(
        before, venue_order_id=None
    )


def test_a_working_order_that_the_venue_calls_rejected_is_canceled():
    desk = Desk()
    desk.send()
    desk.tell(desk.theirs(state="rejected", reason="margin"))
    assert desk.state() == "canceled"
    assert "margin" in desk.ledger.orders["o"].reason


def test_an_order_that_the_list_of_open_ones_misses_is_looked_up_not_ended():
    desk = Desk()
    desk.send()
    assert desk.take(desk.core.adopt([], desk.now)) == [LookUp("o")]
    assert desk.state() == "working"


# executions ---------------------------------------------------------------------------------


def test_a_bust_takes_an_execution_back_once():
    desk = Desk()
    desk.send()
    desk.tell(desk.fill("e", 10, fee=Decimal("0.5")))
    bust = desk.fill("b", 10, side=Side.SELL, reverses="e")
    for _ in range(2):
        desk.tell(bust)
    assert (desk.state(), desk.held()) == ("filled", 0)
    assert desk.ledger.orders["o"].filled == 0
    assert desk.ledger.books.cash["USD"] == 0


def test_a_bust_before_its_execution_waits_for_it_and_holds_the_cursor():
    desk = Desk()
    desk.send()
    bust = desk.fill("b", 4, side=Side.SELL, reverses="e")
    assert desk.tell(bust) == [Pull(None)]
    desk.answer(Pull(None, desk.now), [bust])
    assert desk.ledger.cursors == {}
    desk.tell(desk.fill("e", 4))
    assert (desk.held(), desk.ledger.orders["o"].filled) == (0, 0)


def test_a_bust_of_what_was_before_the_book_holds_the_cursor_no_longer_than_it_could_come():
    desk = Desk(Evidence(horizon=timedelta(seconds=60)))
    desk.send()
    bust = desk.fill("b", 4, side=Side.SELL, reverses="of yesterday")
    assert len(desk.answer(Pull(None, desk.now), [bust])) == 1
    desk.later(61)
    later = desk.fill("e", 3)
    assert desk.answer(Pull(None, desk.now), [bust, later]) == []
    assert desk.held() == 3
    assert desk.ledger.cursors["sim", "fills"] == desk.now.isoformat()
    assert "not in our books" in desk.alarms[-1]
    desk.tell(desk.fill("of yesterday", 4))  # it comes all the same
    assert desk.held() == 3


def test_a_fill_that_was_told_of_is_asked_for_from_where_the_list_had_been_read():
    desk = Desk(Evidence(fill_lag=timedelta(seconds=2)))
    desk.send()
    desk.send("p")
    desk.answer(Pull(None, desk.now), [desk.fill("e0", 1)])
    read = desk.now
    since = read - timedelta(seconds=2)
    desk.later(1)
    slow = desk.fill("e1", 2)
    assert desk.tell(desk.theirs(filled=3)) == [Pull(since)]
    desk.later(60)
    desk.answer(Pull(since, desk.now), [desk.fill("e2", 1, "p")])  # the cursor goes past it
    assert desk.take(desk.core.pull(desk.now)) == [Pull(since)]
    desk.answer(Pull(since, desk.now), [slow])
    assert desk.ledger.orders["o"].filled == 3
    assert desk.take(desk.core.pull(desk.now)) == [Pull(desk.now - timedelta(seconds=2))]


def test_what_was_told_and_is_no_more_is_not_waited_for():
    desk = Desk(Evidence(fill_lag=timedelta(seconds=2)))
    desk.send()
    desk.tell(desk.theirs(filled=3))
    assert desk.core.watch.missing
    desk.answer(LookUp("o", desk.now), desk.theirs(filled=0))
    assert not desk.core.watch.missing


def test_a_correction_stands_in_the_place_of_an_execution():
    desk = Desk()
    desk.send()
    desk.tell(desk.fill("e", 4, price=100))
    for _ in range(2):
        desk.tell(desk.fill("c", 3, price=101, reverses="e"))
    assert desk.held() == 3
    assert desk.ledger.books.cash["USD"] == -303
    with pytest.raises(InvariantError, match="cannot be taken back"):
        desk.ledger.apply(
            replace(desk.records[-1], value=replace(desk.records[-1].value, fill=replace(
                desk.records[-2].value.fill, execution_id="again")))
        )  # fmt: skip


def test_totals_are_counted_once_and_give_way_to_executions():
    desk = Desk(counts_as="binance")
    desk.send()
    for filled in (4, 4, 2, 7):
        desk.tell(desk.theirs(filled=filled))
    assert desk.held() == 7
    assert {fill.venue for fill in desk.ledger.fills.values()} == {"binance"}
    desk.tell(desk.fill("real1", 5, price=99))
    assert desk.held() == 7  # what the execution does not explain stays
    desk.tell(desk.fill("real2", 2, price=102))
    assert desk.held() == 7
    assert desk.ledger.books.cash["USD"] == -(5 * 99 + 2 * 102)
    desk.tell(desk.theirs(state="canceled", filled=7))
    assert desk.state() == "canceled"


def test_only_a_pull_moves_the_cursor():
    desk = Desk(Evidence(fill_lag=timedelta(seconds=2)))
    desk.send()
    desk.tell(desk.fill("e2", 2))
    assert desk.take(desk.core.pull(desk.now)) == [Pull(None)]
    desk.answer(Pull(None, desk.now), [desk.fill("e1", 1), desk.fill("e2", 2)])
    assert desk.take(desk.core.pull(desk.now)) == [Pull(desk.now - timedelta(seconds=2))]


def test_what_a_venue_says_of_itself_is_the_evidence_asked_for():
    venue = Capabilities(
        finds_ended=True, request_lifetime=timedelta(seconds=5), lookup_lag=timedelta(seconds=1),
        fill_lag=timedelta(seconds=3), tells_final_filled=False,
    )  # fmt: skip
    evidence = Evidence.of(venue)
    assert evidence.horizon == timedelta(seconds=8)
    assert evidence.spacing == timedelta(seconds=1)
    assert evidence.finds_ended and not evidence.tells_final_filled


def test_everything_open_is_canceled_at_once():
    desk = Desk()
    desk.send("a")
    (send,), _ = desk.propose("b")
    (lost,), _ = desk.propose("c")
    desk.fail(lost, SILENCE)
    assert desk.take(desk.core.cancel_all(desk.now)) == [Cancel("a"), Cancel("c")]
    assert desk.answer(send, desk.theirs("b")) == [Cancel("b")]
    assert isinstance(send, Send) and isinstance(send.order, Order)


@pytest.mark.parametrize("facts", [{"quantity": Decimal(-5)}, {"price": Decimal("NaN")}])
def test_an_execution_that_cannot_be_stops_the_symbol_and_is_asked_for_again(facts):
    desk = Desk()
    desk.send()
    odd = replace(desk.fill("e", 5), **facts)
    desk.tell(odd)
    assert "cannot be" in desk.alarms[-1]
    assert desk.core.ledger.halted.keys() == {"AAPL"}
    good = replace(desk.fill("g", 4), time=desk.now - timedelta(seconds=9))
    desk.answer(Pull(), [good, odd])
    assert (desk.held(), len(desk.alarms)) == (4, 1)
    assert datetime.fromisoformat(desk.ledger.cursors["sim", "fills"]) == good.time  # not past it
    desk.answer(Pull(), [good, desk.fill("e", 5)])  # as the venue has mended it
    assert desk.held() == 9


def test_an_execution_of_nothing_changes_nothing():
    desk = Desk()
    desk.send()
    desk.tell(desk.fill("e", 0))
    assert (desk.state(), desk.alarms, desk.ledger.fills) == ("working", [], {})
