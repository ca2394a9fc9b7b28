"""News and notes over HTTP."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

import workbench as wb

URL = "/api/v1/messages"


@pytest.fixture(scope="module")
def ann(served):
    client = served.log_in("ann")
    yield client
    client.close()


@pytest.fixture(scope="module")
def tom(served):
    client = served.log_in("tom")
    yield client
    client.close()


@pytest.fixture(scope="module")
def eve(served):
    client = served.log_in("eve")
    yield client
    client.close()


def test_a_note_is_written_found_and_read_by_the_package_too(ann, served):
    answer = ann.post(URL, json={"text": "Kiln outage", "symbols": ["IBM"], "sentiment": -0.5})
    assert answer.status_code == 201
    row = answer.json()
    assert (row["author"], row["source"], row["edition"]) == ("ann", "note", 1)
    (found,) = ann.get(URL, params={"search": "kiln", "symbol": "IBM"}).json()
    assert found == row
    assert ann.get(answer.headers["location"]).json() == [row]
    assert wb.messages(search="kiln", settings=served.settings)["author"].tolist() == ["ann"]
    assert ann.get(URL, params={"search": "kiln", "symbol": "AAPL"}).json() == []
    assert ann.get(URL, params={"search": "kiln", "as_of": "2020-01-01T00:00:00Z"}).json() == []


def test_the_same_note_again_is_no_second_one_and_another_text_is_refused(ann):
    note = {"text": "once", "note_id": "n-1"}
    first, again = ann.post(URL, json=note), ann.post(URL, json=note)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    other = ann.post(URL, json={"text": "twice", "note_id": "n-1"})
    assert other.status_code == 409
    assert "PUT edits" in other.json()["detail"]


def test_of_several_that_come_at_once_under_one_name_one_is_kept(served, ann):
    cookie = ann.cookies["wb_session"]

    def post(number):
        with served.stranger(cookies={"wb_session": cookie}, timeout=60) as client:
            return client.post(URL, json={"text": f"text {number}", "note_id": "at-once"})

    with ThreadPoolExecutor(8) as threads:
        said = list(threads.map(post, range(8)))
    assert sorted(answer.status_code for answer in said) == [201] + [409] * 7
    (kept,) = ann.get(f"{URL}/at-once").json()
    assert kept["title"] in [a.json().get("title") for a in said if a.status_code == 201]


def test_an_edit_keeps_what_was_said_and_is_its_authors(ann, tom, ada):
    ann.post(URL, json={"text": "first", "note_id": "n-2"})
    assert ann.put(f"{URL}/n-2", json={"text": "second"}).json()["edition"] == 2
    assert [row["title"] for row in ann.get(f"{URL}/n-2").json()] == ["first", "second"]
    assert tom.put(f"{URL}/n-2", json={"text": "mine"}).status_code == 403
    changed = ada.put(f"{URL}/n-2", json={"text": "third"}).json()  # an admin
    assert (changed["edition"], changed["author"]) == (3, "ann")


def test_a_viewer_reads_and_does_not_write(served, eve):
    assert eve.get(URL).status_code == 200
    assert eve.post(URL, json={"text": "x"}).status_code == 403
    assert eve.put(f"{URL}/n-2", json={"text": "x"}).status_code == 403
    with served.stranger() as nobody:
        assert nobody.get(URL).status_code == 401


@pytest.mark.parametrize(
    "note",
    [
        {},
        {"text": ""},
        {"text": "x" * 20_001},
        {"text": "x", "sentiment": 2},
        {"text": "x", "symbols": ["../.."]},
        {"text": "x", "note_id": "a b"},
        {"text": "x", "source": "alpaca"},
        {"text": "  "},
    ],
)
def test_what_is_no_note_is_a_problem(ann, note):
    answer = ann.post(URL, json=note)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("query", ["limit=0", "by=x", "search=-x", "as_of=never", "symbol=a b"])
def test_what_cannot_be_asked_is_a_problem(ann, query):
    assert ann.get(f"{URL}?{query}").status_code == 422


def test_a_note_that_is_not_there_is_missing(ann):
    assert ann.get(f"{URL}/nothing").status_code == 404
    assert ann.put(f"{URL}/nothing", json={"text": "x"}).status_code == 404
