"""In by name and password, out by a button."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from workbench.server.html import render
from workbench.server.identity import Identity
from workbench.server.services import Services, services_of

__all__ = ["router", "safe_next"]

router = APIRouter(include_in_schema=False)

# one slash, then nothing that a browser would read as another host or cut away
_INSIDE = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]*")
_WRONG = "That name and password do not match. Check both and try again."


def safe_next(wanted: str) -> str:
    """Return where to go after the login: a path of this site, else the front page.

    Examples
    --------
    >>> safe_next("/lab?symbol=IBM"), safe_next("//evil.example"), safe_next("https://evil.example")
    ('/lab?symbol=IBM', '/', '/')
    """
    is_inside = _INSIDE.fullmatch(wanted) and not wanted.startswith(("/login", "/logout"))
    return wanted if is_inside else "/"


@router.get("/login")
def show(request: Request, next: str = "/") -> Response:
    """Show the form, or pass on who is logged in."""
    target = safe_next(next)
    if request.scope.get("wb.identity") is not None:
        return RedirectResponse(target, 303)
    return _form(request, target)


@router.post("/login")
async def enter(
    request: Request,
    username: Annotated[str, Form(max_length=64)] = "",
    password: Annotated[str, Form(max_length=128)] = "",
    next: Annotated[str, Form(max_length=2048)] = "/",
) -> Response:
    """Open a session, or say that name and password do not match."""
    services, target, name = services_of(request), safe_next(next), username.strip().lower()
    address = request.client.host if request.client else "unknown"
    # an address that is turned away may not use up the tries of others' names as well
    counted = (
        (services.tries_by_address, address),
        (services.tries_by_login, f"{name} {address}"),
        (services.tries_by_name, name),
    )
    wait = 0.0
    for window, key in counted:
        wait = wait or window.take(key)
    if wait > 0:
        services.metrics.logins.labels("too many").inc()
        message = f"Too many tries. Wait {wait:.0f} seconds, then try again."
        answer = _form(request, target, name, message, 429)
        answer.headers["retry-after"] = f"{wait:.0f}"
        return answer
    who = await run_in_threadpool(services.users.verify, name, password)
    services.metrics.logins.labels("let in" if who else "turned away").inc()
    if who is None:
        return _form(request, target, name, _WRONG, 401)
    for window, key in counted:
        window.give_back(key)
    before: Identity | None = request.scope.get("wb.identity")
    if before is not None:  # its cookie is written over: nobody could end it any more
        await run_in_threadpool(services.sessions.end, before.session_id)
    token = await run_in_threadpool(services.sessions.open, who)
    return _with_cookie(services, RedirectResponse(target, 303), token)


@router.post("/logout")
async def leave(request: Request) -> Response:
    """End the session, here and in every open page of it."""
    services = services_of(request)
    who: Identity | None = request.scope.get("wb.identity")
    if who is not None:
        await run_in_threadpool(services.sessions.end, who.session_id)
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(services.cookie, secure=services.is_secure, httponly=True, samesite="lax")
    return answer


def _form(
    request: Request, target: str, name: str = "", message: str = "", status: int = 200
) -> Response:
    return render(
        request,
        "login.html",
        status,
        title="Log in",
        next=target,
        username=name,
        error=message,
    )


def _with_cookie(services: Services, answer: Response, token: str) -> Response:
    answer.set_cookie(
        services.cookie,
        token,
        max_age=int(services.settings.session_hours * 3600),
        secure=services.is_secure,
        httponly=True,
        samesite="lax",
    )
    return answer
