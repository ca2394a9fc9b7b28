"""The strategies of an account as they are stored: found again, begun, told of."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from workbench.core.ids import run_id
from workbench.core.money import MONEY, decimal
from workbench.live.decisions.deployment import Deployment
from workbench.store.database import Database
from workbench.store.deployments import Deployed, deployed, put

__all__ = ["record_of", "unfinished"]


def unfinished(database: Database, book: str, venue: str) -> list[Deployment]:
    """Return what was at work when an account was last left, where it can be made again."""
    with database.read() as connection:
        known = deployed(connection, book)
    found: dict[str, Deployment | None] = {}
    for one in known:
        if one.name not in found:
            is_ours = one.state != "ended" and one.venue == venue
            found[one.name] = Deployment.read(one.name, one.identity) if is_ours else None
    return [one for one in found.values() if one is not None]


def record_of(
    database: Database,
    book: str,
    venue: str,
    deployment: Deployment,
    equity: Decimal,
    now: datetime,
) -> Deployed:
    """Return the run a deployment goes on with, or a new one.

    Where another deployment has its name, that one's run ends.

    Parameters
    ----------
    equity : Decimal
        Of the account, of which a new run gets its share.
    """
    identity = deployment.identity()
    with database.read() as connection:
        known = deployed(connection, book)
    last = next((one for one in known if one.name == deployment.title), None)
    if last is not None and last.state != "ended":
        if (last.identity, last.venue) == (identity, venue):
            return last
        with database.write() as connection:
            put(connection, replace(last, state="ended", reason="another one took its name"))
    capital = MONEY.multiply(equity, decimal(deployment.share, "share"))
    return Deployed(
        book=book,
        run_id=run_id("live", f"{book}{deployment.title}{identity}", now),
        name=deployment.title,
        strategy=deployment.strategy.name,
        code=deployment.code,
        identity=identity,
        venue=venue,
        capital=capital,
        equity=capital,
        state="running",
        started=now,
        updated=now,
    )
