"""An exchange's private stream through ccxt.pro, as a bell: it rings when something happened."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from functools import partial
from typing import Any

import ccxt
import ccxt.pro

from workbench.errors import UnavailableError, WorkbenchError
from workbench.venues.ccxt.account import ExchangeAccount
from workbench.venues.ccxt.client import localize, meaning
from workbench.venues.ccxt.pairs import Pairs
from workbench.venues.socket import trouble

__all__ = ["AccountSocket"]

_ALIVE = 8_000
_UNREADABLE = (ValueError, KeyError, TypeError, IndexError, AttributeError)


class AccountSocket:
    """One ccxt object that watches our orders.

    Parameters
    ----------
    account : ExchangeAccount
    pairs : Pairs
    """

    def __init__(self, account: ExchangeAccount, pairs: Pairs) -> None:
        self._account, self._pairs = account, pairs
        self._api: Any = None
        self._rings = asyncio.Event()
        self._watching: asyncio.Task[None] | None = None
        self._failure: WorkbenchError | None = None

    async def open(self) -> None:
        """Begin to watch."""
        await asyncio.to_thread(self._pairs.symbol, "")
        public, account = self._pairs.api, self._account
        api = self._api = account.made(getattr(ccxt.pro, self._pairs.name))
        api.set_markets(list(public.markets.values()), public.currencies)
        if account.terms.stream_url:
            localize(api, account.terms.stream_url, only="ws")
        api.streaming = {**api.streaming, "keepAlive": _ALIVE}
        api.enableRateLimit = False
        api.client = partial(self._guarded, api.client)
        self._watching = asyncio.create_task(self._watch())

    async def ring(self, seconds: float) -> bool:
        """Wait until something happened, or so long; return whether it did.

        Raises
        ------
        UsageError
            The key is refused.
        UnavailableError
            The stream has ended.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._rings.wait()
        if self._failure is not None:
            raise self._failure
        has_rung = self._rings.is_set()
        self._rings.clear()
        return has_rung

    async def close(self) -> None:
        """End the watcher and ccxt's sockets."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        if self._api is not None:
            api, self._api = self._api, None
            with contextlib.suppress(ccxt.BaseError, OSError):
                await api.close()

    async def _watch(self) -> None:
        while True:
            try:
                await self._api.watch_orders()
            except ccxt.AuthenticationError as error:
                self._fail(meaning(self._account.exchange, error))
                return
            except ccxt.BaseError as error:
                said = self._account.line.redact(" ".join(str(error).split())[:200])
                self._fail(trouble(self._account.exchange, said))
                return
            except UnavailableError as error:
                self._fail(error)
                return
            except _UNREADABLE:
                await asyncio.sleep(0.05)
            self._rings.set()

    def _fail(self, error: WorkbenchError) -> None:
        self._failure = error
        self._rings.set()

    def _guarded(self, make: Callable[[str], Any], url: str) -> Any:
        """Return ccxt's own client for an address, that survives what it cannot read."""
        client = make(url)
        if "handle_text_or_binary_message" not in vars(client):
            read = client.handle_text_or_binary_message

            def survive(data: str | bytes) -> None:
                try:
                    read(data)
                except _UNREADABLE:
                    self._rings.set()  # something happened, and only the questions can say what
                except ccxt.BaseError as error:
                    self._fail(trouble(self._account.exchange, type(error).__name__))

            client.handle_text_or_binary_message = survive
        return client
