"""The server that a test scripts."""

from __future__ import annotations

import http.client
import json
import socket
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from workbench.testing.wire import Reply, WireServer, drop, edit, hang, instead, truncate


@pytest.fixture
def server():
    with WireServer(lambda asked: Reply({"path": asked.path, "query": dict(asked.query)})) as made:
        yield made


def get(server, path="/a", timeout=5):
    return json.loads(urlopen(server.url + path, timeout=timeout).read())


def test_it_answers_and_remembers_what_was_asked(server):
    assert get(server, "/x?b=1") == {"path": "/x", "query": {"b": "1"}}
    assert (server.asked[0].method, server.asked[0].path) == ("GET", "/x")
    assert server.paths("x") == ["/x"]


def test_each_fault_is_used_once_and_in_order(server):
    server.fail(instead("no", 429, Retry_After="3"), edit(lambda body: body | {"more": 1}))
    with pytest.raises(HTTPError) as caught:
        get(server)
    assert (caught.value.code, caught.value.headers["Retry-After"]) == (429, "3")
    assert get(server)["more"] == 1
    assert get(server) == {"path": "/a", "query": {}}


def test_a_fault_may_wait_for_its_request(server):
    server.fail(instead("{}"), when=lambda asked: asked.path == "/b")
    assert get(server)["path"] == "/a"
    assert get(server, "/b") == {}


def test_an_answer_can_be_cut_dropped_or_late(server):
    server.fail(truncate(5), drop(), hang(3))
    with pytest.raises(http.client.IncompleteRead):
        get(server)
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        get(server)
    with pytest.raises((socket.timeout, TimeoutError)):
        get(server, timeout=0.2)
