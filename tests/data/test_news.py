"""News fetched into the workspace."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

import workbench as wb
from workbench.core.clock import EventClock
from workbench.core.message import Message
from workbench.errors import UnavailableError, UsageError
from workbench.testing.vendors import AlpacaWire
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


def test_without_a_start_it_goes_on_a_day_before_the_newest_and_sees_edits(vendor):
    wire, server = vendor
    wb.fetch_messages("AAPL", "2024-05-01", "2024-05-03", source="alpaca")
    edited = replace(story(24), title="title 24, corrected", updated=START + timedelta(hours=30))
    wire.stories = [*wire.stories[:24], edited, story(40)]
    clock = EventClock(START + timedelta(days=3))
    found = wb.fetch_messages("AAPL", source="alpaca", clock=clock)
    assert found["title"].tolist() == ["title 24, corrected", "title 40"]
    assert server.asked[-1].query["start"].startswith("2024-05-01")
    assert wb.messages(search="corrected")["edition"].tolist() == [2]


def test_the_source_is_chosen_by_the_order_and_named_where_there_is_none(vendor, workspace):
    with pytest.raises(UsageError, match="source= is one of"):
        wb.fetch_messages("AAPL")
    with pytest.raises(UsageError, match="did you mean 'alpaca'"):
        wb.fetch_messages("AAPL", source="alpacca")
    settings = (workspace / "workbench.toml").read_text()
    (workspace / "workbench.toml").write_text('sources = ["sample", "alpaca"]\n' + settings)
    assert len(wb.fetch_messages("AAPL", "2024-05-01", "2024-05-02")) == 24
