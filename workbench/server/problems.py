"""From the error tree to HTTP: RFC 9457 ``application/problem+json``, one table.

What a caller sent is never sent back, and an unforeseen error shows its number only;
the rest stands in the log under the same number.
"""

from __future__ import annotations

import logging
import math
import uuid
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from workbench.errors import (
    DataError,
    InvariantError,
    OutcomeUnknownError,
    RefusedError,
    UnavailableError,
    UsageError,
    WorkbenchError,
)

__all__ = ["PROBLEM_JSON", "install", "problem"]

PROBLEM_JSON = "application/problem+json"
_LOG = logging.getLogger("workbench.server")
# an unforeseen error is answered outside the guard, which adds these to all else
_HEADERS = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
}


@dataclass(frozen=True, slots=True)
class _Kind:
    status: int
    name: str
    title: str


# the one table; the first branch an error belongs to decides
_TABLE: tuple[tuple[type[WorkbenchError], _Kind], ...] = (
    (UsageError, _Kind(422, "usage", "The call must be fixed")),
    (DataError, _Kind(422, "data", "The data is bad")),
    (RefusedError, _Kind(409, "refused", "Refused")),
    (UnavailableError, _Kind(503, "unavailable", "Not available now; safe to try again")),
    (OutcomeUnknownError, _Kind(504, "outcome-unknown", "Sent, outcome unknown; do not repeat")),
    (InvariantError, _Kind(500, "invariant", "The books do not agree; trading is to halt")),
    (WorkbenchError, _Kind(500, "internal", "Internal error")),
)
_FORBIDDEN = _Kind(403, "forbidden", "Not allowed")
_MISSING = _Kind(404, "missing", "No such thing")
_TITLES = {
    400: "Bad request",
    401: "Log in first",
    403: "Not allowed",
    404: "No such page",
    405: "No such method here",
    413: "The request is too large",
    414: "The address is too long",
    415: "Wrong content type",
    421: "Not served under this name",
    422: "The request must be fixed",
    429: "Too many requests",
    500: "Internal error",
}


def problem(status: int, detail: str, name: str | None = None, **more: Any) -> JSONResponse:
    """Return a problem document.

    Parameters
    ----------
    status : int
    detail : str
        What was wrong and what to do.
    name : str, optional
        The last part of the problem's type; the status where left out.
    **more
        Facts; what JSON cannot say is turned into text. ``retry_after`` (seconds) also
        becomes the header.
    """
    retry = more.get("retry_after")
    body = {
        "type": f"urn:workbench:problem:{name or status}",
        "title": more.pop("title", None) or _TITLES.get(status, "Error"),
        "status": status,
        "detail": detail,
        "instance": f"urn:uuid:{uuid.uuid4()}",
        **{key: _plain(value) for key, value in more.items()},
    }
    headers = dict(_HEADERS)
    if isinstance(retry, int | float):
        headers["retry-after"] = str(max(1, math.ceil(retry)))
    return JSONResponse(body, status, headers, media_type=PROBLEM_JSON)


def install(app: FastAPI) -> None:
    """Give the application its error handlers."""
    app.exception_handler(WorkbenchError)(_on_workbench_error)
    app.exception_handler(RequestValidationError)(_on_invalid)
    app.exception_handler(HTTPException)(_on_http)
    app.exception_handler(Exception)(_on_unforeseen)


def kind_of(error: WorkbenchError) -> _Kind:
    """Return the row of the table that an error belongs to."""
    if isinstance(error, RefusedError) and error.facts.get("forbidden"):
        return _FORBIDDEN
    if isinstance(error, UsageError) and error.facts.get("missing"):
        return _MISSING
    return next(kind for branch, kind in _TABLE if isinstance(error, branch))


async def _on_workbench_error(request: Request, error: WorkbenchError) -> JSONResponse:
    kind = kind_of(error)
    if kind.status == 500:
        _LOG.error("%s %s: %s", request.method, request.url.path, error, exc_info=error)
    facts = {
        name: _placeless(_plain(value), request)
        for name, value in error.facts.items()
        if name not in ("type", "title", "status", "detail")
    }
    message = _placeless(error.message, request)
    return problem(kind.status, message, kind.name, title=kind.title, **facts)


def _placeless(value: Any, request: Request) -> Any:
    """Take out where on this machine the workspace lies: callers over HTTP need not know."""
    if isinstance(value, list):
        return [_placeless(one, request) for one in value]
    if isinstance(value, dict):
        return {name: _placeless(one, request) for name, one in value.items()}
    if not isinstance(value, str):
        return value
    workspace = str(request.app.state.services.settings.workspace)
    return value.replace(f"{workspace}/", "").replace(workspace, "the workspace")


async def _on_invalid(_: Request, error: RequestValidationError) -> JSONResponse:
    found = [
        {"where": ".".join(str(part) for part in one["loc"]), "what": one["msg"]}
        for one in error.errors()[:20]
    ]
    detail = "; ".join(f"{one['where']}: {one['what']}" for one in found[:3])
    return problem(422, detail, "invalid", errors=found)


async def _on_http(request: Request, error: HTTPException) -> JSONResponse:
    detail = str(error.detail)
    if error.status_code == 404:
        detail = f"nothing is served at {request.url.path[:200]}; the API is described at /docs"
    answer = problem(error.status_code, detail)
    answer.headers.update(error.headers or {})
    return answer


async def _on_unforeseen(request: Request, error: Exception) -> JSONResponse:
    answer = problem(500, "an unforeseen error; the log holds it under this instance's number")
    _LOG.error(
        "%s %s failed, %s",
        request.method,
        request.url.path,
        bytes(answer.body)[:400],
        exc_info=error,
    )
    return answer


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value[:100]]
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in list(value.items())[:100]}
    return str(value)
