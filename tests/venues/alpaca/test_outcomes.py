from __future__ import annotations

import json

import pytest
import requests
from urllib3 import exceptions as low

from workbench.errors import OutcomeUnknownError, RefusedError, UnavailableError, UsageError
from workbench.venues.alpaca.outcomes import error_of, outcome
from workbench.venues.outcomes import Ask, Outcome, is_never_sent


def said(code, message, **more):
    return json.dumps({"code": code, "message": message, **more})


NO_FUNDS = said(40310000, "insufficient buying power")
PENNY = said(42210000, "invalid limit_price 290.123. sub-penny increment does not fulfill ...")
TWICE = said(40010001, "client_order_id must be unique")
HTML = "<html><body>Bad Gateway</body></html>"
BARE = '{"message":"Service Unavailable"}'

ROWS = [
    # ask, status, body, what it proves
    ("submit", 403, NO_FUNDS, "refused"),
    ("submit", 403, said(40310000, "account is not allowed to short"), "refused"),
    ("submit", 403, said(40310000, "potential wash trade detected. use complex orders"), "refused"),
    ("submit", 403, said(40310000, "insufficient qty available for order", available="5"),
     "refused"),
    ("submit", 403, said(40310100, "trade denied due to pattern day trading protection"),
     "refused"),
    ("submit", 422, PENNY, "refused"),
    ("submit", 422, said(42210000, "qty must be > 0"), "refused"),
    ("submit", 422, said(42210000, "stop price must be greater than current price"), "refused"),
    ("submit", 422, said(40010001, "qty is required"), "refused"),
    ("submit", 422, TWICE, "duplicate"),
    ("submit", 400, TWICE, "duplicate"),
    ("submit", 422, said(42210000, "client order id already exists"), "duplicate"),
    ("submit", 400, said(40010000, "invalid syntax"), "refused"),
    ("submit", 404, said(40410000, "asset not found"), "refused"),
    ("submit", 401, said(40110000, "request is not authorized"), "key"),
    ("submit", 401, '{"message": "unauthorized"}', "key"),
    ("submit", 403, '{"message": "forbidden."}', "key"),
    ("submit", 429, said(42910000, "rate limit exceeded"), "limited"),
    ("submit", 429, '{"message": "too many requests"}', "limited"),
    # nobody of the venue has said anything
    ("submit", 429, HTML, "unknown"),
    ("submit", 429, BARE, "unknown"),
    ("submit", 403, HTML, "unknown"),
    ("submit", 403, BARE, "unknown"),
    ("submit", 401, HTML, "unknown"),
    ("submit", 404, HTML, "unknown"),
    ("submit", 404, '{"message":"Not Found"}', "unknown"),
    ("submit", 422, "", "unknown"),
    ("submit", 422, "[]", "unknown"),
    ("submit", 422, '{"code": 42210000}', "unknown"),
    ("submit", 422, '{"code": "42210000", "message": "x"}', "unknown"),
    ("submit", 422, '{"code": true, "message": "x"}', "unknown"),
    ("submit", 422, said(50010000, "internal server error"), "unknown"),
    ("submit", 422, "[" * 100_000, "unknown"),
    ("submit", 408, said(40810000, "timeout"), "unknown"),
    ("submit", 409, said(40910000, "conflict"), "unknown"),
    ("submit", 301, NO_FUNDS, "unknown"),
    ("submit", 307, "", "unknown"),
    ("submit", 500, said(50010000, "internal server error"), "unknown"),
    ("submit", 500, NO_FUNDS, "unknown"),
    ("submit", 502, HTML, "unknown"),
    ("submit", 503, BARE, "unknown"),
    ("submit", 504, "upstream request timeout", "unknown"),
    ("submit", 504, "", "unknown"),
    ("replace", 422, said(42210000, 'order is already in "filled" state'), "refused"),
    ("replace", 422, TWICE, "duplicate"),
    ("replace", 404, said(40410000, "order not found"), "absent"),
    ("replace", 504, "", "unknown"),
    ("cancel", 422, said(42210000, 'order is already in "filled" state'), "refused"),
    ("cancel", 404, said(40410000, "order not found for 7f"), "absent"),
    ("cancel", 404, HTML, "unknown"),
    ("cancel", 500, "", "unknown"),
    ("query", 404, said(40410000, "order not found"), "absent"),
    ("query", 404, HTML, "unknown"),
    ("query", 404, '{"message":"Not Found"}', "unknown"),
    ("query", 503, HTML, "unknown"),
    ("query", 401, said(40110000, "request is not authorized"), "key"),
]  # fmt: skip


@pytest.mark.parametrize(("ask", "status", "body", "proves"), ROWS)
def test_what_an_answer_proves(ask, status, body, proves):
    assert outcome(Ask(ask), status, body) is Outcome(proves)


KINDS = {
    "refused": RefusedError, "duplicate": RefusedError, "absent": RefusedError,
    "limited": UnavailableError, "key": UsageError, "unknown": OutcomeUnknownError,
}  # fmt: skip


@pytest.mark.parametrize(("ask", "status", "body", "proves"), ROWS)
def test_the_error_says_what_to_do(ask, status, body, proves):
    error = error_of(Ask(ask), status, body, {"Retry-After": "3"}, "alpaca_paper")
    kind = UnavailableError if (ask, proves) == ("query", "unknown") else KINDS[proves]
    assert type(error) is kind
    assert error.status == status
    if proves == "limited":
        assert (error.retry_after, error.sent) == (3.0, False)
    if proves == "key":
        assert error.key_refused


def test_no_answer_but_a_success_is_taken_for_one():
    # whatever the status, a body that is none proves nothing
    for status in range(300, 600):
        for body in ("", HTML, "null", "7", '"x"', "{}"):
            assert outcome(Ask.SUBMIT, status, body) is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("error", "sure"),
    [
        (requests.exceptions.ConnectTimeout(), True),
        (requests.exceptions.InvalidURL("x"), True),
        (
            requests.exceptions.ConnectionError(
                low.MaxRetryError(None, "/", low.NewConnectionError(None, "refused"))
            ),
            True,
        ),
        (
            requests.exceptions.ConnectionError(
                low.MaxRetryError(None, "/", low.NameResolutionError("h", None, OSError("dns")))
            ),
            True,
        ),
        (requests.exceptions.ReadTimeout(), False),
        (
            requests.exceptions.ConnectionError(low.ProtocolError("x", ConnectionResetError())),
            False,
        ),
        (requests.exceptions.ChunkedEncodingError("cut"), False),
        (requests.exceptions.SSLError("eof"), False),
    ],
)
def test_what_was_certainly_never_sent(error, sure):
    assert is_never_sent(error) is sure
