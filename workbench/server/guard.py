"""The one layer outside everything: nothing passes that is not allowed by name.

It is plain ASGI, because the two usual ways leave holes: dependencies and
``BaseHTTPMiddleware`` never see the sockets of the pages, and what is added before the
pages are mounted does not wrap them. It must be the first of ``app.user_middleware``.

The pages put every header of their request into a token inside the page's source. So
the cookie and the authorization header end here, and who asked travels on in
``x-wb-user``, which a caller cannot set.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from http.cookies import CookieError, SimpleCookie
from typing import Protocol
from urllib.parse import parse_qsl, quote

from starlette.responses import RedirectResponse, Response

from workbench.errors import WorkbenchError
from workbench.server.identity import Identity
from workbench.server.problems import problem
from workbench.server.tokens import PageTokens
from workbench.server.wires import App, Body, Outgoing, Receive, Scope, Send, Socket

__all__ = ["Guard", "Rules"]

Observe = Callable[[str, str, int, float], None]

Identify = Callable[[], Awaitable[Identity | None]]

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN_SITE = frozenset({"same-origin", "none"})
_STRIPPED = frozenset({b"cookie", b"authorization", b"proxy-authorization", b"bokeh-session-id"})
# whoever names the session of a page that is opened by another shares that page
_SESSION_NAMES = frozenset({"bokeh_session_id", "bokeh-session-id"})
_LONGEST_ADDRESS = 4096
_CSP_API = "default-src 'none'; frame-ancestors 'none'"
_CSP_PAGES = (
    "default-src 'none'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "connect-src 'self' blob:; worker-src 'self' blob:; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
_ALWAYS = {
    b"x-content-type-options": b"nosniff",
    # not "no-referrer": browsers then call the origin of our own forms "null"
    b"referrer-policy": b"same-origin",
    b"x-frame-options": b"DENY",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
    b"permissions-policy": b"camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


class Sessions(Protocol):
    """Where a cookie's token becomes a user."""

    async def identify(self, token: str) -> Identity | None:
        """Return who holds the token, or None once it is unknown, over or revoked."""


@dataclass(frozen=True)
class Rules:
    """What the guard goes by.

    Parameters
    ----------
    cookie : str
        The session cookie's name.
    public : frozenset of str
        Exact paths that strangers may see; nothing else.
    hosts : frozenset of str, optional
        Names the server answers to, without port; None takes any.
    origin : str, optional
        Our own origin behind a proxy, which may write another ``Host``; see `Settings.public_url`.
    is_secure : bool
        Whether browsers come by https.
    max_body : int
        Bytes of a request's body.
    recheck_seconds : float
        How often an open socket's session is looked up again.
    pages : PageTokens, optional
        Tells whose page a socket may open; None where there are no pages.
    """

    cookie: str = "wb_session"
    public: frozenset[str] = frozenset()
    hosts: frozenset[str] | None = None
    origin: str | None = None
    is_secure: bool = False
    max_body: int = 1 << 20
    recheck_seconds: float = 5.0
    pages: PageTokens | None = None
    api: tuple[str, ...] = ("/api/", "/metrics", "/openapi.json")


@dataclass
class _Request:
    """The headers the guard looks at, read once."""

    scope: Scope
    headers: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        pairs = self.scope.get("headers", ())
        self.headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in pairs}

    @property
    def path(self) -> str:
        return str(self.scope["path"])

    @property
    def names_a_session(self) -> bool:
        """Whether the query asks for a page's session by its id."""
        query = self.scope.get("query_string", b"").decode("latin-1")
        return any(name.lower() in _SESSION_NAMES for name, _ in parse_qsl(query, True))

    @property
    def bearer(self) -> str:
        """The token of a program; empty where none is sent."""
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" else ""

    @property
    def cookies(self) -> dict[str, str]:
        try:
            jar = SimpleCookie(self.headers.get("cookie", ""))
        except CookieError:
            return {}
        return {name: morsel.value for name, morsel in jar.items()}

    def is_own_origin(self, rules: Rules) -> bool:
        """Whether the request names no origin but ours, and names one."""
        site, origin = self.headers.get("sec-fetch-site"), self.headers.get("origin")
        if site is None and origin is None:
            return False
        scheme = "https" if rules.is_secure else "http"
        ours = (rules.origin, f"{scheme}://{self.headers.get('host', '')}")
        return (site is None or site in _OWN_SITE) and (origin is None or origin in ours)


