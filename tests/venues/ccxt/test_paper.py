"""Demo trading and real money at the exchanges: two accounts that never meet."""

from __future__ import annotations

import pytest

from workbench.config import load_settings
from workbench.core.order import OrderState
from workbench.errors import UsageError
from workbench.testing.brokers.exchanges.under_test import exchange_settings
from workbench.venues.ccxt.broker import CcxtBroker

PAIRS = [
    ("binance", {"api.binance.com"}, {"demo-api.binance.com"}),
    ("binanceusdm", {"fapi.binance.com"}, {"demo-fapi.binance.com"}),
    ("bybit", {"api.bybit.com"}, {"api-demo.bybit.com"}),
    ("bybit-linear", {"api.bybit.com"}, {"api-demo.bybit.com"}),
]


@pytest.mark.parametrize(("exchange", "real", "demo"), PAIRS)
async def test_each_request_goes_to_its_own_hosts(venue_of, order, exchange, real, demo):
    for name, hosts in ((exchange, real), (f"{exchange}-paper", demo)):
        venue = venue_of(name)
        venue.move(99, 100)
        await venue.broker.submit(order(symbol=venue.pair))
        venue.move(99, 100)
        assert (await venue.broker.order(f"o{1 + (name != exchange)}")).state is OrderState.FILLED
        assert len(await venue.broker.positions()) == 1
        assert (await venue.broker.account()).is_paper is (name != exchange)
        assert await venue.broker.open_orders() == []
        assert venue.server.hosts == hosts


@pytest.mark.parametrize("exchange", ["binance", "bybit"])
def test_a_key_is_of_one_environment(tmp_path, exchange):
    names = (exchange, f"{exchange}_paper")
    keys = {f"{name}_{part}": "one" for name in names for part in ("key", "secret")}
    settings = load_settings(tmp_path, **keys)
    for name in (exchange, f"{exchange}-paper"):
        with pytest.raises(UsageError, match="nothing is sent with it") as caught:
            CcxtBroker(settings, exchange=name)
        assert "one" not in caught.value.message.split()


@pytest.mark.parametrize("exchange", ["binance", "bybit"])
def test_a_key_of_real_money_is_not_taken_on_paper(tmp_path, exchange):
    live = load_settings(tmp_path, **{f"{exchange}_key": "k", f"{exchange}_secret": "s"})
    with pytest.raises(UsageError, match=f"WORKBENCH_{exchange.upper()}_PAPER_KEY"):
        CcxtBroker(live, exchange=f"{exchange}-paper")
    paper = {f"{exchange}_paper_key": "k", f"{exchange}_paper_secret": "s"}
    with pytest.raises(UsageError, match=f"WORKBENCH_{exchange.upper()}_KEY"):
        CcxtBroker(load_settings(tmp_path, **paper), exchange=exchange)


@pytest.mark.parametrize(
    ("exchange", "name", "address"),
    [
        ("binance", "url", "https://demo-api.binance.com"),
        ("binance", "url", "https://testnet.binance.vision"),
        ("binance", "stream_url", "wss://demo-stream.binance.com"),
        ("binance-paper", "url", "https://api.binance.com"),
        ("binanceusdm-paper", "stream_url", "wss://fstream.binance.com"),
        ("bybit", "url", "https://api-testnet.bybit.com"),
        ("bybit-linear-paper", "url", "https://api.bybit.com"),
    ],
)
def test_an_address_of_the_other_environment_is_refused(venue_of, exchange, name, address):
    venue = venue_of(exchange)
    told = exchange_settings(exchange, venue.server, venue.folder, **{name: address})
    with pytest.raises(UsageError, match="is not where"):
        CcxtBroker(told, exchange=exchange)


@pytest.mark.parametrize("exchange", ["coinbase", "kraken"])
def test_where_there_is_no_demo_trading_there_is_no_paper(tmp_path, exchange):
    with pytest.raises(UsageError, match="no demo trading"):
        CcxtBroker(load_settings(tmp_path), exchange=f"{exchange}-paper")
