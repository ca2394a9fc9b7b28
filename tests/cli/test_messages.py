from datetime import UTC, datetime, timedelta

from workbench.core.message import Message
from workbench.testing.vendors import PolygonWire
from workbench.testing.wire import WireServer
from workbench.testing.workspace import point_at


def test_an_empty_table_says_what_to_do(workbench):
    assert "messages fetch AAPL" in workbench("messages", "list")


def test_notes_are_written_edited_listed_and_found(workbench):
    said = workbench(
        "messages", "note", "Strike [at] the plant", "--symbol", "IBM", "--note-id", "a"
    )
    assert "note a, edition 1" in said
    said = workbench("messages", "note", "Strike is over", "--symbol", "IBM", "--note-id", "a")
    assert "edition 2" in said
    assert "Strike is over" in workbench("messages", "list", "IBM")
    assert "No message here" in workbench("messages", "search", "plant")
    assert "Strike is over" in workbench("messages", "search", "strikes -plant")
    assert "No message here" in workbench("messages", "list", "--as-of", "2020-01-01")
    assert "to be there" in workbench("messages", "search", "--", "-plant", code=2)


def test_fetch_counts_what_is_new(workbench, tmp_path):
    at = datetime.now(UTC) - timedelta(days=1)
    stories = [
        Message(source="?", vendor_id=f"x{n}", published=at, symbols=("AAPL",), title=f"t{n}")
        for n in range(3)
    ]
    with WireServer(PolygonWire(stories=stories)) as server:
        point_at(tmp_path, {"polygon": server})
        said = workbench("messages", "fetch", "AAPL", "--source", "polygon")
        assert "3 new messages" in said
        assert "0 new messages" in workbench("messages", "fetch", "AAPL", "--source", "polygon")
