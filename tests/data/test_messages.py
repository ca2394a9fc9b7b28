"""Messages as a notebook reads and writes them."""

from __future__ import annotations

import pandas as pd
import pytest

import workbench as wb
from workbench.data.messages import COLUMNS, as_messages
from workbench.errors import UsageError


@pytest.fixture(autouse=True)
def _home(workspace):
    return workspace


def test_a_note_is_read_back_with_its_times():
    before = pd.Timestamp.now("UTC").floor("us")
    made = wb.note("Supplier doubles.\n\nMore to come.", ["AAPL"], sentiment=0.5, author="ada")
    table = wb.messages()
    assert list(table.columns) == list(COLUMNS)
    (row,) = table.to_dict("records")
    assert row["title"] == "Supplier doubles."
    assert "More to come." in row["body"]
    assert (row["symbols"], row["sentiment"], row["author"]) == (("AAPL",), 0.5, "ada")
    assert before <= row["known"] <= pd.Timestamp.now("UTC")
    assert as_messages(table) == [made]


def test_a_note_about_the_past_was_not_known_then():
    wb.note("It was the strike", "IBM", published="2024-01-02")
    assert len(wb.messages("IBM", "2024-01-01", "2024-01-03")) == 1
    assert wb.messages(as_of="2024-06-01").empty
    assert len(wb.messages(as_of="2024-06-01", by="published")) == 1


def test_the_same_name_is_the_same_note_and_another_text_an_edit():
    first = wb.note("one", "IBM", note_id="a")
    assert wb.note("one", "IBM", note_id="a") == first
    second = wb.note("two", "IBM", note_id="a")
    assert (second.edition, second.published) == (2, first.published)
    assert wb.messages()["title"].tolist() == ["two"]
    assert wb.messages(editions=True)["title"].tolist() == ["one", "two"]
    assert wb.messages(as_of=first.known)["title"].tolist() == ["one"]


def test_a_long_first_line_is_cut_in_the_title_only():
    made = wb.note("x" * 500)
    assert len(made.title) == 120
    assert made.body == "x" * 500


def test_an_empty_table_has_its_columns_and_kinds():
    table = wb.messages()
    assert table.empty
    assert str(table["known"].dtype) == "datetime64[ns, UTC]"


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda: wb.note("  "), "characters of text"),
        (lambda: wb.note("x" * 20_001), "characters of text"),
        (lambda: wb.note("x", sentiment=2), "from -1 to 1"),
        (lambda: wb.note("x", sentiment=float("nan")), "from -1 to 1"),
        (lambda: wb.note("x", note_id=""), "64 characters"),
        (lambda: wb.note("x", symbols=["A", "A"]), "named twice"),
        (lambda: wb.messages(by="publisht"), "did you mean 'published'"),
        (lambda: wb.messages(limit=0), "at least 1"),
        (lambda: wb.messages(as_of="yesterdayish"), "is no time"),
        (lambda: wb.messages(search="-x"), "to be there"),
        (lambda: as_messages(pd.DataFrame({"title": ["x"]})), "no messages"),
    ],
)
def test_what_cannot_be_is_told(call, word):
    with pytest.raises(UsageError, match=word):
        call()
    assert wb.messages().empty
