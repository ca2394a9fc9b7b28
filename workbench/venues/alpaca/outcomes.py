"""What an answer of Alpaca to an order means, as one table.

Only what the venue itself says, in its own form, is proof of anything: a table with a
message, and a code of eight digits. All else (a gateway's page, a time-out, a broken
body) leaves the outcome unknown, whatever its HTTP status.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from workbench.errors import WorkbenchError
from workbench.venues.calls import retry_after
from workbench.venues.outcomes import Ask, Outcome, proved

__all__ = ["error_of", "outcome"]

_DUPLICATE = re.compile(r"client.?order.?id.*(unique|exist|duplicate)", re.IGNORECASE)
_LIMITED = re.compile(r"rate.?limit|too many requests", re.IGNORECASE)
_KEY_CODES = (40110000,)
_REFUSALS = (400, 403, 404, 422)


def outcome(ask: Ask, status: int, body: str) -> Outcome:
    """Return what an answer other than success proves.

    Parameters
    ----------
    ask : Ask
    status : int
        Of HTTP.
    body : str

    Examples
    --------
    >>> said = '{"code": 40010001, "message": "client_order_id must be unique"}'
    >>> outcome(Ask.SUBMIT, 422, said).value
    'duplicate'
    >>> outcome(Ask.SUBMIT, 504, "upstream request timeout").value
    'unknown'
    """
    code, said = _read(body)
    if said is None:
        return Outcome.UNKNOWN
    if status == 429:
        is_sure = code == 42910000 or _LIMITED.search(said)
        return Outcome.LIMITED if is_sure else Outcome.UNKNOWN
    if status == 401 or code in _KEY_CODES or (status == 403 and said.startswith("forbidden")):
        return Outcome.KEY
    if code is None or not 40000000 <= code < 50000000 or status not in _REFUSALS:
        return Outcome.UNKNOWN
    if status == 404 and ask is not Ask.SUBMIT:
        return Outcome.ABSENT
    return Outcome.DUPLICATE if _DUPLICATE.search(said) else Outcome.REFUSED


def error_of(
    ask: Ask, status: int, body: str, headers: Mapping[str, str], vendor: str
) -> WorkbenchError:
    """Return the error of an answer other than success.

    Parameters
    ----------
    ask : Ask
    status : int
    body : str
    headers : mapping of str to str
        Looked at for Retry-After.
    vendor : str
        As the settings name it.
    """
    found = outcome(ask, status, body)
    code, said = _read(body)
    words = " ".join((said or body or "").split())[:200]
    if found is Outcome.KEY:
        words = f"{status} {words}"
    elif found is Outcome.UNKNOWN:
        words = f"HTTP {status} {words}".strip()
    facts = {"status": status, "code": code}
    return proved(found, ask, vendor, words, delay=retry_after(headers), facts=facts)


def _read(body: str) -> tuple[int | None, str | None]:
    """Return code and message of a body, None where it has none."""
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return None, None
    if not isinstance(told, dict) or not isinstance(told.get("message"), str):
        return None, None
    code = told.get("code")
    is_code = isinstance(code, int) and not isinstance(code, bool)
    return (code if is_code else None), told["message"]
