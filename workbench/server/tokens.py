"""Whose page a token opens: Bokeh signs its tokens, and asks no more than that.

A page is built for who asked for it and does what that person may. Its token, and the
session id inside, lie in the page's source: whoever holds them would be given that very
page, with its owner's rights. So each token carries a mark of the login it was made for,
and opens a socket for that login only.
"""

from __future__ import annotations

import hmac
import zlib
from hashlib import sha256

from bokeh.util.token import check_token_signature, get_token_payload

from workbench.server.identity import Identity

__all__ = ["PageTokens"]


class PageTokens:
    """Tells whether a page's token belongs to a login.

    Parameters
    ----------
    key : bytes
        Signs the pages' tokens.

    Examples
    --------
    >>> PageTokens(b"k" * 32).is_of("forged", Identity("eve", ("viewer",), "s"))
    False
    """

    header = "x-wb-login"

    def __init__(self, key: bytes) -> None:
        self._key = key

    def mark(self, who: Identity) -> str:
        """Return what stands for a login in its pages; it opens nothing by itself."""
        return hmac.new(self._key, who.session_id.encode(), sha256).hexdigest()[:32]

    def is_of(self, token: str, who: Identity) -> bool:
        """Whether we made the token, and for this login."""
        try:
            if not check_token_signature(token, secret_key=self._key, signed=True):
                return False
            headers = get_token_payload(token)["headers"]
            found = {str(name).lower(): str(value) for name, value in headers.items()}
        except (ValueError, TypeError, LookupError, AttributeError, AssertionError, zlib.error):
            return False
        return hmac.compare_digest(found.get(self.header, ""), self.mark(who))
