"""What each answer of an exchange proves, row by row."""

from __future__ import annotations

import json

import ccxt
import pytest

from workbench.venues.ccxt.outcomes import outcome, reading
from workbench.venues.outcomes import Ask, Outcome

O = Outcome  # noqa: E741


def binance(code, said="no"):
    return json.dumps({"code": code, "msg": said})


def bybit(code, said="no"):
    return json.dumps({"retCode": code, "retMsg": said, "result": {}, "time": 1})


def kraken(*errors):
    return json.dumps({"error": list(errors)})


def coinbase(code, preview=""):
    inner = {"error": code, "message": "no", "preview_failure_reason": preview}
    return json.dumps({"success": False, "error_response": inner})


ROWS = [
    # what ccxt raises, status, body, what it proves of an order
    ("binance", ccxt.InvalidOrder, 400, binance(-2010, "Account has too little"), O.REFUSED),
    ("binance", ccxt.InsufficientFunds, 400, binance(-2010, "insufficient balance"), O.REFUSED),
    ("binance", ccxt.InvalidOrder, 400, binance(-2010, "Duplicate order sent."), O.DUPLICATE),
    ("binance", ccxt.InvalidOrder, 400, binance(-1013, "Filter failure: LOT_SIZE"), O.REFUSED),
    ("binance", ccxt.BadSymbol, 400, binance(-1121, "Invalid symbol."), O.REFUSED),
    ("binance", ccxt.BadRequest, 400, binance(-1102, "Mandatory parameter"), O.REFUSED),
    ("binance", ccxt.OperationFailed, 400, binance(-1000), O.UNKNOWN),
    ("binance", ccxt.OperationFailed, 503, binance(-1000), O.UNKNOWN),
    ("binance", ccxt.OperationFailed, 400, binance(-1001, "Internal error"), O.UNKNOWN),
    ("binance", ccxt.BadResponse, 400, binance(-1006, "An unexpected response"), O.UNKNOWN),
    ("binance", ccxt.RequestTimeout, 408, binance(-1007, "Timeout"), O.UNKNOWN),
    ("binance", ccxt.OperationFailed, 400, binance(-1008, "Server is overloaded"), O.UNKNOWN),
    ("binance", ccxt.DDoSProtection, 429, binance(-1003, "Too many requests"), O.LIMITED),
    ("binance", ccxt.DDoSProtection, 418, binance(-1003, "banned until"), O.LIMITED),
    ("binance", ccxt.DDoSProtection, 418, "<html>blocked</html>", O.UNKNOWN),
    ("binance", ccxt.RateLimitExceeded, 400, binance(-1015, "Too many new orders"), O.LIMITED),
    ("binance", ccxt.InvalidNonce, 400, binance(-1021, "Timestamp for this request"), O.CLOCK),
    ("binance", ccxt.AuthenticationError, 400, binance(-1022), O.KEY),
    ("binance", ccxt.AuthenticationError, 401, binance(-2014), O.KEY),
    ("binance", ccxt.DDoSProtection, 401, binance(-2015), O.KEY),
    ("binance", ccxt.ExchangeError, 400, binance(-9999, "new and unknown"), O.UNKNOWN),
    ("binance", ccxt.RequestTimeout, 504, "<html>504</html>", O.UNKNOWN),
    ("binance", ccxt.ExchangeNotAvailable, 502, binance(-2010, "a lie"), O.UNKNOWN),
    ("binance", ccxt.ExchangeNotAvailable, 403, "<html>403</html>", O.UNKNOWN),
    ("binance", ccxt.BadResponse, 200, '{"orderId": 1', O.UNKNOWN),
    ("binance", ccxt.ExchangeError, 200, "", O.UNKNOWN),
    ("bybit", ccxt.InsufficientFunds, 200, bybit(170131), O.REFUSED),
    ("bybit", ccxt.InsufficientFunds, 200, bybit(110007), O.REFUSED),
    ("bybit", ccxt.InvalidOrder, 200, bybit(170140), O.REFUSED),
    ("bybit", ccxt.BadRequest, 200, bybit(10001, "params error"), O.REFUSED),
    ("bybit", ccxt.InvalidOrder, 200, bybit(110072, "OrderLinkedID is duplicate"), O.DUPLICATE),
    ("bybit", ccxt.InvalidOrder, 200, bybit(170141, "Duplicate clientOrderId."), O.DUPLICATE),
    ("bybit", ccxt.BadRequest, 200, bybit(12141, "Duplicate clientOrderId."), O.DUPLICATE),
    ("bybit", ccxt.BadRequest, 200, bybit(10014, "Request is duplicate"), O.UNKNOWN),
    ("bybit", ccxt.RateLimitExceeded, 200, bybit(10006), O.LIMITED),
    ("bybit", ccxt.RateLimitExceeded, 403, "access too frequent", O.UNKNOWN),
    ("bybit", ccxt.InvalidNonce, 200, bybit(10002), O.CLOCK),
    ("bybit", ccxt.AuthenticationError, 200, bybit(10003), O.KEY),
    ("bybit", ccxt.AuthenticationError, 200, bybit(33004, "api key expired"), O.KEY),
    ("bybit", ccxt.PermissionDenied, 200, bybit(10005, "Permission denied"), O.REFUSED),
    ("bybit", ccxt.ExchangeNotAvailable, 200, bybit(10000, "Server Timeout"), O.UNKNOWN),
    ("bybit", ccxt.ExchangeError, 200, bybit(10016, "Server error"), O.UNKNOWN),
    ("bybit", ccxt.RequestTimeout, 200, bybit(170007, "Timeout waiting for response"), O.UNKNOWN),
    ("bybit", ccxt.OnMaintenance, 200, bybit(10019), O.UNKNOWN),
    ("bybit", ccxt.ExchangeError, 200, "{}", O.UNKNOWN),
    ("kraken", ccxt.InsufficientFunds, 200, kraken("EOrder:Insufficient funds"), O.REFUSED),
    ("kraken", ccxt.InvalidOrder, 200, kraken("EOrder:Order minimum not met"), O.REFUSED),
    ("kraken", ccxt.ExchangeError, 200, kraken("EOrder:Trading agreement required"), O.REFUSED),
    ("kraken", ccxt.ExchangeError, 200, kraken("EOrder:Duplicate cl_ord_id"), O.DUPLICATE),
    ("kraken", ccxt.BadRequest, 200, kraken("EGeneral:Invalid arguments:volume"), O.REFUSED),
    ("kraken", ccxt.BadSymbol, 200, kraken("EQuery:Unknown asset pair"), O.REFUSED),
    ("kraken", ccxt.PermissionDenied, 200, kraken("EGeneral:Permission denied"), O.REFUSED),
    ("kraken", ccxt.OnMaintenance, 200, kraken("EService:Market in cancel_only mode"), O.REFUSED),
    ("kraken", ccxt.DDoSProtection, 200, kraken("EOrder:Rate limit exceeded"), O.LIMITED),
    ("kraken", ccxt.DDoSProtection, 200, kraken("EGeneral:Temporary lockout"), O.LIMITED),
    ("kraken", ccxt.InvalidNonce, 200, kraken("EAPI:Invalid nonce"), O.CLOCK),
    ("kraken", ccxt.ExchangeError, 200, kraken("EService:Deadline elapsed"), O.CLOCK),
    ("kraken", ccxt.AuthenticationError, 200, kraken("EAPI:Invalid key"), O.KEY),
    ("kraken", ccxt.ExchangeNotAvailable, 200, kraken("EService:Unavailable"), O.UNKNOWN),
    ("kraken", ccxt.ExchangeNotAvailable, 200, kraken("EService:Busy"), O.UNKNOWN),
    ("kraken", ccxt.ExchangeNotAvailable, 200, kraken("EGeneral:Internal error"), O.UNKNOWN),
    (
        "kraken", ccxt.InsufficientFunds, 200,
        kraken("EOrder:Insufficient funds", "EService:Timeout"), O.UNKNOWN,
    ),
    ("kraken", ccxt.ExchangeNotAvailable, 520, "", O.UNKNOWN),
    ("kraken", ccxt.BadResponse, 200, '{"error": []}', O.UNKNOWN),
    ("coinbase", ccxt.ExchangeError, 200, coinbase("INSUFFICIENT_FUND"), O.REFUSED),
    ("coinbase", ccxt.ExchangeError, 200, coinbase("INVALID_LIMIT_PRICE_POST_ONLY"), O.REFUSED),
    ("coinbase", ccxt.ExchangeError, 200, coinbase("UNKNOWN_FAILURE_REASON"), O.UNKNOWN),
    (
        "coinbase", ccxt.ExchangeError, 200,
        coinbase("UNKNOWN_FAILURE_REASON", "PREVIEW_INVALID_BASE_SIZE_TOO_SMALL"), O.REFUSED,
    ),
    ("coinbase", ccxt.ExchangeError, 429, '{"error": "rate_limit_exceeded"}', O.LIMITED),
    ("coinbase", ccxt.ExchangeError, 429, "slow down", O.UNKNOWN),
    ("coinbase", ccxt.AuthenticationError, 401, "Unauthorized", O.KEY),
    ("coinbase", ccxt.ExchangeError, 500, '{"error": "INTERNAL", "message": "x"}', O.UNKNOWN),
    ("coinbase", ccxt.ExchangeError, 200, '{"error": "SOMETHING_NEW"}', O.UNKNOWN),
    ("coinbase", ccxt.NetworkError, 0, "", O.UNKNOWN),
]  # fmt: skip