class Guard:
    """Default-deny for http and websocket alike.

    Parameters
    ----------
    app : ASGI application
    sessions : Sessions
        Of the cookies.
    tokens : Sessions, optional
        Of the header ``Authorization: Bearer``, for the API alone and where no cookie comes
        with it.
    rules : Rules
    observe : callable, optional
        Told method, route, status and seconds of each answer.
    """

    def __init__(
        self,
        app: App,
        *,
        sessions: Sessions,
        rules: Rules,
        tokens: Sessions | None = None,
        observe: Observe | None = None,
    ) -> None:
        self._app = app
        self._sessions = sessions
        self._tokens = tokens
        self._rules = rules
        self._observe = observe

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one connection through, or answer in the application's place."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)

    # -- http ------------------------------------------------------------------------

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        request, started = _Request(scope), time.perf_counter()
        outgoing = Outgoing(send, self._headers_for(request.path))
        inner = dict(scope)
        identity = await self._identify(request)()
        refusal = self._refusal(request, identity)
        try:
            if refusal is not None:
                await refusal(scope, receive, outgoing)
            else:
                inner["headers"] = self._clean(request, identity)
                inner["wb.identity"] = identity
                body = Body(receive, outgoing, self._rules.max_body)
                await self._app(inner, body, body.send)
        finally:
            if self._observe is not None:
                route = getattr(inner.get("route"), "path", "(none)")
                seconds = time.perf_counter() - started
                # what was raised is answered further out, with 500
                self._observe(scope["method"], route, outgoing.status or 500, seconds)

    def _refusal(self, request: _Request, identity: Identity | None) -> Response | None:
        method = request.scope["method"]
        if not self._is_our_host(request):
            return problem(421, "this server does not answer to that name")
        too_large = self._too_large(request)
        if too_large is not None:
            return too_large
        if identity is None and request.path not in self._rules.public:
            return self._stranger(request, method)
        if request.names_a_session:
            return problem(400, "the session of a page cannot be chosen: leave it out")
        is_program = identity is not None and identity.is_program
        if method not in _SAFE and not is_program and not request.is_own_origin(self._rules):
            return problem(
                403,
                "a request that changes something must come from this site's own pages; "
                "a program sends a token, or the header Origin with the server's address",
                "foreign-origin",
            )
        return None

    def _too_large(self, request: _Request) -> Response | None:
        if len(request.path) + len(request.scope.get("query_string", b"")) > _LONGEST_ADDRESS:
            return problem(414, f"an address has at most {_LONGEST_ADDRESS} characters")
        length = request.headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > self._rules.max_body:
            return problem(413, f"a body has at most {self._rules.max_body} bytes")
        return None

    def _stranger(self, request: _Request, method: str) -> Response:
        if method not in ("GET", "HEAD") or request.path.startswith(self._rules.api):
            answer = problem(401, "log in at /login first, or send a token", "unauthenticated")
            answer.headers["www-authenticate"] = "Bearer"
            return answer
        query = request.scope.get("query_string", b"").decode("latin-1")
        wanted = request.path + (f"?{query}" if query else "")
        target = "/login" if wanted == "/" else f"/login?next={quote(wanted, safe='/')}"
        return RedirectResponse(target, 303)

    # -- websocket -------------------------------------------------------------------

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = _Request(scope)
        identify = self._identify(request)
        identity = await identify()
        is_welcome = (
            identity is not None
            and self._is_our_host(request)
            and (identity.is_program or "origin" in request.headers)
            and (identity.is_program or request.is_own_origin(self._rules))
            and not request.names_a_session
            and self._is_own_page(scope, identity)
        )
        if not is_welcome:
            await receive()
            await send({"type": "websocket.close", "code": 4403})
            return
        inner = dict(scope)
        inner["headers"] = self._clean(request, identity)
        inner["wb.identity"] = identity
        watched = Socket(receive, send)
        watcher = asyncio.create_task(self._watch(identify, watched))
        try:
            await self._app(inner, watched.receive, watched.send)
        finally:
            watcher.cancel()

    async def _watch(self, identify: Identify, socket: Socket) -> None:
        """End a socket that outlives its session."""
        while True:
            await asyncio.sleep(self._rules.recheck_seconds)
            try:
                if await identify() is not None:
                    continue
            except WorkbenchError:
                # whether the session is still open cannot be told: the page comes back by itself
                await socket.end(1013, "the session could not be looked up")
                return
            await socket.end(4401, "the session is over; log in again")
            return

    # -- both ------------------------------------------------------------------------

    def _identify(self, request: _Request) -> Identify:
        """Return what tells who asks, now and whenever it is called again."""
        cookie, bearer = request.cookies.get(self._rules.cookie), request.bearer
        if cookie:
            return partial(self._sessions.identify, cookie)
        if bearer and self._tokens is not None and request.path.startswith(self._rules.api):
            return partial(self._tokens.identify, bearer)
        return _nobody

    def _is_our_host(self, request: _Request) -> bool:
        if self._rules.hosts is None:
            return True
        host = request.headers.get("host", "")
        name = host[: host.find("]") + 1] if host.startswith("[") else host.partition(":")[0]
        return name.lower() in self._rules.hosts

    def _is_own_page(self, scope: Scope, identity: Identity) -> bool:
        """Whether a socket that brings a page's token brings one of this login."""
        protocols = scope.get("subprotocols", ())
        if self._rules.pages is None or "bokeh" not in protocols:
            return True
        return len(protocols) == 2 and self._rules.pages.is_of(protocols[1], identity)

    def _clean(self, request: _Request, identity: Identity | None) -> list[tuple[bytes, bytes]]:
        headers = [
            (name, value)
            for name, value in request.scope["headers"]
            if name not in _STRIPPED and not name.startswith(b"x-wb-")
        ]
        theme = request.cookies.get("wb_theme")
        if theme in ("dark", "light"):
            headers.append((b"x-wb-theme", theme.encode()))
        if identity is not None:
            headers.append((b"x-wb-user", identity.username.encode()))
            headers.append((b"x-wb-roles", ",".join(identity.roles).encode()))
            if self._rules.pages is not None:
                mark = self._rules.pages.mark(identity)
                headers.append((self._rules.pages.header.encode(), mark.encode()))
        return headers

    def _headers_for(self, path: str) -> dict[bytes, bytes]:
        is_api = path.startswith(self._rules.api)
        headers = dict(_ALWAYS)
        headers[b"content-security-policy"] = (_CSP_API if is_api else _CSP_PAGES).encode()
        if not path.startswith(("/static/", "/assets/", "/components/")):
            headers[b"cache-control"] = b"no-store"
        if self._rules.is_secure:
            headers[b"strict-transport-security"] = b"max-age=31536000"
        return headers


async def _nobody() -> None:
    return None
