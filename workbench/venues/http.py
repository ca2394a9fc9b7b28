"""HTTP that ends: time-outs, a bound on answers, and no second request of its own accord."""

from __future__ import annotations

import time
from typing import Any

import requests

__all__ = ["TameSession"]


class TameSession(requests.Session):
    """A session whose every request ends in time, and whose answers end as well.

    Parameters
    ----------
    connect, read : float
        Seconds to connect, and to have the whole answer from then on.
    largest : int
        Bytes of an answer at most.
    """

    def __init__(self, connect: float, read: float, largest: int) -> None:
        super().__init__()
        self._waits, self._largest = (connect, read), largest

    def request(self, *args: Any, **kwargs: Any) -> requests.Response:
        """Send once; a redirection is an answer, as it would send an order again."""
        kwargs |= {"timeout": self._waits, "allow_redirects": False}
        # a read's time-out is one between bytes: a server that drips would hold us for ever
        until, read = time.monotonic() + sum(self._waits), bytearray()
        response = super().request(*args, **{**kwargs, "stream": True})
        try:
            for chunk in response.iter_content(65_536):
                read += chunk
                if len(read) > self._largest:
                    raise requests.exceptions.ContentDecodingError("the answer is too large")
                if time.monotonic() > until:
                    raise requests.exceptions.ReadTimeout("the answer took too long")
        finally:
            response.close()
        response._content = bytes(read)
        return response
