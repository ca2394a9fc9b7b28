"""What an exchange's answer to an order means, as one table for each exchange.

ccxt gives an error a class by the exchange's own code. A class alone proves nothing, as
it gives one to a gateway's page as well: only an answer in the exchange's own form, with
a code that is known, is proof. All else leaves the outcome unknown.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import ccxt

from workbench.venues.outcomes import Ask, Outcome

__all__ = ["outcome", "reading"]

_O = Outcome
_REFUSALS = (
    ccxt.InsufficientFunds, ccxt.InvalidOrder, ccxt.BadRequest, ccxt.OperationRejected,
    ccxt.PermissionDenied, ccxt.NotSupported, ccxt.ArgumentsRequired,
)  # fmt: skip
_BINANCE = {
    "-1000": _O.UNKNOWN, "-1001": _O.UNKNOWN, "-1004": _O.UNKNOWN, "-1006": _O.UNKNOWN,
    "-1007": _O.UNKNOWN, "-1008": _O.UNKNOWN, "-1016": _O.UNKNOWN, "-1003": _O.LIMITED,
    "-1015": _O.LIMITED, "-1021": _O.CLOCK, "-1022": _O.KEY, "-2014": _O.KEY, "-2015": _O.KEY,
    "-2008": _O.KEY, "-2011": _O.ABSENT, "-2013": _O.ABSENT, "-4116": _O.DUPLICATE,
    "-2010": _O.REFUSED, "-1013": _O.REFUSED, "-1111": _O.REFUSED, "-1121": _O.REFUSED,
    "-2019": _O.REFUSED, "-5022": _O.REFUSED, "-2022": _O.REFUSED, "-4164": _O.REFUSED,
}  # fmt: skip
_BYBIT = {
    "10000": _O.UNKNOWN, "10014": _O.UNKNOWN, "10016": _O.UNKNOWN, "10019": _O.UNKNOWN,
    "170007": _O.UNKNOWN, "170032": _O.UNKNOWN, "10006": _O.LIMITED, "10018": _O.LIMITED,
    "10429": _O.LIMITED, "170005": _O.LIMITED, "170222": _O.LIMITED, "10002": _O.CLOCK,
    "10003": _O.KEY, "10004": _O.KEY, "10007": _O.KEY, "10010": _O.KEY, "33004": _O.KEY,
    "110001": _O.ABSENT, "170213": _O.ABSENT, "110072": _O.DUPLICATE, "170141": _O.DUPLICATE,
    "12141": _O.DUPLICATE, "170131": _O.REFUSED, "170140": _O.REFUSED, "110007": _O.REFUSED,
    "170121": _O.REFUSED,
}  # fmt: skip
_KRAKEN = {
    "EAPI:Invalid nonce": _O.CLOCK, "EService:Deadline elapsed": _O.CLOCK,
    "EAPI:Rate limit exceeded": _O.LIMITED, "EOrder:Rate limit exceeded": _O.LIMITED,
    "EGeneral:Temporary lockout": _O.LIMITED, "EService:Throttled": _O.LIMITED,
    "EAPI:Invalid key": _O.KEY, "EAPI:Invalid signature": _O.KEY,
    "EOrder:Unknown order": _O.ABSENT, "EOrder:Invalid order": _O.ABSENT,
    "EService:Market in cancel_only mode": _O.REFUSED,
    "EService:Market in post_only mode": _O.REFUSED,
    "EGeneral:Permission denied": _O.REFUSED, "EQuery:Unknown asset pair": _O.REFUSED,
    "EOrder:Insufficient funds": _O.REFUSED,
}  # fmt: skip
_COINBASE = {
    "rate_limit_exceeded": _O.LIMITED, "RESOURCE_EXHAUSTED": _O.LIMITED,
    "Unauthorized": _O.KEY, "unauthorized": _O.KEY, "authentication_error": _O.KEY,
    "invalid_token": _O.KEY, "NOT_FOUND": _O.ABSENT, "not_found": _O.ABSENT,
    "UNKNOWN_CANCEL_ORDER": _O.ABSENT, "DUPLICATE_CLIENT_ORDER_ID": _O.DUPLICATE,
} | dict.fromkeys(
    (
        "UNSUPPORTED_ORDER_CONFIGURATION", "INVALID_SIDE", "INVALID_PRODUCT_ID",
        "INVALID_SIZE_PRECISION", "INVALID_PRICE_PRECISION", "INSUFFICIENT_FUND",
        "INVALID_LEDGER_BALANCE", "ORDER_ENTRY_DISABLED", "INELIGIBLE_PAIR",
        "INVALID_LIMIT_PRICE_POST_ONLY", "INVALID_LIMIT_PRICE", "INVALID_NO_LIQUIDITY",
        "INVALID_REQUEST", "INVALID_ARGUMENT", "COMMANDER_REJECTED_NEW_ORDER",
        "INSUFFICIENT_FUNDS", "PERMISSION_DENIED", "INVALID_CANCEL_REQUEST",
        "DUPLICATE_CANCEL_REQUEST",
    ),
    _O.REFUSED,
)  # fmt: skip
_TABLES: dict[str, Mapping[str, Outcome]] = {
    "binance": _BINANCE, "bybit": _BYBIT, "coinbase": _COINBASE, "kraken": _KRAKEN,
}  # fmt: skip
_DUPLICATE = re.compile(
    r"duplicate order|(duplicate|already).*(client|cl_ord_id)|(client|cl_ord_id).*(dup|already)",
    re.IGNORECASE,
)


def outcome(exchange: str, ask: Ask, kind: type[Exception], status: int, body: str) -> Outcome:
    """Return what an answer other than success proves.

    Parameters
    ----------
    exchange : str
        ``"binance"``, ``"bybit"``, ``"coinbase"`` or ``"kraken"``.
    ask : Ask
    kind : type
        The class that ccxt raised.
    status : int
        Of HTTP.
    body : str

    Examples
    --------
    >>> said = '{"code": -2010, "msg": "Duplicate order sent."}'
    >>> outcome("binance", Ask.SUBMIT, ccxt.InvalidOrder, 400, said).value
    'duplicate'
    >>> outcome("binance", Ask.SUBMIT, ccxt.RequestTimeout, 504, "<html>").value
    'unknown'
    """
    code, said = reading(exchange, body)
    if code is None or status >= 500:
        return Outcome.UNKNOWN
    found = _TABLES[exchange].get(code)
    if found is None:
        found = _by_class(exchange, code, kind)
    if found is Outcome.REFUSED and _DUPLICATE.search(said):
        return Outcome.DUPLICATE
    if found is Outcome.ABSENT and ask is Ask.SUBMIT:
        return Outcome.REFUSED
    return found


def reading(exchange: str, body: str) -> tuple[str | None, str]:
    """Return the exchange's own code of an answer, None where it has none, and its words.

    Examples
    --------
    >>> reading("kraken", '{"error": ["EOrder:Insufficient funds"]}')
    ('EOrder:Insufficient funds', 'EOrder:Insufficient funds')
    """
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        is_bare = exchange == "coinbase" and body.strip() == "Unauthorized"
        return ("Unauthorized", body) if is_bare else (None, body)
    if not isinstance(told, dict):
        return None, body
    return _READERS[exchange](told)


def _by_class(exchange: str, code: str, kind: type[Exception]) -> Outcome:
    if exchange == "kraken" and code.startswith(("EOrder:", "EGeneral:Invalid arg", "EQuery:")):
        return Outcome.REFUSED
    if code.startswith("EService:"):
        return Outcome.UNKNOWN
    if issubclass(kind, ccxt.OperationFailed) or not issubclass(kind, ccxt.ExchangeError):
        return Outcome.UNKNOWN
    if issubclass(kind, ccxt.AuthenticationError) and not issubclass(kind, ccxt.PermissionDenied):
        return Outcome.KEY
    return Outcome.REFUSED if issubclass(kind, _REFUSALS) else Outcome.UNKNOWN


def _of_binance(told: Mapping[str, Any]) -> tuple[str | None, str]:
    code, said = told.get("code"), told.get("msg")
    is_theirs = isinstance(code, int) and code < 0 and isinstance(said, str)
    return (str(code) if is_theirs else None), str(said)


def _of_bybit(told: Mapping[str, Any]) -> tuple[str | None, str]:
    code, said = told.get("retCode"), told.get("retMsg")
    is_theirs = isinstance(code, int) and code != 0 and isinstance(said, str)
    return (str(code) if is_theirs else None), str(said)


def _of_kraken(told: Mapping[str, Any]) -> tuple[str | None, str]:
    errors = told.get("error")
    if not isinstance(errors, list) or not errors or not all(isinstance(e, str) for e in errors):
        return None, str(errors)
    # what may have been done outweighs what is refused
    open_ones = [e for e in errors if e.startswith(("EService:", "EGeneral:Internal"))]
    return (open_ones or errors)[0], ", ".join(errors)


def _of_coinbase(told: Mapping[str, Any]) -> tuple[str | None, str]:
    inner = told.get("error_response")
    if isinstance(inner, dict):
        code = inner.get("error") or inner.get("new_order_failure_reason")
        preview = inner.get("preview_failure_reason") or ""
        if code == "UNKNOWN_FAILURE_REASON" and preview.startswith("PREVIEW_INVALID"):
            code = "INVALID_REQUEST"
        return str(code), f"{inner.get('message') or code} {preview}".strip()
    errors = told.get("errors")
    if isinstance(errors, list) and errors and isinstance(errors[0], dict):
        return str(errors[0].get("id")), str(errors[0].get("message"))
    code = told.get("error")
    return (str(code) if isinstance(code, str) else None), str(told.get("message") or code)


_READERS: dict[str, Callable[[Mapping[str, Any]], tuple[str | None, str]]] = {
    "binance": _of_binance, "bybit": _of_bybit, "coinbase": _of_coinbase, "kraken": _of_kraken,
}  # fmt: skip
