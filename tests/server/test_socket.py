"""The stream of the desk."""

from __future__ import annotations

import asyncio
import json
import threading

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from workbench.bus.memory import MemoryBus
from workbench.server.routes.socket import Letters


def open_stream(served, cookie=None, origin=None):
    headers = {"Cookie": f"wb_session={cookie}"} if cookie else {}
    address = served.base.replace("http", "ws") + "/api/v1/ws"
    return connect(address, origin=origin, additional_headers=headers, open_timeout=20)


def say(stream, message):
    stream.send(message if isinstance(message, str) else json.dumps(message))
    return json.loads(stream.recv(timeout=30))


def test_strangers_and_foreign_sites_get_no_stream(served, ada):
    cookie = ada.cookies["wb_session"]
    for options in (
        {},
        {"origin": served.base},
        {"cookie": cookie},
        {"cookie": cookie, "origin": "https://evil.example"},
        {"cookie": "made-up", "origin": served.base},
    ):
        with pytest.raises(InvalidStatus) as refused:
            open_stream(served, **options)
        assert refused.value.response.status_code == 403


def test_quotes_and_orders_arrive(served, ada):
    with open_stream(served, ada.cookies["wb_session"], served.base) as stream:
        told = say(stream, {"subscribe": ["quotes:ACME/USD", "orders"]})
        assert told["message"]["subscribed"] == ["orders", "quotes:ACME/USD"]
        quote = json.loads(stream.recv(timeout=30))
        assert quote["topic"] == "quotes:ACME/USD"
        assert quote["message"]["bid"] < quote["message"]["ask"]
        body = {"symbol": "ACME/USD", "side": "buy", "quantity": "1"}
        placed = ada.post("/api/v1/orders", json=body, timeout=60).json()
        topics = []
        while "orders" not in topics:
            message = json.loads(stream.recv(timeout=30))
            topics.append(message["topic"])
        assert message["message"]["order_id"] == placed["order_id"]
        assert message["message"]["quantity"] == "1"


@pytest.mark.parametrize(
    "frame",
    ["", "x", "[]", "1", '{"do": 1}', {"subscribe": "orders"}, {"subscribe": ["secrets"]},
     {"subscribe": [1]}],
)  # fmt: skip
def test_a_bad_frame_is_answered_not_fatal(served, ada, frame):
    with open_stream(served, ada.cookies["wb_session"], served.base) as stream:
        assert "error" in say(stream, frame)["message"]
        assert say(stream, {"subscribe": []})["message"]["subscribed"] == []


class Wire:
    """Keeps what is sent."""

    def __init__(self):
        self.sent = []

    async def send_json(self, message):
        self.sent.append(message)


async def test_a_slow_reader_loses_the_oldest_and_is_told():
    bus, wire = MemoryBus(), Wire()
    letters = Letters(bus, size=256)
    letters.subscribe(["orders", "orders"])
    for number in range(300):
        bus.publish("orders", {"n": number})
    sender = asyncio.create_task(letters.send(wire))
    while len(wire.sent) < 257:
        await asyncio.sleep(0)
    assert wire.sent[0] == {"topic": "system", "message": {"lost": 44}}
    assert [one["message"]["n"] for one in wire.sent[1:]] == list(range(44, 300))
    threading.Thread(target=bus.publish, args=("orders", {"n": 300})).start()
    while len(wire.sent) < 258:
        await asyncio.sleep(0)
    assert wire.sent[-1]["message"] == {"n": 300}
    letters.unsubscribe(["orders", "system"])
    bus.publish("orders", {"n": 301})
    assert letters.box.take() == []
    sender.cancel()
