"""The news of every vendor, through its own client, against a server that speaks it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from workbench.config import load_settings
from workbench.core.message import Message
from workbench.data import news
from workbench.errors import DataError, UnavailableError, UsageError
from workbench.testing.wire import WireServer, drop, edit, hang, instead, truncate
from workbench.testing.workspace import VENDORS, point_at

START = datetime(2024, 5, 1, tzinfo=UTC)
END = START + timedelta(days=20)
NAMES = ("alpaca", "polygon", "finnhub")
FIXTURES = Path(__file__).resolve().parents[2] / "../shared/fixtures"


def story(number, symbols=("AAPL",), hours=1, **more):
    at = START + timedelta(hours=hours * number)
    told = {"body": f"body {number}", "url": f"https://x/{number}", "author": "wire"} | more
    return Message(
        source="?", vendor_id=str(number), published=at, symbols=symbols, title=f"title {number}",
        **told,
    )  # fmt: skip


@pytest.fixture
def serve(tmp_path):
    servers = []

    def start(name, stories=(), page=50, **terms):
        wire = VENDORS[name](stories=stories)
        if name != "finnhub":
            wire.page = page
        servers.append(WireServer(wire))
        point_at(tmp_path, {name: servers[-1]}, **terms)
        return news.find(name, load_settings(tmp_path)), servers[-1]

    yield start
    for server in servers:
        server.close()


def fetched(source, symbols=("AAPL",), start=START, end=END):
    return [one for page in source.pages(list(symbols), start, end) for one in page.stories]


@pytest.mark.parametrize("name", NAMES)
def test_all_pages_come_as_they_were_written(name, serve):
    stories = [story(number, hours=4) for number in range(1, 60)]
    source, server = serve(name, stories, page=25)
    found = fetched(source)
    assert [(o.vendor_id, o.published, o.content) for o in found] == [
        (o.vendor_id, o.published, o.content) for o in stories
    ]
    assert {one.source for one in found} == {name}
    assert {one.symbols for one in found} == {("AAPL",)}
    assert len(server.asked) == 3


@pytest.mark.parametrize("name", NAMES)
def test_only_what_is_in_the_window_comes(name, serve):
    source, _ = serve(name, [story(number, hours=12) for number in range(1, 10)])
    low, high = START + timedelta(hours=24), START + timedelta(hours=60)
    assert [one.vendor_id for one in fetched(source, start=low, end=high)][:3] == ["2", "3", "4"]


@pytest.mark.parametrize(
    "fault",
    [
        instead({"message": "slow down"}, 429, Retry_After="0.1"),
        instead({"message": "oops"}, 500),
        instead("<html>Sorry</html>"),
        instead('[{"id": 1'),
        instead({}),
        drop(),
        truncate(30),
    ],
    ids=["429", "500", "html", "broken", "empty", "dropped", "cut"],
)
@pytest.mark.parametrize("name", NAMES)
def test_what_may_pass_is_asked_for_again(name, fault, serve):
    source, server = serve(name, [story(1)])
    server.fail(fault)
    assert [one.vendor_id for one in fetched(source, end=START + timedelta(days=2))] == ["1"]
    assert len(server.asked) == 2


@pytest.mark.parametrize("name", NAMES)
def test_a_page_that_never_comes_is_raised_and_not_left_out(name, serve):
    source, server = serve(name, [story(n, hours=4) for n in range(1, 60)], page=25, attempts=2)
    server.fail(lambda reply: reply)  # the first page is true
    server.fail(instead({"message": "oops"}, 500), times=2)
    with pytest.raises(UnavailableError):
        fetched(source)


@pytest.mark.parametrize("name", NAMES)
def test_a_server_that_hangs_is_not_waited_for(name, serve):
    source, server = serve(name, [story(1)], timeout=0.3, attempts=1)
    server.fail(hang(5))
    with pytest.raises(UnavailableError, match="no answer in time"):
        fetched(source)


@pytest.mark.parametrize(
    ("name", "where", "field"),
    [
        ("alpaca", "news", "created_at"),
        ("polygon", "results", "id"),
        ("finnhub", None, "headline"),
    ],
)
def test_rows_without_what_is_needed_are_no_news(name, where, field, serve):
    source, server = serve(name, [story(1)], attempts=2)

    def spoil(body):
        for row in body if where is None else body[where]:
            del row[field]
        return body

    server.fail(edit(spoil), times=2)
    with pytest.raises(DataError, match="news without"):
        fetched(source)


@pytest.mark.parametrize("name", NAMES)
def test_a_wrong_key_is_told_and_not_shown(name, serve, monkeypatch):
    for variable in ("ALPACA_KEY", "POLYGON_KEY", "FINNHUB_KEY"):
        monkeypatch.setenv(f"WORKBENCH_{variable}", "wrong-secret")
    source, _ = serve(name, [story(1)])
    with pytest.raises(UsageError, match="refuses the key") as caught:
        fetched(source)
    assert "wrong-secret" not in str(caught.value)


def test_alpaca_tells_when_it_was_edited_and_pairs_by_our_name(serve):
    edited = story(1, ("BTC/USD", "COIN"), updated=START + timedelta(hours=5))
    source, server = serve("alpaca", [edited])
    (found,) = fetched(source, ["BTC/USD"])
    assert found.symbols == ("BTC/USD", "COIN")
    assert (found.published, found.at) == (edited.published, edited.updated)
    assert server.asked[0].query["symbols"] == "BTCUSD"


def test_polygon_tells_a_sentiment(serve):
    source, _ = serve("polygon", [story(1, ("AAPL", "BTC/USD"), sentiment=-1.0)])
    (found,) = fetched(source, ["BTC/USD"])
    assert found.sentiment == -1.0
    assert found.symbols == ("AAPL", "BTC/USD")


def test_finnhub_is_asked_for_shorter_spans_where_an_answer_may_be_cut(serve):
    stories = [story(number, hours=0.25) for number in range(1, 600)]  # 96 a day
    source, server = serve("finnhub", stories)
    assert len(fetched(source)) == 599
    assert len(server.asked) > 3
    with pytest.raises(UsageError, match="news of stocks"):
        fetched(source, ["BINANCE:BTCUSDT"])


@pytest.mark.parametrize(
    ("name", "file", "number", "field"),
    [
        ("alpaca", "alpaca/alpaca_py_tests.json", 10, "news"),
        ("polygon", "polygon/client_python_mocks.json", 17, "results"),
    ],
)
def test_recorded_news(name, file, number, field, serve):
    path = FIXTURES / file
    if not path.is_file():
        pytest.skip("no recorded answers beside the checkout")
    body = json.loads(path.read_text())[number]["body"]
    body = (json.loads(body) if isinstance(body, str) else body) | (
        {"next_page_token": None} if name == "alpaca" else {}
    )
    source, server = serve(name)
    server.fail(instead(body))
    symbol = "CWAN" if name == "alpaca" else "NFLX"
    (found,) = fetched(source, [symbol], end=datetime(2025, 1, 1, tzinfo=UTC))
    row = body[field][0]
    assert found.title == row.get("headline", row.get("title"))
    assert found.author in ("benzinga", "MarketWatch")
    assert {"CWAN", "NFLX"} & set(found.symbols)
