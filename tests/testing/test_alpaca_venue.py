"""The venue as a process of its own, driven by alpaca-py as it comes."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from contextlib import contextmanager
from urllib.request import Request, urlopen

import pytest
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import OrderSide, TimeInForce
from alpaca.trading.requests import GetOrdersRequest, LimitOrderRequest, MarketOrderRequest
from alpaca.trading.stream import TradingStream

from workbench.errors import UsageError
from workbench.testing.brokers.alpaca.faults import AlpacaFaults
from workbench.testing.brokers.alpaca.server import KEY, SECRET, AlpacaServer


@contextmanager
def process(**faults):
    command = [sys.executable, "-m", "workbench.testing.brokers.alpaca", "AAPL", "--faults",
               json.dumps(faults)]  # fmt: skip
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as running:
        try:
            yield json.loads(running.stdout.readline())
        finally:
            running.stdin.close()
            assert running.wait(20) == 0


def control(address, what, **told):
    asked = Request(f"{address['url']}/sim/{what}", json.dumps(told).encode(), method="POST")
    return json.loads(urlopen(asked).read())


def market(**facts):
    return MarketOrderRequest(
        symbol="AAPL", qty=10, side=OrderSide.BUY, time_in_force=TimeInForce.DAY, **facts
    )


def test_the_vendors_own_client_trades_there():
    with process() as address:
        client = TradingClient(KEY, SECRET, url_override=address["url"])
        order = client.submit_order(market(client_order_id="mine"))
        control(address, "quote", symbol="AAPL", bid=99, ask=101)
        assert client.get_order_by_client_id("mine").filled_avg_price == "101"
        assert client.get_order_by_id(order.id).filled_qty == "10"
        (position,) = client.get_all_positions()
        assert (position.symbol, position.qty) == ("AAPL", "10")
        assert client.get_account().cash == "98990.00"
        resting = client.submit_order(
            LimitOrderRequest(
                symbol="AAPL",
                qty=1,
                side=OrderSide.BUY,
                limit_price=50,
                time_in_force=TimeInForce.GTC,
            )
        )
        assert [o.id for o in client.get_orders(GetOrdersRequest(nested=True))] == [resting.id]
        client.cancel_orders()
        assert client.get_orders() == []
        assert control(address, "stats")["fills"] == 1


def test_that_client_sends_four_times_what_is_sent_once_here():
    with process(gateway_timeout=1.0) as address:
        client = TradingClient(KEY, SECRET, url_override=address["url"])
        client._retry_wait = 0
        with pytest.raises(Exception, match=r"unique|timeout"):
            client.submit_order(market(client_order_id="mine"))
        assert control(address, "stats")["posts"] == {"mine": 4}


def test_the_vendors_own_stream_is_let_in():
    with AlpacaServer(["AAPL"]) as server:
        stream = TradingStream(
            KEY, SECRET, url_override=f"{server.stream_url}/stream", raw_data=True
        )
        heard, filled = [], threading.Event()

        async def hear(told):
            heard.append(told["data"]["event"])
            if told["data"]["event"] == "fill":
                filled.set()

        stream.subscribe_trade_updates(hear)
        thread = threading.Thread(target=stream.run, daemon=True)
        thread.start()
        server.run(server.stream.subscribed())
        client = TradingClient(KEY, SECRET, url_override=server.url)
        client.submit_order(market())
        server.book.quote("AAPL", 99.0, 101.0)
        assert filled.wait(20)
        stream.stop()
        thread.join(20)
    assert heard == ["pending_new", "new", "fill"]


def test_the_same_seed_does_the_same():
    def run(seed):
        with AlpacaServer(["AAPL"], faults=AlpacaFaults(seed=seed, partial=0.7)) as server:
            body = {"symbol": "AAPL", "qty": "50", "side": "buy", "type": "market",
                    "time_in_force": "day"}  # fmt: skip
            server.book.submit(body)
            for _ in range(8):
                server.book.quote("AAPL", 99.0, 101.0)
            return [row["qty"] for row in server.book.activities]

    assert run(3) == run(3) != run(4)
    assert len(run(3)) > 1


def test_halts_queues_and_freezes():
    with AlpacaServer(["AAPL"], faults=AlpacaFaults(queue=2)) as server:
        book = server.book
        body = {"symbol": "AAPL", "qty": "1", "side": "buy", "type": "market",
                "time_in_force": "day"}  # fmt: skip
        paper = book.submit(body)
        book.halted.add("AAPL")
        for _ in range(5):
            book.quote("AAPL", 99.0, 101.0)
        assert paper.told["status"] == "accepted"
        book.halted.clear()
        statuses = []
        for _ in range(3):
            book.quote("AAPL", 99.0, 101.0)
            statuses.append(paper.told["status"])
        assert statuses == ["accepted", "accepted", "filled"]
        book.is_frozen = True
        still = book.submit(body)
        for _ in range(5):
            book.quote("AAPL", 99.0, 101.0)
        assert still.told["status"] == "accepted"


def test_an_unknown_fault_offers_the_nearest():
    with pytest.raises(UsageError, match="did you mean 'gateway_timeout'"):
        AlpacaFaults().changed({"gateway_timeot": 1.0})