@pytest.mark.parametrize(("exchange", "kind", "status", "body", "proves"), ROWS)
def test_of_an_order(exchange, kind, status, body, proves):
    assert outcome(exchange, Ask.SUBMIT, kind, status, body) is proves


@pytest.mark.parametrize(
    ("exchange", "body", "status"),
    [
        ("binance", binance(-2011, "Unknown order sent."), 400),
        ("binance", binance(-2013, "Order does not exist."), 400),
        ("bybit", bybit(170213, "Order does not exist."), 200),
        ("bybit", bybit(110001, "order not exists or too late to cancel"), 200),
        ("kraken", kraken("EOrder:Unknown order"), 200),
        ("coinbase", '{"error": "NOT_FOUND", "message": "order not found"}', 404),
    ],
)
def test_what_is_not_there_is_a_refusal_only_where_it_was_sent(exchange, body, status):
    for ask in (Ask.CANCEL, Ask.QUERY):
        assert outcome(exchange, ask, ccxt.OrderNotFound, status, body) is O.ABSENT
    assert outcome(exchange, Ask.SUBMIT, ccxt.OrderNotFound, status, body) is O.REFUSED


@pytest.mark.parametrize("exchange", ["binance", "bybit", "coinbase", "kraken"])
@pytest.mark.parametrize(
    "body", ["", "<html>", "null", "[]", "5", '"x"', "{}", "[" * 100_000, '{"code": "-2010"}'],
    ids=range(9),
)  # fmt: skip
def test_what_is_not_in_its_form_proves_nothing(exchange, body):
    assert reading(exchange, body)[0] is None
    for kind in (ccxt.InsufficientFunds, ccxt.AuthenticationError, ccxt.DDoSProtection):
        for status in (200, 400, 401, 403, 404, 418, 429, 500, 504):
            assert outcome(exchange, Ask.SUBMIT, kind, status, body) is O.UNKNOWN


KINDS = sorted(
    {kind for kind in vars(ccxt).values() if isinstance(kind, type)
     and issubclass(kind, ccxt.BaseError)}, key=lambda kind: kind.__name__,
)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_no_class_alone_proves_a_refusal(kind):
    for exchange in ("binance", "bybit", "coinbase", "kraken"):
        assert outcome(exchange, Ask.SUBMIT, kind, 504, "upstream timeout") is O.UNKNOWN
    unknown = outcome("binance", Ask.SUBMIT, kind, 400, binance(-9999))
    if issubclass(kind, ccxt.OperationFailed):
        assert unknown is O.UNKNOWN
