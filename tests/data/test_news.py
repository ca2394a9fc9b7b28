"""News fetched into the workspace."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

import workbench as wb
from workbench.config import load_settings
from workbench.core.clock import EventClock
from workbench.core.message import Message
from workbench.errors import UnavailableError, UsageError
from workbench.store.messages import add_messages
from workbench.store.migrate import open_database
from workbench.testing.vendors import AlpacaWire, PolygonWire
from workbench.testing.wire import WireServer, instead
from workbench.testing.workspace import point_at

START = datetime(2024, 5, 1, tzinfo=UTC)


def story(number, **more):
    at = START + timedelta(hours=number)
    told = {"symbols": ("AAPL",), "title": f"title {number}"} | more
    return Message(source="?", vendor_id=str(number), published=at, **told)


@pytest.fixture
def vendor(workspace):
    wire = AlpacaWire(page=10, stories=[story(number) for number in range(25)])
    with WireServer(wire) as server:
        point_at(workspace, {"alpaca": server}, attempts=1)
        yield wire, server


def test_what_is_fetched_is_known_from_now_and_not_fetched_into_the_past(vendor):
    found = wb.fetch_messages("AAPL", "2024-05-01", "2024-05-03", source="alpaca")
    assert found["title"].tolist() == [f"title {number}" for number in range(25)]
    assert wb.messages("AAPL", as_of="2024-06-01").empty
    assert len(wb.messages("AAPL", as_of="2024-05-01 05:00", by="published")) == 6
    again = wb.fetch_messages("AAPL", "2024-05-01", "2024-05-03", source="alpaca")
    assert again.empty


def test_a_page_that_fails_leaves_those_before_it(vendor):
    _, server = vendor
    server.fail(lambda reply: reply)
    server.fail(instead("", 500))
    with pytest.raises(UnavailableError):
        wb.fetch_messages("AAPL", "2024-05-01", "2024-05-03", source="alpaca")
    assert len(wb.messages()) == 10
    assert len(wb.fetch_messages("AAPL", "2024-05-01", "2024-05-03", source="alpaca")) == 15


def test_without_a_start_it_goes_on_a_day_before_the_last_fetch_ended_and_sees_edits(vendor):
    wire, server = vendor
    wb.fetch_messages("AAPL", "2024-05-01", "2024-05-03", source="alpaca")
    edited = replace(story(24), title="title 24, corrected", updated=START + timedelta(hours=30))
    wire.stories = [*wire.stories[:24], edited, story(40)]
    clock = EventClock(START + timedelta(days=3))
    found = wb.fetch_messages("AAPL", source="alpaca", clock=clock)
    assert found["title"].tolist() == ["title 24, corrected", "title 40"]
    assert server.asked[-1].query["start"].startswith("2024-05-02")
    assert wb.messages(search="corrected")["edition"].tolist() == [2]


def fetched(symbols="AAPL", start=None, end=None, *, day):
    clock = EventClock(START + timedelta(days=day))
    return wb.fetch_messages(symbols, start, end, source="alpaca", clock=clock)["title"].tolist()


def live(*given):
    with closing(open_database(load_settings())) as database, database.write() as connection:
        add_messages(connection, [replace(one, source="alpaca") for one in given], START)


def test_a_headline_that_came_live_in_between_hides_nothing_before_it(vendor):
    wire, _ = vendor
    assert len(fetched(day=2)) == 25
    wire.stories = [story(24 * day) for day in (10, 18)]
    live(wire.stories[1])
    assert fetched(day=20) == ["title 240"]


def test_what_was_told_of_another_symbol_is_no_history_of_it(vendor):
    wire, _ = vendor
    wire.stories = [
        story(24 * 4, symbols=("MSFT",)),
        story(24 * 9, symbols=("AAPL", "MSFT")),
    ]
    assert fetched("AAPL", "2024-05-01", day=10) == ["title 216"]
    assert fetched("MSFT", day=10) == ["title 96"]


def test_a_new_symbol_in_a_list_holds_up_none_of_the_others(vendor):
    wire, server = vendor
    assert fetched("AAPL", "2024-05-01", "2024-05-02", day=1)
    wire.stories = [
        story(24 * 5, symbols=("AAPL",)),
        story(24 * 28, symbols=("IBM",)),
    ]
    assert fetched(["AAPL", "IBM"], day=30) == ["title 120", "title 672"]
    asked = {one.query["symbols"]: one.query["start"][:10] for one in server.asked[-2:]}
    assert asked == {"AAPL": "2024-05-01", "IBM": "2024-05-24"}


def test_a_fetch_that_failed_half_way_is_made_again(vendor):
    wire, server = vendor
    assert fetched("AAPL", "2024-05-01", "2024-05-01 01:00", day=1)
    wire.stories = [story(number) for number in range(25)] + [story(24 * 3 + 2)]
    server.fail(lambda reply: reply)
    server.fail(instead("", 500))
    with pytest.raises(UnavailableError):
        fetched(day=5)
    assert len(fetched(day=5)) == 16


def test_a_fetch_of_years_that_broke_off_goes_on_where_it_came_to(vendor):
    wire, server = vendor
    wire.stories = [story(24 * 30 * month) for month in range(35)]
    years = {"start": "2024-05-01", "end": "2027-05-01", "day": 1200}
    server.fail(lambda reply: reply, times=2)
    server.fail(instead("", 500))
    with pytest.raises(UnavailableError):
        fetched(**years)
    asked = len(server.asked)
    assert fetched(**years) == [f"title {24 * 30 * month}" for month in range(20, 35)]
    starts = [datetime.fromisoformat(one.query["start"]) for one in server.asked[asked:]]
    assert min(starts) == story(24 * 30 * 19).published
    asked = len(server.asked)
    assert fetched(**years) == []  # one that came to its end is made again: there may be edits
    assert len(server.asked) == asked + 4


def test_no_symbol_of_a_fetch_that_broke_off_is_asked_for_twice(workspace):
    stories = [story(number, symbols=("AAPL", "IBM")) for number in range(5)]
    names = [replace(one, vendor_id=f"{one.vendor_id}{s}", symbols=(s,)) for one in stories
             for s in one.symbols]  # fmt: skip
    with WireServer(PolygonWire(page=2, stories=names)) as server:
        point_at(workspace, {"polygon": server}, attempts=1)
        window = ["AAPL", "IBM"], "2024-05-01", "2024-05-03"
        server.fail(lambda reply: reply, times=4)
        server.fail(instead("", 500))
        with pytest.raises(UnavailableError):
            wb.fetch_messages(*window, source="polygon")
        asked = len(server.asked)
        assert len(wb.fetch_messages(*window, source="polygon")) == 3
        again = [one.query for one in server.asked[asked:]]
        assert {one["ticker"] for one in again} == {"IBM"}
        assert again[0]["published_utc.gte"].startswith("2024-05-01T01:00")
        assert len(wb.messages()) == 10


def test_another_fetch_takes_the_place_of_one_that_broke_off_from_nobody(vendor):
    wire, server = vendor
    wire.stories = [story(24 * 30 * month) for month in range(25)]
    server.fail(lambda reply: reply)
    server.fail(instead("", 500))
    with pytest.raises(UnavailableError):
        fetched(start="2024-05-01", end="2027-05-01", day=1200)
    assert fetched(start="2026-01-01", end="2026-02-01", day=1200) == ["title 15120"]
    asked = len(server.asked)
    assert len(fetched(start="2024-05-01", end="2027-05-01", day=1200)) == 14
    assert server.asked[asked].query["start"].startswith("2025-01")


def test_a_window_beyond_what_was_fetched_leaves_the_days_between_to_be_fetched(vendor):
    wire, _ = vendor
    assert len(fetched("AAPL", "2024-05-01", "2024-05-02", day=30)) == 24
    wire.stories = [story(24 * day) for day in (8, 21)]
    assert fetched("AAPL", "2024-05-21", "2024-05-23", day=30) == ["title 504"]
    assert fetched(day=30) == ["title 192"]
    wire.stories = [story(24 * 9)]
    assert fetched(day=31) == []  # fetched on until the day before


def test_an_end_in_the_future_or_the_past_moves_the_mark_no_further_than_now(vendor):
    wire, _ = vendor
    assert len(fetched("AAPL", "2024-05-01", "2030-01-01", day=2)) == 25
    wire.stories = [story(24 * 3)]
    assert fetched(day=4) == ["title 72"]
    wire.stories = [story(-24 * 3)]
    assert fetched("AAPL", end="2024-04-30", day=5) == ["title -72"]  # the week before it


def test_the_source_is_chosen_by_the_order_and_named_where_there_is_none(vendor, workspace):
    with pytest.raises(UsageError, match="source= is one of"):
        wb.fetch_messages("AAPL")
    with pytest.raises(UsageError, match="did you mean 'alpaca'"):
        wb.fetch_messages("AAPL", source="alpacca")
    settings = (workspace / "workbench.toml").read_text()
    (workspace / "workbench.toml").write_text('sources = ["sample", "alpaca"]\n' + settings)
    assert len(wb.fetch_messages("AAPL", "2024-05-01", "2024-05-02")) == 24
