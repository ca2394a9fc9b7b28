"""What keeps demo trading and real money at an exchange apart."""

from __future__ import annotations

from urllib.parse import urlsplit

import ccxt.pro

from workbench.config import Settings
from workbench.errors import UsageError
from workbench.venues.ccxt.client import hosts

__all__ = ["check_environment"]

_PAPER = ("demo", "demotrading", "test")


def check_environment(settings: Settings, exchange: str, *, is_paper: bool) -> None:
    """Hold that key and addresses of an account are of the environment that is meant.

    Raises
    ------
    UsageError
        The key stands in the settings for the other environment as well, or an address is of
        the other.
    """
    live, paper = exchange, f"{exchange}_paper"
    ours, other = (paper, live) if is_paper else (live, paper)
    keys = [getattr(settings, f"{vendor}_key", None) for vendor in (live, paper)]
    if all(keys) and len({key.get_secret_value().strip() for key in keys if key}) == 1:
        raise UsageError(
            f"WORKBENCH_{ours.upper()}_KEY is the key of {other} as well; nothing is sent with it",
            vendor=ours,
        )
    api, told = getattr(ccxt.pro, exchange)(), settings.venue(ours)
    real = hosts(api, "api")
    wrong = real if is_paper else {host for name in _PAPER for host in hosts(api, name)} - real
    for name in ("url", "stream_url"):
        host = urlsplit(getattr(told, name) or "").netloc
        if host in wrong:
            raise UsageError(
                f"venues.{ours}.{name} is {host}, which is not where {ours} trades", vendor=ours
            )
