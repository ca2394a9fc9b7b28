"""The list of messages beside a chart."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

import workbench as wb
from workbench.config import load_settings
from workbench.core.message import Message
from workbench.server.identity import Identity
from workbench.server.message_board import MessageBoard, listed
from workbench.server.pages import Context
from workbench.server.services import open_services

AT = datetime(2024, 3, 5, 15, tzinfo=UTC)


@pytest.fixture
def board(tmp_path, monkeypatch):
    """Return how to make a board for a reader, and what it told its chart."""
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path))
    services = open_services(load_settings(tmp_path))
    told = []

    def made(*roles):
        context = Context(services, Identity("ann", roles), "dark")
        return MessageBoard(context, lambda: told.append(len(shown.found)))

    shown = None

    def make(*roles):
        nonlocal shown
        shown = made(*roles)
        return shown, told

    yield make
    services.close()


def test_what_is_searched_is_listed_and_told_to_the_chart(board):
    wb.note("Kiln outage", symbols=["IBM"], published="2012-01-02", sentiment=-0.5)
    wb.note("Kiln repaired", symbols=["IBM"], published="2012-01-05")
    wb.note("Strike", symbols=["AAPL"])
    shown, told = board("analyst")
    shown.show("IBM")
    assert shown.list.object.index("repaired") < shown.list.object.index("outage")
    assert "Strike" not in shown.list.object
    assert "sentiment -0.50" in shown.list.object
    shown.search.value = "kiln -repaired"
    assert shown.found["title"].tolist() == ["Kiln outage"]
    assert told == [1]
    shown.by.value = "published"
    assert shown.found.attrs["by"] == "published"
    assert "2012-01-02 00:00" in shown.list.object
    shown.search.value = "nothing of that"
    assert "Nothing found" in shown.list.object


def test_a_note_is_written_by_who_may_and_by_nobody_else(board):
    shown, told = board("analyst")
    shown.show("IBM")
    shown.text.value = "Guidance cut"
    shown.keep.clicks += 1
    assert shown.text.value == ""
    assert told == [1]
    (row,) = wb.messages("IBM").to_dict("records")
    assert (row["title"], row["author"], row["symbols"]) == ("Guidance cut", "ann", ("IBM",))
    shown.keep.clicks += 1  # there is no text: said, and nothing kept
    viewer, _ = board("viewer")
    viewer.show("IBM")
    viewer.text.value = "Mine"
    viewer.keep.clicks += 1
    assert not viewer._writing.visible
    assert "may" in viewer._context.notices.object
    assert wb.messages("IBM")["title"].tolist() == ["Guidance cut"]


def test_what_others_wrote_is_no_html(board):
    del board
    evil = '<img src=x onerror="alert(1)">'
    url = 'javascript:alert("x")'
    one = Message(
        source="x",
        vendor_id="1",
        published=AT,
        known=AT,
        symbols=(),
        title=evil,
        body=evil,
        url=url,
    )
    html = listed([one], "known")
    assert "<img" not in html
    assert "javascript" not in html
    linked = Message(
        source="x", vendor_id="1", published=AT, symbols=(), title="a", url='https://x/"><b>'
    )
    assert '"><b>' not in listed([linked], "published")
